"""The scores of a scene: a detector learned from a part of it, applied tile by tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_geo.anomaly.detectors import DETECTORS, Detector, check_rate, threshold
from nflows_geo.anomaly.unusual import Gathered, Unusual, most_pixels
from nflows_geo.figures import Overview, View
from nflows_geo.raster import Tile
from nflows_geo.scene import Scene, sample_spectra
from nflows_geo.spectra import as_block, spectra_at, valid_pixels
from nflows_geo.tiling import Part, one_thread

_BATCH = 2**16
"""Spectra scored at once, so that what a detector computes on the way takes little memory."""


@dataclass(frozen=True)
class AnomalyRecipe:
    """How anomalies are found.

    Arguments:
        detector: One of `DETECTORS`.
        false_alarm_rate: The part of the scene that is above the threshold, in (0, 1); see `threshold`.
        seed: The seed of everything random.

    Raises:
        ValueError: The detector is unknown.

    Example:
        >>> from nflows_geo import AnomalyRecipe
        >>> AnomalyRecipe("rx", false_alarm_rate=0.01)
        AnomalyRecipe(detector='rx', false_alarm_rate=0.01, seed=0)
    """

    detector: str = "flow"
    false_alarm_rate: float = 0.001
    seed: int = 0

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"{self.detector!r} is not known; choose one of {', '.join(DETECTORS)}")


@dataclass(frozen=True)
class LearnedDetector:
    """A detector, and the sample of the scene that it was learned from.

    Arguments:
        detector: The detector, fitted to the sample.
        threshold: The score that the false-alarm rate of the sample exceeds.
        spectra: The sample, (N, bands).
        scores: Its scores, (N,).
    """

    detector: Detector
    threshold: float
    spectra: NDArray[np.float32]
    scores: NDArray[np.float32]


def learn_detector(scene: Scene, recipe: AnomalyRecipe) -> LearnedDetector:
    """Fits a detector to random pixels of a scene.

    Raises:
        ValueError: The scene has no valid pixel, too few for the rate or the bands, or a band that tells nothing.
    """
    spectra = sample_spectra(scene, recipe.seed)
    check_rate(recipe.false_alarm_rate, len(spectra))
    # Threads add up sums in any order: with one, the same seed gives the same scores.
    with one_thread():
        detector = DETECTORS[recipe.detector](spectra, recipe.seed)
        scores = _in_batches(detector, spectra)
    return LearnedDetector(detector, threshold(scores, recipe.false_alarm_rate), spectra, scores)


@dataclass(frozen=True)
class OfTile:
    """What the scores of a tile tell beside themselves.

    Arguments:
        above: How many pixels exceed the threshold.
        unusual: Those of them with the highest scores.
        picture: The scene there, see `View.of_block`.
    """

    above: int
    unusual: Unusual
    picture: NDArray[np.float32]


@dataclass(frozen=True)
class Scorer:
    """Scores the tiles of a scene.

    Arguments:
        detector: What scores spectra.
        threshold: The score above which a pixel is unusual.
        width: The width of the scene in pixels.
        view: How pictures are gathered.
    """

    detector: Detector
    threshold: float
    width: int
    view: View

    def draw_tile(self, tile: Tile, block: NDArray[np.float32]) -> Part[OfTile]:
        """The scores of a tile, :math:`(H, W)`, NaN for nodata."""
        valid = valid_pixels(block)
        scores = as_block(_in_batches(self.detector, spectra_at(block, valid)), valid, np.nan)
        unusual = Unusual.of_block(scores, block, tile.core, self.width, self.threshold)
        picture = self.view.of_block(block, tile.core)
        return Part(tile.core, scores, OfTile(len(unusual), unusual.most(most_pixels(len(block))), picture))


def _in_batches(detector: Detector, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = np.empty(len(spectra), np.float32)
    for start in range(0, len(spectra), _BATCH):
        scores[start : start + _BATCH] = detector.score(spectra[start : start + _BATCH])
    return scores


class ScoreDrawing:
    """Gathers the unusual pixels and small pictures while the scores go to the disk.

    Arguments:
        scene: What is scored.
        view: How pictures are gathered.
    """

    def __init__(self, scene: Scene, view: View) -> None:
        self.overview = Overview(view, scene.grid, np.float32(np.nan))
        self.valid = self.above = 0
        self.unusual = Gathered(len(scene.bands))

    def add(self, part: Part[OfTile]) -> None:
        """Adds a tile."""
        self.overview.add(part.window, part.block, part.told.picture)
        self.valid += int(np.isfinite(part.block).sum())
        self.above += part.told.above
        self.unusual.add(part.told.unusual)
