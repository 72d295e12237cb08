"""Methods compared on a scene: each with several seeds, scored without labels and against them, as tables."""

from nflows_geo.comparison.comparing import METHODS, Comparison, compare
from nflows_geo.comparison.report import INTERVALS, KIND, RESULTS, RUNS, write_comparison

__all__ = ["INTERVALS", "KIND", "METHODS", "RESULTS", "RUNS", "Comparison", "compare", "write_comparison"]
