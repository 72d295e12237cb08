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

OF_BANDS = {"01": "HGH", "02": "NOR", "3N": "LOW", "3B": "LOW", "04": "HGH", "05": "LO2", "06": "LOW", "07": "NOR"}
GAINS = {"SOLARDIRECTION": "157.5, 30.0"}
GAINS |= {
    f"GAIN.{number}": f"{band}, {gain}"
    for number, (band, gain) in enumerate((OF_BANDS | {"08": "NOR", "09": "HGH"}).items(), 1)
}
"""As GDAL gives them: counted with the band 3B, so that the number after the point is not the band's."""


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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "SR_B4",
            "lacks band 4; unpack or download the product again, completely, or leave bands out: `exclude_bands` 4",
        ),
        ("QA_PIXEL", "lacks QA_PIXEL; unpack or download the product again, completely$"),
        ("QA_RADSAT", "lacks QA_RADSAT; unpack or download the product again, completely$"),
    ],
)
def test_a_landsat_folder_without_a_file(tmp_path: Path, name: str, message: str) -> None:
    next(write_landsat(tmp_path, numbers(7)).glob(f"*{name}.TIF")).unlink()
    with pytest.raises(ValueError, match=message):
        read_product(tmp_path)


def test_a_band_that_is_left_out_need_not_be_there(tmp_path: Path) -> None:
    pixels = numbers(7)
    next(write_landsat(tmp_path, pixels).glob("*SR_B4.TIF")).unlink()
    scene = open_scene(tmp_path, exclude_bands=["4"])
    assert [band.name for band in scene.bands] == ["B1", "B2", "B3", "B5", "B6", "B7"]
    expected = np.delete(pixels, 3, axis=0) * 2.75e-5 - 0.2
    np.testing.assert_allclose(scene.read(scene.grid.window), expected, atol=1e-6)


MAPPER_BANDS = (1, 2, 3, 4, 5, 7)


@pytest.mark.parametrize(
    ("spacecraft", "sensor", "centres"),
    [
        ("LANDSAT_4", "TM", [485, 569, 659, 841, 1676, 2222]),
        ("LANDSAT_5", "TM", [485, 569, 660, 840, 1676, 2223]),
        ("LANDSAT_7", "ETM", [483, 560, 662, 835, 1648, 2206]),
    ],
)
def test_thematic_mappers(tmp_path: Path, spacecraft: str, sensor: str, centres: list[float]) -> None:
    pixels = numbers(6, high=40_000)
    write_landsat(tmp_path, pixels, bands=MAPPER_BANDS, SPACECRAFT_ID=spacecraft, SENSOR_ID=sensor)
    scene = open_scene(tmp_path)
    assert scene.name == f"Landsat {spacecraft[-1]} Collection 2 Level-2"
    assert [band.name for band in scene.bands] == ["B1", "B2", "B3", "B4", "B5", "B7"]
    assert scene.wavelengths == centres
    assert [band.title for band in scene.bands][2:] == [
        "red", "near infrared", "shortwave infrared 1", "shortwave infrared 2",
    ]  # fmt: skip
    np.testing.assert_allclose(whole(tmp_path), pixels * 2.75e-5 - 0.2, atol=1e-6)


def test_thematic_mappers_have_saturation_flags_of_their_own(tmp_path: Path) -> None:
    write_landsat(tmp_path, numbers(6), "L1TP", bands=MAPPER_BANDS, SPACECRAFT_ID="LANDSAT_7")
    saturation = np.zeros((20, 30), np.uint16)
    # Bands 1 and 7, the thermal band in both gains, and a pixel for which a detector gave no value.
    saturation[0, :5] = 1 << 0, 1 << 6, 1 << 5, 1 << 8, 1 << 9
    write_raster(next(tmp_path.glob("*QA_RADSAT.TIF")), saturation)
    assert np.argwhere(np.isnan(whole(tmp_path)[0])).tolist() == [[0, 0], [0, 1], [0, 4]]


