"""Places in files: a table for people and programs, and a map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.report import write_csv
from nflows_privacy.drives.places import COLUMNS, Place

TABLE, MAP = "places.csv", "places.geojson"
_POSITION = ("latitude", "longitude")


def write_places(folder: Path, places: Sequence[Place]) -> None:
    """Writes places into a folder: all of them as `TABLE`, and as `MAP` those whose position is known.

    The map is GeoJSON (RFC 7946), which geographic information systems load: a point for each place, longitude first,
    with the columns of the table as its properties. Without places, the table has its header alone.

    Raises:
        OSError: A file cannot be written.
    """
    if places:
        write_csv(folder / TABLE, (place.to_row() for place in places))
    else:
        with atomic_write(folder / TABLE, "w") as file:
            file.write(",".join(COLUMNS) + "\n")
    features = [to_json(_feature(place)) for place in places if place.position is not None]
    with atomic_write(folder / MAP, "w") as file:
        file.write('{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n")


def _feature(place: Place) -> dict[str, Any]:
    row = place.to_row()
    latitude, longitude = (row.pop(name) for name in _POSITION)
    point = {"type": "Point", "coordinates": [longitude, latitude]}
    return {"type": "Feature", "id": row["id"], "geometry": point, "properties": row}
