"""What the bands of a plain raster are, for one that does not say it itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nflows_geo.scene.bands import Band
from nflows_geo.scene.products import aster, landsat, sentinel2


def _landsat(bands: Mapping[int, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    return {f"B{number}": band for number, band in bands.items()}


SENSORS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "landsat-4": _landsat(landsat.THEMATIC_MAPPER_4),
    "landsat-5": _landsat(landsat.THEMATIC_MAPPER_5),
    "landsat-7": _landsat(landsat.THEMATIC_MAPPER_7),
    "landsat-8": _landsat(landsat.BANDS),
    "landsat-9": _landsat(landsat.BANDS),
    "aster": {f"B{name}": (channel.title, channel.wavelength_nm) for name, channel in aster.BANDS.items()},
    "sentinel-2": {name: (title, centre) for name, (title, centre, _) in sentinel2.BANDS.items()},
}
"""Title and centre in nm of the bands that products of each sensor have, by name."""


def label_bands(bands: Sequence[Band], sensor: str, names: Sequence[str] = ()) -> list[Band]:
    """The same bands with the name, title and wavelength of a sensor's.

    Arguments:
        bands: The bands of rasters, in their order.
        sensor: One of `SENSORS`.
        names: What the sensor calls them, in the same order; all of its bands if not given.

    Raises:
        ValueError: The sensor is unknown, or the names are not those of so many of its bands.
    """
    if sensor not in SENSORS:
        raise ValueError(f"the sensor must be one of {', '.join(SENSORS)}, got {sensor!r}")
    table = SENSORS[sensor]
    names = names or tuple(table)
    _check(names, len(bands), sensor)
    described = ((name, *table[name]) for name in names)
    return [
        replace(band, name=name, title=title, wavelength_nm=centre)
        for band, (name, title, centre) in zip(bands, described, strict=True)
    ]


def _check(names: Sequence[str], bands: int, sensor: str) -> None:
    known = f"{sensor} has {', '.join(SENSORS[sensor])}"
    if unknown := [name for name in names if name not in SENSORS[sensor]]:
        raise ValueError(f"no band of {sensor} is called {', '.join(unknown)}; {known}")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"`bands` names {', '.join(twice)} twice; give the bands in the order of the raster")
    if len(names) != bands:
        raise ValueError(
            f"the scene has {bands} bands, not {len(names)}; give by `bands` the name of each, in their order: {known}"
        )
