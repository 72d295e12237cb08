from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.windows import Window

from geo_files import numbers, write_aster, write_jp2, write_landsat, write_raster, write_sentinel2
from nflows_geo.scene import open_scene
from nflows_geo.scene.products import read_product
from nflows_geo.scene.products.aster import sun_distance

GAINS = {"GAIN.1": "01, HGH", "GAIN.2": "02, NOR", "GAIN.3N": "3N, LOW", "SOLARDIRECTION": "157.5, 30.0"}
GAINS |= {f"GAIN.{band}": f"{band:02}, NOR" for band in range(4, 10)}


def whole(scene_path: Path, **options: bool) -> NDArray[np.float32]:
    scene = open_scene(scene_path, **options)
    return scene.read(Window(0, 0, scene.grid.width, scene.grid.height))


# Landsat


@pytest.mark.parametrize("as_json", [False, True])
def test_landsat_level_2(tmp_path: Path, as_json: bool) -> None:
    pixels = numbers(7, high=40_000)
    scene = open_scene(write_landsat(tmp_path, pixels, as_json=as_json))
    assert (scene.name, scene.quantity) == ("Landsat 8 Collection 2 Level-2", "surface reflectance")
    assert [band.name for band in scene.bands] == ["B1", "B2", "B3", "B4", "B5", "B6", "B7"]
    assert scene.table()[4] | {"file": ""} == {
        "band": "B5", "name": "near infrared", "wavelength_nm": 864.67, "resolution_m": 30.0, "file": "",
    }  # fmt: skip
    np.testing.assert_allclose(whole(tmp_path), pixels * 2.75e-5 - 0.2, atol=1e-6)


def test_landsat_level_1_is_divided_by_the_sine_of_the_suns_elevation(tmp_path: Path) -> None:
    pixels = numbers(7, high=40_000)
    write_landsat(tmp_path, pixels, "L1TP")
    assert open_scene(tmp_path).quantity == "reflectance at the top of the atmosphere"
    np.testing.assert_allclose(whole(tmp_path), (pixels * 2e-5 - 0.1) / 0.5, atol=1e-6)


def test_landsat_leaves_fill_and_saturation_out_in_all_bands(tmp_path: Path) -> None:
    pixels = numbers(7)
    pixels[3, 0, 0] = 0
    write_landsat(tmp_path, pixels)
    flags = np.zeros_like(pixels[0])
    flags[0, 1], flags[0, 2], flags[0, 3] = 1, 1 << 3, 1 << 6
    saturation = np.zeros_like(flags)
    saturation[1, 0], saturation[1, 1] = 1 << 6, 1 << 8
    write_raster(next(tmp_path.glob("*QA_PIXEL.TIF")), flags)
    write_raster(next(tmp_path.glob("*QA_RADSAT.TIF")), saturation)
    expected = np.zeros((20, 30), bool)
    expected[0, :2] = expected[1, 0] = True
    assert np.array_equal(np.isnan(whole(tmp_path)), np.broadcast_to(expected, (7, 20, 30)))
    expected[0, 2] = True
    assert np.array_equal(np.isnan(whole(tmp_path, mask_clouds=True))[0], expected)


@pytest.mark.parametrize("name", ["SR_B4", "QA_PIXEL", "QA_RADSAT"])
def test_a_landsat_folder_without_a_file(tmp_path: Path, name: str) -> None:
    next(write_landsat(tmp_path, numbers(7)).glob(f"*{name}.TIF")).unlink()
    with pytest.raises(ValueError, match=rf"lacks {'band 4' if name == 'SR_B4' else name}; unpack or download"):
        read_product(tmp_path)


