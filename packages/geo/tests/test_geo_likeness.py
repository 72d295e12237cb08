"""What anomalies are like."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
from numpy.typing import NDArray

from geo_files import write_raster
from nflows_core.testing import call_command
from nflows_geo.anomaly.likeness import LIMITS, NONE, NONE_NEAR, Library
from nflows_geo.cli import geo
from nflows_geo.spectra.materials import MATERIALS, Material
from nflows_geo.spectra.responses import material_spectra, seen

AVIRIS = tuple(c for c in np.arange(400.0, 2500.0, 9.5) if not (1340 < c < 1440 or 1790 < c < 1960))
SENSORS = {
    "landsat-8": (482.04, 561.41, 654.59, 864.67, 1608.86, 2200.73),
    "aster": (556.0, 661.0, 807.0, 1656.0, 2167.0, 2209.0, 2262.0, 2336.0, 2400.0),
    "sentinel-2": (492.4, 559.8, 664.6, 704.1, 740.5, 782.8, 832.8, 864.7, 1613.7, 2202.4),
    "aviris": AVIRIS,
}
NAMES = tuple(MATERIALS)
FEATURELESS = ("quartz-rich sand", "water")
"""Without an absorption of their own, so that a spectrometer's do not show them."""


def rock(generator: np.random.Generator) -> Material:
    """A rock of a desert: redder or less red, with a little iron, water and clay."""
    red = generator.uniform(0.2, 0.75)
    places = (0.4, 0.55, 0.75, 1.3, 1.8, 2.5)
    shape = (
        0.8 * red,
        0.55 * red + 0.45,
        0.5 * red + 0.5,
        1,
        generator.uniform(0.95, 1.15),
        generator.uniform(0.7, 1.1),
    )
    depths = generator.uniform(0, (0.12, 0.15, 0.05, 0.10, 0.06))
    absorptions = zip((0.48, 0.95, 1.41, 1.92, 2.205), depths, (0.07, 0.3, 0.04, 0.1, 0.05), strict=True)
    bright = generator.uniform(0.08, 0.4)
    continuum = tuple((place, bright * value) for place, value in zip(places, shape, strict=True))
    return Material("rock", continuum, tuple(absorptions))


def sample_of(name: str, generator: np.random.Generator) -> Material:
    """A sample of a material: brighter or darker, its absorptions deeper or flatter."""
    material, bright, deep = MATERIALS[name], generator.uniform(0.5, 1.1), generator.uniform(0.6, 1.3)
    return replace(
        material,
        continuum=tuple((place, bright * value) for place, value in material.continuum),
        absorptions=tuple((place, min(0.95, deep * depth), width) for place, depth, width in material.absorptions),
    )


def library_and_rocks(sensor: str, count: int) -> tuple[Library, NDArray[np.float64]]:
    generator = np.random.default_rng(7)
    rocks = seen([rock(generator) for _ in range(count)], SENSORS[sensor])
    return Library.of(SENSORS[sensor], rocks.astype(np.float32)), rocks


@pytest.mark.parametrize("sensor", SENSORS)
def test_planted_materials_are_called_by_their_names(sensor: str) -> None:
    generator = np.random.default_rng(0)
    names = [name for name in NAMES if not (sensor == "aviris" and name in FEATURELESS)] * 10
    library, rocks = library_and_rocks(sensor, len(names))
    samples = seen([sample_of(name, generator) for name in names], SENSORS[sensor])
    part, light = generator.uniform(0.2, 0.6, (len(names), 1)), generator.uniform(0.8, 1.2, (len(names), 1))
    mixed = light * ((1 - part) * rocks + part * samples) * generator.normal(1, 0.01, rocks.shape)
    likeness = library.nearest(mixed, rocks)
    called = dict(zip(NAMES, library.names, strict=True))
    right = np.array([own == called[name] for own, name in zip(likeness.named, names, strict=True)])
    named = likeness.near
    assert right.mean() > 0.7
    assert right[named].mean() > 0.97
    assert not (likeness.angles > likeness.next_angles).any()
    assert (likeness.angles[named] <= LIMITS[library.fine]).all()
    assert not any(own == other for own, other in zip(likeness.nearest, likeness.next_nearest, strict=True))
    assert (np.isnan(likeness.next_angles) == (np.array(likeness.next_nearest) == NONE)).all()


@pytest.mark.parametrize("sensor", SENSORS)
def test_light_and_shade_are_like_nothing(sensor: str) -> None:
    library, rocks = library_and_rocks(sensor, 20)
    for light in (0.4, 1.0, 1.6):
        assert set(library.nearest(light * rocks, rocks).named) == {NONE_NEAR}


@pytest.mark.parametrize("sensor", SENSORS)
def test_most_other_rocks_are_like_nothing(sensor: str) -> None:
    library, rocks = library_and_rocks(sensor, 200)
    assert library.nearest(rocks, np.roll(rocks, 1, axis=0)).near.mean() < 0.4


def test_the_light_of_an_anomaly_does_not_matter() -> None:
    library, rocks = library_and_rocks("landsat-8", len(NAMES))
    mixed = 0.6 * rocks + 0.4 * material_spectra(SENSORS["landsat-8"])
    one, two = library.nearest(mixed, rocks), library.nearest(1.3 * mixed, rocks)
    np.testing.assert_allclose(one.angles, two.angles, atol=1e-4)
    np.testing.assert_allclose(one.angles, 0, atol=1e-4)
    assert one.named == two.named == library.names


