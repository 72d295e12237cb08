"""One picture after beside the one before: all that is measured of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.evaluation import PerceptualDistance
from nflows_core.runtime.images import Picture, read_picture
from nflows_privacy.detection import Detector, Look
from nflows_privacy.evaluation.change import Change, change_of
from nflows_privacy.evaluation.embedding import Embedder
from nflows_privacy.evaluation.leaks import Leak, find_leak
from nflows_privacy.evaluation.metadata import leaking
from nflows_privacy.evaluation.pairs import Pair
from nflows_privacy.evaluation.reading import Reader
from nflows_privacy.evaluation.residual import Residual, residual
from nflows_privacy.evaluation.rings import ring_distances
from nflows_privacy.masks import covers
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.regions import FACE, PLATE, Region
from nflows_privacy.rgb import Pixels, as_rgb

LOOKS = (Look.THOROUGH, Look.CHECK)
"""How it is looked for what is left."""

Seen = NDArray[np.uint8]
Places = Callable[[Pair, Pixels], Sequence[Region]]
"""The regions of a picture before, whose pixels are :math:`(H, W, C)`: found by a detector, or read from a file."""


@dataclass(frozen=True)
class Question:
    """What is asked of each pair.

    Arguments:
        places: What should be gone.
        kinds: The kinds of regions that count.
        detector: Looks for what is left.
        mask_scale: How many times as large as a region's box the place is that may change.
        reader: Reads plates; without one, text is not compared.
        embedder: Tells faces apart; without one, identities are not compared.
        judge: Tells how different the surroundings of masks look; without one, that is not measured.
        filled: What is said to have been filled, by the pictures after; see `filled_in`.
    """

    places: Places
    kinds: frozenset[str]
    detector: Detector
    mask_scale: float
    reader: Reader | None = None
    embedder: Embedder | None = None
    judge: PerceptualDistance | None = None
    filled: Mapping[Path, Sequence[Region]] = field(default_factory=dict)


@dataclass(frozen=True)
class Faces:
    """The embeddings of the faces of a picture, :math:`(n, d)` each."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """What was measured of a pair.

    Arguments:
        pair: The pictures.
        regions: What should be gone.
        residual: What is found in the picture after, by how it was looked for.
        change: How the pictures differ.
        metadata: The names of what may tell who, where or which device.
        leaks: What is read of each plate, by its place in ``regions``; nothing of one that was not legible before.
        faces: The faces as vectors, if there was an embedder.
        rings: The perceptual distance in the ring of each of ``regions``, if there was a judge; see `ring_distances`.
    """

    pair: Pair
    regions: tuple[Region, ...]
    residual: Mapping[Look, Residual]
    change: Change
    metadata: tuple[str, ...]
    leaks: Mapping[int, Leak | None] = field(default_factory=dict)
    faces: Faces | None = None
    rings: tuple[float | None, ...] = ()

    @property
    def ring(self) -> float | None:
        """The mean of the rings."""
        known = [distance for distance in self.rings if distance is not None]
        return sum(known) / len(known) if known else None

    @property
    def again(self) -> tuple[bool, ...]:
        """Whether each region was found again, in any way of looking."""
        return tuple(map(any, zip(*(one.again for one in self.residual.values()), strict=True)))

    @property
    def read_again(self) -> int:
        """How many plates leak."""
        return sum(leak is not None and leak.is_leak for leak in self.leaks.values())

    @property
    def badness(self) -> tuple[float, ...]:
        """By which the worst come first: what is found again, read again, found elsewhere, and changed outside."""
        elsewhere = max(one.elsewhere for one in self.residual.values())
        return (sum(self.again), self.read_again, elsewhere, self.change.outside, self.change.step or 0.0)


def measure(pair: Pair, question: Question) -> Measured:
    """Measures a pair.

    Raises:
        ValueError: A picture cannot be read, or they differ in size.
        OSError: A file cannot be read.
    """
    before, after = read_picture(pair.before), read_picture(pair.after)
    pixels, new = _comparable(before, after)
    seen, seen_after = as_rgb(before.pixels), as_rgb(after.pixels)
    regions = tuple(region for region in question.places(pair, before.pixels) if region.kind in question.kinds)
    masks = [
        replace(one, box=one.box.grown(question.mask_scale)) for one in (*regions, *question.filled.get(pair.after, ()))
    ]
    change = change_of(pixels, new, covers(masks, *pixels.shape[:2]))
    found = {look: residual(regions, _found(question, after.pixels, look)) for look in LOOKS}
    leaks = {} if question.reader is None else _leaks(question.reader, seen, seen_after, regions)
    faces = None if question.embedder is None else _faces(question.embedder, seen, seen_after, regions)
    boxes = [region.box for region in regions]
    judge, scale = question.judge, question.mask_scale
    rings = [] if judge is None else ring_distances(judge, seen, seen_after, boxes, scale)
    return Measured(pair, regions, found, change, tuple(leaking(pair.after)), leaks, faces, tuple(rings))


def _found(question: Question, pixels: Pixels, look: Look) -> list[Region]:
    return [region for region in seen_by(question.detector, pixels, look) if region.kind in question.kinds]


def _comparable(before: Picture, after: Picture) -> tuple[NDArray[Any], NDArray[Any]]:
    """The samples as they are; of files that differ in depth or channels, as 8-bit RGB, which a tool may have saved."""
    one, other = before.pixels, after.pixels
    if one.shape[:2] == other.shape[:2] and (one.shape != other.shape or one.dtype != other.dtype):
        return as_rgb(one), as_rgb(other)
    return one, other


def _leaks(reader: Reader, before: Seen, after: Seen, regions: Sequence[Region]) -> dict[int, Leak | None]:
    plates = ((place, region.box) for place, region in enumerate(regions) if region.kind == PLATE)
    return {place: find_leak(reader(before, box), reader(after, box)) for place, box in plates}


def _faces(embedder: Embedder, before: Seen, after: Seen, regions: Sequence[Region]) -> Faces:
    boxes = [region.box for region in regions if region.kind == FACE]
    return Faces(embedder(before, boxes), embedder(after, boxes))
