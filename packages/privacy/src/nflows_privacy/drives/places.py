"""Places that lack a sign: runs of frames of a drive in which the road asks for the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.classification.views import fused
from nflows_core.runtime.foreign_text import to_json
from nflows_privacy.annotations.groups import word_of
from nflows_privacy.drives.degrees import Position
from nflows_privacy.drives.frames import Frame, check_distinct
from nflows_privacy.drives.present import standing_signs
from nflows_privacy.regions import Region

GAP = 3
"""The most frames in a row that a place may miss."""
NOTHING, CANNOT_SAY = "nothing missing", "cannot say"
"""The answers that are no class."""
COLUMNS = (
    "id", "drive", "first", "last", "frames", "frames_fused", "picture", "sign", "probability", "latitude", "longitude",
    "present", "tracks", "condition",
)  # fmt: skip
"""The columns of ``places.csv``."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What a categoriser says of a frame.

    Arguments:
        frame: The frame.
        probabilities: Those of the K classes in their order, and of nothing missing, :math:`(K + 1)`.
        answer: A class, `NOTHING` or `CANNOT_SAY`.
    """

    frame: Frame
    probabilities: NDArray[np.float64]
    answer: str


@dataclass(frozen=True)
class Place:
    """A place at which the road asks for a sign.

    Arguments:
        drive: The drive; none of a picture of no drive.
        first: The number of the first frame that asks for it.
        last: The number of the last one.
        frames: How many frames ask for it.
        frames_fused: How many frames there are from the first to the last, others among them.
        picture: The picture of the frame that asks for it with the highest probability.
        sign: The class of the sign.
        probability: That of the class, fused over all these frames.
        position: Where that picture was taken, if that is known.
        present: Whether such a sign stands there, and so is not missing; none where nobody has looked.
        tracks: The tracks of the signs that stand there.
        condition: What is noted of them, such as ``tilted`` or ``occluded``.
    """

    drive: str | None
    first: int | None
    last: int | None
    frames: int
    frames_fused: int
    picture: str
    sign: str
    probability: float
    position: Position | None = None
    present: bool | None = None
    tracks: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The first 12 digits of the SHA-256 of where it begins and of its sign, which another place does not change.

        The letter before them keeps spreadsheets from reading a number.
        """
        begins = self.picture if self.drive is None else [self.drive, self.first]
        return "p" + hashlib.sha256(to_json([begins, self.sign]).encode()).hexdigest()[:12]

    def to_row(self) -> dict[str, Any]:
        """Its row under `COLUMNS`; ``present`` is 1, 0 or empty."""
        latitude, longitude = self.position or (None, None)
        present = None if self.present is None else int(self.present)
        noted = [list(words) or None for words in (self.tracks, self.condition)]
        cells = (
            self.id, self.drive, self.first, self.last, self.frames, self.frames_fused, self.picture, self.sign,
            round(self.probability, 4), latitude, longitude, present, *noted,
        )  # fmt: skip
        return dict(zip(COLUMNS, cells, strict=True))


def places_of(
    judged: Iterable[Judged],
    classes: Sequence[str],
    *,
    positions: Mapping[Frame, Position] | None = None,
    signs: Mapping[str, Sequence[Region]] | None = None,
) -> list[Place]:
    """The places at which the road asks for a sign, by drives and first frames, whatever the order of ``judged``.

    A place is a run of frames of one drive whose answer is the same class, of which up to `GAP` in a row may be lost:
    not there, or answered otherwise. So two signs may have places in the same stretch. A picture of no drive is a place
    of its own.

    The probability is the normalized geometric mean (`fused`) over *all* frames from the first to the last, of those
    too that were answered otherwise: to leave out the evidence against a sign would make each place look surer than it
    is. Nor does the mean grow surer with the number of frames, as a product would: frames that follow one another show
    almost the same, and are wrong together.

    Arguments:
        judged: The frames, each once.
        classes: The names of the K classes.
        positions: The positions of frames; see `nflows_privacy.drives.positions.positions_of`.
        signs: The boxes of signs that stand in pictures, by their paths; of a picture that is not there, nothing is
            known. Kinds are classes, in any spelling that `word_of` makes one word of.

    Raises:
        ValueError: A frame is there twice, has probabilities of another number or that are none, or an answer that is
            none.
    """
    ordered = sorted(judged, key=lambda one: _order(one.frame))
    check_distinct(one.frame for one in ordered)
    for one in ordered:
        _check(one, len(classes), {*classes, NOTHING, CANNOT_SAY})
    places: list[Place] = []
    for _, found in groupby(ordered, lambda one: one.frame if one.frame.drive is None else one.frame.drive):
        places += _places_along(list(found), classes, positions or {}, signs or {})
    return sorted(places, key=lambda place: (place.drive or "", place.first or 0, place.picture, place.sign))


def _order(frame: Frame) -> tuple[str, int, str]:
    return frame.drive or "", frame.number or 0, frame.picture


def _check(one: Judged, count: int, answers: Collection[str]) -> None:
    found = np.asarray(one.probabilities)
    if found.shape != (count + 1,) or not (found >= 0).all() or not np.isclose(found.sum(), 1, atol=1e-3):
        raise ValueError(
            f"{one.frame.picture}: expected the probabilities of {count} classes and of nothing missing, with the sum"
            f" 1, got the shape {found.shape} and the sum {found.sum():.4g}"
        )
    if one.answer not in answers:
        raise ValueError(f"{one.frame.picture}: the answer {one.answer!r} is neither a class nor one of the others")


def _places_along(
    stretch: Sequence[Judged],
    classes: Sequence[str],
    positions: Mapping[Frame, Position],
    signs: Mapping[str, Sequence[Region]],
) -> Iterator[Place]:
    """The places along a drive, whose frames come in order, or of one picture."""
    numbers = [one.frame.number or 0 for one in stretch]
    standing = standing_signs(zip(numbers, (one.frame.picture for one in stretch), strict=True), signs)
    for column, sign in enumerate(classes):
        for run in _runs([place for place, one in enumerate(stretch) if one.answer == sign], numbers):
            found = stretch[run[0] : run[-1] + 1]
            best = max((stretch[place] for place in run), key=lambda one: float(one.probabilities[column]))
            first, last = numbers[run[0]], numbers[run[-1]]
            there = [one for one in standing.get(word_of(sign), ()) if one.is_near(first, last, GAP)]
            is_known = bool(there) or any(one.frame.picture in signs for one in found)
            yield Place(
                found[0].frame.drive,
                found[0].frame.number,
                found[-1].frame.number,
                len(run),
                len(found),
                best.frame.picture,
                sign,
                float(fused([one.probabilities for one in found])[column]),
                positions.get(best.frame),
                bool(there) if is_known else None,
                tuple(sorted({one.track for one in there if one.track})),
                tuple(sorted({word for one in there for word in one.condition})),
            )


def _runs(members: Sequence[int], numbers: Sequence[int]) -> Iterator[list[int]]:
    """The members in runs of frames that follow one another but for gaps."""
    run: list[int] = []
    for place in members:
        if run and numbers[place] - numbers[run[-1]] > GAP + 1:
            yield run
            run = []
        run.append(place)
    if run:
        yield run
