"""The classes that the inspector tells apart: nothing, and each distortion at each level."""

from __future__ import annotations

from torch import Tensor

from nflows_heritage.distortions import CLEAN, DISTORTIONS, KINDS, LEVELS

CLASSES = (CLEAN, *(f"{kind} {level}" for kind in DISTORTIONS for level in LEVELS))


def class_of(kind: str, level: float) -> int:
    """The number of the class of a distortion at a level, which is rounded."""
    return 0 if kind == CLEAN else CLASSES.index(f"{kind} {round(level)}")


def kind_of(label: int) -> str:
    """The kind of a class."""
    return KINDS[-(-label // len(LEVELS))]


def level_of(label: int) -> int | None:
    """The level of a class; what is clean has none."""
    return LEVELS[(label - 1) % len(LEVELS)] if label else None


def kinds_of(labels: Tensor) -> Tensor:
    """The numbers of the kinds, in `KINDS`, of classes."""
    return (labels + len(LEVELS) - 1) // len(LEVELS)
