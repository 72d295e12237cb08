"""Pictures for reports: what is kept of a large scene, in which colours, drawn with coordinates, legend and marks."""

from nflows_geo.figures.boundaries import MOST_LINES, boundaries
from nflows_geo.figures.colours import UNIT_COLOURS, Colour, colour_table, unit_colour
from nflows_geo.figures.drawing import without_glyph
from nflows_geo.figures.frame import Frame
from nflows_geo.figures.images import false_colour, shaded_map
from nflows_geo.figures.legend import LegendUnit
from nflows_geo.figures.marks import Marks
from nflows_geo.figures.overview import Overview, View
from nflows_geo.figures.printed import PrintedMap, printed_map, scale_words
from nflows_geo.figures.sheets import Sheet
from nflows_geo.figures.signatures import signatures

__all__ = [
    "MOST_LINES",
    "UNIT_COLOURS",
    "Colour",
    "Frame",
    "LegendUnit",
    "Marks",
    "Overview",
    "PrintedMap",
    "Sheet",
    "View",
    "boundaries",
    "colour_table",
    "false_colour",
    "printed_map",
    "scale_words",
    "shaded_map",
    "signatures",
    "unit_colour",
    "without_glyph",
]
