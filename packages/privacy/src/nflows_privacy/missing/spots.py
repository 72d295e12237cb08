r"""Which street scenes show one place: the frames of a drive between which the camera moved some metres.

A scene is some thousand points with SIFT descriptors (Lowe 2004), all upright, since a car does not roll, of which the
square roots are compared (Arandjelović and Zisserman 2012). Between two frames of one place the points keep their
order: one scale s and one shift t bring them over, :math:`x' = s x + t`, and the points' own sizes grow by s too. What
is alike in two places, as one kind of sign or of lamp, agrees in one spot only, so that spots are counted too.

To compare all with all would take the square of their number. So the scenes likest as a whole are compared, by the sums
of what their descriptors differ from the nearest of a few words (VLAD, Jégou and others 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 800
"""The longer side of the pictures that are compared, in pixels; a smaller picture keeps its size."""
_POINTS = 1000
_RATIO = 0.8  # of the distances of the nearest and the second nearest descriptor: Lowe's
_MATCHES = 100  # that are taken of two scenes: every two of them are a hypothesis
_APART = 20  # pixels between two points that say a scale
_SCALES = 0.4, 2.5
_OFF = 8.0  # pixels that a point may lie from where it should
_GROWN = 0.4  # how far the logarithm of the growth of a point may be from that of the scale
_SPOT = 40  # pixels: points of one square of this side are one spot
_WORDS = 64
_LEARNED = 100  # descriptors of a scene that the words are learned from, fewer where there are many scenes
_LEARNED_AT_MOST = 100_000
_LIKEST = 16
_ROWS = 256  # scenes whose likeness to all is held at once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """The points of a scene, the clearest first.

    Arguments:
        points: Where each lies, across and down, and its size, in pixels, :math:`(n, 3)`.
        descriptors: What each looks like, :math:`(n, 128)`.
    """

    points: Floats
    descriptors: NDArray[np.uint8]


def scene_of(pixels: NDArray[np.uint8]) -> Scene:
    """The points of a picture :math:`(H, W, 3)`, RGB, with sides of at most 800 pixels."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(nfeatures=_POINTS)
    # A point that is there twice, by two directions, is once there when both are upright.
    found = {(*point.pt, point.size): point for point in sift.detect(grey, None)}
    upright = sorted(found.values(), key=lambda point: (-point.response, point.pt, point.size))
    for point in upright:
        point.angle = 0
    kept, descriptors = sift.compute(grey, upright) if upright else ((), np.empty((0, 128)))
    points = np.array([(*point.pt, point.size) for point in kept], np.float32).reshape(-1, 3)
    return Scene(points, np.asarray(descriptors).astype(np.uint8))


class Agreement(NamedTuple):
    """What two scenes have in common under one scale and shift.

    Arguments:
        points: How many points.
        spots: In how many squares of 40 pixels they lie, in the scene where these are fewer.
    """

    points: int
    spots: int


def agreement(first: Scene, second: Scene) -> Agreement:
    """What two scenes have in common."""
    a, b = _matched(first, second)
    agree = _agreeing(a, b)
    return Agreement(int(agree.sum()), min(_spots(a[agree]), _spots(b[agree])))


def likest_pairs(scenes: Sequence[Scene]) -> list[tuple[int, int]]:
    """The pairs of which one is among the 16 scenes that are likest the other as a whole."""
    wholes = _wholes(scenes)
    most = min(_LIKEST, len(scenes) - 1)
    pairs: set[tuple[int, int]] = set()
    for top in range(0, len(scenes) if most > 0 else 0, _ROWS):
        likeness = wholes[top : top + _ROWS] @ wholes.T
        own = np.arange(len(likeness))
        likeness[own, own + top] = -np.inf
        likest = np.argsort(-likeness, axis=1, kind="stable")[:, :most]
        ends = np.stack([np.repeat(own + top, most), likest.ravel()], 1)
        pairs.update((low, high) for low, high in np.sort(ends, axis=1).tolist())
    return sorted(pairs)


