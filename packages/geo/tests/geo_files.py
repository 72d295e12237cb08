"""Small rasters and product folders with the names and metadata of real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_origin

from nflows_geo.raster import Grid
from nflows_geo.scene.products import aster, landsat, sentinel2

WEST, NORTH = 300_000.0, 3_200_040.0


def make_grid(width: int = 30, height: int = 20, size: float = 30.0, east: float = 0.0, south: float = 0.0) -> Grid:
    """A grid in UTM zone 41 that starts so many metres east and south of the others."""
    return Grid(CRS.from_epsg(32641), from_origin(WEST + east, NORTH - south, size, size), width, height)


def write_raster(path: Path, pixels: NDArray[Any], grid: Grid | None = None, **profile: Any) -> Path:
    """Writes [C, H, W] or [H, W] as it is."""
    pixels = pixels.reshape(-1, *pixels.shape[-2:])
    count, height, width = pixels.shape
    if grid is None:
        grid = make_grid(width, height)
    settings = {"driver": "GTiff", "crs": grid.crs, "transform": grid.transform, "dtype": pixels.dtype, **profile}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", width=width, height=height, count=count, **settings) as dataset:
        dataset.write(pixels)
    return path


def numbers(count: int, height: int = 20, width: int = 30, seed: int = 0, high: int = 5000) -> NDArray[np.uint16]:
    """Random numbers without 0, [C, H, W]."""
    return np.random.default_rng(seed).integers(1, high, (count, height, width)).astype(np.uint16)


def write_landsat(
    folder: Path,
    pixels: NDArray[np.uint16],
    level: str = "L2SP",
    *,
    as_json: bool = False,
    day: str = "20200101",
    bands: Sequence[int] = tuple(landsat.BANDS),
    **image: object,
) -> Path:
    """A Landsat product with a band for each layer; nothing is flagged."""
    stem = f"LC08_{level}_157040_{day}_20200823_02_T1"
    infix = "SR_" if level.startswith("L2") else ""
    contents: dict[str, object] = {"PROCESSING_LEVEL": level, "COLLECTION_NUMBER": "02"}
    for number, band in zip(bands, pixels, strict=True):
        contents[f"FILE_NAME_BAND_{number}"] = f"{stem}_{infix}B{number}.TIF"
        write_raster(folder / f"{stem}_{infix}B{number}.TIF", band, nodata=0)
    for key, name in (("PIXEL", "QA_PIXEL"), ("RADIOMETRIC_SATURATION", "QA_RADSAT")):
        contents[f"FILE_NAME_QUALITY_L1_{key}"] = f"{stem}_{name}.TIF"
        write_raster(folder / f"{stem}_{name}.TIF", np.zeros_like(pixels[0]))
    metadata = {
        "PRODUCT_CONTENTS": contents,
        "IMAGE_ATTRIBUTES": {"SPACECRAFT_ID": "LANDSAT_8", "SUN_ELEVATION": "30.0", **image},
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": _rescaling("2.75e-05", "-0.2"),
        "LEVEL1_RADIOMETRIC_RESCALING": _rescaling("2.0000E-05", "-0.100000"),
    }
    nested = {"LANDSAT_METADATA_FILE": metadata}
    text = json.dumps(nested) if as_json else _odl(nested) + "END\n"
    (folder / f"{stem}_MTL.{'json' if as_json else 'txt'}").write_text(text)
    return folder


def _rescaling(scale: str, offset: str) -> dict[str, object]:
    scales = {f"REFLECTANCE_MULT_BAND_{number}": scale for number in landsat.BANDS}
    return {**scales, **{f"REFLECTANCE_ADD_BAND_{number}": offset for number in landsat.BANDS}}


def _odl(groups: Mapping[str, Any], depth: int = 0) -> str:
    lines = []
    for key, value in groups.items():
        indent = "  " * depth
        if isinstance(value, Mapping):
            lines.append(f"{indent}GROUP = {key}\n{_odl(value, depth + 1)}{indent}END_GROUP = {key}\n")
        else:
            quoted = value if _is_number(value) else f'"{value}"'
            lines.append(f"{indent}{key} = {quoted}\n")
    return "".join(lines)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def write_sentinel2(
    folder: Path, level: str = "L2A", offset: int | None = -1000, *, size: int = 24, classes: NDArray[Any] | None = None
) -> dict[str, NDArray[np.uint16]]:
    """A Sentinel-2 product, with lossless JPEG 2000 files; returns the numbers of its bands."""
    images = folder / "GRANULE" / f"{level}_T41RKP_A027000_20200101T063800" / "IMG_DATA"
    bands = {}
    for seed, (name, (_, _, resolution)) in enumerate(sentinel2.BANDS.items()):
        side = size * 10 // resolution
        bands[name] = numbers(1, side, side, seed)[0]
        code = f"B{name[1:]:0>2}"
        suffix = f"R{resolution}m/T41RKP_20200101T063801_{code}_{resolution}m.jp2"
        path = images / (suffix if level == "L2A" else f"T41RKP_20200101T063801_{code}.jp2")
        write_jp2(path, bands[name], make_grid(side, side, resolution))
    if classes is not None:
        path = images / "R20m" / "T41RKP_20200101T063801_SCL_20m.jp2"
        write_jp2(path, classes, make_grid(*classes.shape[::-1], 20))
    (folder / f"MTD_MSI{level}.xml").write_text(_sentinel2_xml(level, offset))
    return bands


def write_jp2(path: Path, pixels: NDArray[Any], grid: Grid) -> Path:
    return write_raster(path, pixels, grid, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")


def _sentinel2_xml(level: str, offset: int | None) -> str:
    kind, prefix = ("BOA_ADD_OFFSET", "BOA_") if level == "L2A" else ("RADIO_ADD_OFFSET", "")
    offsets = "" if offset is None else "".join(f'<{kind} band_id="{i}">{offset}</{kind}>' for i in range(13))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level.xsd">
  <n1:General_Info>
    <Product_Info><Datatake><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME></Datatake></Product_Info>
    <Product_Image_Characteristics>
      <QUANTIFICATION_VALUES_LIST><{prefix}QUANTIFICATION_VALUE unit="none">10000</{prefix}QUANTIFICATION_VALUE>
      </QUANTIFICATION_VALUES_LIST>
      <Offset_List>{offsets}</Offset_List>
      <Spectral_Information_List><Spectral_Information bandId="1" physicalBand="B2">
        <Wavelength><CENTRAL unit="nm">492.1</CENTRAL></Wavelength></Spectral_Information>
      </Spectral_Information_List>
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level_User_Product>
"""


