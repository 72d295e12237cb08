"""LPD-YuNet: licence plates, by a network of opencv_zoo (Apache-2.0) that OpenCV runs.

It was trained on plates of China by Dong Xu of watrix.ai; others it finds less often. It looks at 320 x 240 pixels, so
a larger picture is looked at in tiles. For each of 4,385 priors it gives, among 14 numbers, where the corners of a
plate are: a corner is that of the prior's middle, plus 0.1 times the prior's side for each unit. A score is the
geometric mean of how likely it is a plate and of how well the box is expected to fit:
https://github.com/opencv/opencv_zoo/tree/main/models/license_plate_detection_yunet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.weights import Weights, find_weights
from nflows_privacy.detection.arrays import regions_of, scaled
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.passes import resized
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import PLATE, Region

_FILE = "license_plate_detection_lpd_yunet_2023mar.onnx"
_PLACE = "models/license_plate_detection_yunet"
_COMMIT = "b4971d625240509dae6119e19201fe30919a285f"

WEIGHTS = Weights(
    name="lpd-yunet",
    file=_FILE,
    revision="2023mar",
    sha256="6d4978a7b6d25514d5e24811b82bfb511d166bdd8ca3b03aa63c1623d4d039c7",
    mirrors=(
        f"https://media.githubusercontent.com/media/opencv/opencv_zoo/{_COMMIT}/{_PLACE}/{_FILE}",
        f"https://huggingface.co/opencv/license_plate_detection_yunet/resolve/main/{_FILE}",
    ),
    size=4146213,
)

HEIGHT, WIDTH = 240, 320
_LONG_SIDES = {
    Look.QUICK: (640,),
    Look.THOROUGH: (320, 640, 1280),
    Look.CHECK: (480, 960),
    Look.QUICK_CHECK: (480,),
}
_OVERLAP = 0.25
_THRESHOLD = 0.8  # that of the published demonstration

_SIDES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
"""The sides of the priors by the stride of their map, in pixels."""
_CORNERS = [4, 5, 6, 7, 10, 11, 12, 13]
_VARIANCE = 0.1


def priors(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.float32]:
    """The priors :math:`(N, 3)` of a picture: the middles and the side of each, in pixels."""
    found = []
    down, across = (height + 1) // 2 // 2, (width + 1) // 2 // 2
    for stride, sides in _SIDES.items():
        down, across = down // 2, across // 2
        y, x, side = np.meshgrid(np.arange(down) + 0.5, np.arange(across) + 0.5, sides, indexing="ij")
        found.append(np.stack([x * stride, y * stride, side], axis=-1).reshape(-1, 3))
    return np.concatenate(found).astype(np.float32)


def decode(places: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""The boxes :math:`(N, 4)` about the corners :math:`c + 0.1\, s\, d` of plates, in pixels.

    Arguments:
        places: What the network says of each prior, :math:`(N, 14)`.
        known: The priors :math:`(N, 3)`, :math:`c` and :math:`s`.
    """
    offsets = places[:, _CORNERS].reshape(-1, 4, 2)
    corners = known[:, None, :2] + _VARIANCE * known[:, None, 2:] * offsets
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


class LpdYuNet:
    """Plates by LPD-YuNet, on the CPU.

    Arguments:
        path: The ONNX file.
        threshold: The score from which a plate counts.

    Raises:
        ValueError: The file is damaged.
    """

    kinds = frozenset({PLATE})

    def __init__(self, path: Path, threshold: float) -> None:
        import cv2

        from nflows_privacy.detection.opencv import silence

        silence()
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise ValueError(f"{path}: is damaged or no network that OpenCV knows; take an intact copy") from error
        self._threshold, self._priors = threshold, priors()

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        found = []
        for side in _LONG_SIDES[look]:
            small = resized(pixels, side / max(pixels.shape[:2]))
            regions = [
                one for top, left in tiles(small.shape, HEIGHT, WIDTH, _OVERLAP) for one in self._tile(small, top, left)
            ]
            found += scaled(regions, small.shape, pixels.shape)
        return distinct(found)

    def _tile(self, pixels: NDArray[np.uint8], top: int, left: int) -> list[Region]:
        import cv2

        part = pixels[top : top + HEIGHT, left : left + WIDTH]
        tile = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        tile[: part.shape[0], : part.shape[1]] = part
        self._network.setInput(cv2.dnn.blobFromImage(tile, swapRB=True))
        places, likely, fits = self._network.forward(["loc", "conf", "iou"])
        scores = np.sqrt(likely.reshape(-1, 2)[:, 1] * fits.reshape(-1).clip(0, 1))
        boxes = decode(np.asarray(places, np.float32).reshape(-1, 14), self._priors)
        found = regions_of(boxes, scores, PLATE, self._threshold)
        return [Region(one.box.moved(left, top), one.kind, one.score) for one in distinct(found)]


def tiles(shape: tuple[int, ...], height: int, width: int, overlap: float) -> Iterator[tuple[int, int]]:
    """The upper left corners of as few tiles as cover a picture evenly, with at least a share of each in the next.

    Arguments:
        shape: The height and width of the picture.
        height: The height of a tile; where the picture is smaller, there is one at 0.
        width: The width.
        overlap: The share, in [0, 1).
    """
    for top in _starts(shape[0], height, overlap):
        for left in _starts(shape[1], width, overlap):
            yield top, left


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    if length <= tile:
        return [0]
    steps = int(np.ceil((length - tile) / (tile * (1 - overlap))))
    return [round(step * (length - tile) / steps) for step in range(steps + 1)]


def _load(settings: DetectorSettings) -> LpdYuNet:
    return LpdYuNet(find_weights(WEIGHTS), _THRESHOLD if settings.threshold is None else settings.threshold)


LPD_YUNET = NamedDetector(_load, WEIGHTS)
