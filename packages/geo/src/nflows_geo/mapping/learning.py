"""What tells the units of a scene apart, learned from a part of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering import CLUSTERINGS, Clustering, Elbow, elbow
from nflows_geo.mapping.smoothing import MARGIN, majority_filter
from nflows_geo.reductions import DEFAULT as DEFAULT_REDUCTION
from nflows_geo.reductions import REDUCTIONS, Reduction
from nflows_geo.scene import SCORED, Scene, draw_pixels, draw_sample
from nflows_geo.spectra import as_block, blur, margin, spectra_at, valid_pixels
from nflows_geo.tiling import one_thread

_STRIPE = 64
"""Rows at once: what the reduction makes of their spectra stays in the cache, and no tile is held three times."""


@dataclass(frozen=True)
class Recipe:
    """How a map is made.

    Arguments:
        reduction: One of `REDUCTIONS`.
        clustering: One of `CLUSTERINGS`; that of the reduction if not given.
        units: How many units the map has; by the elbow if not given.
        smooth: Whether every pixel takes the unit of the majority around it.
        seed: The seed of everything random.

    Raises:
        ValueError: A name is unknown, or a number of units makes no map.

    Example:
        >>> from nflows_geo import Recipe
        >>> Recipe(reduction="pca", units=8)
        Recipe(reduction='pca', clustering='k-means', units=8, smooth=True, seed=0)
    """

    reduction: str = DEFAULT_REDUCTION
    clustering: str = ""
    units: int | None = None
    smooth: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.reduction, REDUCTIONS)
        if not self.clustering:
            object.__setattr__(self, "clustering", REDUCTIONS[self.reduction].clustering)
        _require(self.clustering, CLUSTERINGS)
        if self.units is not None and not 2 <= self.units <= 255:
            raise ValueError(f"a map has from 2 to 255 units, not {self.units}")


def _require(name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"{name!r} is not known; choose one of {', '.join(known)}")


@dataclass(frozen=True)
class Mapper:
    """What tells the unit of a pixel from the pixels around it.

    Arguments:
        blur: Standard deviation in pixels of the blur before the reduction.
        reduction: What makes features of spectra.
        clustering: What makes classes of features.
        smooth: Whether a majority filter follows.
        numbers: The unit of each class of the clustering, and 0 for no class.
    """

    blur: float
    reduction: Reduction
    clustering: Clustering
    smooth: bool
    numbers: NDArray[np.uint8]

    @property
    def margin(self) -> int:
        """How many pixels around a block its units depend on."""
        return margin(self.blur) + (MARGIN if self.smooth else 0)

    def units(self, block: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The unit of each pixel, (H, W), 0 for nodata.

        Arguments:
            block: (bands, H, W), NaN for nodata, with the margin where the scene goes on.
        """
        blurred = blur(block, self.blur)
        stripes = [self._classes(blurred[:, top : top + _STRIPE])[0] for top in range(0, blurred.shape[1], _STRIPE)]
        return self._numbered(np.concatenate(stripes))

    def units_and_features(self, block: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The units, and what the reduction makes of the valid pixels, (N, D)."""
        classes, features = self._classes(blur(block, self.blur))
        return self._numbered(classes), features

    def _classes(self, blurred: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        valid = valid_pixels(blurred)
        features = self.reduction.transform(spectra_at(blurred, valid))
        return as_block(self.clustering.predict(features), valid, 0), features

    def _numbered(self, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.numbers[majority_filter(classes) if self.smooth else classes]


@dataclass(frozen=True)
class MapSample:
    """Random pixels of a map, the same ones whatever made it.

    Arguments:
        spectra: Their spectra in the scene, (N, bands).
        features: What the reduction made of these, (N, D).
        units: Their units on the map, (N,).
    """

    spectra: NDArray[np.float32]
    features: NDArray[np.float32]
    units: NDArray[np.uint8]


@dataclass(frozen=True)
class Learned:
    """A mapper, and what it was learned from.

    Arguments:
        mapper: Its units are numbered by their size in the sample.
        pixels: How many reduction and clustering were fitted to.
        elbow: What the number of units was chosen by; nothing if it was given.
        sample: Random pixels of the map.
    """

    mapper: Mapper
    pixels: int
    elbow: Elbow | None
    sample: MapSample


def learn(scene: Scene, recipe: Recipe) -> Learned:
    """Fits reduction and clustering to a sample of a scene.

    Raises:
        ValueError: The scene has no valid pixel, a constant band, or fewer distinct spectra than units.

    Example:
        >>> from nflows_geo import Recipe, learn, open_scene
        >>> scene = open_scene(Path("scene.tif"))
        >>> mapper = learn(scene, Recipe(units=3)).mapper
        >>> np.unique(mapper.units(scene.read(scene.grid.window)))
        array([1, 2, 3], dtype=uint8)
    """
    return learn_units(scene, recipe, reduce_sample(scene, recipe))


@dataclass(frozen=True)
class ReducedSample:
    """A reduction, and what it made of the sample that it was fitted to.

    Arguments:
        reduction: What makes features of spectra.
        features: Those of the sample, (N, D).
    """

    reduction: Reduction
    features: NDArray[np.float32]


def reduce_sample(scene: Scene, recipe: Recipe) -> ReducedSample:
    """Fits the reduction of a recipe to a sample of a scene; its errors are those of `learn`."""
    method = REDUCTIONS[recipe.reduction]
    # Threads add up sums in any order: with one, the same seed gives the same map.
    with one_thread():
        sample = draw_sample(scene, method.blur, recipe.seed)
        reduction = method.fit(sample, recipe.seed)
        return ReducedSample(reduction, reduction.transform(sample.spectra))


def learn_units(scene: Scene, recipe: Recipe, reduced: ReducedSample) -> Learned:
    """Fits the clustering of a recipe to a reduced sample; its errors are those of `learn`."""
    method, way = REDUCTIONS[recipe.reduction], CLUSTERINGS[recipe.clustering]
    with one_thread():
        criterion = way.criterion(logarithmic=method.log_elbow)
        bend = None if recipe.units else elbow(reduced.features, recipe.seed, criterion)
        clustering = way.fit(reduced.features, recipe.units or bend.k, recipe.seed)  # type: ignore[union-attr]
        numbers = np.arange(clustering.classes + 1, dtype=np.uint8)
        mapper = Mapper(method.blur, reduced.reduction, clustering, recipe.smooth, numbers)
        mapper, sample = _by_size(mapper, sample_map(scene, mapper, recipe.seed))
    _refuse_one_unit(sample.units, smooth=recipe.smooth)
    return Learned(mapper, len(reduced.features), bend, sample)


def _refuse_one_unit(units: NDArray[np.uint8], *, smooth: bool) -> None:
    if len(np.unique(units[units > 0])) > 1:
        return
    if smooth:
        raise ValueError(
            "of all units the 7 x 7 majority filter leaves one, since the others are single pixels; map it without the "
            "filter, by --no-smooth, or look for what is rare with `nflows geo anomaly`"
        )
    raise ValueError("the map has one unit only; the spectra of the scene do not fall apart")


def _by_size(mapper: Mapper, sample: MapSample) -> tuple[Mapper, MapSample]:
    """Numbers the units by their size after the majority filter, which small ones lose to."""
    sizes = np.bincount(sample.units, minlength=len(mapper.numbers))[1:]
    numbers = np.zeros_like(mapper.numbers)
    numbers[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, len(numbers))
    return replace(mapper, numbers=numbers), replace(sample, units=numbers[sample.units])


def sample_map(scene: Scene, mapper: Mapper, seed: int) -> MapSample:
    """Draws random pixels of a map."""

    def mapped(block: NDArray[np.float32]) -> NDArray[np.float32]:
        units, features = mapper.units_and_features(block)
        layers = as_block(features, valid_pixels(block), np.nan)
        return np.concatenate([block, layers, units[None].astype(np.float32)])

    drawn = draw_pixels(scene, SCORED, mapper.margin, seed, mapped)
    bands = len(scene.bands)
    return MapSample(drawn[:, :bands], drawn[:, bands:-1], drawn[:, -1].astype(np.uint8))
