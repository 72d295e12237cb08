"""Text in a region, read by OCR as somebody would who wants to know: enlarged, turned, with all of the contrast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.evaluation.leaks import Reading
from nflows_privacy.regions import Box

_AROUND = 1.5
"""How much of the surroundings a view has: the reader finds no text that fills its picture."""
_WITHIN = 1.15
"""What is read belongs to a region if its middle is in the region grown so much; what is beside it was never hidden."""
_SIDE = 240
"""The longer side of the region with its surroundings in a view, in pixels.

Of one tilted plate of 76 x 104 pixels, at half, twice and three times as many fewer views were read, or none.
"""
_ANGLES = (-30, -15, 0, 15, 30)
_LEAST_CONTRAST = 8.0
"""The fewest grey levels that are stretched over all: below are no letters, but noise."""

Matrix = NDArray[np.float64]


class Reader:
    """Reads text by RapidOCR, whose models are in its wheel.

    Raises:
        ModuleNotFoundError: It is not installed.
    """

    def __init__(self) -> None:
        try:
            rapidocr = import_module("rapidocr")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("reading text needs RapidOCR: pip install 'nflows-privacy[ocr]'") from error
        settings = {
            "Global.log_level": "error",
            "Global.text_score": 0.0,  # what is leaked is decided by what it has in common with the text before
            "Global.use_cls": False,  # views are turned already
            "Det.limit_side_len": 320,
            "Det.limit_type": "min",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        }
        self._engine = rapidocr.RapidOCR(params=settings)

    def __call__(self, pixels: NDArray[np.uint8], box: Box) -> list[Reading]:
        """All that is read in a box, by each view of it; what is no letter and no digit is left out.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`, RGB.
            box: The place.
        """
        return [reading for matrix in _views(box) for reading in self._read(pixels, box, matrix)]

    def _read(self, pixels: NDArray[np.uint8], box: Box, matrix: Matrix) -> Iterator[Reading]:
        found = self._engine(_seen(pixels, box, matrix)[..., ::-1])
        if found.txts is None:
            return
        for text, score, corners in zip(found.txts, found.scores, found.boxes, strict=True):
            word = "".join(filter(str.isalnum, text)).upper()
            if word and _is_within(corners.mean(0), box, matrix):
                yield Reading(word, float(score))


def _views(box: Box) -> Iterator[Matrix]:
    """The maps from the picture to each view, :math:`(2, 3)`: turned, and sheared as a plate is that is seen from a
    side, whose uprights stay upright."""
    scale = _SIDE / (_AROUND * max(box.width, box.height))
    for angle in _ANGLES:
        radians = math.radians(angle)
        cosine, sine = math.cos(radians), math.sin(radians)
        yield _framed(np.array(((cosine, -sine), (sine, cosine))) * scale, box)
        if angle:
            yield _framed(np.array(((1, 0), (math.tan(radians), 1))) * scale, box)


def _framed(linear: NDArray[np.float64], box: Box) -> Matrix:
    """The map with the corner of the region and its surroundings at the corner of the view."""
    return np.column_stack((linear, -(_corners(box) @ linear.T).min(0)))


def _corners(box: Box) -> NDArray[np.float64]:
    left, top, right, bottom = box.grown(_AROUND)
    return np.array(((left, top), (right, top), (right, bottom), (left, bottom)))


def _seen(pixels: NDArray[np.uint8], box: Box, matrix: Matrix) -> NDArray[np.uint8]:
    """A view of a box, from the 2nd to the 98th percentile of its grey levels stretched over all."""
    import cv2

    width, height = np.ceil((_corners(box) @ matrix[:, :2].T + matrix[:, 2]).max(0)).astype(int).tolist()
    view: NDArray[Any] = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    low, high = np.percentile(view, (2, 98))
    stretched = (view - low) * (255 / max(high - low, _LEAST_CONTRAST))
    return np.ascontiguousarray(stretched.clip(0, 255).astype(np.uint8))


def _is_within(place: NDArray[np.floating], box: Box, matrix: Matrix) -> bool:
    x, y = np.linalg.solve(matrix[:, :2], place - matrix[:, 2])
    left, top, right, bottom = box.grown(_WITHIN)
    return bool(left <= x <= right and top <= y <= bottom)
