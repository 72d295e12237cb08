"""Bands that are left out, by a person, by their file, or as they hold nothing; and what bands are called."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from geo_files import describe, numbers, write_envi, write_landsat, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.scene import find_bands, open_scene
from nflows_geo.scene.naming import unique

call = partial(call_command, geo)


def names(path: Path | list[Path], **options: object) -> list[str]:
    return [band.name for band in open_scene(path, **options).bands]  # type: ignore[arg-type]


# By a person


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["B1"], ["B2", "B3", "B4", "B5", "B6", "B7"]),
        (["1", "b07"], ["B2", "B3", "B4", "B5", "B6"]),
        (["2-6"], ["B1", "B7"]),
        (["B1 B2 B3"], ["B4", "B5", "B6", "B7"]),
    ],
)
def test_bands_of_a_product_by_name_or_number(tmp_path: Path, words: list[str], left: list[str]) -> None:
    pixels = numbers(7)
    scene = open_scene(write_landsat(tmp_path, pixels), exclude_bands=words)
    assert [band.name for band in scene.bands] == left
    places = [int(name[1:]) - 1 for name in left]
    np.testing.assert_allclose(scene.read(scene.grid.window), pixels[places] * 2.75e-5 - 0.2, atol=1e-6)


def test_bands_of_a_raster_by_name_or_place(tmp_path: Path) -> None:
    path = describe(write_raster(tmp_path / "a.tif", numbers(5)), ["blue", "red", "near infrared", "swir", ""])
    assert names(path, exclude_bands=["RED"]) == ["blue", "near infrared", "swir", "5"]
    assert names(path, exclude_bands=["near infrared", "1"]) == ["red", "swir", "5"]
    assert names(path, exclude_bands=["3-5"]) == ["blue", "red"]


def test_a_number_is_no_place_where_bands_have_other_numbers(tmp_path: Path) -> None:
    path = describe(write_raster(tmp_path / "a.tif", numbers(4)), ["B2", "B3", "B4", "ratio"])
    assert names(path, exclude_bands=["3-4"]) == ["B2", "ratio"]
    with pytest.raises(ValueError, match="no band is called '1'; the bands are B2, B3, B4, ratio"):
        open_scene(path, exclude_bands=["1"])


@pytest.mark.parametrize("form", ["LC08_L2SP_157040_SR_B{}", "Band {} (0.66 um)", "T41RKP_B0{}_20m", "band_{}"])
def test_a_number_within_a_name_is_that_of_the_band(form: str) -> None:
    bands = [form.format(number) for number in (2, 3, 7)]
    places = dict(enumerate(bands, 1))
    assert find_bands(["7", "2"], bands, places) == [bands[2], bands[0]]
    with pytest.raises(ValueError, match="no band is called '1'"):
        find_bands(["1"], bands, places)


def test_a_number_that_may_mean_two_bands_is_refused(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / f"{name}_B4.tif", numbers(1)) for name in ("may", "june")]
    with pytest.raises(ValueError, match="'4' may mean may_B4 or june_B4; give the whole name"):
        open_scene(paths, exclude_bands=["4"])
    assert names(paths, exclude_bands=["june_b4"]) == ["may_B4"]


def test_the_name_of_a_raster_leaves_the_band_of_a_product(tmp_path: Path) -> None:
    product = write_landsat(tmp_path / "product", numbers(7))
    raster = write_raster(tmp_path / "june_B4.tif", numbers(1))
    kept = names([product, raster], grid=raster, exclude_bands=["june_B4"])
    assert kept == ["B1", "B2", "B3", "B4", "B5", "B6", "B7"]


def test_bands_of_several_rasters_by_their_place_in_all(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / f"{name}.tif", numbers(2)) for name in ("may", "june")]
    assert names(paths, exclude_bands=["2", "june:1"]) == ["may:1", "june:2"]


def test_bands_that_a_person_named_are_left_out_by_these_names(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(3))
    options = {"sensor": "sentinel-2", "bands": ["B2", "B8A", "B12"]}
    assert names(path, **options, exclude_bands=["8a"]) == ["B2", "B12"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["9"], r"no band is called '9'; the bands are 1, 2, 3"),
        (["2-4"], r"no band is called '4'; the bands are 1, 2, 3"),
        (["nir"], r"no band is called 'nir'"),
        (["3-1"], r"no band is called '3-1'"),
        (["1-3"], r"no band is left of a\.tif; leave out fewer"),
    ],
)
def test_bands_that_cannot_be_left_out(tmp_path: Path, words: list[str], message: str) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(3))
    with pytest.raises(ValueError, match=message):
        open_scene(path, exclude_bands=words)


def test_every_command_that_takes_a_scene_leaves_bands_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(4))
    assert call("info", path, "--exclude-bands", "1, 3", "--json") == 0
    assert [row["band"] for row in json.loads(capsys.readouterr().out)["bands"]] == ["2", "4"]
    assert call("stack", path, "-o", tmp_path / "s.tif", "--exclude-bands", "2-3") == 0
    assert names(tmp_path / "s.tif") == ["1", "4"]
    units = write_raster(tmp_path / "units.tif", (numbers(1) % 2 + 1).astype(np.uint8))
    capsys.readouterr()
    assert call("score", units, "--scene", path, "--exclude-bands", "1-4") == 2
    assert "no band is left of a.tif" in capsys.readouterr().err
    for command in ("map", "reduce", "cluster", "compare", "anomaly"):
        assert call(command, path, "-o", tmp_path / "o.tif", "--exclude-bands", "nir") == 2
        assert "no band is called 'nir'; the bands are 1, 2, 3, 4" in capsys.readouterr().err


# By their file


def test_bad_bands_of_an_envi_header_are_left_out_in_words(tmp_path: Path) -> None:
    pixels = numbers(5).astype(np.int16)
    path = write_envi(tmp_path / "a.img", pixels, bbl="{1, 0, 1, 0, 1.0}")
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(scene.grid.window), pixels[::2])
    assert scene.notices == ("left out, as the file calls them bad (bbl): 2, 4",)
    assert open_scene(path, exclude_bands=["2", "4"]).notices == ()


@pytest.mark.parametrize("bbl", ["{1, 0}", "{1, 0, good}"])
def test_a_list_of_bad_bands_that_does_not_fit_is_told_and_not_used(tmp_path: Path, bbl: str) -> None:
    scene = open_scene(write_envi(tmp_path / "a.img", numbers(3).astype(np.int16), bbl=bbl))
    assert len(scene.bands) == 3
    assert scene.notices[0].startswith("a.img: its list of bad bands (bbl) has")
    assert scene.notices[0].endswith("for 3 bands; not used")


# As they hold nothing


def test_bands_that_are_constant_are_left_out_in_words(tmp_path: Path) -> None:
    pixels = numbers(6)
    pixels[[0, 1]], pixels[3] = 0, 7
    path = describe(write_raster(tmp_path / "a.tif", pixels), ["400 nm", "410 nm", "420 nm", "430 nm", "440 nm", "450"])
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(scene.grid.window), pixels[[2, 4, 5]])
    assert scene.notices == (
        "left out, holding nothing but 0: 400 nm, 410 nm",
        "left out, holding nothing but 7: 430 nm",
    )


def test_bands_without_any_value_do_not_take_the_others_along(tmp_path: Path) -> None:
    pixels = numbers(4)
    pixels[1] = 0
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels, nodata=0))
    assert np.isfinite(scene.read(scene.grid.window)).all()
    assert scene.notices == ("left out, holding no value in the scene: 2",)


def test_a_band_with_one_other_number_somewhere_stays(tmp_path: Path) -> None:
    pixels = numbers(3, 300, 400)
    pixels[1] = 7
    pixels[1, 133, 211] = 8
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels))
    assert len(scene.bands) == 3
    assert scene.notices == ()


def test_empty_bands_have_no_part_in_the_collar(tmp_path: Path) -> None:
    pixels = numbers(5)
    pixels[4] = 3
    pixels[:4, :, :12] = 0
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels))
    block = scene.read(scene.grid.window)
    assert len(block) == 4
    assert np.array_equal(np.isnan(block[0]), np.arange(30)[None].repeat(20, 0) < 12)


# What bands are called


def test_bands_of_one_name_are_told_apart_wherever_they_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = describe(write_raster(tmp_path / "a.tif", numbers(4)), ["B", "B", "C", "c"])
    assert names(path) == ["B", "B (2)", "C", "c (2)"]
    assert call("map", path, "-o", tmp_path / "out", "-k", 2, "--rgb", "C, B (2), 1") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["band"] for row in report["tables"]["Mean spectra"]] == ["B", "B (2)", "C", "c (2)"]
    assert "bands C, B (2), B as red, green and blue" in (tmp_path / "out" / "report.html").read_text()
    capsys.readouterr()


def test_two_rasters_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / folder / "a.tif", numbers(2)) for folder in ("may", "june")]
    assert names(paths) == ["a:1", "a:2", "a:1 (2)", "a:2 (2)"]


@given(st.lists(st.sampled_from(["a", "A", "b", "a (2)", "A (2)", "a (3)", "1"]), max_size=12))
def test_names_are_unique_and_keep_their_beginning(words: list[str]) -> None:
    told = unique(words)
    assert len({name.casefold() for name in told}) == len(words)
    assert all(name.startswith(word) for name, word in zip(told, words, strict=True))
    assert all(find_bands([name], told) == [name] for name in told)
    assert unique(told) == told


def test_blanks_around_a_description_are_not_its_name(tmp_path: Path) -> None:
    assert names(describe(write_raster(tmp_path / "a.tif", numbers(2)), [" red ", "  "])) == ["red", "2"]


# What a raster is not read as


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    pixels = (numbers(2) + 1j * numbers(2, seed=1)).astype(np.complex64)
    with pytest.raises(ValueError, match=r"a\.tif has complex numbers \(complex64\).*magnitude or intensity"):
        open_scene(write_raster(tmp_path / "a.tif", pixels))


@pytest.mark.parametrize(
    ("units", "wavelengths", "expected"),
    [
        ("Nanometers", "{442.5641, 2202.4}", [442.564, 2202.4]),
        ("Micrometers", "{0.4425641, 2.2024}", [442.564, 2202.4]),
        ("nm", "{442.5, 2202.4}", [442.5, 2202.4]),
        ("Index", "{0.5, 1.5}", [None, None]),
        ("Wavenumber", "{4500, 9000}", [None, None]),
    ],
)
def test_wavelengths_of_an_envi_header(
    tmp_path: Path, units: str, wavelengths: str, expected: list[float | None]
) -> None:
    header = {"wavelength_units": units, "wavelength": wavelengths}
    scene = open_scene(write_envi(tmp_path / "a.img", numbers(2).astype(np.int16), **header))
    assert scene.wavelengths == expected
    assert scene.notices == ()


@pytest.mark.parametrize("units", [{}, {"wavelength_units": "Unknown"}])
@pytest.mark.parametrize(
    ("wavelengths", "expected", "unit"),
    [
        ("{442, 2202.4}", [442, 2202.4], "nanometres"),
        ("{0.442, 2.2024}", [442, 2202.4], "micrometres"),
        ("{1, 2}", [None, None], None),  # numbers of bands
        ("{12.5, 2202.4}", [None, None], None),
    ],
)
def test_wavelengths_without_a_unit_are_told(
    tmp_path: Path, units: dict[str, str], wavelengths: str, expected: list[float | None], unit: str | None
) -> None:
    path = write_envi(tmp_path / "a.img", numbers(2).astype(np.int16), wavelength=wavelengths, **units)
    scene = open_scene(path)
    assert scene.wavelengths == expected
    told = () if unit is None else (f"a.img: its wavelengths have no unit and are taken for {unit}",)
    assert scene.notices == told


def test_the_reflectance_scale_factor_of_an_envi_header(tmp_path: Path) -> None:
    pixels = numbers(2).astype(np.int16)
    scene = open_scene(write_envi(tmp_path / "a.img", pixels, reflectance_scale_factor="10000"))
    assert scene.quantity == "reflectance"
    np.testing.assert_allclose(scene.read(scene.grid.window), pixels / 10_000, rtol=1e-6)


def test_a_wavelength_that_is_no_number_is_none(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(1, wavelength="blue", wavelength_units="Nanometers")
        dataset.update_tags(2, ns="IMAGERY", CENTRAL_WAVELENGTH_UM="?")
    assert open_scene(path).wavelengths == [None, None]
