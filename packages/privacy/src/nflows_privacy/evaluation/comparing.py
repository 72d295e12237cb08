"""All pictures after beside those before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nflows_privacy.evaluation.measuring import Measured, Question, measure
from nflows_privacy.evaluation.pairs import Pairs


@dataclass(frozen=True)
class Answer:
    """What came of it.

    Arguments:
        measured: What was measured, in the order of the names.
        failures: Why a pair could not be measured, by its name.
    """

    measured: list[Measured] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def worst_first(self) -> list[Measured]:
        """What was measured, the worst picture first."""
        return sorted(self.measured, key=lambda one: one.badness, reverse=True)


def compare(pairs: Pairs, question: Question, advance: Callable[[str], None]) -> Answer:
    """Measures each pair; one that cannot be measured does not stop the others.

    Arguments:
        pairs: The pictures.
        question: What is asked of them.
        advance: Called after each pair, with a few words about it.
    """
    answer = Answer()
    for pair in pairs.pairs:
        try:
            answer.measured.append(measure(pair, question))
        except (ValueError, OSError) as error:
            answer.failures[pair.name] = str(error)
        advance(pair.name)
    return answer
