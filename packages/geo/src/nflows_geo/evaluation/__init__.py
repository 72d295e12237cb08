"""How good units are: how compact in a space of features, and how like the labels of what is known."""

from nflows_geo.evaluation.agreement import MEASURES, Agreement, confusion_rows
from nflows_geo.evaluation.scores import internal_scores, over_seeds, score_rows

__all__ = ["MEASURES", "Agreement", "confusion_rows", "internal_scores", "over_seeds", "score_rows"]
