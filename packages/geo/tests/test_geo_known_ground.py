"""The default and the thesis's first method on scenes whose ground is known in part, which neither is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nflows_geo.comparison.comparing import units_at
from nflows_geo.evaluation import Agreement
from nflows_geo.labels import read_labels
from nflows_geo.mapping import Recipe, learn
from nflows_geo.reductions import DEFAULT
from nflows_geo.scene import open_scene

SCENES = {
    "sistan": ("sistan/Sistan_Landsat8.tif", "sistan/Sistan_Landsat8_Training.tif"),
    "ncspm": ("scenes/ncspm.tif", "scenes/ncspm_labels.tif"),
    "lsat": ("scenes/lsat.tif", "scenes/lsat_labels.tif"),
    "jasper": ("scenes/jasper.tif", "scenes/jasper_labels.tif"),
}


def scores(folder: Path, name: str, reduction: str, seed: int = 0) -> dict[str, float]:
    scene_file, labels_file = (folder / "geo" / file for file in SCENES[name])
    scene = open_scene(scene_file)
    labels = read_labels(labels_file, scene.grid, align=True)
    mapper = learn(scene, Recipe(reduction, seed=seed)).mapper
    return Agreement.of_maps(labels.classes, units_at(labels, scene, mapper), labels.polygons).scores()


@pytest.mark.real_data
def test_the_thesiss_first_method_agrees_little_with_the_rocks_of_sistan(data_folder: Path) -> None:
    of_pca = scores(data_folder, "sistan", "pca")
    assert (of_pca["n"], of_pca["groups"]) == (4305, 79)
    assert 0.24 < of_pca["adjusted_rand_index"] < 0.28


@pytest.mark.real_data
def test_the_default_agrees_with_what_is_known_of_every_scene(data_folder: Path) -> None:
    indices = [scores(data_folder, name, DEFAULT)["adjusted_rand_index"] for name in SCENES]
    assert min(indices) > 0.5
    assert np.mean(indices) > 0.72
