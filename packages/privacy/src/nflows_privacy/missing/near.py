"""Street scenes that no split may divide: copies of one picture, and frames that show one place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_core.data import LabelledFiles
from nflows_core.data.duplicates import Kind, components, find_duplicates
from nflows_core.data.looks import Look, look_at
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.pictures.thumbnails import thumbnail
from nflows_privacy.missing.spots import SIDE, Agreement, Scene, agreement, likest_pairs, scene_of

# Set by eye on 188 scenes of GTSDB: of the 18 pairs that reach it, up to two thirds show one place, or one drive by its
# clouds or the car ahead; the others are different motorways, or share a large sign. With a point less, most pairs are
# such. What is joined for nothing costs a little data, what is missed an honest number.
LEAST = Agreement(points=5, spots=3)
"""What two scenes of one place have in common at least."""


class Joined(NamedTuple):
    """Two scenes that are kept together.

    Arguments:
        first: The name of the first.
        second: The name of the second, which is later in the alphabet.
        kind: Why: what the two files share.
        common: What they have in common, if they were joined as one place.
    """

    first: str
    second: str
    kind: Kind | Literal["same place"]
    common: Agreement | None = None


@dataclass(frozen=True)
class NearGroups:
    """What was kept together.

    Arguments:
        numbers: The number of the group of each file, :math:`(N,)`; they start at 0.
        joined: The pairs that were joined, by name.
        unreadable: What is wrong with the files that could not be looked at, each a group of its own, by their names.
    """

    numbers: NDArray[np.int32]
    joined: tuple[Joined, ...]
    unreadable: Mapping[str, str]


def near_groups(files: LabelledFiles) -> NearGroups:
    """A group for each scene, so that scenes alike share one: copies, and frames of one place.

    Two scenes are joined if they have the same bytes or pixels or are nearly one picture, as
    `nflows_core.data.duplicates.find_duplicates` finds, or if five points or more agree in three spots or more, as
    `nflows_privacy.missing.spots` counts them. What is joined to one is joined to all that this is joined to. The
    groups that the files have themselves do not count. Nothing depends on the order of the files.

    A scene takes at most 230 kB of memory, whatever its size, and is compared with the 16 likest ones.

    Arguments:
        files: The scenes, whose names differ.
    """
    order = sorted(range(len(files)), key=lambda at: files.files[at].name)
    # Views of one thing, as the files say, would not count as copies.
    alone = (files.files[at]._replace(item=files.files[at].name) for at in order)
    ordered = replace(files, files=tuple(alone))
    looks, unreadable = look_at(ordered)
    joined = {pair[:2]: Joined(*_names(ordered, pair[:2]), pair.kind) for pair in find_duplicates(ordered, looks).pairs}
    for ends, common in _of_one_place(ordered, looks):
        joined.setdefault(ends, Joined(*_names(ordered, ends), "same place", common))
    numbers = np.empty(len(files), np.int32)
    numbers[order] = components(len(files), joined)
    said = {ordered.files[at].name: why for at, why in unreadable.items()}
    return NearGroups(numbers, tuple(joined[ends] for ends in sorted(joined)), said)


def _names(files: LabelledFiles, ends: tuple[int, int]) -> tuple[str, str]:
    return files.files[ends[0]].name, files.files[ends[1]].name


def _of_one_place(files: LabelledFiles, looks: Mapping[int, Look]) -> list[tuple[tuple[int, int], Agreement]]:
    """The pairs of files that show one place, and what they have in common; of equal ones the first alone."""
    firsts: dict[bytes, int] = {}
    for at in sorted(looks):
        firsts.setdefault(looks[at].pixels, at)
    places = list(firsts.values())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        scenes = list(pool.map(_scene, (files.path(files.files[at]) for at in places)))
        pairs = likest_pairs(scenes)
        common = list(pool.map(partial(_agreement, scenes), pairs))
    found = zip(pairs, common, strict=True)
    return [((places[a], places[b]), one) for (a, b), one in found if np.all(np.greater_equal(one, LEAST))]


def _scene(path: Path) -> Scene:
    with PictureFile(path) as picture:
        return scene_of(thumbnail(picture, SIDE))


def _agreement(scenes: Sequence[Scene], pair: tuple[int, int]) -> Agreement:
    return agreement(scenes[pair[0]], scenes[pair[1]])
