"""How a person names a model and its arguments in one word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nflows_core.models.building import check_chosen, find_preset


@dataclass(frozen=True)
class ModelChoice:
    """A model with arguments of its own, written ``NAME`` or ``NAME:ARGUMENT=VALUE,...``.

    Arguments:
        text: The word as it was written.
        model: The model's name in `nflows_core.models.MODELS`.
        arguments: The arguments of its own.

    Example:
        >>> ModelChoice.parse("cinc:coupling=quad,width=32").arguments
        {'coupling': 'quad', 'width': 32}
    """

    text: str
    model: str
    arguments: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> ModelChoice:
        """Reads what a person wrote; a value is a number, the word none, or a word.

        Raises:
            ModelError: There is no such model, or an argument is one that only its images decide.
            ValueError: The arguments are not written like this.
        """
        model, arguments = parse_choice(text)
        find_preset(model)
        check_chosen(arguments)
        return cls(text, model, arguments)


def parse_choice(text: str) -> tuple[str, dict[str, Any]]:
    """A name and its arguments, from ``NAME`` or ``NAME:ARGUMENT=VALUE,...``.

    Raises:
        ValueError: It is not written like this.
    """
    name, _, rest = text.partition(":")
    pairs = [part.partition("=") for part in rest.split(",")] if rest else []
    if bad := [f"{argument}{equals}{value}" for argument, equals, value in pairs if not (argument and value)]:
        raise ValueError(f"{text}: {bad[0]!r} is no argument; write NAME:ARGUMENT=VALUE, as in glow:width=64")
    return name, {argument.replace("-", "_"): _value(value) for argument, _, value in pairs}


def _value(text: str) -> float | str | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text == "none" else text
