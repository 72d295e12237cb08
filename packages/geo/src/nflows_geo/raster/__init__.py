"""Rasters and vectors as files: where their pixels lie, opened with errors that help, written whole or not at all."""

from nflows_geo.raster.archives import ArchiveError, not_one, only_raster
from nflows_geo.raster.areas import equal_area_crs, pixel_area_km2
from nflows_geo.raster.cog import Colours, write_cog
from nflows_geo.raster.containers import LayerError
from nflows_geo.raster.files import OpenRasters, RasterError, files_of, open_raster, reading
from nflows_geo.raster.geopackage import whole_geopackage
from nflows_geo.raster.grid import Grid, GridMismatchError, Tile, finest, grid_of
from nflows_geo.raster.places import address, archive_of, digest, file_of, resolved
from nflows_geo.raster.sources import ForeignSourceError

__all__ = [
    "ArchiveError",
    "Colours",
    "ForeignSourceError",
    "Grid",
    "GridMismatchError",
    "LayerError",
    "OpenRasters",
    "RasterError",
    "Tile",
    "address",
    "archive_of",
    "digest",
    "equal_area_crs",
    "file_of",
    "files_of",
    "finest",
    "grid_of",
    "not_one",
    "only_raster",
    "open_raster",
    "pixel_area_km2",
    "reading",
    "resolved",
    "whole_geopackage",
    "write_cog",
]
