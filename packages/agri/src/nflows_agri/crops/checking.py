"""What stands between a data set and an honest number: what it has twice, in two classes, or in one photograph only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_agri.crops.confounding import Confounding, confounding
from nflows_agri.crops.made import refuse_made
from nflows_core.data import LabelledFile, LabelledFiles
from nflows_core.data.duplicates import Duplicates, Pair, components, find_duplicates
from nflows_core.data.looks import look_at
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.images import PictureError, PictureFile
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.thumbnails import as_png, thumbnail

LEAST = 2
"""Pictures of a class: one for training and one to test by."""
_MOST_OF_ONE = 0.8
"""The share of a class in one photograph from which on there is hardly another one to test by."""
_SHOWN = 300
_SIDE = 96


@dataclass(frozen=True)
class DataCheck:
    """What was found in a data set.

    Arguments:
        files: The files.
        unreadable: What is wrong with those that cannot be read, by their places.
        duplicates: What is there twice.
        confounding: How class and photograph go together.
    """

    files: LabelledFiles
    unreadable: Mapping[int, str]
    duplicates: Duplicates
    confounding: Confounding

    @property
    def problems(self) -> list[str]:
        """What must be settled before anything is trained, a line each."""
        found = [f"the class {name} has {count} pictures, and needs {LEAST}" for name, count in self._small]
        counts = {
            "pairs of one picture stand in two classes": len(self.duplicates.conflicts),
            "files cannot be read": len(self.unreadable),
            "photographs, things or duplicates straddle the parts of the split": len(self.straddling),
        }
        return found + [f"{count:,} {what}" for what, count in counts.items() if count]

    @property
    def notes(self) -> list[str]:
        """What cannot be settled, and must be known of every number that is measured on the data, a line each."""
        lonely = [
            f"{sizes[0] / sum(sizes):.0%} of {visible(name)} come from one photograph, or several of the same things: "
            "what is learned of it, or else what is tested, is that one"
            for name, sizes in self._sizes().items()
            if sizes[0] > _MOST_OF_ONE * sum(sizes)
        ]
        return [str(self.confounding)] * self.confounding.is_strong + lonely

    @property
    def straddling(self) -> list[dict[str, object]]:
        """The photographs, things and pairs of duplicates that lie in several parts of a split, if there is one."""
        files = self.files.files
        groups, items = (_alike(names) for names in ((one.group for one in files), (one.item for one in files)))
        sets = [
            *(("photograph", [files[places[0]].group], places) for places in groups),
            *(("thing", [files[places[0]].item], places) for places in items),
            *((pair.kind, [files[at].name for at in pair[:2]], list(pair[:2])) for pair in self.duplicates.pairs),
        ]
        parts = [(what, names, sorted({files[at].part for at in places})) for what, names, places in sets]
        return [{"what": what, "names": names, "parts": of} for what, names, of in parts if len(of) > 1]

    def report(self) -> dict[str, Any]:
        """The numbers."""
        return {
            "pictures": len(self.files),
            "unreadable": len(self.unreadable),
            "others": len(self.files.others),
            "conflicting_pairs": len(self.duplicates.conflicts),
            "duplicate_pairs": len(self.duplicates.exact),
            "near_duplicate_pairs": len(self.duplicates.near),
            "straddling": len(self.straddling),
            "problems": self.problems,
            "notes": self.notes,
            "photographs": self.confounding.groups,
            "photographs_of_one_class": self.confounding.groups_of_one_class,
            "classes_told_by_the_photograph": self.confounding.accuracy,
            "share_of_the_largest_class": self.confounding.chance,
            "cramers_v_of_class_and_photograph": self.confounding.cramers_v,
        }

    def tables(self) -> list[Table]:
        """What was found, by name."""
        files, unreadable = self.files.files, self.unreadable
        tables: dict[str, list[dict[str, object]]] = {
            "Classes": self._classes(),
            "Pictures in two classes": self._rows(self.duplicates.conflicts),
            "Duplicates": self._rows(self.duplicates.exact),
            "Near duplicates": self._rows(self.duplicates.near),
            "Photographs that show the same": [
                {"first": low, "second": high, "pairs": count} for (low, high), count in self.duplicates.shared.items()
            ],
            "Files that cannot be read": [{"file": files[at].name, "why": unreadable[at]} for at in sorted(unreadable)],
            "Files that are no pictures": [{"file": name} for name in self.files.others],
            "Straddling": self.straddling,
        }
        return [Table(caption, rows) for caption, rows in tables.items() if rows]

    def sheets(self) -> list[Sheet]:
        """The pairs side by side, as pictures; of many, the first ones."""
        kinds = {
            "Pictures in two classes": self.duplicates.conflicts,
            "Duplicates": self.duplicates.exact,
            "Near duplicates": self.duplicates.near,
        }
        return [self._sheet(caption, pairs) for caption, pairs in kinds.items() if pairs]

    @property
    def _small(self) -> list[tuple[str, int]]:
        counts = np.bincount(self.files.labels, minlength=len(self.files.classes)).tolist()
        return [(name, count) for name, count in zip(self.files.classes, counts, strict=True) if count < LEAST]

    def _sizes(self) -> dict[str, list[int]]:
        """The pictures of each class in each photograph, counting those that show the same as one, falling."""
        numbers, labels = blocks(self.files, self.duplicates), self.files.labels
        counts = {name: Counter(numbers[labels == at].tolist()) for at, name in enumerate(self.files.classes)}
        return {name: sorted(count.values(), reverse=True) or [0] for name, count in counts.items()}

    def _classes(self) -> list[dict[str, object]]:
        labels, items, groups = self.files.labels, self.files.items, self.files.groups
        return [
            {
                "class": name,
                "pictures": sum(sizes),
                "things": len(set(items[labels == at])),
                "photographs": len(set(groups[labels == at])),
                "independent_photographs": len(sizes),
                "share_of_largest": sizes[0] / max(1, sum(sizes)),
            }
            for at, (name, sizes) in enumerate(self._sizes().items())
        ]

    def _rows(self, pairs: Iterable[Pair]) -> list[dict[str, object]]:
        files = self.files.files
        rows = ((files[pair.first], files[pair.second], pair.kind) for pair in pairs)
        return [
            {"first": one.name, "second": two.name, "classes": sorted({one.label, two.label}), "how": kind}
            for one, two, kind in rows
        ]

    def _sheet(self, caption: str, pairs: Sequence[Pair]) -> Sheet:
        files = self.files.files
        ends = [(files[pair.first], files[pair.second]) for pair in pairs[:_SHOWN]]
        words = f"{caption}: {len(ends):,} of {len(pairs):,}" if ends[_SHOWN - 1 :] else caption
        rows = {f"{one.name}, {two.name}": [self._picture(one), self._picture(two)] for one, two in ends}
        return Sheet(words, ("first", "second"), rows)

    def _picture(self, file: LabelledFile) -> bytes | str:
        try:
            with PictureFile(self.files.path(file)) as picture:
                return as_png(thumbnail(picture, _SIDE))
        except (PictureError, OSError) as error:
            return f"cannot be shown: {error}"


def check_data(files: LabelledFiles) -> DataCheck:
    """Looks at every file of a data set, and at how they go together; in the order of their names, not of a table.

    Raises:
        DataError: A generator made them.
    """
    refuse_made(files.root)
    files = replace(files, files=tuple(sorted(files.files)))
    looks, unreadable = look_at(files, thing="crop")
    return DataCheck(files, unreadable, find_duplicates(files, looks), confounding(files))


def blocks(files: LabelledFiles, duplicates: Duplicates) -> NDArray[np.int32]:
    """The number of what must not be divided, of each file: a photograph with all that show what it shows.

    Photographs are one block where they show views of one thing, or the same picture.
    """
    together = [*_alike(file.group for file in files.files), *_alike(file.item for file in files.files)]
    links = [(places[0], place) for places in together for place in places[1:]]
    return components(len(files), [*links, *(pair[:2] for pair in duplicates.pairs)])


def _alike(names: Iterable[str]) -> list[list[int]]:
    """The places of each name that stands at several."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    return [one for one in places.values() if len(one) > 1]
