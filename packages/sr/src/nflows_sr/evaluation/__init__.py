"""How near enlarged pictures come to their originals: models side by side, as the field measures them."""

from nflows_sr.evaluation.comparing import Answer, Measured, Question, compare
from nflows_sr.evaluation.measuring import Score, score
from nflows_sr.evaluation.pairs import Pair, find_sets, read_pair
from nflows_sr.evaluation.published import Published, published
from nflows_sr.evaluation.report import write_evaluation

__all__ = [
    "Answer",
    "Measured",
    "Pair",
    "Published",
    "Question",
    "Score",
    "compare",
    "find_sets",
    "published",
    "read_pair",
    "score",
    "write_evaluation",
]
