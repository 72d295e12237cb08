"""How much a restoration is worth where the truth is known."""

from nflows_heritage.evaluation.comparing import Question, compare
from nflows_heritage.evaluation.report import write_comparison

__all__ = ["Question", "compare", "write_comparison"]
