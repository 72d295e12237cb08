"""What redacted pictures still tell, and what was lost: measured beside the pictures before, whatever made them."""

from nflows_privacy.evaluation.comparing import Answer, compare
from nflows_privacy.evaluation.measuring import Measured, Places, Question, measure
from nflows_privacy.evaluation.pairs import Pair, Pairs, find_pairs
from nflows_privacy.evaluation.places import by_boxes, by_detector, by_found
from nflows_privacy.evaluation.recorded import filled_in
from nflows_privacy.evaluation.report import write_evaluation

__all__ = [
    "Answer",
    "Measured",
    "Pair",
    "Pairs",
    "Places",
    "Question",
    "by_boxes",
    "by_detector",
    "by_found",
    "compare",
    "filled_in",
    "find_pairs",
    "measure",
    "write_evaluation",
]