# What bands tell apart


def named_alike(sensor: str, first: str, second: str) -> bool:
    called = dict(zip(NAMES, library_and_rocks(sensor, 1)[0].names, strict=True))
    return called[first] == called[second]


@pytest.mark.parametrize(
    ("first", "second", "sensors"),
    [
        ("alunite", "kaolinite", {"landsat-8", "sentinel-2", "aster"}),
        ("kaolinite", "muscovite", {"landsat-8", "sentinel-2", "aster"}),
        ("alunite", "calcite", {"landsat-8", "sentinel-2"}),
        ("calcite", "dolomite", {"landsat-8", "sentinel-2", "aster"}),
        ("chlorite", "kaolinite", set()),
        ("green vegetation", "dry vegetation", set()),
        ("hematite", "jarosite", set()),
    ],
)
def test_what_bands_tell_apart(first: str, second: str, sensors: set[str]) -> None:
    alike = {sensor for sensor in SENSORS if named_alike(sensor, first, second)}
    assert alike == sensors


def test_groups_are_told_with_their_members() -> None:
    library, _ = library_and_rocks("landsat-8", 1)
    groups = {row["called"]: row["materials"].split(", ") for row in library.groups()}
    of_alunite = library.names[NAMES.index("alunite")]
    assert "clay" in of_alunite
    assert "sulphate" in of_alunite
    assert {"alunite", "kaolinite", "muscovite"} <= set(groups[of_alunite])


def test_scenes_that_cannot_be_compared() -> None:
    x = np.full((10, 4), 0.2, np.float32)
    with pytest.raises(ValueError, match=r"the wavelengths of 3 bands are known .* needs 4"):
        Library.of([482.0, None, 655.0, 865.0], x)
    with pytest.raises(ValueError, match="the wavelengths of 3 bands are known"):
        Library.of([482.0, 655.0, 865.0, 10_900.0], x)
    with pytest.raises(ValueError, match="no reflectances from 0 to 1"):
        Library.of([482.0, 655.0, 865.0, 1609.0], 10_000 * x)


# The command


call = partial(call_command, geo, "anomaly")


def write_scene(path: Path) -> Path:
    """Ten bands of Sentinel-2 over one rock, with a patch of plants and one with alunite."""
    generator = np.random.default_rng(0)
    desert = seen([rock(generator)], SENSORS["sentinel-2"]) * generator.normal(1, 0.01, (2000, 10))
    block = desert.T.reshape(10, 40, 50).copy()
    plants, alunite = material_spectra(SENSORS["sentinel-2"], ("green vegetation", "alunite"))[..., None, None]
    block[:, 5:7, 5:7] = 0.5 * block[:, 5:7, 5:7] + 0.5 * plants
    block[:, 30:32, 30:32] = 0.6 * block[:, 30:32, 30:32] + 0.4 * alunite
    return write_raster(path, block.astype(np.float32))


def test_the_list_says_what_anomalies_are_like(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--detector", "rx", "--false-alarm-rate", 0.004, "--json")
    assert call(write_scene(tmp_path / "a.tif"), "-o", tmp_path / "out", "--sensor", "sentinel-2", *arguments) == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    points = geopandas.read_file(tmp_path / "out" / "anomalies.gpkg", layer="anomalies")[:2]
    plants, alunite = points.sort_values("y", ascending=False).itertuples()
    assert plants.resembles == "green vegetation"
    assert "sulphate" in alunite.resembles
    assert plants.next != plants.resembles
    assert max(plants.nearest_angle, alunite.nearest_angle) < 5 < plants.next_angle
    page = (tmp_path / "out" / "report.html").read_text()
    page = page[page.index(">rank</th>") :]
    assert page.index(">score</th>") < page.index(">resembles</th>") < page.index(">longitude</th>")
    texts = [row["resembles"] for row in tables["What to look at first"][:2]]
    assert sorted(texts) == sorted(f"{point.resembles}, {point.nearest_angle:.0f}°" for point in (plants, alunite))
    told = {row["called"] for row in tables["Materials that these bands do not tell apart"]}
    assert alunite.resembles in told
    assert json.loads((tmp_path / "out" / "report.json").read_text())["not_compared_with_minerals"] is None


def test_a_scene_without_wavelengths_is_told_to_be_compared_with_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--detector", "rx", "--false-alarm-rate", 0.004, "--json")
    assert call(write_scene(tmp_path / "a.tif"), "-o", tmp_path / "out", *arguments) == 0
    output = capsys.readouterr()
    reason = json.loads(output.out)["not_compared_with_minerals"]
    assert reason.startswith("the wavelengths of 0 bands are known")
    assert f"not compared with minerals: {reason}" in output.err
    tables = json.loads(output.out)["tables"]
    assert "resembles" not in tables["What to look at first"][0]
    meaning = next(row["meaning"] for row in tables["How to read this"] if row["word"] == "resembles")
    assert meaning.startswith("not compared with minerals: the wavelengths of 0 bands are known")
    assert "resembles" not in geopandas.read_file(tmp_path / "out" / "anomalies.gpkg", layer="anomalies")
