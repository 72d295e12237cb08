"""YuNet: faces, by a network of 76,000 parameters, on the CPU.

Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023. The weights are
those of opencv_zoo, MIT.

What the passes (`nflows_privacy.detection.passes`) find is looked at a second time, each candidate alone and enlarged,
and the mean of both scores counts: where the network errs, two looks seldom agree. At the same recall this leaves fewer
false boxes, and it costs less than a further pass. The constants were chosen on made-up crowds (benchmarks/crowd.py) of
other heads and streets than those that benchmarks/results tells of, and on photographs without people.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.weights import Weights, find_weights
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.passes import Pass, Pixels, Tile, passes, resized, tiles
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.detection.yunet_network import YuNetNetwork
from nflows_privacy.regions import FACE, Box, Region, iou

_FILE = "face_detection_yunet_2026may.onnx"

WEIGHTS = Weights(
    name="yunet",
    file=_FILE,
    revision="2026may",
    sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
    mirrors=(
        f"https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/{_FILE}",
        f"https://huggingface.co/opencv/face_detection_yunet/resolve/main/{_FILE}",
    ),
    size=229738,
)

THRESHOLD = 0.6

_CANDIDATE = 0.4  # the score from which something is looked at again
_SURE = 0.8  # the score from which there is no need to
_NARROWEST = 8  # pixels of a pass below which the network finds nothing but noise
_LEAST_DETAIL = 6  # pixels of the picture below which a second look sees no more than the first
_ENLARGEMENT = 6.0  # of a second look, at most
_SIDE = 192  # of what a second look sees, in pixels
_CONTEXT = 2.4  # the same, in widths of the face


class YuNet:
    """Faces by YuNet.

    A score is the mean of two looks. From 32 pixels of width on .1 is taken away, between 16 and 32 less: the more of a
    face there is to see, the surer the network must be.

    Arguments:
        path: The ONNX file.
        threshold: The score from which a face counts.

    Raises:
        ValueError: The file is no such network.
    """

    kinds = frozenset({FACE})

    def __init__(self, path: Path, threshold: float = THRESHOLD) -> None:
        self.path, self.threshold = path, threshold
        self.network = YuNetNetwork(path)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        height, width = pixels.shape[:2]
        planned = passes(height, width, look)
        candidates = distinct(region for one in planned for region in self._found(pixels, one))
        rated = (self._rated(pixels, region) for region in candidates)
        return distinct(region for region in rated if region.score >= self.threshold)

    def _found(self, pixels: Pixels, one: Pass) -> Iterator[Region]:
        least = min(_CANDIDATE, self.threshold)
        for tile in tiles(pixels, one.scale):
            for region in self._look(tile, least):
                if _NARROWEST <= region.box.width * one.scale < one.widest:
                    yield region

    def _look(self, tile: Tile, least: float) -> Iterator[Region]:
        """What the network finds in a tile, in pixels of the picture."""
        for row in self._rows(tile, least):
            box = _box(row, tile)
            if _is_middle_in(box, tile.core):
                yield Region(box, FACE, min(1.0, float(row[-1])))

    def _rows(self, tile: Tile, least: float) -> NDArray[np.float32]:
        """What the network finds, in pixels of the tile: left, top, width, height, five landmarks and the score."""
        return self.network(tile.pixels, least)

    def _rated(self, pixels: Pixels, region: Region) -> Region:
        score, width = region.score, region.box.width
        if score < _SURE and width >= _LEAST_DETAIL:
            score = (score + self._second(pixels, region.box)) / 2
        score -= 0.1 * float(np.clip(np.log2(width / 16), 0, 1))
        return Region(region.box, region.kind, max(0.0, score))

    def _second(self, pixels: Pixels, box: Box) -> float:
        """The score of a candidate alone and enlarged; 0 if it is not found again."""
        again = self.alone(pixels, box, least=0.1)
        return 0.0 if again is None else min(1.0, float(again[1][-1]))

    def alone(self, pixels: Pixels, box: Box, least: float) -> tuple[Pixels, NDArray[np.float32]] | None:
        """A face cut out and enlarged, and where in it the network finds it, as OpenCV has it; none if it does not.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`, RGB.
            box: Where in it the face is.
            least: The score from which the network has found it.
        """
        tile = _cut(pixels, box)
        rows = self._rows(tile, least)
        same = iou(np.array([box]), np.array([_box(row, tile) for row in rows]).reshape(-1, 4))[0] > 0.3
        found = [row for row, is_same in zip(rows, same, strict=True) if is_same]
        return (tile.pixels, max(found, key=lambda row: float(row[-1]))) if found else None


def _box(row: NDArray[np.float32], tile: Tile) -> Box:
    left, top, across, down = map(float, row[:4])
    height, width = tile.pixels.shape[:2]
    box = Box(left, top, left + across, top + down).scaled(tile.place.width / width, tile.place.height / height)
    return box.moved(tile.place.left, tile.place.top)


def _cut(pixels: Pixels, box: Box) -> Tile:
    """A square about a candidate, as the network sees it; what lies outside of the picture is as its edge."""
    side = max(4, round(_CONTEXT * box.width))
    left, top = round((box.left + box.right - side) / 2), round((box.top + box.bottom - side) / 2)
    rows, columns = (
        np.clip(np.arange(low, low + side), 0, size - 1)
        for low, size in zip((top, left), pixels.shape[:2], strict=False)
    )
    part = resized(pixels[np.ix_(rows, columns)], min(_ENLARGEMENT, _SIDE / side))
    place = Box(left, top, left + side, top + side)
    return Tile(part, place, place)


def _is_middle_in(box: Box, core: Box) -> bool:
    across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return core.left <= across < core.right and core.top <= down < core.bottom


def _load(settings: DetectorSettings) -> YuNet:
    return YuNet(find_weights(WEIGHTS), THRESHOLD if settings.threshold is None else settings.threshold)


YUNET = NamedDetector(_load, WEIGHTS)
