"""Points and polygons with a class from vector files, polygons as geological maps have them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from nflows_geo.labels.features import Features

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb")


def read_vectors(path: Path, layer: str | None, column: str) -> Features:
    """Reads the points or polygons of a layer.

    Raises:
        ValueError: The file cannot be read, or has several layers and none is named, or no such layer or column.
    """
    import geopandas
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        frame = geopandas.read_file(path, layer=_layer(path, layer))
    except (DataSourceError, DataLayerError) as error:
        raise ValueError(f"{path} cannot be read as vectors: {error}") from error
    name = _named(path, frame, column)
    crs = None if frame.crs is None else CRS.from_wkt(frame.crs.to_wkt())
    return Features(path, frame.geometry.to_numpy(dtype=object), _words(frame[name]), crs)


def _layer(path: Path, wanted: str | None) -> str:
    from pyogrio import list_layers

    kinds = {name: kind for name, kind in list_layers(path) if kind is not None}
    told = ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) or "none"
    if wanted is None and len(kinds) > 1:
        raise ValueError(f"{path} has several layers: {told}; `labels_layer` names one")
    if not kinds or (wanted is not None and wanted not in kinds):
        raise ValueError(f"{path} has no layer {wanted or 'with places'}; its layers are: {told}")
    return wanted or next(iter(kinds))


def _named(path: Path, frame: GeoDataFrame, column: str) -> str:
    """The column's name as the file writes it."""
    names = [str(name) for name in frame.columns.drop(frame.geometry.name)]
    found = [name for name in names if name == column] or [name for name in names if name.lower() == column.lower()]
    if len(found) != 1:
        raise ValueError(f"{path} has no column {column}; it has {', '.join(names) or 'none'} (`column` names one)")
    return found[0]


def _words(values: Any) -> NDArray[np.str_]:
    """Classes as words, "" where there is none; whole numbers without decimals, which a missing one gives them."""
    missing = values.isna().to_numpy()
    if values.dtype.kind == "f" and (values[~missing] % 1 == 0).all():
        values = values.astype("Int64")
    return np.array(["" if no else str(value).strip() for value, no in zip(values, missing, strict=True)], np.str_)
