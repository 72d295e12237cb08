r"""ASTER Level-1T: a folder with GeoTIFF files, bands 1 to 3N (15 m) and 4 to 9 (30 m).

Either a file a band, ``AST_L1T_*_ImageData3N.tif``, or two files with several, ``AST_L1T_*.VNIR.tif`` and
``AST_L1T_*.SWIR.tif``. Radiance is :math:`L = (n - 1) u` with the unit conversion coefficient u of the band's gain, and
reflectance at the top of the atmosphere :math:`\rho = \pi L d^2 / (E \sin\theta)` with the sun's distance d in
astronomical units, its elevation :math:`\theta` and its irradiance E. Gains, elevation and date stand in the metadata
of the HDF file (``GAIN.1``, ``SOLARDIRECTION``, ``CALENDARDATE``), which GDAL copies into a GeoTIFF. The gains are
counted over 1, 2, 3N, 3B, 4 to 9, so that the number in ``GAIN.5 = 04, NOR`` is not the band's: its value says whose it
is. Where a file has lost them, a gain cannot be guessed (high and normal differ by a factor of 2), so the values stay
digital numbers and the scene says so.

A band whose gain is OFF was not recorded, and since 23 April 2008 the detectors of bands 4 to 9 are too warm and
saturated: these bands are left out, and the scene says so. What remains, bands 1 to 3N, is what people map by since.

Source: ASTER Users Handbook, version 2, section 5 (table of the coefficients); irradiances by Thome et al. (2001) with
MODTRAN; ASTER Science Team, SWIR User Advisory (2008).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from nflows_geo.scene.bands import Band, Product, ProductError, require_files
from nflows_geo.scene.naming import is_named


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
_SWIR_FAILED = date(2008, 4, 23)
_OFF = "OFF"
_GRANULE = re.compile(r"(AST_L1T_[0-9_]*[0-9]|AST_L1T)")


def find_granules(folder: Path) -> list[Path]:
    """The first file of every ASTER product in a folder."""
    return list({_granule(path): path for path in reversed(_files(folder))}.values())[::-1]


def read_aster(path: Path, mask_clouds: bool = False, exclude: Sequence[str] = ()) -> Product:
    """The bands 1 to 9, as reflectance at the top of the atmosphere if the files say gains and sun.

    Arguments:
        path: One of the files.
        mask_clouds: Leave out clouds, of which the product knows nothing.
        exclude: Bands that are left out, whether their files are there or not; see `is_named`.

    Raises:
        ProductError: A band is missing or is there twice, none is left, or cloud masking is asked for.
    """
    folder = path.parent
    if mask_clouds:
        raise ProductError(f"{folder}: ASTER L1T has no cloud mask; leave `mask_clouds` out")
    granule, files = _granule(path), [file for file in _files(folder) if _granule(file) == _granule(path)]
    places, tags = _places(files), _tags(files)
    gains, day = _gains_by_band(tags), _day(tags, path)
    left_out = [name for name in BANDS if is_named(f"B{name}", exclude)]
    dead = [name for name in _LAYERS["SWIR"] if day is not None and day >= _SWIR_FAILED and name not in left_out]
    off = [name for name in BANDS if gains.get(name) == _OFF and name not in (*left_out, *dead)]
    names = [name for name in BANDS if name not in (*left_out, *dead, *off)]
    if not names:
        raise ProductError(f"{folder} has no band that was recorded and is not left out; give another scene")
    require_files(folder, {f"band {name}": places[name][0] if name in places else None for name in names})
    scales = [_scale(name, gains.get(name), tags.get("SOLARDIRECTION"), day, places[name][0]) for name in names]
    complete = None not in scales  # bands in different units would be no spectrum
    bands = [_band(name, *places[name], scale if complete else None) for name, scale in zip(names, scales, strict=True)]
    quantity = "reflectance at the top of the atmosphere" if complete else "digital numbers, as the files say no gains"
    absent = [f"B{name}" for name in BANDS if name not in names]
    return Product("ASTER Level-1T", quantity, bands, left_out=absent, notices=_notices(granule, dead, off))


def _band(name: str, path: Path, layer: int, scale: float | None) -> Band:
    channel = BANDS[name]
    factor, offset = (1.0, 0.0) if scale is None else (scale, -scale)
    return Band(f"B{name}", path, layer, channel.title, channel.wavelength_nm, factor, offset, invalid=(0, _SATURATED))


def _notices(granule: str, dead: Sequence[str], off: Sequence[str]) -> list[str]:
    reasons = {
        f"since {_SWIR_FAILED:%d %B %Y} ASTER's shortwave infrared is saturated": dead,
        "the sensor was switched off (gain OFF)": off,
    }
    return [
        f"{granule}: left out, as {reason}: {', '.join(f'B{name}' for name in names)}"
        for reason, names in reasons.items()
        if names
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("AST_L1T_*") if path.suffix.lower() in (".tif", ".tiff"))


def _granule(path: Path) -> str:
    """What the names of all files of a granule begin with: AST_L1T_003MMDDYYYYhhmmss_YYYYMMDDhhmmss_NNNNN."""
    match = _GRANULE.match(path.name)
    return match[0] if match else path.name


def _places(files: Sequence[Path]) -> dict[str, tuple[Path, int]]:
    """The file and layer of each band."""
    places: dict[str, tuple[Path, int]] = {}
    for path in files:
        for name, layer in _layers(path).items():
            if name in places:
                raise ProductError(
                    f"{path.parent} has band {name} twice, in {places[name][0].name} and {path.name}; keep one of them"
                )
            places[name] = path, layer
    return places


def _layers(path: Path) -> dict[str, int]:
    """The bands in a file, and their layers."""
    from nflows_geo.raster import open_raster

    if match := re.search(r"ImageData(\d+N?)\.tiff?$", path.name, re.IGNORECASE):
        return {match[1].upper(): 1}
    match = re.search(r"[._](VNIR|SWIR)\.tiff?$", path.name, re.IGNORECASE)
    names = _LAYERS[match[1].upper()] if match else ()
    if names:
        with open_raster(path) as dataset:
            count = dataset.count
        if count != len(names):
            raise ProductError(f"{path} has {count} layers, not {len(names)} for the bands {', '.join(names)}")
    return {name: layer for layer, name in enumerate(names, 1)}


def _tags(files: Sequence[Path]) -> dict[str, str]:
    """What the files of a granule say, each of which may have kept it."""
    from nflows_geo.raster import open_raster

    tags: dict[str, str] = {}
    for path in files:
        with open_raster(path) as dataset:
            tags |= dataset.tags()
    return tags


def _gains_by_band(tags: Mapping[str, str]) -> dict[str, str]:
    """The gain of each band, from tags such as ``GAIN.5 = 04, NOR``: not their number but their value says whose."""
    told = [text.split(",") for key, text in tags.items() if key.startswith("GAIN.")]
    return {words[0].strip().lstrip("0"): words[1].strip() for words in told if len(words) == 2}


def _scale(name: str, gain: str | None, sun: str | None, day: date | None, path: Path) -> float | None:
    """Reflectance of one digital number, or nothing if gain, sun or day are not known."""
    if gain is None or sun is None or day is None:
        return None
    coefficient = BANDS[name].coefficients.get(gain)
    if coefficient is None:
        raise ProductError(
            f"{path}: band {name} has the gain {gain}, for which there is no coefficient; leave the band out by "
            f"`exclude_bands` {name}"
        )
    elevation = _elevation(sun, path)
    if elevation <= 0:
        raise ProductError(f"{path}: the sun stood {elevation} degrees high; a scene by night has no reflectance")
    distance = sun_distance(day)
    return math.pi * coefficient * distance**2 / (BANDS[name].irradiance * math.sin(math.radians(elevation)))


def _elevation(direction: str, path: Path) -> float:
    try:
        _, elevation = map(float, direction.split(","))
    except ValueError as error:
        raise ProductError(f"{path} has no azimuth and elevation in SOLARDIRECTION; convert it again") from error
    return elevation


def sun_distance(day: date) -> float:
    r"""From the Earth, in astronomical units: :math:`1 - 0.01672 \cos(0.9856^\circ (D - 4))` on day D of the year."""
    return 1 - 0.01672 * math.cos(math.radians(0.9856 * (day.timetuple().tm_yday - 4)))


def _day(tags: Mapping[str, str], path: Path) -> date | None:
    """When the scene was taken: from the metadata, or from the file's name, AST_L1T_003MMDDYYYY..."""
    text, form = tags.get("CALENDARDATE", "").replace("-", ""), "%Y%m%d"
    if not text:
        match = re.match(r"AST_L1T_\d{3}(\d{8})", path.name)
        text, form = (match[1], "%m%d%Y") if match else ("", form)
    try:
        return datetime.strptime(text, form).date() if text else None
    except ValueError as error:
        raise ProductError(f"{path}: {text} is no day; convert it again, or restore its name") from error
