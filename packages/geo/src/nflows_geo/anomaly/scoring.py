"""The scores of a scene: a detector learned from a part of it, applied tile by tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.anomaly.detectors import DETECTORS, Detector, check_rate, threshold
from nflows_geo.anomaly.unusual import MOST_PIXELS, Gathered, Unusual
from nflows_geo.figures.overview import View
from nflows_geo.raster.grid import Grid, Tile
from nflows_geo.scene.sampling import sample_spectra
from nflows_geo.scene.scene import Scene
from nflows_geo.tiling.workers import Workers, one_thread

_BATCH = 2**16
"""Spectra scored at once, so that what a detector computes on the way takes little memory."""


@dataclass(frozen=True)
class AnomalyRecipe:
    """How anomalies are found.

    Arguments:
        detector: One of `DETECTORS`.
        false_alarm_rate: The part of the scene that is above the threshold, in (0, 1); see `threshold`.
        seed: Of everything random.

    Raises:
        ValueError: The detector is unknown.
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
        detector: Fitted to the sample.
        threshold: Exceeded by the false-alarm rate of the sample.
        spectra: Of the sample, (N, bands).
        scores: Of the sample, (N,).
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
        detector = DETECTORS[recipe.detector].fit(spectra, recipe.seed)
        scores = _in_batches(detector, spectra)
    return LearnedDetector(detector, threshold(scores, recipe.false_alarm_rate), spectra, scores)


@dataclass(frozen=True)
class ScoredPart:
    """The scores of a tile.

    Arguments:
        window: The tile.
        scores: (H, W), NaN for nodata.
        above: How many exceed the threshold.
        unusual: The highest of those.
        picture: Of the scene there, see `View.of_block`.
    """

    window: Window
    scores: NDArray[np.float32]
    above: int
    unusual: Unusual
    picture: NDArray[np.float32]


def draw_scores(
    scene: Scene, learned: LearnedDetector, view: View, side: int, workers: Workers
) -> Iterator[ScoredPart]:
    """The scores in tiles, in the order of the scene; see `mapping.draw`."""
    part = partial(_part, scene, learned.detector, learned.threshold, view)
    with one_thread():
        yield from workers.map(part, scene.grid.tiles(side))


def _part(scene: Scene, detector: Detector, threshold: float, view: View, tile: Tile) -> ScoredPart:
    block = scene.read(tile.core)
    scores = score_block(detector, block)
    unusual = Unusual.of_block(scores, block, tile.core, scene.grid.width, threshold)
    return ScoredPart(tile.core, scores, len(unusual), unusual.most(MOST_PIXELS), view.of_block(block, tile.core))


def score_block(detector: Detector, block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of a block, (bands, H, W), with NaN for nodata; (H, W)."""
    scores = np.full(block.shape[1:], np.nan, np.float32)
    valid = np.isfinite(block[0])
    scores[valid] = _in_batches(detector, block[:, valid].T)
    return scores


def _in_batches(detector: Detector, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = np.empty(len(spectra), np.float32)
    for start in range(0, len(spectra), _BATCH):
        scores[start : start + _BATCH] = detector.score(spectra[start : start + _BATCH])
    return scores


class ScoreDrawing:
    """Gathers the unusual pixels and small pictures while the scores go to the disk.

    Arguments:
        grid: Of the scene.
        bands: Of the scene.
        view: How pictures are gathered.
    """

    def __init__(self, grid: Grid, bands: int, view: View) -> None:
        self.view = view
        self.picture = np.full((4, *view.shape(grid)), np.nan, np.float32)
        self.scores = np.full(view.shape(grid), np.nan, np.float32)
        self.valid = self.above = 0
        self.unusual = Gathered(bands)

    def gather(self, parts: Iterable[ScoredPart]) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """The scores of the parts, for the disk."""
        for part in parts:
            place = self.view.place(part.window)
            self.picture[:, *place] = part.picture
            self.scores[place] = self.view.kept(part.scores, part.window)
            self.valid += int(np.isfinite(part.scores).sum())
            self.above += part.above
            self.unusual.add(part.unusual)
            yield part.window, part.scores