def test_landsat_7_has_other_bands(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is of LANDSAT_7; only Landsat 8 and 9"):
        read_product(write_landsat(tmp_path, numbers(7), SPACECRAFT_ID="LANDSAT_7"))


def test_landsat_by_night(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scene by night"):
        read_product(write_landsat(tmp_path, numbers(7), "L1TP", SUN_ELEVATION="-3.5"))


def test_landsat_collection_1(tmp_path: Path) -> None:
    (tmp_path / "LC08_MTL.txt").write_text(
        'GROUP = L1_METADATA_FILE\n  ORIGIN = "USGS"\nEND_GROUP = L1_METADATA_FILE\n'
    )
    with pytest.raises(ValueError, match="no Collection 2 product; order"):
        read_product(tmp_path)


# Sentinel-2


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("offset", [None, -1000])
def test_sentinel_2(tmp_path: Path, level: str, offset: int | None) -> None:
    bands = write_sentinel2(tmp_path, level, offset)
    scene = open_scene(tmp_path)
    assert (scene.name, scene.grid.resolution) == (f"Sentinel-2B Level-{level[1:]}", (10, 10))
    assert [band.name for band in scene.bands] == list(bands)
    assert [row["resolution_m"] for row in scene.table()] == [10, 10, 10, 20, 20, 20, 10, 20, 20, 20]
    assert scene.table()[0]["wavelength_nm"] == 492.1
    repeated = [values.repeat(24 // len(values), 0).repeat(24 // len(values), 1) for values in bands.values()]
    np.testing.assert_allclose(whole(tmp_path), (np.stack(repeated) + float(offset or 0)) / 1e4, atol=1e-6)


def test_sentinel_2_leaves_nodata_and_saturation_out(tmp_path: Path) -> None:
    bands = write_sentinel2(tmp_path)
    pixels = bands["B12"].copy()
    pixels[0, 0], pixels[0, 1] = 0, 65535
    path = open_scene(tmp_path).bands[-1].path
    write_jp2(path, pixels, open_scene(tmp_path).placed_bands[-1].grid)
    expected = np.zeros((24, 24), bool)
    expected[:2, :4] = True
    assert np.array_equal(np.isnan(whole(tmp_path)), np.broadcast_to(expected, (10, 24, 24)))


def test_sentinel_2_clouds(tmp_path: Path) -> None:
    classes = np.arange(144, dtype=np.uint8).reshape(12, 12) % 12
    write_sentinel2(tmp_path, classes=classes)
    expected = np.isin(classes, (3, 8, 9, 10)).repeat(2, 0).repeat(2, 1)
    assert not np.isnan(whole(tmp_path)).any()
    assert np.array_equal(np.isnan(whole(tmp_path, mask_clouds=True))[0], expected)


def test_sentinel_2_without_a_band(tmp_path: Path) -> None:
    write_sentinel2(tmp_path)
    next(tmp_path.rglob("*_B8A_20m.jp2")).unlink()
    with pytest.raises(ValueError, match="lacks B8A; unpack"):
        read_product(tmp_path)


def test_sentinel_2_level_1c_has_no_cloud_mask(tmp_path: Path) -> None:
    write_sentinel2(tmp_path, "L1C")
    with pytest.raises(ValueError, match="no scene classification"):
        read_product(tmp_path, mask_clouds=True)


def test_sentinel_2_with_two_tiles(tmp_path: Path) -> None:
    write_sentinel2(tmp_path)
    (tmp_path / "GRANULE" / "L2A_T41RKQ" / "IMG_DATA").mkdir(parents=True)
    with pytest.raises(ValueError, match="2 folders GRANULE"):
        read_product(tmp_path)


# ASTER


@pytest.mark.parametrize("grouped", [False, True])
def test_aster(tmp_path: Path, grouped: bool) -> None:
    bands = write_aster(tmp_path, GAINS, grouped=grouped)
    scene = open_scene(tmp_path)
    assert scene.quantity == "reflectance at the top of the atmosphere"
    assert [band.name for band in scene.bands] == ["B1", "B2", "B3N", "B4", "B5", "B6", "B7", "B8", "B9"]
    assert [row["resolution_m"] for row in scene.table()] == [15] * 3 + [30] * 6
    values = whole(tmp_path)
    distance = sun_distance(date(2003, 1, 4))
    for index, name, coefficient, irradiance in ((0, "1", 0.676, 1848), (2, "3N", 1.15, 1114), (8, "9", 0.0318, 59.85)):
        numbers = bands[name].repeat(2, 0).repeat(2, 1) if index > 2 else bands[name]
        expected = math.pi * (numbers - 1.0) * coefficient * distance**2 / (irradiance * 0.5)
        np.testing.assert_allclose(values[index], expected, rtol=1e-5, atol=1e-6)


def test_aster_without_gains_stays_digital_numbers(tmp_path: Path) -> None:
    bands = write_aster(tmp_path, {})
    assert open_scene(tmp_path).quantity == "digital numbers, as the files say no gains"
    assert np.array_equal(whole(tmp_path)[0], bands["1"])


def test_aster_without_shortwave_infrared(tmp_path: Path) -> None:
    write_aster(tmp_path, GAINS, grouped=True)
    next(tmp_path.glob("*SWIR*")).unlink()
    with pytest.raises(ValueError, match="lacks band 4, band 5, band 6, band 7, band 8, band 9"):
        read_product(tmp_path)


def test_the_sun_is_nearest_in_january() -> None:
    # Perihelion is near January 4 at .9833 au, aphelion near July 4 at 1.0167.
    assert sun_distance(date(2003, 1, 4)) == pytest.approx(0.9833, abs=1e-4)
    assert sun_distance(date(2003, 7, 4)) == pytest.approx(1.0167, abs=1e-4)


# What is no product


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is empty; give a folder of Landsat"):
        read_product(tmp_path)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="is no product that is known"):
        read_product(tmp_path)


@pytest.mark.parametrize("name", ["LC08.7z", "S2A.SAFE.rar"])
def test_archives(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match="is an archive; unpack it"):
        read_product(tmp_path / name)


def test_a_metadata_file_stands_for_its_folder(tmp_path: Path) -> None:
    write_landsat(tmp_path, numbers(7))
    assert read_product(next(tmp_path.glob("*_MTL.txt"))) == read_product(tmp_path)
