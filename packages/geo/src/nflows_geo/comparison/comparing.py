"""Ways to map a scene, each with several seeds, and how good their maps are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.evaluation import MEASURES, Agreement, score_rows
from nflows_geo.labels import Labels
from nflows_geo.mapping import Learned, Mapper, Recipe, learn_units, reduce_sample
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.scene import BLOCK_SIZE, Scene, require_several_bands

METHODS: Mapping[str, tuple[str, str]] = {name: (name, method.clustering) for name, method in REDUCTIONS.items()}
"""Reduction and clustering of what is compared, the default first."""

UNITS_ASKED = (5, 6, 7, 8)
"""The numbers of units for which methods are compared as well, as in the thesis."""


@dataclass(frozen=True)
class Comparison:
    """What came of every method.

    Arguments:
        runs: The scores of a method with a seed, one after the other, by plain words; ``units_by`` says whether the
            number of units is that of the elbow, or one of `UNITS_ASKED`.
        failures: What went wrong, by method and seed.
    """

    runs: list[dict[str, Any]]
    failures: dict[str, str]


def compare(
    scene: Scene,
    methods: Sequence[str],
    seeds: int,
    labels: Labels | None = None,
    *,
    advance: Callable[[str], None] = lambda message: None,
) -> Comparison:
    """Maps a scene by every method with every seed, and scores the maps; what fails does not stop the others.

    Each has the number of units that its elbow says, and then 5 to 8.

    Arguments:
        scene: A scene with two bands or more.
        methods: Some of `METHODS`.
        seeds: How many seeds each method has, from 0.
        labels: What the maps are scored against; no map is made by them.
        advance: Called after every run with a few words about it.

    Raises:
        ValueError: A method is unknown or given twice, the scene has one band, or every run failed.

    Example:
        >>> from nflows_geo import compare, open_scene
        >>> comparison = compare(open_scene(Path("scene.tif")), ["pca", "local-whitening"], seeds=1)
        >>> [run["method"] for run in comparison.runs if run["units_by"] == "elbow"], comparison.failures
        (['pca', 'local-whitening'], {})
    """
    require_several_bands(scene)
    if wrong := [name for name in methods if name not in METHODS or methods.count(name) > 1]:
        raise ValueError(f"{wrong[0]!r} is given twice, or is none of the methods {', '.join(METHODS)}")
    comparison = Comparison([], {})
    for method, seed in product(methods, range(seeds)):
        try:
            for run in _runs(scene, method, seed, labels):
                comparison.runs.append(run)
        except (ValueError, FloatingPointError) as error:
            comparison.failures[f"{method}, seed {seed}"] = str(error)
        advance(f"{method}, seed {seed}: {_told(comparison, method, seed)}")
    if not comparison.runs:
        raise ValueError(f"no method has made a map; the first failure: {next(iter(comparison.failures.values()))}")
    return comparison


def _told(comparison: Comparison, method: str, seed: int) -> str:
    runs = [run for run in comparison.runs if (run["method"], run["seed"]) == (method, seed)]
    return (
        f"{runs[0]['units']} units, {runs[0]['seconds']:.1f} s"
        if runs
        else comparison.failures[f"{method}, seed {seed}"]
    )


def _runs(scene: Scene, method: str, seed: int, labels: Labels | None) -> Iterator[dict[str, Any]]:
    reduction, clustering = METHODS[method]
    recipe = Recipe(reduction, clustering, seed=seed)
    start = time.perf_counter()
    reduced = reduce_sample(scene, recipe)
    for units in (None, *UNITS_ASKED):
        learned = learn_units(scene, replace(recipe, units=units), reduced)
        seconds = time.perf_counter() - start
        yield {
            "method": method,
            "seed": seed,
            "units": learned.mapper.clustering.classes,
            "units_by": "elbow" if units is None else "asked",
            "sure": None if learned.elbow is None else not learned.elbow.doubts,
            "components": learned.sample.features.shape[1],
            **_internal(learned, seed),
            **({} if labels is None else _against(labels, units_at(labels, scene, learned.mapper))),
            "seconds": seconds,
        }
        start = time.perf_counter()


def _internal(learned: Learned, seed: int) -> dict[str, float]:
    """Scores without labels, in the method's own space and in that of the bands."""
    names = ("calinski_harabasz", "davies_bouldin", "silhouette")
    sample = learned.sample
    rows = score_rows(sample.spectra, sample.features, sample.units, seed)
    return {f"{row['space']}_{name}": row[name] for row in rows for name in names}


def _against(labels: Labels, units: NDArray[np.uint8]) -> dict[str, float]:
    confusion = Agreement.of_maps(labels.classes, units, labels.polygons).confusion
    return {name: measure(confusion) for name, measure in MEASURES.items()} | {"labelled_pixels": int(confusion.sum())}


def units_at(labels: Labels, scene: Scene, mapper: Mapper, side: int = BLOCK_SIZE) -> NDArray[np.uint8]:
    """The units of the labelled pixels, :math:`(N,)`; of the scene, only tiles that have labels are mapped.

    Arguments:
        labels: What is known of the ground.
        scene: The scene.
        mapper: What maps it.
        side: The side of a tile in pixels; the units do not depend on it.
    """
    units = np.zeros(len(labels), np.uint8)
    with scene.opened() as opened:
        for tile in scene.grid.tiles(side, mapper.margin):
            here, rows, columns = labels.within(tile.core)
            if here.any():
                units[here] = tile.crop(mapper.units(opened.read(tile.padded)))[rows, columns]
    return units
