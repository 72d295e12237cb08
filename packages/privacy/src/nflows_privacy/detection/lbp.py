"""Frontal faces by the cascade of local binary patterns that scikit-image ships: for smoke tests where nothing else is.

Liao et al., Learning Multi-scale Block Local Binary Patterns for Face Recognition, 2007. It misses clear faces.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import FACE, Box, Region

_SMALLEST = 24  # the side of what the cascade was trained on, in pixels


class Cascade:
    """Frontal faces, each with the score 1: a cascade says yes or no.

    Raises:
        ModuleNotFoundError: scikit-image is not installed.
    """

    kinds = frozenset({FACE})

    def __init__(self) -> None:
        try:
            from skimage.data import lbp_frontal_face_cascade_filename
            from skimage.feature import Cascade as LocalBinaryPatterns
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("lbp needs scikit-image: pip install nflows-privacy[lbp]") from error
        self.cascade = LocalBinaryPatterns(lbp_frontal_face_cascade_filename())

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        height, width = pixels.shape[:2]
        if min(height, width) < _SMALLEST:
            return []
        found = self.cascade.detect_multi_scale(
            img=pixels,
            scale_factor=1.3 if look.is_quick else 1.1,
            step_ratio=1,
            min_size=(_SMALLEST, _SMALLEST),
            max_size=(width, height),
        )
        places = [(one["c"], one["r"], one["c"] + one["width"], one["r"] + one["height"]) for one in found]
        return distinct(Region(Box(*map(float, place)), FACE) for place in places)


def _load(_: DetectorSettings) -> Cascade:
    warnings.warn("lbp misses clear faces: it is for smoke tests alone, protect nobody by it", stacklevel=2)
    return Cascade()


LBP = NamedDetector(_load)
