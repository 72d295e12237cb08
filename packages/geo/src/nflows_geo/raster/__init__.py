"""Rasters and vectors as files: where their pixels lie, opened with errors that help, written whole or not at all."""

from nflows_geo.raster.archives import ArchiveError, not_one, only_raster
from nflows_geo.raster.areas import PixelAreas, pixel_areas
from nflows_geo.raster.cog import Colours, write_cog
from nflows_geo.raster.companions import companions, remove_companions, require_place
from nflows_geo.raster.containers import LayerError
from nflows_geo.raster.files import OpenRasters, RasterError, files_of, open_raster, reading
from nflows_geo.raster.geopackage import whole_geopackage
from nflows_geo.raster.georeference import grid_of, lies_nowhere, read_north_up
from nflows_geo.raster.grid import Grid, GridMismatchError, Tile, finest
from nflows_geo.raster.places import address, archive_of, digest, file_of, resolved
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
    "ArchiveError",
    "Colours",
    "ForeignSourceError",
    "Grid",
    "GridMismatchError",
    "LayerError",
    "OpenRasters",
    "PixelAreas",
    "RasterError",
    "Tile",
    "address",
    "archive_of",
    "assumed_datum",
    "companions",
    "degrees",
    "digest",
    "file_of",
    "files_of",
    "finest",
    "geographic",
    "grid_of",
    "horizontal",
    "is_reachable",
    "lies_nowhere",
    "moved",
    "not_one",
    "only_raster",
    "open_raster",
    "pixel_areas",
    "read_north_up",
    "reading",
    "remove_companions",
    "require_place",
    "resolved",
    "same_system",
    "whole_geopackage",
    "write_cog",
]
