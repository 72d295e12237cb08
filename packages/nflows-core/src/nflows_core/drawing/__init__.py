"""Curves and polygons with soft edges: made-up cracks, losses, streaks and stains, whose places are known."""

from nflows_core.drawing.curves import bezier, wandering
from nflows_core.drawing.shapes import Polygon, Stroke, drawn

__all__ = ["Polygon", "Stroke", "bezier", "drawn", "wandering"]
