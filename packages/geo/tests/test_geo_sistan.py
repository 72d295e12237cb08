"""The default and the thesis's first method on a scene whose units are known in part, which neither is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from nflows_geo.clustering import elbow, k_means
from nflows_geo.evaluation.agreement import Agreement
from nflows_geo.mapping.smoothing import majority_filter
from nflows_geo.reductions import DEFAULT, REDUCTIONS
from nflows_geo.spectra.neighbourhood import Sample, with_surroundings


@pytest.fixture(scope="module")
def scene(data_folder: Path) -> NDArray[np.float32]:
    return read(data_folder / "geo/sistan/Sistan_Landsat8.tif").astype(np.float32)


@pytest.fixture(scope="module")
def labels(data_folder: Path) -> NDArray[np.uint8]:
    return np.asarray(read(data_folder / "geo/sistan/Sistan_Landsat8_Training.tif")[0])


def read(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def geological_map(scene: NDArray[np.float32], name: str, seed: int) -> NDArray[np.uint8]:
    method = REDUCTIONS[name]
    stacked = with_surroundings(scene, method.blur)
    rows = stacked.reshape(len(stacked), -1).T
    sample = Sample.split(rows[np.random.default_rng(seed).permutation(len(rows))[:8000]])
    reduction = method.fit(sample, seed)
    features = reduction.transform(sample.spectra)
    k = elbow(features, seed, logarithmic=method.log_elbow).k
    classes = k_means(features, k, seed).predict(reduction.transform(rows[:, : len(scene)]))
    return majority_filter(classes.reshape(scene.shape[1:]))


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "least", "most"), [(DEFAULT, 0.62, 0.75), ("pca", 0.2, 0.32)])
def test_agreement_with_units_that_were_never_shown(
    name: str, least: float, most: float, scene: NDArray[np.float32], labels: NDArray[np.uint8]
) -> None:
    scores = Agreement.of_maps(labels, geological_map(scene, name, 0), 0, labels).scores()
    assert scores["n"] == 4305
    assert least < scores["adjusted_rand_index"] < most
