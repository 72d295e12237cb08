"""Bands of plain rasters that the user says are those of a sensor."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo_files import numbers, write_landsat, write_raster
from nflows_core.runtime.cli import run
from nflows_geo.cli import geo, options
from nflows_geo.figures.overview import composite
from nflows_geo.scene import SENSORS, open_scene


@pytest.mark.parametrize("name", list(SENSORS))
def test_all_bands_of_a_sensor(tmp_path: Path, name: str) -> None:
    table = SENSORS[name]
    scene = open_scene(write_raster(tmp_path / "a.tif", numbers(len(table))), sensor=name)
    assert [band.name for band in scene.bands] == list(table)
    assert [(band.title, band.wavelength_nm) for band in scene.bands] == list(table.values())


def test_bands_in_the_order_of_the_rasters(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / f"{name}.tif", numbers(count)) for name, count in (("a", 2), ("b", 1))]
    scene = open_scene(paths, sensor="aster", bands=["B3N", "B1", "B9"])
    assert [(band.name, band.wavelength_nm, band.path.stem, band.index) for band in scene.bands] == [
        ("B3N", 807, "a", 1),
        ("B1", 556, "a", 2),
        ("B9", 2400, "b", 1),
    ]


def test_a_stack_remembers_what_its_bands_are(tmp_path: Path) -> None:
    a, target = write_raster(tmp_path / "a.tif", numbers(2)), tmp_path / "stack.tif"
    for bands in ("B4,B8A", " B4, B8A ", "B4 B8A"):
        arguments = ["stack", str(a), "-o", str(target), "--sensor", "sentinel-2", "--bands", bands]
        assert run(geo, arguments) == 0
        assert [(band.name, band.wavelength_nm) for band in open_scene(target).bands] == [("B4", 664.6), ("B8A", 864.7)]


@pytest.mark.parametrize(
    ("sensor", "shown"),
    [
        ("landsat-5", ["shortwave infrared 2", "near infrared", "green"]),
        ("landsat-8", ["shortwave infrared 2", "near infrared", "green"]),
        ("sentinel-2", ["near infrared", "red", "green"]),
        ("aster", ["near infrared", "red", "green"]),
    ],
)
def test_false_colour_is_that_of_the_sensor(sensor: str, shown: list[str]) -> None:
    table = SENSORS[sensor]
    titles = [title for title, _ in table.values()]
    assert [titles[band] for band in composite(list(table))] == shown


def test_the_command_knows_the_sensors() -> None:
    assert tuple(SENSORS) == options.SENSORS


@pytest.mark.parametrize(
    ("sensor", "bands", "message"),
    [
        (
            "landsat-8",
            ["B2"],
            r"has 2 bands, not 1; give by `bands` the name of each.*: landsat-8 has B1, ",
        ),
        ("landsat-8", [], r"has 2 bands, not 7"),
        ("aster", ["B1", "B3"], r"no band of aster is called B3; aster has B1, B2, B3N, B4"),
        ("aster", ["B1", "B1"], r"names B1 twice"),
        ("spot", ["B1", "B2"], r"must be one of landsat-4, .*, aster, sentinel-2, got 'spot'"),
        (None, ["B1", "B2"], r"`bands` B1,B2 needs `sensor`"),
    ],
)
def test_names_that_do_not_fit(tmp_path: Path, sensor: str | None, bands: list[str], message: str) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    with pytest.raises(ValueError, match=message):
        open_scene(path, sensor=sensor, bands=bands)


def test_the_command_names_its_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    assert run(geo, ["info", str(path), "--bands", "B1,B2"]) == 2
    assert "nflows: error: --bands B1,B2 needs --sensor, whose bands these are" in capsys.readouterr().err
    assert run(geo, ["info", str(path), "--mask-clouds"]) == 2
    assert "leave --mask-clouds out" in capsys.readouterr().err


def test_a_product_says_itself_what_its_bands_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Landsat 8 Collection 2 Level-2 says itself what its bands are; leave"):
        open_scene(write_landsat(tmp_path, numbers(7)), sensor="landsat-8")
