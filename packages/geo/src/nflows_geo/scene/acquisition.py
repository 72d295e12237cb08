"""The days on which a scene was taken, where its metadata say so."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from nflows_geo.raster import open_raster
from nflows_geo.scene.scene import Scene

_MOST_BYTES = 2**23
_DAY = r"(\d{4}-\d{2}-\d{2})"
_IN_METADATA = (
    re.compile(rf'DATE_ACQUIRED"?\s*[=:]\s*"?{_DAY}'),  # Landsat, as text and as JSON
    re.compile(rf"<(?:DATATAKE_SENSING_START|PRODUCT_START_TIME)>\s*{_DAY}"),  # Sentinel-2
)
_IN_TAGS = ("ACQUISITION_DATE", "ACQUISITIONDATETIME", "DATE_ACQUIRED", "CALENDARDATE")
"""Tags of rasters; not TIFF's own date, which is that of the file."""
_IN_ASTER_NAME = re.compile(r"AST_L1T_\d{3}(\d{2})(\d{2})(\d{4})")


def acquired(scene: Scene) -> list[date]:
    """The days on which the files of a scene were taken, in order, as far as metadata and tags say them."""
    rasters = {placed.layer.path for placed in scene.placed_bands}
    said = [*map(_in_metadata, scene.metadata), *map(_of_raster, rasters)]
    return sorted({day for day in said if day is not None})


def _in_metadata(path: Path) -> date | None:
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode(errors="replace")
    found = next((match[1] for pattern in _IN_METADATA if (match := pattern.search(text))), "")
    return _day(found)


def _of_raster(path: Path) -> date | None:
    with open_raster(path) as dataset:
        tags = {**dataset.tags(ns="IMAGERY"), **dataset.tags()}
    found = next((tags[name] for name in _IN_TAGS if name in tags), "")
    if not found and (match := _IN_ASTER_NAME.match(path.name)):
        found = f"{match[3]}{match[1]}{match[2]}"
    return _day(found)


def _day(text: str) -> date | None:
    """2020-01-31, 2020-01-31T10:11:12Z or 20200131 as a date; nothing for what is none."""
    digits = re.match(r"\s*(\d{4})-?(\d{2})-?(\d{2})", text)
    try:
        return None if digits is None else date(*(int(part) for part in digits.groups()))
    except ValueError:
        return None
