r"""ASTER Level-1T: a folder with GeoTIFF files, bands 1 to 3N (15 m) and 4 to 9 (30 m).

Either a file a band, ``AST_L1T_*_ImageData3N.tif``, or two files with several, ``AST_L1T_*.VNIR.tif`` and
``AST_L1T_*.SWIR.tif``. Radiance is :math:`L = (n - 1) u` with the unit conversion coefficient u of the band's gain, and
reflectance at the top of the atmosphere :math:`\rho = \pi L d^2 / (E \sin\theta)` with the sun's distance d in
astronomical units, its elevation :math:`\theta` and its irradiance E. Gains, elevation and date stand in the metadata
of the HDF file (``GAIN.1``, ``SOLARDIRECTION``, ``CALENDARDATE``), which GDAL copies into a GeoTIFF. Where one has lost
them, a gain cannot be guessed (high and normal differ by a factor of 2), so the values stay digital numbers and the
scene says so.

Source: ASTER Users Handbook, version 2, section 5 (table of the coefficients); irradiances by Thome et al. (2001) with
MODTRAN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from nflows_geo.scene.bands import Band, Product, ProductError, require_files


class Channel(NamedTuple):
    """A band: name in words, centre in nm, coefficients by gain in W/(m2 sr um), irradiance in W/(m2 um)."""

    title: str
    wavelength_nm: float
    coefficients: Mapping[str, float]
    irradiance: float


def _gains(high: float, normal: float, low: float, low_2: float | None = None) -> dict[str, float]:
    low_gains = {"LOW": low, "LO1": low} | ({} if low_2 is None else {"LO2": low_2})
    return {"HGH": high, "NOR": normal, **low_gains}


BANDS = {
    "1": Channel("green", 556, _gains(0.676, 1.688, 2.25), 1848),
    "2": Channel("red", 661, _gains(0.708, 1.415, 1.89), 1549),
    "3N": Channel("near infrared", 807, _gains(0.423, 0.862, 1.15), 1114),
    "4": Channel("shortwave infrared 1", 1656, _gains(0.1087, 0.2174, 0.290, 0.290), 225.4),
    "5": Channel("shortwave infrared 2", 2167, _gains(0.0348, 0.0696, 0.0925, 0.409), 86.63),
    "6": Channel("shortwave infrared 3", 2209, _gains(0.0313, 0.0625, 0.0830, 0.390), 81.85),
    "7": Channel("shortwave infrared 4", 2262, _gains(0.0299, 0.0597, 0.0795, 0.332), 74.85),
    "8": Channel("shortwave infrared 5", 2336, _gains(0.0209, 0.0417, 0.0556, 0.245), 66.49),
    "9": Channel("shortwave infrared 6", 2400, _gains(0.0159, 0.0318, 0.0424, 0.265), 59.85),
}
_LAYERS = {"VNIR": ("1", "2", "3N"), "SWIR": ("4", "5", "6", "7", "8", "9")}
_SATURATED = 255


def find_files(folder: Path) -> list[Path]:
    """The GeoTIFF files of an ASTER product."""
    return sorted(path for path in folder.glob("AST_L1T_*") if path.suffix.lower() in (".tif", ".tiff"))


def read_aster(folder: Path, mask_clouds: bool = False) -> Product:
    """The bands 1 to 9, as reflectance at the top of the atmosphere if the files say gains and sun.

    Raises:
        ProductError: A band is missing, or cloud masking is asked for, of which the product has none.
    """
    if mask_clouds:
        raise ProductError(f"{folder}: ASTER L1T has no cloud mask; leave `mask_clouds` out")
    places = _places(find_files(folder))
    files = require_files(folder, {f"band {name}": places[name][0] if name in places else None for name in BANDS})
    tags = {name: _tags(files[f"band {name}"]) for name in BANDS}
    scales = [_scale(name, tags[name], files[f"band {name}"]) for name in BANDS]
    known = None not in scales
    bands = [
        Band(
            f"B{name}",
            *places[name],
            channel.title,
            channel.wavelength_nm,
            scale=scale if known and scale is not None else 1.0,
            offset=-scale if known and scale is not None else 0.0,
            invalid=(0, _SATURATED),
        )
        for (name, channel), scale in zip(BANDS.items(), scales, strict=True)
    ]
    quantity = "reflectance at the top of the atmosphere" if known else "digital numbers, as the files say no gains"
    return Product("ASTER Level-1T", quantity, bands)


def _places(files: list[Path]) -> dict[str, tuple[Path, int]]:
    """The file and layer of each band."""
    places: dict[str, tuple[Path, int]] = {}
    for path in files:
        if match := re.search(r"ImageData(\d+N?)\.tiff?$", path.name, re.IGNORECASE):
            places[match[1].upper()] = (path, 1)
        elif match := re.search(r"[._](VNIR|SWIR)\.tiff?$", path.name, re.IGNORECASE):
            places |= {name: (path, layer) for layer, name in enumerate(_LAYERS[match[1].upper()], 1)}
    return places


def _tags(path: Path) -> dict[str, str]:
    from nflows_geo.raster import open_raster

    with open_raster(path) as dataset:
        tags: dict[str, str] = dataset.tags()
    return tags


def _scale(name: str, tags: Mapping[str, str], path: Path) -> float | None:
    """Reflectance of one digital number, or nothing if the tags do not say it."""
    gain, sun = tags.get(f"GAIN.{name}", tags.get(f"GAIN.{name[0]}")), tags.get("SOLARDIRECTION")
    day = _day(tags, path)
    if gain is None or sun is None or day is None:
        return None
    coefficient = BANDS[name].coefficients.get(gain.split(",")[-1].strip())
    if coefficient is None:
        raise ProductError(
            f"{path}: band {name} has the gain {gain}, for which there is no coefficient; leave the band out"
        )
    elevation = float(sun.split(",")[1])
    if elevation <= 0:
        raise ProductError(f"{path}: the sun stood {elevation} degrees high; a scene by night has no reflectance")
    distance = sun_distance(day)
    return math.pi * coefficient * distance**2 / (BANDS[name].irradiance * math.sin(math.radians(elevation)))


def sun_distance(day: date) -> float:
    r"""From the Earth, in astronomical units: :math:`1 - 0.01672 \cos(0.9856^\circ (D - 4))` on day D of the year."""
    return 1 - 0.01672 * math.cos(math.radians(0.9856 * (day.timetuple().tm_yday - 4)))


def _day(tags: Mapping[str, str], path: Path) -> date | None:
    """When the scene was taken: from the metadata, or from the file's name, AST_L1T_003MMDDYYYY..."""
    if text := tags.get("CALENDARDATE"):
        return datetime.strptime(text.replace("-", ""), "%Y%m%d").date()
    match = re.match(r"AST_L1T_\d{3}(\d{8})", path.name)
    return datetime.strptime(match[1], "%m%d%Y").date() if match else None
