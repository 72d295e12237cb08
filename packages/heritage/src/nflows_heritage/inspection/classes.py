"""The classes that the inspector tells apart: nothing, and each distortion at each level."""

from __future__ import annotations

from nflows_heritage.distortions import CLEAN, DISTORTIONS, LEVELS

CLASSES = (CLEAN, *(f"{kind} {level}" for kind in DISTORTIONS for level in LEVELS))


def class_of(kind: str, level: float) -> int:
    """The number of the class of a distortion at a level, which is rounded."""
    return 0 if kind == CLEAN else CLASSES.index(f"{kind} {round(level)}")