def _wholes(scenes: Sequence[Scene]) -> Floats:
    """What each scene is like as a whole, as vectors of length 1; 0 of one without points."""
    each = min(_LEARNED, 1 + _LEARNED_AT_MOST // max(1, len(scenes)))
    learned = np.concatenate(
        [_rooted(scene.descriptors[:each]) for scene in scenes] or [np.empty((0, 128), np.float32)]
    )
    wholes = np.zeros((len(scenes), _WORDS, 128), np.float32)
    if len(learned) < _WORDS:
        return wholes.reshape(len(scenes), _WORDS * 128)
    words = _words(learned)
    for whole, scene in zip(wholes, scenes, strict=True):
        descriptors = _rooted(scene.descriptors)
        nearest = _nearest(descriptors, words)
        np.add.at(whole, nearest, descriptors - words[nearest])
        whole /= np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-6)
        whole /= max(float(np.linalg.norm(whole)), 1e-6)
    return wholes.reshape(len(scenes), -1)


def _words(descriptors: Floats, rounds: int = 10) -> Floats:
    """The means of as many clusters (Lloyd)."""
    words = np.random.default_rng(0).choice(descriptors, _WORDS, replace=False)
    for _ in range(rounds):
        nearest = _nearest(descriptors, words)
        for word in range(_WORDS):
            if (own := nearest == word).any():
                words[word] = descriptors[own].mean(0)
    return words


def _nearest(descriptors: Floats, words: Floats) -> NDArray[np.intp]:
    nearest: NDArray[np.intp] = (descriptors @ words.T - np.square(words).sum(1) / 2).argmax(1)
    return nearest


def _rooted(descriptors: NDArray[np.uint8]) -> Floats:
    """Square roots of descriptors whose sum is 1: their scalar products are those of Hellinger's distance."""
    sums = np.maximum(descriptors.sum(1, keepdims=True, dtype=np.float32), 1)
    rooted: Floats = np.sqrt(descriptors / sums).astype(np.float32)
    return rooted


def _matched(first: Scene, second: Scene) -> tuple[Floats, Floats]:
    """The points of two scenes that are each other's nearest, and clearly so, the clearest 100."""
    if min(len(first.points), len(second.points)) < 2:
        return first.points[:0], second.points[:0]
    likeness = _rooted(first.descriptors) @ _rooted(second.descriptors).T
    nearest = likeness.argmax(1)
    own = np.flatnonzero(likeness.argmax(0)[nearest] == np.arange(len(likeness)))
    rows, across = likeness[own], np.arange(len(own))
    best = rows[across, nearest[own]]
    rows[across, nearest[own]] = -1
    # Both are of length 1: the square of their distance is 2 (1 - likeness).
    ratio = np.maximum(1 - best, 0) / np.maximum(1 - rows.max(1), 1e-6)
    clearest = np.argsort(ratio, kind="stable")[:_MATCHES]
    chosen = own[clearest[ratio[clearest] < _RATIO**2]]
    return first.points[chosen], second.points[nearest[chosen]]


def _agreeing(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """The largest set of matches that one scale and shift bring over, as a mask."""
    one, two = np.triu_indices(len(a), 1)
    between, after = a[one, :2] - a[two, :2], b[one, :2] - b[two, :2]
    scale = (between * after).sum(1) / np.maximum(np.square(between).sum(1), 1e-6)
    is_apart = np.minimum(*(np.hypot(*way.T) for way in (between, after))) > _APART
    one, two, scale = (part[is_apart & (scale > _SCALES[0]) & (scale < _SCALES[1])] for part in (one, two, scale))
    if not len(one):
        return np.zeros(len(a), np.bool_)
    shift = (b[one, :2] + b[two, :2] - scale[:, None] * (a[one, :2] + a[two, :2])) / 2
    off = np.abs(scale[:, None, None] * a[None, :, :2] + shift[:, None] - b[None, :, :2]).max(2)
    grown = np.abs(np.log(b[:, 2] / a[:, 2])[None] - np.log(scale)[:, None])
    agree = (off < _OFF * np.maximum(1, scale)[:, None]) & (grown < _GROWN)
    best: NDArray[np.bool_] = agree[agree.sum(1).argmax()]
    return best


def _spots(points: NDArray[Any]) -> int:
    return len(np.unique(points[:, :2] // _SPOT, axis=0))
