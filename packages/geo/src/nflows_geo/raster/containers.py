"""Files that hold several rasters, which are called layers here: netCDF, HDF5, GeoPackage, TIFF of several pages."""

from __future__ import annotations

import warnings
from pathlib import Path, PurePosixPath

from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from nflows_geo.raster.sources import opened

_SHOWN = 40


class LayerError(ValueError):
    """A file holds several rasters, or not the one that was asked for; the message lists those that it holds."""


def open_layer(path: Path, name: str) -> DatasetReader:
    """Opens one of the rasters of a file; the only one, or what is no container itself, without a name.

    Arguments:
        path: The file.
        name: The name of the layer; nothing for the file itself.

    Raises:
        rasterio.errors.RasterioIOError: It is no raster.
        LayerError: There is no such layer, or there are several and none is named.
    """
    dataset = opened(path)
    layers = layers_of(path, dataset)
    if not name and dataset.count:
        if layers:
            warnings.warn(
                f"{path} holds {len(layers)} rasters ({', '.join(layers)}), and the first is read", stacklevel=2
            )
        return dataset
    dataset.close()
    if not layers:
        raise LayerError(
            f"{path} holds no layers; leave `layers` out"
            if name
            else f"{path} holds no raster; give a GeoTIFF or the like"
        )
    chosen = name or (next(iter(layers)) if len(layers) == 1 else "")
    key = PurePosixPath(chosen).as_posix()
    if key not in layers:
        problem = f"has no layer {name}" if name else f"holds {len(layers)} rasters; name one or several by `layers`"
        raise LayerError(f"{path} {problem}:\n{_listed(layers)}")
    return opened(layers[key])


def layers_of(path: Path, dataset: DatasetReader) -> dict[str, str]:
    """GDAL's name of every layer of an open file by the layer's own."""
    tags = dataset.tags(ns="SUBDATASETS")
    names = (tags[key] for key in sorted(tags, key=_number) if key.endswith("_NAME"))
    # What does not name the file itself would be read from elsewhere.
    return {_own_name(path, name): name for name in names if str(path) in name}


def _number(key: str) -> int:
    return int(key.split("_")[1])


def _own_name(path: Path, name: str) -> str:
    r"""What a name has beside the file: ``NETCDF:"a.nc":red``, ``HDF5:"a.h5"://group/red`` or ``GTIFF_DIR:2:a.tif``."""
    before, _, after = name.partition(str(path))
    own = after.strip(':"/') or before.strip(':"').partition(":")[2]
    return PurePosixPath(own).as_posix()


def _listed(layers: dict[str, str]) -> str:
    names = list(layers)[:_SHOWN]
    more = f" and {len(layers) - _SHOWN} more" if len(layers) > _SHOWN else ""
    return ", ".join(f"{name} ({_size(layers[name])})" for name in names) + more


def _size(name: str) -> str:
    try:
        with opened(name) as dataset:
            bands = "1 band" if dataset.count == 1 else f"{dataset.count} bands"
            return f"{dataset.width} x {dataset.height}, {bands}"
    except RasterioIOError:
        return "no raster"
