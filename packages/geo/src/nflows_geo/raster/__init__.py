"""Rasters and vectors as files: where their pixels lie, opened with errors that help, written whole or not at all."""

from nflows_geo.raster.areas import PixelAreas, pixel_areas
from nflows_geo.raster.cog import Colours, write_cog
from nflows_geo.raster.files import OpenRasters, RasterError, open_raster, reading
from nflows_geo.raster.geopackage import whole_geopackage
from nflows_geo.raster.georeference import grid_of, lies_nowhere, read_north_up
from nflows_geo.raster.grid import Grid, GridMismatchError, Tile, finest
from nflows_geo.raster.reference_systems import (
    assumed_datum,
    degrees,
    geographic,
    horizontal,
    is_reachable,
    moved,
    same_system,
)
from nflows_geo.raster.sources import ForeignSourceError

__all__ = [
    "Colours",
    "ForeignSourceError",
    "Grid",
    "GridMismatchError",
    "OpenRasters",
    "PixelAreas",
    "RasterError",
    "Tile",
    "assumed_datum",
    "degrees",
    "finest",
    "geographic",
    "grid_of",
    "horizontal",
    "is_reachable",
    "lies_nowhere",
    "moved",
    "open_raster",
    "pixel_areas",
    "read_north_up",
    "reading",
    "same_system",
    "whole_geopackage",
    "write_cog",
]
