"""What arguments of a model can be built: those of another machine's configuration are checked before anything is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_RANGES = {
    "levels": (1, 32),
    "depth": (1, 1000),
    "width": (1, 2**13),
    "context_features": (0, 2**14),
    "context_width": (0, 2**13),
    "quantization": (2, 2**16),
}
"""The least and the greatest: far beyond what anybody trains, so that a wrong digit ends in words, not in hours."""

_LARGEST_KERNEL = 99
_MOST_VALUES = 2**28
"""Values of an image: one copy of it has a GiB."""


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raises a `ValueError` that names the first of the arguments common to models that has no such value."""
    for name, (least, most) in _RANGES.items():
        if name in arguments and not _is_integer(arguments[name], least, most):
            raise ValueError(f"{name} must be an integer from {least:,} to {most:,}, got {_short(arguments[name])}")
    if "kernel_size" in arguments and not _is_kernel(arguments["kernel_size"]):
        sides = _short(arguments["kernel_size"])
        raise ValueError(f"kernel_size must be one or two integers from 1 to {_LARGEST_KERNEL}, got {sides}")
    if "shape" in arguments and not _is_shape(arguments["shape"]):
        raise ValueError(
            f"shape must be channels, height and width, of {_MOST_VALUES:,} values at most, got "
            f"{_short(arguments['shape'])}"
        )


def _is_integer(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_kernel(value: Any) -> bool:
    sides = value if isinstance(value, (tuple, list)) else (value, value)
    return len(sides) == 2 and all(_is_integer(side, 1, _LARGEST_KERNEL) for side in sides)


def _is_shape(value: Any) -> bool:
    is_three = isinstance(value, (tuple, list)) and len(value) == 3
    return is_three and all(_is_integer(side, 1, _MOST_VALUES) for side in value) and math.prod(value) <= _MOST_VALUES


def _short(value: Any) -> str:
    """The value in an error, which is a line: an integer may have more digits than Python writes."""
    try:
        text = repr(value)
    except ValueError:
        return "one of thousands of digits"
    return text if len(text) <= 60 else f"{text[:60]}..."
