r"""Landsat 8 and 9, Collection 2, Level-1 and Level-2: a folder with a file ``*_MTL.txt`` or ``*_MTL.json``.

Reflectance is :math:`\rho = M n + A` at Level-2, and at Level-1, at the top of the atmosphere,
:math:`\rho = (M n + A) / \sin\theta` with the sun's elevation :math:`\theta`; M and A stand in the metadata.

Source: USGS, Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619), sections 3 and 5; Landsat 8 Data Users
Handbook (LSDS-1574), section 5.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nflows_geo.scene.bands import Band, Mask, Product, ProductError, require_files

BANDS = {
    1: ("coastal aerosol", 442.96),
    2: ("blue", 482.04),
    3: ("green", 561.41),
    4: ("red", 654.59),
    5: ("near infrared", 864.67),
    6: ("shortwave infrared 1", 1608.86),
    7: ("shortwave infrared 2", 2200.73),
}
"""The bands of the Operational Land Imager that map rocks; centres in nm (Barsi et al., Remote Sens. 6, 2014)."""

_FILL = 1 << 0
_CLOUDS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4
"""Dilated cloud, cirrus, cloud, cloud shadow, in QA_PIXEL."""
_SATURATED = 0b111_1111
"""Bands 1 to 7, in QA_RADSAT."""
_LEVELS = {
    "L1": ("LEVEL1_RADIOMETRIC_RESCALING", "Level-1"),
    "L2": ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "Level-2"),
}

_SPACECRAFT = {"LANDSAT_8": "Landsat 8", "LANDSAT_9": "Landsat 9"}

Metadata = Mapping[str, Mapping[str, Any]]


def find_metadata(folder: Path) -> Path | None:
    """The metadata file of a Landsat product."""
    return next((path for name in ("*_MTL.json", "*_MTL.txt") for path in sorted(folder.glob(name))), None)


def read_landsat(folder: Path, mask_clouds: bool = False) -> Product:
    """The bands 1 to 7; fill and saturated pixels are left out, and clouds and their shadows if asked.

    Raises:
        ProductError: A file is missing, or it is no Landsat 8 or 9 product of Collection 2.
    """
    path = find_metadata(folder)
    if path is None:
        raise ProductError(f"{folder} has no file *_MTL.txt or *_MTL.json; it is no complete Landsat product")
    metadata = _read(path)
    spacecraft, group, level = _kind(metadata, path)
    files = _files(folder, _group(metadata, "PRODUCT_CONTENTS", path))
    rescaling = _group(metadata, group, path)
    sine = _sine_of_elevation(metadata, path) if level == "Level-1" else 1.0
    return Product(
        name=f"{spacecraft} Collection 2 {level}",
        quantity="surface reflectance" if level == "Level-2" else "reflectance at the top of the atmosphere",
        bands=[_band(number, files[f"band {number}"], rescaling, sine, path) for number in BANDS],
        masks=[
            Mask(files["QA_PIXEL"], _FILL | (_CLOUDS if mask_clouds else 0)),
            Mask(files["QA_RADSAT"], _SATURATED),
        ],
        metadata=[path],
    )


def _kind(metadata: Metadata, path: Path) -> tuple[str, str, str]:
    """The spacecraft, the group with the scaling, and the level."""
    spacecraft = str(_group(metadata, "IMAGE_ATTRIBUTES", path).get("SPACECRAFT_ID"))
    if spacecraft not in _SPACECRAFT:
        raise ProductError(f"{path} is of {spacecraft}; only Landsat 8 and 9 are known, give other bands as rasters")
    level = str(_group(metadata, "PRODUCT_CONTENTS", path).get("PROCESSING_LEVEL"))
    if level[:2] not in _LEVELS:
        raise ProductError(f"{path} has the unknown processing level {level}; give Level-1 or Level-2")
    return _SPACECRAFT[spacecraft], *_LEVELS[level[:2]]


def _files(folder: Path, contents: Mapping[str, Any]) -> dict[str, Path]:
    wanted = {f"band {number}": _file(folder, contents, f"FILE_NAME_BAND_{number}") for number in BANDS}
    wanted |= {"QA_PIXEL": _file(folder, contents, "FILE_NAME_QUALITY_L1_PIXEL")}
    wanted |= {"QA_RADSAT": _file(folder, contents, "FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION")}
    return require_files(folder, wanted)


def _band(number: int, file: Path, rescaling: Mapping[str, Any], sine: float, path: Path) -> Band:
    title, wavelength = BANDS[number]
    scale = _number(rescaling, f"REFLECTANCE_MULT_BAND_{number}", path) / sine
    offset = _number(rescaling, f"REFLECTANCE_ADD_BAND_{number}", path) / sine
    return Band(f"B{number}", file, 1, title, wavelength, scale, offset, invalid=(0,))


def _sine_of_elevation(metadata: Metadata, path: Path) -> float:
    elevation = _number(_group(metadata, "IMAGE_ATTRIBUTES", path), "SUN_ELEVATION", path)
    if elevation <= 0:
        raise ProductError(f"{path}: the sun stood {elevation} degrees high; a scene by night has no reflectance")
    return math.sin(math.radians(elevation))


def _read(path: Path) -> Metadata:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        groups = json.loads(text) if path.suffix == ".json" else _parse(text)
    except json.JSONDecodeError as error:
        raise ProductError(f"{path} is no JSON: {error}; download it again") from error
    metadata: Metadata | None = groups.get("LANDSAT_METADATA_FILE")
    if metadata is None:
        raise ProductError(f"{path} is of no Collection 2 product; order the scene from Collection 2")
    return metadata


def _parse(text: str) -> dict[str, Any]:
    """The groups of an ODL file such as ``*_MTL.txt``, as nested dictionaries."""
    root: dict[str, Any] = {}
    stack = [root]
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            stack.append(stack[-1].setdefault(value, {}))
        elif key == "END_GROUP" and len(stack) > 1:
            stack.pop()
        elif value:
            stack[-1][key] = value.strip('"')
    return root


def _group(metadata: Metadata, name: str, path: Path) -> Mapping[str, Any]:
    if name not in metadata:
        raise ProductError(f"{path} has no group {name}; download it again")
    return metadata[name]


def _number(group: Mapping[str, Any], key: str, path: Path) -> float:
    try:
        return float(group[key])
    except (KeyError, ValueError) as error:
        raise ProductError(f"{path} has no number {key}; download it again") from error


def _file(folder: Path, contents: Mapping[str, Any], key: str) -> Path | None:
    return folder / str(contents[key]) if key in contents else None
