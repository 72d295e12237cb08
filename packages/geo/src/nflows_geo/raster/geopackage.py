"""GeoPackages written whole or not at all."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nflows_core.runtime.temporary import temporary_folder
from nflows_geo.raster.companions import replacing
from nflows_geo.raster.writing import Room


@contextmanager
def whole_geopackage(target: Path) -> Iterator[Path]:
    """The path of a GeoPackage that becomes the target when the block ends; the same layers give the same bytes.

    What SQLite has kept beside one that is replaced goes with it, though another program may have it open: that sees
    the old one until it opens the new one.

    Raises:
        FileExistsError: Beside the target lies what belongs to a GeoPackage that is gone.
        OSError: The folder is missing or not writable, or the disk is full.
    """
    with replacing(target) as file, temporary_folder(target.parent) as folder, _no_date(), _nowhere():
        written = folder / "written.gpkg"
        with Room.beside(target, folder).told():
            yield written
            with written.open("rb") as source:
                shutil.copyfileobj(source, file, 2**20)


@contextmanager
def _nowhere() -> Iterator[None]:
    """Without pyogrio's warning about layers that have no CRS, as those of a scene without one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        yield


@contextmanager
def _no_date() -> Iterator[None]:
    """A GeoPackage holds the time of its last change; without it the same polygons are the same bytes."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
