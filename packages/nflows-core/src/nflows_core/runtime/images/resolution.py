"""Resolutions as files store them: by the inch, the centimetre or the metre, in whole numbers or ratios.

A millimetre measured in a picture is as right as its resolution, so what a format would have to round stands in EXIF
too, whose ratios need no rounding.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from nflows_core.runtime.images.finding.found import Dots

INCH = Fraction(254, 100)  # centimetres
_MAX = 2**32 - 1
_CLOSE = Fraction(2, 10_000)
"""A rounding that programs may take for the resolution: 2,835 dots a metre for 72 an inch."""


class Jfif(NamedTuple):
    """JFIF's resolution: its unit (0 a ratio only, 1 inches, 2 centimetres), and dots across and down."""

    unit: int
    across: int
    down: int
    is_exact: bool


def exact(dpi: tuple[float, float] | None) -> Dots | None:
    """The ratios that were meant, whose terms have 32 bits; None if there are none."""
    if dpi is None:
        return None
    across, down = map(_ratio, dpi)
    if across is None or down is None:
        return None
    dots = across, down
    return dots if _fits(dots) else None


def is_by_inch(dots: Dots) -> bool:
    """Whether the inch gives the simpler ratios, rather than the centimetre."""
    return _terms(dots, Fraction(1)) <= _terms(dots, INCH)


def jfif(dots: Dots | None) -> Jfif:
    """The resolution in whole numbers up to 65,535, if they are close."""
    if dots is None:
        return Jfif(0, 1, 1, True)
    for unit, stated in ((1, dots), (2, (dots[0] / INCH, dots[1] / INCH))):
        if all(one.denominator == 1 and one <= 0xFFFF for one in stated):
            return Jfif(unit, int(stated[0]), int(stated[1]), True)
    whole = [round(one) for one in dots]
    if all(0 < value <= 0xFFFF and _is_close(value, one) for value, one in zip(whole, dots, strict=True)):
        return Jfif(1, whole[0], whole[1], False)
    ratio = (dots[0] / dots[1]).limit_denominator(0xFFFF)
    terms = ratio.as_integer_ratio()
    return Jfif(0, *(terms if min(terms) > 0 and max(terms) <= 0xFFFF else (1, 1)), False)


def per_metre(dots: Dots) -> tuple[int, int] | None:
    """The resolution in whole numbers by the metre, as PNG has it, if they are close."""
    stated = [one / INCH * 100 for one in dots]
    across, down = map(round, stated)
    is_close = all(0 < one < 2**31 and _is_close(one, exact) for one, exact in zip((across, down), stated, strict=True))
    return (across, down) if is_close else None


def _is_close(rounded: int, value: Fraction) -> bool:
    return abs(rounded - value) <= _CLOSE * value


def _ratio(dpi: float) -> Fraction | None:
    """The simplest ratio that is ``dpi`` but for the rounding of floating point, by the inch or by the centimetre."""
    if not 0 < dpi < math.inf:
        return None
    value = Fraction(dpi)
    finest = value.limit_denominator(max(1, min(10**6, int(_MAX / dpi)))) if dpi > 1e-6 else Fraction(0)
    for ratio in (value.limit_denominator(10_000), (value / INCH).limit_denominator(100) * INCH, finest):
        if abs(ratio - value) <= value / 10**9 and _fits((ratio, ratio)):
            return ratio
    return finest if abs(finest - value) <= _CLOSE * value else None


def _fits(dots: Dots) -> bool:
    return _terms(dots, Fraction(1)) <= _MAX


def _terms(dots: Dots, unit: Fraction) -> int:
    """The largest numerator or denominator of the dots by ``unit``."""
    return max(term for one in dots for term in (one / unit).as_integer_ratio())
