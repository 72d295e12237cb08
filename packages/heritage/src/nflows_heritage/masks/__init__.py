"""Where a picture is damaged: cracks, losses by their colour, and what a person has painted."""

from nflows_heritage.masks.brush import find_brush, read_brush
from nflows_heritage.masks.colour import find_colour, parse_colour
from nflows_heritage.masks.cracks import CrackFinder, ridge_cracks

__all__ = ["CrackFinder", "find_brush", "find_colour", "parse_colour", "read_brush", "ridge_cracks"]