def write_aster(
    folder: Path, tags: Mapping[str, str], *, grouped: bool = False, day: str = "01042003"
) -> dict[str, NDArray[np.uint8]]:
    """An ASTER product with a file for each band, or one for each telescope; returns the numbers of its bands."""
    stem = f"AST_L1T_003{day}184637_20150510042443_71720"
    bands = {
        name: numbers(1, *((40, 60) if seed < 3 else (20, 30)), seed, 255)[0].astype(np.uint8)
        for seed, name in enumerate(aster.BANDS)
    }
    for telescope, names, size in (("VNIR", ("1", "2", "3N"), 15), ("SWIR", tuple("456789"), 30)):
        grid = make_grid(*bands[names[0]].shape[::-1], size)
        files = {f"{stem}.{telescope}.tif": names} if grouped else {f"{stem}_ImageData{n}.tif": (n,) for n in names}
        for file, members in files.items():
            _tag(write_raster(folder / file, np.stack([bands[name] for name in members]), grid), tags)
    return bands


def _tag(path: Path, tags: Mapping[str, str]) -> None:
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**tags)


def write_envi(path: Path, pixels: NDArray[np.int16], **header: str) -> Path:
    """An ENVI cube, [C, H, W], with lines of its header, whose keys have underscores for blanks."""
    count, height, width = pixels.shape
    lines = {
        "samples": width,
        "lines": height,
        "bands": count,
        "header offset": 0,
        "data type": 2,
        "interleave": "bsq",
        "byte order": 0,
        "map info": f"{{UTM, 1, 1, {WEST}, {NORTH}, 30, 30, 41, North, WGS-84}}",
        **{key.replace("_", " "): value for key, value in header.items()},
    }
    path.write_bytes(pixels.astype("<i2").tobytes())
    path.with_suffix(".hdr").write_text("ENVI\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    return path


def describe(path: Path, names: Sequence[str]) -> Path:
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = tuple(names)
    return path
