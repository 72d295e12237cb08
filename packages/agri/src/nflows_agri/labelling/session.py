"""One person labels crops: what is asked, what was said, and what is asked next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nflows_agri.labelling.answers import JOURNAL, Answers, labels_of
from nflows_agri.labelling.choosing import Chooser
from nflows_agri.labelling.classes import LabelClass, label_classes
from nflows_agri.labelling.found import Crops
from nflows_agri.labelling.table import as_table
from nflows_core.data import LabelledFiles
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import visible

_NAMED = 3


class Session:
    """The crops of a folder and the answers of a journal; what is said is on the disk when a method returns.

    Arguments:
        crops: The crops.
        output: The table of the labels, written after each answer.
        folder: The folder of the journal.
        classes: The words of the classes, as `label_classes` takes them; those of the journal if there are none.
        chooser: What says which crops are asked for next.

    Raises:
        ValueError: The classes are none that can be labelled, or answers are of other classes or other crops; or
            somebody has written into the table.
        OSError: A file cannot be read or written.
    """

    def __init__(self, crops: Crops, output: Path, folder: Path, classes: Sequence[str], chooser: Chooser) -> None:
        self.crops, self.output = crops, output
        self.answers = Answers(folder / JOURNAL)
        self._refuse_edited()
        self._refuse_other_crops()
        words = list(classes) or self.answers.classes
        self.classes: tuple[LabelClass, ...] = ()
        self._places: dict[str, int] = {}
        if words:
            self._set_classes(words)
        self._chooser = chooser
        self._why = ""

    def take_over(self, files: LabelledFiles) -> list[str]:
        """Takes labels that there are already; returns what there is to say about them, a line each.

        Raises:
            ValueError: None of the files is among the crops.
        """
        names = {self.crops.root / name: name for name in self.crops.names}
        real = {path.resolve(): name for path, name in names.items()}
        found = {name: file for file in files.files if (name := real.get(files.path(file).resolve())) is not None}
        if not found:
            raise ValueError(
                f"`labels`: none of the {len(files)} files in {files.root} is among the crops of {self.crops.root}; "
                "give the labels of these crops"
            )
        if not self.classes:
            self._set_classes(sorted({file.label for file in found.values()}))
        self._refuse_strange([file.label for file in found.values()])
        labels = self.answers.labels()
        differ = [name for name, file in found.items() if labels.get(name, file.label) != file.label]
        mine = [name for name in differ if self.answers.known[name].sha256]
        told = [f"taken over: {len(found) - len(mine)} labels"]
        if len(found) < len(files):
            told.append(f"not taken over: {len(files) - len(found)} labels of files that are not among the crops")
        if differ:
            told.append(f"labelled otherwise: {len(differ)} ({self._some(differ)}), {len(mine)} of them here, and stay")
        if any(labels.get(name) != file.label for name, file in found.items()):
            self.answers.take_over(found, str(files.root))
        return told

    def begin(self) -> None:
        """Checks the classes, and chooses the first crops if none are asked for.

        Raises:
            ValueError: No classes are known, or a label is of none of them.
        """
        names = [one.name for one in self.classes]
        if not names:
            raise ValueError("`classes`: say what there is to tell apart, as broken,discoloured,pure")
        self._refuse_strange(self.answers.labels().values())
        words = [f"{one.keys[-1]}={one.name}" if one.keys[-1:].isalpha() else one.name for one in self.classes]
        if words != self.answers.classes:
            self.answers.name_classes(words)
        self._write()
        if not self._open():
            self.advance()

    def state(self) -> dict[str, Any]:
        """All that the page shows."""
        known, labels = self.answers.known, self.answers.labels()
        counts = Counter(labels.values())
        batch = [self.crops.numbers[name] for name in self.answers.batch if name in self.crops.numbers]
        unreadable = [visible(self.crops.names[number]) for number in sorted(self.crops.unreadable)]
        return {
            "classes": [{"name": one.name, "keys": one.keys, "count": counts[one.name]} for one in self.classes],
            "batch": [self._asked(number) for number in batch],
            "by": self.answers.by,
            "why": self._why,
            "labelled": len(labels),
            "skipped": sum(answer.label is None for answer in known.values()),
            "crops": len(self.crops),
            "can_undo": self.answers.can_undo,
            "unreadable": unreadable,
        }

    def answer(self, number: int, value: Any) -> dict[str, Any]:
        """Notes the class of a crop that is asked for or was; returns `state`.

        Arguments:
            number: The crop.
            value: ``class``, the place of the class, or nothing if the person cannot tell.

        Raises:
            ValueError: There is no such class, or the crop was not asked for.
        """
        match value:
            case {"class": None}:
                label = None
            case {"class": int(place)} if 0 <= place < len(self.classes) and not isinstance(place, bool):
                label = self.classes[place].name
            case _:
                raise ValueError(f"expected `class`, a number below {len(self.classes)} or nothing")
        path, name = self.crops.path(number), self.crops.names[number]
        if name not in self.answers.batch:
            raise ValueError(f"{visible(name)} is not asked for")
        self.answers.answer(name, label, sha256(path))
        self._write()
        return self.state()

    def undo(self) -> dict[str, Any]:
        """Takes the last answer back and asks for that crop; returns `state` with its number, ``undone``.

        Raises:
            ValueError: There is no answer that can be undone.
        """
        name = self.answers.undo()
        if name not in self.answers.batch:
            self.answers.begin([name, *self._open()], self.answers.by)
        self._write()
        return {**self.state(), "undone": self.crops.numbers[name]}

    def advance(self) -> dict[str, Any]:
        """Chooses the next crops once all that were asked for are answered; returns `state`."""
        while not self._open() and (left := self._left()):
            numbers = self.crops.numbers
            labels = {numbers[name]: self._places[label] for name, label in self.answers.labels().items()}
            chosen, by, self._why = self._chooser.choose(left, labels, len(self.classes))
            if readable := [self.crops.names[number] for number in chosen if self.crops.is_readable(number)]:
                self.answers.begin(readable, by)
        return self.state()

    def _refuse_strange(self, labels: Iterable[str]) -> None:
        counts = Counter(label for label in labels if label not in self._places)
        for label, count in counts.items():
            raise ValueError(
                f"`classes`: {count} crops are labelled {visible(label)}, which is none of {', '.join(self._places)}"
            )

    def _set_classes(self, words: Sequence[str]) -> None:
        self.classes = label_classes(words)
        self._places = {one.name: place for place, one in enumerate(self.classes)}

    def _asked(self, number: int) -> dict[str, Any]:
        name = self.crops.names[number]
        answer = self.answers.known.get(name)
        given = None if answer is None or answer.label is None else self._places[answer.label]
        return {"number": number, "name": visible(name), "is_answered": answer is not None, "class": given}

    def _open(self) -> list[str]:
        """What is asked for and not answered."""
        known, there = self.answers.known, self.crops.numbers
        return [name for name in self.answers.batch if name not in known and name in there]

    def _left(self) -> list[int]:
        known, unreadable = self.answers.known, self.crops.unreadable
        return [number for name, number in self.crops.numbers.items() if name not in known and number not in unreadable]

    def _table(self, labels: dict[str, str]) -> bytes:
        return as_table(labels, self.answers.origins, self.output, self.crops.root)

    def _write(self) -> None:
        if self.answers.known:
            with atomic_write(self.output) as file:
                file.write(self._table(self.answers.labels()))

    def _refuse_edited(self) -> None:
        """Refuses a table that this journal did not make: what somebody else has written there would be lost."""
        if not self.output.exists():
            return
        own = [self._table(labels_of(known)) for known in (self.answers.known, self.answers.before_last)]
        if self.output.read_bytes() not in own:
            raise ValueError(
                f"`output`: {self.output} says something else than {self.answers.path}; remove it, as every answer "
                "is there, or give it by `labels` and choose another output"
            )

    def _refuse_other_crops(self) -> None:
        """Refuses a journal whose crops are gone or others by now: their labels would be wrong."""
        told = [(name, answer.sha256) for name, answer in self.answers.known.items()]
        numbers = self.crops.numbers
        gone = [name for name, _ in told if name not in numbers]
        other = [name for name, digest in told if digest and name in numbers and self._digest(name) != digest]
        for names, what in ((gone, "gone"), (other, "not what they were when they were labelled")):
            if names:
                raise ValueError(
                    f"`crops`: {len(names)} labelled crops are {what}: {self._some(names)}; put them back, or begin "
                    "with another output"
                )

    def _digest(self, name: str) -> str:
        return sha256(self.crops.path(self.crops.numbers[name]))

    def _some(self, names: Sequence[str]) -> str:
        return visible(", ".join([*names[:_NAMED], "..."] if len(names) > _NAMED else names))
