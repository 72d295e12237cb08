r"""Landsat 4, 5, 7, 8 and 9, Collection 2, Level-1 and Level-2: a file ``*_MTL.txt`` or ``*_MTL.json`` and its bands.

Reflectance is :math:`\rho = M n + A` at Level-2, and at Level-1, at the top of the atmosphere,
:math:`\rho = (M n + A) / \sin\theta` with the sun's elevation :math:`\theta`; M and A stand in the metadata.

Source: USGS, Landsat 8-9 and Landsat 4-7 Collection 2 Level 2 Science Product Guides (LSDS-1619 and LSDS-1618),
sections 3 and 5; Landsat 8 Data Users Handbook (LSDS-1574), section 5.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nflows_geo.scene.bands import Band, Mask, Product, ProductError, require_files
from nflows_geo.scene.naming import is_named

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


def _mapper(*centres: float) -> dict[int, tuple[str, float]]:
    titles = ("blue", "green", "red", "near infrared", "shortwave infrared 1", "shortwave infrared 2")
    return dict(zip((1, 2, 3, 4, 5, 7), zip(titles, centres, strict=True), strict=True))


THEMATIC_MAPPER_4 = _mapper(485, 569, 659, 841, 1676, 2222)
THEMATIC_MAPPER_5 = _mapper(485, 569, 660, 840, 1676, 2223)
THEMATIC_MAPPER_7 = _mapper(483, 560, 662, 835, 1648, 2206)
"""The bands of Landsat 4, 5 (Thematic Mapper) and 7 (Enhanced Thematic Mapper Plus) that map rocks, without the thermal
one; centres in nm (Chander, Markham and Helder, Remote Sens. Environ. 113, 2009)."""

_FILL = 1 << 0
_CLOUDS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4
"""Dilated cloud, cirrus (Landsat 8 and 9), cloud, cloud shadow, in QA_PIXEL."""
_LEVELS = {
    "L1": ("LEVEL1_RADIOMETRIC_RESCALING", "Level-1"),
    "L2": ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "Level-2"),
}


class Spacecraft(NamedTuple):
    """A satellite: its name, the instruments whose bands are known, these bands, and their flags in QA_RADSAT."""

    title: str
    instruments: Sequence[str]
    bands: Mapping[int, tuple[str, float]]
    saturated: int


_LAND_IMAGER_FLAGS = 0b111_1111
"""Bands 1 to 7, in QA_RADSAT."""
_MAPPER_FLAGS = 0b101_1111 | 1 << 9
"""Bands 1 to 5 and 7, and pixels for which a detector gave no value, in QA_RADSAT."""

_SPACECRAFT = {
    "LANDSAT_4": Spacecraft("Landsat 4", ("TM",), THEMATIC_MAPPER_4, _MAPPER_FLAGS),
    "LANDSAT_5": Spacecraft("Landsat 5", ("TM",), THEMATIC_MAPPER_5, _MAPPER_FLAGS),
    "LANDSAT_7": Spacecraft("Landsat 7", ("ETM", "ETM+"), THEMATIC_MAPPER_7, _MAPPER_FLAGS),
    "LANDSAT_8": Spacecraft("Landsat 8", ("OLI", "OLI_TIRS"), BANDS, _LAND_IMAGER_FLAGS),
    "LANDSAT_9": Spacecraft("Landsat 9", ("OLI", "OLI_TIRS"), BANDS, _LAND_IMAGER_FLAGS),
}

Metadata = Mapping[str, Mapping[str, Any]]


def find_metadata(folder: Path) -> list[Path]:
    """The metadata file of every Landsat product in a folder; of one with two, the JSON."""
    files = [path for name in ("*_MTL.txt", "*_MTL.json") for path in folder.glob(name) if path.name[0] != "."]
    return sorted({path.stem: path for path in files}.values())


def read_landsat(path: Path, mask_clouds: bool = False, exclude: Sequence[str] = ()) -> Product:
    """The bands that map rocks; fill and saturated pixels are left out, and clouds and their shadows if asked.

    Arguments:
        path: The metadata file.
        mask_clouds: Leave out clouds and their shadows.
        exclude: Bands that are left out, whether their files are there or not; see `is_named`.

    Raises:
        ProductError: A file is missing, or it is no product of Collection 2 whose bands are known.
    """
    metadata = _read(path)
    craft, group, level = _kind(metadata, path)
    excluded = [number for number in craft.bands if is_named(f"B{number}", exclude)]
    kept = [number for number in craft.bands if number not in excluded]
    files = _files(path.parent, _group(metadata, "PRODUCT_CONTENTS", path), kept)
    rescaling = _group(metadata, group, path)
    sine = _sine_of_elevation(metadata, path) if level == "Level-1" else 1.0
    return Product(
        name=f"{craft.title} Collection 2 {level}",
        quantity="surface reflectance" if level == "Level-2" else "reflectance at the top of the atmosphere",
        bands=[_band(n, craft.bands[n], files[f"band {n}"], rescaling, sine, path) for n in kept],
        masks=[
            Mask(files["QA_PIXEL"], _FILL | (_CLOUDS if mask_clouds else 0)),
            Mask(files["QA_RADSAT"], craft.saturated),
        ],
        metadata=[path],
        left_out=[f"B{number}" for number in excluded],
    )


def _kind(metadata: Metadata, path: Path) -> tuple[Spacecraft, str, str]:
    """The spacecraft, the group with the scaling, and the level."""
    attributes = _group(metadata, "IMAGE_ATTRIBUTES", path)
    name = str(attributes.get("SPACECRAFT_ID"))
    craft = _SPACECRAFT.get(name)
    instrument = str(attributes.get("SENSOR_ID", craft.instruments[0] if craft else "?"))
    if craft is None or instrument not in craft.instruments:
        of = name if craft is None else f"the instrument {instrument} of {craft.title}"
        raise ProductError(
            f"{path} is of {of}; only Landsat 4 and 5 (TM), 7 (ETM+), 8 and 9 (OLI) are known, give other bands as "
            "rasters"
        )
    level = str(_group(metadata, "PRODUCT_CONTENTS", path).get("PROCESSING_LEVEL"))
    if level[:2] not in _LEVELS:
        raise ProductError(f"{path} has the unknown processing level {level}; give Level-1 or Level-2")
    return craft, *_LEVELS[level[:2]]


def _files(folder: Path, contents: Mapping[str, Any], numbers: Sequence[int]) -> dict[str, Path]:
    wanted = {f"band {number}": _file(folder, contents, f"FILE_NAME_BAND_{number}") for number in numbers}
    wanted |= {"QA_PIXEL": _file(folder, contents, "FILE_NAME_QUALITY_L1_PIXEL")}
    wanted |= {"QA_RADSAT": _file(folder, contents, "FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION")}
    return require_files(folder, wanted)


def _band(
    number: int, told: tuple[str, float], file: Path, rescaling: Mapping[str, Any], sine: float, path: Path
) -> Band:
    title, wavelength = told
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
    metadata: Metadata | None = groups.get("LANDSAT_METADATA_FILE") if isinstance(groups, dict) else None
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
