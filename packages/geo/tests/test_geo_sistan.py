"""The default and the thesis's first method on a scene whose units are known in part, which neither is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from nflows_geo.comparison.comparing import units_at
from nflows_geo.evaluation import Agreement
from nflows_geo.labels import Labels, read_labels
from nflows_geo.mapping import Recipe, learn
from nflows_geo.reductions import DEFAULT
from nflows_geo.scene import Scene, open_scene


@pytest.fixture(scope="module")
def scene(data_folder: Path) -> Scene:
    return open_scene(data_folder / "geo/sistan/Sistan_Landsat8.tif")


@pytest.fixture(scope="module")
def labels(data_folder: Path, scene: Scene) -> Labels:
    return read_labels(data_folder / "geo/sistan/Sistan_Landsat8_Training.tif", scene.grid, align=True)


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "least", "most"), [(DEFAULT, 0.66, 0.7), ("pca", 0.24, 0.28)])
def test_agreement_with_units_that_were_never_shown(
    name: str, least: float, most: float, scene: Scene, labels: Labels
) -> None:
    mapper = learn(scene, Recipe(name)).mapper
    scores = Agreement.of_maps(labels.classes, units_at(labels, scene, mapper), labels.polygons).scores()
    assert (scores["n"], scores["groups"]) == (4305, 79)
    assert least < scores["adjusted_rand_index"] < most
