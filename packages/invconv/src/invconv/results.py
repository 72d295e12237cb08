"""What the public functions return besides arrays."""

from __future__ import annotations

from typing import Any, NamedTuple


class Amplification(NamedTuple):
    r"""Factors by which the inverse can amplify the largest value of an image; see `amplification`."""

    bound: Any
    exact: Any


class Choice(NamedTuple):
    """A method of `inverse_conv2d`, and why it was chosen; see `choose_method`."""

    method: str
    reason: str
