"""The commands that go from files to files one step at a time: look, stack, reduce, cluster, smooth, score, draw."""

from nflows_geo.steps.cluster import cluster_scene
from nflows_geo.steps.examine import examine
from nflows_geo.steps.reduce import reduce_scene
from nflows_geo.steps.score import score_map
from nflows_geo.steps.smooth import smooth_map
from nflows_geo.steps.stack import stack_scene
from nflows_geo.steps.vectorize import vectorize_map

__all__ = ["cluster_scene", "examine", "reduce_scene", "score_map", "smooth_map", "stack_scene", "vectorize_map"]
