"""How much a restoration is worth where the truth is known."""

from nflows_heritage.evaluation.comparing import Question, compare, middle
from nflows_heritage.evaluation.report import write_comparison

__all__ = ["Question", "compare", "middle", "write_comparison"]
