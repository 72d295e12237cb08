"""A scene made into a map: learned from a part of it, drawn tile by tile; a raster, polygons and a report."""

from nflows_geo.mapping.learning import Learned, Mapper, MapSample, Recipe, learn, learn_units, reduce_sample
from nflows_geo.mapping.map_file import MapFile, open_map, write_map
from nflows_geo.mapping.names import UnitNames, read_names
from nflows_geo.mapping.pictures import area_words
from nflows_geo.mapping.pipeline import MAP_FILE, POLYGONS_FILE, RESULTS, map_scene
from nflows_geo.mapping.polygons import vectorize
from nflows_geo.mapping.smoothing import MARGIN, majority_filter

__all__ = [
    "MAP_FILE",
    "MARGIN",
    "POLYGONS_FILE",
    "RESULTS",
    "Learned",
    "MapFile",
    "MapSample",
    "Mapper",
    "Recipe",
    "UnitNames",
    "area_words",
    "learn",
    "learn_units",
    "majority_filter",
    "map_scene",
    "open_map",
    "read_names",
    "reduce_sample",
    "vectorize",
    "write_map",
]
