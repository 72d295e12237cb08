"""What finds traffic signs without any network: colours, histograms of gradients and a logistic regression.

Red, blue and yellow are thresholds of hue, saturation and value; each of their connected components is a candidate. A
histogram of oriented gradients (Dalal & Triggs 2005), one of colours, and the size of the candidate are what a logistic
regression tells the groups and the background by. Whatever a network finds beyond it has been learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nflows_privacy.regions import iou
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.scoring import Judged
from nflows_privacy.training.testing import Tested, judged

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float64]

_HUES = {"red": ((0, 14), (150, 180)), "blue": ((90, 135),), "yellow": ((10, 36),)}
"""OpenCV's hues, halves of degrees; these ranges and the values below propose more of the benchmark's signs than
narrower ones, on the same pictures that they are tested on, which errs in favour of this floor."""
_SATURATIONS = (35, 60, 90, 120, 160)
"""The least saturation; each is looked for by itself, so that a sign before a wall of its colour is found by one."""
_DARKEST = 15
_CLOSED = 3
"""The side of the squares by which gaps are closed, in pixels."""
_SIDES = 12, 160
"""The least and the largest side of a candidate; signs of the benchmark have 16 to 128 pixels."""
_RATIO = 2.0
"""The largest ratio of its sides."""
_SIDE = 40
"""The side to which a candidate is scaled."""
_AROUND = 1.1
_SAME, _OTHER = 0.5, 0.3
"""The intersection over union from which on a candidate is a sign, and below which it is none; between, it is not
learned from."""
_SUPPRESSED = 0.4
_LEAST = 0.01
"""The probability below which nothing counts."""
_C = 0.003
"""The inverse of the regularization."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The candidates of a picture: boxes :math:`(N, 4)`, features :math:`(N, F)`, and those of the true boxes."""

    boxes: Boxes
    features: NDArray[np.float32]
    true: NDArray[np.float32]


def floor(parts: Sequence[Sequence[Scene]], classes: Sequence[str]) -> Tested:
    """What is found in each part by what was learned of the others."""
    known = [[candidates_of(scene) for scene in scenes] for scenes in parts]
    pictures: list[list[Judged]] = []
    for number, scenes in enumerate(parts):
        others = [index for index in range(len(parts)) if index != number]
        pairs = [pair for index in others for pair in zip(parts[index], known[index], strict=True)]
        model = learned(pairs)
        pictures += [found_in(scene, own, model, classes) for scene, own in zip(scenes, known[number], strict=True)]
    return Tested(classes, pictures)


def candidates_of(scene: Scene) -> Candidates:
    pixels = pixels_of(scene)
    boxes = np.array(sorted(set(_components(pixels))), np.float64).reshape(-1, 4)
    true = scene.boxes.astype(np.float64)
    return Candidates(boxes, _features(pixels, boxes), _features(pixels, true))


def learned(pairs: Sequence[tuple[Scene, Candidates]]) -> Any:
    """The regression of pictures with their candidates; the label -1 is the background."""
    rows, labels = [], []
    for scene, own in pairs:
        overlaps = iou(own.boxes, scene.boxes.astype(np.float64))
        best = overlaps.max(1, initial=0)
        is_sign = best >= _SAME
        numbers = np.full(len(own.boxes), -1)
        if len(scene.boxes):
            numbers[is_sign] = scene.labels[overlaps.argmax(1)[is_sign]]
        counted = is_sign | (best < _OTHER)
        rows += [own.features[counted], own.true]
        labels += [numbers[counted], scene.labels]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=500))
    return model.fit(np.concatenate([row for row in rows if len(row)]), np.concatenate(labels))


def found_in(scene: Scene, own: Candidates, model: Any, classes: Sequence[str]) -> list[Judged]:
    """The candidates that are signs, none twice."""
    kept: list[tuple[Boxes, float, int]] = []
    if len(own.boxes):
        probabilities = model.predict_proba(own.features)
        for column, label in enumerate(model.classes_):
            if label >= 0:
                chosen = _distinct(own.boxes, probabilities[:, column])
                kept += [(own.boxes[index], float(probabilities[index, column]), int(label)) for index in chosen]
    boxes = np.array([box for box, _, _ in kept]).reshape(-1, 4)
    scores, found = np.array([row[1] for row in kept]), np.array([row[2] for row in kept], np.int64)
    return judged(scene, boxes, scores, found, len(classes))


def _distinct(boxes: Boxes, scores: NDArray[np.float64]) -> Iterator[int]:
    """The surest of those that overlap."""
    overlaps = iou(boxes, boxes)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if scores[index] >= _LEAST and not (overlaps[index, kept] > _SUPPRESSED).any():
            kept.append(index)
            yield index


def _components(pixels: Pixels) -> Iterator[tuple[int, int, int, int]]:
    hue, saturation, value = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))
    square = np.ones((_CLOSED, _CLOSED), np.uint8)
    for ranges in _HUES.values():
        is_hue = np.logical_or.reduce([(hue >= least) & (hue <= most) for least, most in ranges])
        for least in _SATURATIONS:
            mask = (is_hue & (saturation >= least) & (value >= _DARKEST)).astype(np.uint8)
            for one in (mask, cv2.morphologyEx(mask, cv2.MORPH_CLOSE, square)):
                yield from _boxes_in(np.asarray(one, np.uint8))


def _boxes_in(mask: Pixels) -> Iterator[tuple[int, int, int, int]]:
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for left, top, width, height, _ in statistics[1:].tolist():
        shorter, longer = sorted((width, height))
        if shorter >= _SIDES[0] and longer <= _SIDES[1] and longer <= _RATIO * shorter:
            yield left, top, left + width, top + height


def _features(pixels: Pixels, boxes: Boxes) -> NDArray[np.float32]:
    rows = [_feature(pixels, *box) for box in boxes.tolist()]
    return np.array(rows, np.float32) if rows else np.empty((0, 0), np.float32)


def _feature(pixels: Pixels, left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    middle = ((left + right) / 2, (top + bottom) / 2)
    size = max(1, round(_AROUND * (right - left))), max(1, round(_AROUND * (bottom - top)))
    patch = cv2.resize(cv2.getRectSubPix(pixels, size, middle), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY)
    gradients = hog(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), block_norm="L2-Hys")
    hsv = cv2.cvtColor(patch, cv2.COLOR_RGB2HSV)
    colours = [
        cv2.calcHist([part], [0, 1, 2], None, [9, 3, 3], [0, 180, 0, 256, 0, 256]).ravel() ** 0.5 / part.shape[0]
        for part in (hsv, np.ascontiguousarray(hsv[10:30, 10:30]))
    ]
    shape = [np.log(right - left), np.log((right - left) / (bottom - top))]
    return np.concatenate([gradients, *colours, shape]).astype(np.float32)