@pytest.mark.parametrize(
    ("spacecraft", "sensor", "message"),
    [
        ("LANDSAT_3", "MSS", "is of LANDSAT_3; only Landsat 4 and 5"),
        ("LANDSAT_5", "MSS", "is of the instrument MSS of Landsat 5; only Landsat 4 and 5"),
        ("LANDSAT_8", "TIRS", "is of the instrument TIRS of Landsat 8"),
    ],
)
def test_instruments_with_other_bands(tmp_path: Path, spacecraft: str, sensor: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_product(write_landsat(tmp_path, numbers(7), SPACECRAFT_ID=spacecraft, SENSOR_ID=sensor))


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
    with pytest.raises(ValueError, match="2 granules: L2A_T41RKP_A027000_20200101T063800, L2A_T41RKQ; one tile is"):
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
    for index, name, coefficient, irradiance in (
        (0, "1", 0.676, 1848),
        (2, "3N", 1.15, 1114),
        (3, "4", 0.1087, 225.4),
        (4, "5", 0.409, 86.63),
        (5, "6", 0.0830, 81.85),
        (8, "9", 0.0159, 59.85),
    ):
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


def test_aster_bands_that_were_off_are_left_out_in_words(tmp_path: Path) -> None:
    off = {key: value.replace("NOR", "OFF") for key, value in GAINS.items() if key != "GAIN.2"}
    write_aster(tmp_path, GAINS | off)
    scene = open_scene(tmp_path)
    assert [band.name for band in scene.bands] == ["B1", "B2", "B3N", "B4", "B5", "B6", "B9"]
    assert scene.notices == (
        "AST_L1T_00301042003184637_20150510042443_71720: left out, as the sensor was switched off (gain OFF): B7, B8",
    )


def test_the_shortwave_infrared_of_aster_is_left_out_since_it_failed(tmp_path: Path) -> None:
    write_aster(tmp_path / "before", GAINS, day="04222008")
    assert len(open_scene(tmp_path / "before").bands) == 9
    write_aster(tmp_path / "after", GAINS, day="04232008", grouped=True)
    next((tmp_path / "after").glob("*SWIR*")).unlink()
    scene = open_scene(tmp_path / "after")
    assert [band.name for band in scene.bands] == ["B1", "B2", "B3N"]
    assert scene.notices[0].endswith("infrared is saturated: B4, B5, B6, B7, B8, B9")
    # Whoever leaves them out is told nothing more.
    assert open_scene(tmp_path / "after", exclude_bands=["4-9"]).notices == ()


def test_layers_of_an_aster_file_that_are_not_its_bands(tmp_path: Path) -> None:
    write_aster(tmp_path, GAINS, grouped=True)
    write_raster(next(tmp_path.glob("*VNIR.tif")), numbers(4))
    with pytest.raises(ValueError, match=r"VNIR\.tif has 4 layers, not 3 for the bands 1, 2, 3N"):
        read_product(tmp_path)


@pytest.mark.parametrize(
    ("tag", "text", "message"),
    [
        ("SOLARDIRECTION", "157.5", "no azimuth and elevation in SOLARDIRECTION"),
        ("CALENDARDATE", "2003-13-41", "20031341 is no day"),
        ("GAIN.1", "01, XYZ", "band 1 has the gain XYZ, .* `exclude_bands` 1"),
    ],
)
def test_aster_tags_that_make_no_sense(tmp_path: Path, tag: str, text: str, message: str) -> None:
    write_aster(tmp_path, GAINS | {tag: text})
    with pytest.raises(ValueError, match=message):
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


# Several products in one folder


def test_two_landsat_scenes_in_one_folder(tmp_path: Path) -> None:
    first, second = numbers(7, seed=1), numbers(7, seed=2)
    write_landsat(tmp_path, first)
    write_landsat(tmp_path, second, day="20200117")
    with pytest.raises(ValueError, match=r"holds 2 products: LC08_.*_20200101_.*_MTL.txt, .*_20200117_.*name the file"):
        read_product(tmp_path)
    np.testing.assert_allclose(whole(next(tmp_path.glob("*_20200117_*_MTL.txt"))), second * 2.75e-5 - 0.2, atol=1e-6)


def test_both_forms_of_the_metadata_are_one_product(tmp_path: Path) -> None:
    write_landsat(tmp_path, numbers(7))
    write_landsat(tmp_path, numbers(7), as_json=True)
    (tmp_path / "._LC08_L2SP_157040_20200101_20200823_02_T1_MTL.txt").write_bytes(b"\0")  # of a Mac's archive
    assert len(read_product(tmp_path).bands) == 7


def test_two_aster_granules_in_one_folder(tmp_path: Path) -> None:
    write_aster(tmp_path, GAINS, grouped=True)
    write_aster(tmp_path, GAINS, grouped=True, day="07012006")
    next(tmp_path.glob("*07012006*SWIR*")).unlink()
    with pytest.raises(ValueError, match=r"holds 2 products: AST_L1T_00301042003.*, AST_L1T_00307012006.* of its own"):
        read_product(tmp_path)


def test_an_aster_band_that_is_there_twice(tmp_path: Path) -> None:
    write_aster(tmp_path, GAINS)
    write_aster(tmp_path, GAINS, grouped=True)
    with pytest.raises(ValueError, match=r"has band 1 twice, in .*VNIR\.tif and .*ImageData1\.tif; keep one"):
        read_product(tmp_path)


def test_two_levels_of_sentinel_2_in_one_folder(tmp_path: Path) -> None:
    write_sentinel2(tmp_path)
    (tmp_path / "MTD_MSIL1C.xml").write_text("<xml/>")
    with pytest.raises(ValueError, match=r"holds 2 products: MTD_MSIL2A\.xml, MTD_MSIL1C\.xml"):
        read_product(tmp_path)
    assert read_product(tmp_path / "MTD_MSIL2A.xml").name == "Sentinel-2B Level-2A"


def test_images_of_two_days_in_one_granule(tmp_path: Path) -> None:
    write_sentinel2(tmp_path)
    image = next(tmp_path.rglob("*_B08_10m.jp2"))
    image.with_name("T41RKP_20200111T063801_B08_10m.jp2").write_bytes(image.read_bytes())
    with pytest.raises(
        ValueError, match=r"20200101T063801_B08_10m\.jp2 and T41RKP_20200111T063801_B08_10m\.jp2 for one"
    ):
        read_product(tmp_path)


def test_products_of_two_sensors_in_one_folder(tmp_path: Path) -> None:
    write_landsat(tmp_path, numbers(7))
    write_aster(tmp_path, GAINS)
    with pytest.raises(ValueError, match=r"holds 2 products: LC08_.*_MTL.txt, AST_L1T_.*give each a folder"):
        read_product(tmp_path)


def test_a_folder_of_folders(tmp_path: Path) -> None:
    write_landsat(tmp_path / "first", numbers(7))
    write_sentinel2(tmp_path / "second.SAFE")
    with pytest.raises(ValueError, match=r"is no product itself, but holds first, second\.SAFE; give one of them"):
        read_product(tmp_path)
