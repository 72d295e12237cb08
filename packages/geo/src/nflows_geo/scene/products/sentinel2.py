r"""Sentinel-2, Level-1C and Level-2A: a folder ``*.SAFE``.

Reflectance is :math:`\rho = (n + A) / Q`, with the quantification value Q, 10,000, and the offset A of the band, -1,000
since processing baseline 04.00 and 0 before; both stand in ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.

Source: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), section 4.9 and its metadata tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from nflows_geo.scene.bands import Band, Mask, Product, ProductError, require_files
from nflows_geo.scene.naming import is_named

BANDS = {
    "B2": ("blue", 492.4, 10),
    "B3": ("green", 559.8, 10),
    "B4": ("red", 664.6, 10),
    "B5": ("red edge 1", 704.1, 20),
    "B6": ("red edge 2", 740.5, 20),
    "B7": ("red edge 3", 782.8, 20),
    "B8": ("near infrared", 832.8, 10),
    "B8A": ("narrow near infrared", 864.7, 20),
    "B11": ("shortwave infrared 1", 1613.7, 20),
    "B12": ("shortwave infrared 2", 2202.4, 20),
}
"""The bands that map rocks: in words, centre in nm (Sentinel-2A, if the metadata has none), finest resolution in m."""

_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
_SATURATED = 65535
_CLOUDS = (3, 8, 9, 10)
"""Cloud shadow, cloud of medium and of high probability, thin cirrus, in the scene classification of Level-2A."""


def find_metadata(folder: Path) -> list[Path]:
    """The metadata file of every Sentinel-2 product in a folder."""
    return [folder / name for name in ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml") if (folder / name).is_file()]


def read_sentinel2(path: Path, mask_clouds: bool = False, exclude: Sequence[str] = ()) -> Product:
    """The bands 2 to 8, 8A, 11 and 12, each at its finest resolution.

    Arguments:
        path: The metadata file.
        mask_clouds: Leave out clouds and their shadows.
        exclude: Bands that are left out, whether their files are there or not; see `is_named`.

    Raises:
        ProductError: A file is missing, the product has several tiles, or there is no cloud mask.
    """
    folder = path.parent
    images, root = _images(folder), _parse(path)
    level = path.stem[-3:]
    kept = [name for name in BANDS if not is_named(name, exclude)]
    files = require_files(folder, {_code(name): _find(images, name) for name in kept})
    scale = 1 / _quantification(root, level, path)
    offsets, centres = _offsets(root, level, path), _centres(root, path)
    bands = [
        Band(
            name,
            files[_code(name)],
            title=BANDS[name][0],
            wavelength_nm=centres.get(name, BANDS[name][1]),
            scale=scale,
            offset=offsets.get(name, 0.0) * scale,
            invalid=(0, _SATURATED),
        )
        for name in kept
    ]
    quantity = "surface reflectance" if level == "L2A" else "reflectance at the top of the atmosphere"
    masks = [Mask(_classification(folder, images), classes=_CLOUDS)] if mask_clouds else []
    spacecraft = root.findtext(".//SPACECRAFT_NAME") or "Sentinel-2"
    left_out = [name for name in BANDS if name not in kept]
    return Product(f"{spacecraft} Level-{level[1:]}", quantity, bands, masks, [path], left_out=left_out)


def _images(folder: Path) -> Path:
    tiles = sorted(path for path in folder.glob("GRANULE/*/IMG_DATA") if path.is_dir())
    if not tiles:
        raise ProductError(f"{folder} has no folder GRANULE/*/IMG_DATA; unpack the product again, completely")
    if len(tiles) > 1:
        granules = ", ".join(tile.parent.name for tile in tiles)
        raise ProductError(
            f"{folder} has {len(tiles)} granules: {granules}; one tile is one scene, give each a SAFE folder of its own"
        )
    return tiles[0]


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ProductError(f"{path} is no XML: {error}; download it again") from error


def _code(name: str) -> str:
    """The name of a band in file names: ``B02`` for B2."""
    return f"B{name[1:]:0>2}"


def _find(images: Path, name: str) -> Path | None:
    """The file of a band: Level-2A has one a resolution, Level-1C one."""
    resolution = BANDS[name][2]
    patterns = (f"R{resolution}m/*_{_code(name)}_{resolution}m.*", f"*_{_code(name)}.*")
    found = (_one(images, pattern) for pattern in patterns)
    return next((path for path in found if path is not None), None)


def _one(images: Path, pattern: str) -> Path | None:
    """The image whose name is of that form, if there is one; two are not of one scene."""
    paths = [path for path in sorted(images.glob(pattern)) if path.suffix in (".jp2", ".tif") and path.name[0] != "."]
    if len(paths) > 1:
        raise ProductError(
            f"{images} has {' and '.join(path.name for path in paths)} for one band; one tile is one scene, give each "
            "a SAFE folder of its own"
        )
    return paths[0] if paths else None


def _quantification(root: ElementTree.Element, level: str, path: Path) -> float:
    tag = "BOA_QUANTIFICATION_VALUE" if level == "L2A" else "QUANTIFICATION_VALUE"
    value = _number(root.findtext(f".//{tag}"), tag, path)
    if value <= 0:
        raise ProductError(f"{path} has no {tag} above 0; download it again")
    return value


def _offsets(root: ElementTree.Element, level: str, path: Path) -> dict[str, float]:
    tag = "BOA_ADD_OFFSET" if level == "L2A" else "RADIO_ADD_OFFSET"
    return {
        name: _number(entry.text, tag, path)
        for entry in root.iter(tag)
        for number, name in enumerate(_IDS)
        if entry.get("band_id") == str(number)
    }


def _centres(root: ElementTree.Element, path: Path) -> dict[str, float]:
    entries = {
        entry.get("physicalBand", ""): entry.findtext("Wavelength/CENTRAL")
        for entry in root.iter("Spectral_Information")
    }
    return {name: _number(text, "CENTRAL", path) for name, text in entries.items() if text}


def _number(text: str | None, tag: str, path: Path) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise ProductError(f"{path} has no number {tag}; download it again") from error


def _classification(folder: Path, images: Path) -> Path:
    path = _one(images, "R20m/*_SCL_20m.*")
    if path is None:
        raise ProductError(f"{folder} has no scene classification (SCL), so clouds cannot be masked; use Level-2A")
    return path
