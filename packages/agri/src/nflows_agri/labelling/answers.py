"""What a person has said about crops, line by line: nothing of it is lost, and the labels are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nflows_core.data.labelled import LabelledFile
from nflows_core.runtime.journal import add_line, read_lines

JOURNAL = "answers.jsonl"


class Answer(NamedTuple):
    """What was said about a crop.

    Arguments:
        label: The name of its class; nothing where the person could not tell.
        sha256: That of its file; empty if it was taken over from elsewhere.
    """

    label: str | None
    sha256: str = ""


class Answers:
    """The answers of a journal, and how one is added; it is on the disk when the function returns.

    Every answer, also one that replaces another, can be undone, the last one first. Lines that say nothing known,
    or that a kill has cut short, count as nothing.

    Arguments:
        path: The journal; it need not be there.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Answer] = {}
        """The answer about each crop, by its name."""
        self.batch: list[str] = []
        """The crops that were last chosen to be labelled."""
        self.by = ""
        """By what they were chosen."""
        self.classes: list[str] = []
        """The classes as they were last given."""
        self.origins: dict[str, tuple[str, str]] = {}
        """The group and the item of each crop whose label was taken over."""
        self._undo: list[tuple[str, Answer | None]] = []
        self._replaced: dict[str, Answer | None] = {}
        for line in read_lines(path):
            self._apply(line)

    @property
    def can_undo(self) -> bool:
        """Whether an answer is there that can be taken back."""
        return bool(self._undo)

    @property
    def before_last(self) -> dict[str, Answer]:
        """What was known about each crop before the last line that changed it."""
        before: dict[str, Answer | None] = {**self.known, **self._replaced}
        return {name: answer for name, answer in before.items() if answer is not None}

    def labels(self) -> dict[str, str]:
        """The class of each crop that has one."""
        return labels_of(self.known)

    def name_classes(self, words: Sequence[str]) -> None:
        """Notes the classes; errors of all that add lines are an OSError."""
        self._add({"event": "classes", "classes": list(words)})

    def take_over(self, files: Mapping[str, LabelledFile], source: str) -> None:
        """Adds labels from elsewhere by the names of the crops; they replace no answers, and cannot be undone."""
        labels = {name: [file.label, file.group, file.item] for name, file in files.items()}
        self._add({"event": "taken", "from": source, "labels": labels})

    def begin(self, crops: Sequence[str], by: str) -> None:
        """Notes which crops are labelled next."""
        self._add({"event": "batch", "by": by, "crops": list(crops)})

    def answer(self, crop: str, label: str | None, sha256: str) -> None:
        """Adds the class of a crop, or that the person cannot tell."""
        self._add({"event": "answer", "crop": crop, "class": label, "sha256": sha256})

    def undo(self) -> str:
        """Takes the last answer back; returns the crop.

        Raises:
            ValueError: There is none.
        """
        if not self._undo:
            raise ValueError("there is no answer that could be undone")
        crop = self._undo[-1][0]
        self._add({"event": "undo", "crop": crop})
        return crop

    def _add(self, line: Mapping[str, Any]) -> None:
        add_line(self.path, line)
        self._apply(line)

    def _apply(self, line: Any) -> None:
        match line:
            case {"event": "classes", "classes": list(words)}:
                self.classes = [str(word) for word in words]
            case {"event": "taken", "labels": dict(labels)}:
                others = {name: told for name, told in labels.items() if not self._is_mine(name)}
                self._set({name: Answer(str(label)) for name, (label, *_) in others.items()})
                self.origins |= {name: (str(group), str(item)) for name, (_, group, item) in labels.items()}
            case {"event": "batch", "by": str(by), "crops": list(crops)}:
                self.batch, self.by = [str(crop) for crop in crops], by
            case {"event": "answer", "crop": str(crop), "class": str() | None as label, "sha256": str(digest)}:
                self._undo.append((crop, self.known.get(crop)))
                self._set({crop: Answer(label, digest)})
            case {"event": "undo"} if self._undo:
                self._set(dict([self._undo.pop()]))

    def _set(self, answers: Mapping[str, Answer | None]) -> None:
        self._replaced = {name: self.known.get(name) for name in answers}
        for name, answer in answers.items():
            if answer is None:
                del self.known[name]
            else:
                self.known[name] = answer

    def _is_mine(self, name: str) -> bool:
        """Whether the person has answered about the crop here."""
        return name in self.known and bool(self.known[name].sha256)


def labels_of(answers: Mapping[str, Answer]) -> dict[str, str]:
    """The class of each crop that has one."""
    return {name: answer.label for name, answer in answers.items() if answer.label is not None}
