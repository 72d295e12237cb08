r"""Sentinel-2, Level-1C and Level-2A: a folder ``*.SAFE``.

Reflectance is :math:`\rho = (n + A) / Q`, with the quantification value Q, 10,000, and the offset A of the band, -1,000
since processing baseline 04.00 and 0 before; both stand in ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.

Source: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), section 4.9 and its metadata tables.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from nflows_geo.scene.bands import Band, Mask, Product, ProductError, require_files

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


def find_metadata(folder: Path) -> Path | None:
    """The metadata file of a Sentinel-2 product."""
    return next((folder / name for name in ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml") if (folder / name).is_file()), None)


def read_sentinel2(folder: Path, mask_clouds: bool = False) -> Product:
    """The bands 2 to 8, 8A, 11 and 12, each at its finest resolution; clouds and shadows are left out if asked.

    Raises:
        ProductError: A file is missing, the product has several tiles, or there is no cloud mask.
    """
    path = find_metadata(folder)
    if path is None:
        raise ProductError(f"{folder} has no MTD_MSIL1C.xml or MTD_MSIL2A.xml; it is no complete Sentinel-2 product")
    images, root = _images(folder), _parse(path)
    level = path.stem[-3:]
    files = require_files(folder, {_code(name): _find(images, name) for name in BANDS})
    scale = 1 / _quantification(root, level, path)
    offsets, centres = _offsets(root, level), _centres(root)
    bands = [
        Band(
            name,
            files[_code(name)],
            title=title,
            wavelength_nm=centres.get(name, centre),
            scale=scale,
            offset=offsets.get(name, 0.0) * scale,
            invalid=(0, _SATURATED),
        )
        for name, (title, centre, _) in BANDS.items()
    ]
    quantity = "surface reflectance" if level == "L2A" else "reflectance at the top of the atmosphere"
    masks = [Mask(_classification(folder, images), classes=_CLOUDS)] if mask_clouds else []
    spacecraft = root.findtext(".//SPACECRAFT_NAME") or "Sentinel-2"
    return Product(f"{spacecraft} Level-{level[1:]}", quantity, bands, masks, [path])


def _images(folder: Path) -> Path:
    tiles = sorted(path for path in folder.glob("GRANULE/*/IMG_DATA") if path.is_dir())
    if len(tiles) != 1:
        raise ProductError(
            f"{folder} has {len(tiles)} folders GRANULE/*/IMG_DATA; one tile is one scene, give a SAFE with one"
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
    paths = [path for pattern in patterns for path in sorted(images.glob(pattern)) if path.suffix in (".jp2", ".tif")]
    return paths[0] if paths else None


def _quantification(root: ElementTree.Element, level: str, path: Path) -> float:
    tag = "BOA_QUANTIFICATION_VALUE" if level == "L2A" else "QUANTIFICATION_VALUE"
    text = root.findtext(f".//{tag}")
    if text is None or float(text) <= 0:
        raise ProductError(f"{path} has no {tag}; download it again")
    return float(text)


def _offsets(root: ElementTree.Element, level: str) -> dict[str, float]:
    tag = "BOA_ADD_OFFSET" if level == "L2A" else "RADIO_ADD_OFFSET"
    return {_IDS[int(entry.attrib["band_id"])]: float(entry.text or 0) for entry in root.iter(tag)}


def _centres(root: ElementTree.Element) -> dict[str, float]:
    entries = {
        entry.get("physicalBand", ""): entry.findtext("Wavelength/CENTRAL")
        for entry in root.iter("Spectral_Information")
    }
    return {name: float(text) for name, text in entries.items() if text}


def _classification(folder: Path, images: Path) -> Path:
    paths = sorted(images.glob("R20m/*_SCL_20m.*"))
    if not paths:
        raise ProductError(f"{folder} has no scene classification (SCL), so clouds cannot be masked; use Level-2A")
    return paths[0]
