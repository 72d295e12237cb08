"""Faces as vectors, by SFace: whether two are of one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.keeping import WEIGHTS
from nflows_privacy.regions import Box

_LANDMARKS = np.array(((0.30, 0.38), (0.70, 0.38), (0.50, 0.59), (0.34, 0.76), (0.66, 0.76)))
"""Where eyes, nose and corners of the mouth are in a box, across and down, in shares of its sides: the
means over 24 faces that YuNet found in photographs, made symmetric.

The picture after has no landmarks to find. These come from the box alone, so that both are cut out alike, as an
attacker does who has the picture before.
"""


class Embedder:
    """Makes of a face a vector whose direction is the person's.

    Arguments:
        path: The ONNX file, as `WEIGHTS`.

    Raises:
        ValueError: It is none that OpenCV reads.
    """

    def __init__(self, path: Path) -> None:
        import cv2

        from nflows_privacy.detection.opencv import silence

        silence()
        try:
            self._network = cv2.FaceRecognizerSF.create(str(path), "")
        except cv2.error as error:
            raise ValueError(
                f"{path} is no network that OpenCV reads; take an intact copy of {WEIGHTS.file}"
            ) from error

    def __call__(self, pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.float32]:
        """The vectors of faces, :math:`(N, 128)`.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`, RGB.
            boxes: The faces in it.
        """
        image = np.ascontiguousarray(pixels[..., ::-1])
        vectors = [self._network.feature(self._network.alignCrop(image, _row(box))).ravel() for box in boxes]
        return np.stack(vectors) if vectors else np.zeros((0, 128), np.float32)


def _row(box: Box) -> NDArray[np.float32]:
    """A box as OpenCV's detector gives a face: its corner and sides, five points, a score."""
    points = _LANDMARKS * (box.width, box.height) + (box.left, box.top)
    row = (box.left, box.top, box.width, box.height, *points.ravel(), 1.0)
    return np.array([row], np.float32)
