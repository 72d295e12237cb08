"""Which scenes no split may divide: those of one group or drive, where somebody says it, and else those alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nflows_core.data import LabelledFile, LabelledFiles
from nflows_core.data.duplicates import components
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.report import write_csv
from nflows_privacy.missing.near import Joined, near_groups

COLUMNS = ("first", "second", "kind", "points", "spots", "together")
"""The columns of a table of scenes alike."""


@dataclass(frozen=True)
class Together:
    """What no split may divide.

    Arguments:
        groups: The name of the group of each scene.
        joined: The pairs of scenes alike that are of one group for that.
        apart: The pairs of scenes alike that a person has put into different groups.
    """

    groups: Mapping[str, str]
    joined: tuple[Joined, ...]
    apart: tuple[Joined, ...]


def keep_together(folder: Path, names: Sequence[str], stated: Mapping[str, str]) -> Together:
    """The groups of scenes: as a person says them, and of all others that of what `near_groups` joins them to.

    Groups that a person says are taken as they are: scenes alike in two of them are told, and not joined. A scene
    without a group is of that of a scene like it, the first by name that has one, and else of a group that is called
    after the first scene of it. `near_groups` takes up to 230 kB of memory a scene.

    Arguments:
        folder: The folder of the originals.
        names: Their names below it.
        stated: The groups that a person says.
    """
    order = sorted(names)
    files = tuple(LabelledFile(name, "scene", name, name) for name in order)
    alike = near_groups(LabelledFiles(folder, files)).joined
    places = {name: place for place, name in enumerate(order)}
    links = [
        (places[one.first], places[one.second]) for one in alike if not (one.first in stated and one.second in stated)
    ]
    found = components(len(order), links).tolist()
    called: dict[int, str] = {}
    for name, number in sorted(zip(order, found, strict=True), key=lambda one: one[0] not in stated):
        called.setdefault(number, stated.get(name, name))
    groups = {name: stated.get(name, called[number]) for name, number in zip(order, found, strict=True)}
    joined = tuple(one for one in alike if groups[one.first] == groups[one.second])
    apart = tuple(one for one in alike if groups[one.first] != groups[one.second])
    return Together(groups, joined, apart)


def write_together(path: Path, together: Together) -> None:
    """Writes the pairs of scenes alike under `COLUMNS`; without any, the header alone.

    Raises:
        OSError: The file cannot be written.
    """
    rows = list(_rows(together))
    if rows:
        write_csv(path, rows)
    else:
        with atomic_write(path, "w") as file:
            file.write(",".join(COLUMNS) + "\n")


def _rows(together: Together) -> Iterator[dict[str, object]]:
    for pairs, is_together in ((together.joined, 1), (together.apart, 0)):
        for one in pairs:
            points, spots = one.common or (None, None)
            yield dict(zip(COLUMNS, (one.first, one.second, one.kind, points, spots, is_together), strict=True))
