"""YuNet: faces, by a network of 76,000 parameters that OpenCV runs.

Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023. The weights are
those of opencv_zoo, MIT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.weights import Weights, find_weights
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import FACE, Box, Region

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

_LONG_SIDES = {Look.QUICK: (640,), Look.THOROUGH: (400, 800, 1600), Look.CHECK: (560, 1130)}


class YuNet:
    """Faces by YuNet, on the CPU.

    Arguments:
        path: The ONNX file.
        threshold: The score from which a face counts.
    """

    kinds = frozenset({FACE})

    def __init__(self, path: Path, threshold: float) -> None:
        import cv2

        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        self.network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), threshold, 0.3, 5000)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        return distinct(region for side in _LONG_SIDES[look] for region in self._look(pixels, side))

    def _look(self, pixels: NDArray[np.uint8], side: int) -> list[Region]:
        import cv2

        height, width = pixels.shape[:2]
        scale = side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        self.network.setInputSize(size)
        _, faces = self.network.detect(small)
        return [] if faces is None else [_region(face, width / size[0], height / size[1]) for face in faces]


def _region(face: NDArray[np.float32], across: float, down: float) -> Region:
    left, top, width, height = map(float, face[:4])
    return Region(Box(left, top, left + width, top + height).scaled(across, down), FACE, min(1.0, float(face[14])))


def _load(settings: DetectorSettings) -> YuNet:
    return YuNet(find_weights(WEIGHTS), 0.6 if settings.threshold is None else settings.threshold)


YUNET = NamedDetector(_load, WEIGHTS)
