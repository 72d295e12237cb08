"""How regions are filled: small and of JSON's types, so that it travels to workers and stands in reports."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

GRADED = ("blur", "pixelate", "downsample")
"""The ways that have a strength: what they leave of a region becomes less with it, and nothing never."""
TRAINED = ("lama", "diffusion")
"""The ways that need weights."""
HOW = (*GRADED, "solid", "noise", "telea", *TRAINED)
"""The names of all ways, each that of a file here."""

_STRONGEST = 2.0


@dataclass(frozen=True)
class FillSettings:
    """Which way, and how it is gone.

    Arguments:
        how: The name of a way, one of `HOW`.
        strength: How strong a graded way is: twice as much leaves half as many samples across a region.
        model: The weights of a trained way: a name or path; by default those that it names itself.
        device: Where a network computes, by torch's name, or ``auto``: the GPU of the machine, if it has one.

    Raises:
        ValueError: There is no such way, or a setting does not belong to it or is out of range.
    """

    how: str = "blur"
    strength: float = 1.0
    model: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.how not in HOW:
            raise ValueError(f"`how` {self.how!r}: give one of {', '.join(HOW)}")
        if not 0 < self.strength < math.inf:
            raise ValueError(f"`strength` {self.strength}: give a number above 0")
        if self.strength != 1 and self.how not in GRADED:
            raise ValueError(f"`strength`: {self.how} has none; leave it out, or give one of {', '.join(GRADED)}")
        if self.model is not None and self.how not in TRAINED:
            raise ValueError(f"`model`: {self.how} needs none; leave it out, or give one of {', '.join(TRAINED)}")


def stronger(settings: FillSettings) -> FillSettings | None:
    """What is done where a detector finds something in what was filled; nothing after ``solid``.

    A graded way becomes twice as strong as its default, once; all else becomes ``solid``, of which nothing shows.

    Example:
        >>> stronger(FillSettings("blur")).strength, stronger(FillSettings("telea")).how
        (2.0, 'solid')
    """
    if settings.how == "solid":
        return None
    if settings.how in GRADED and settings.strength < _STRONGEST:
        return replace(settings, strength=_STRONGEST)
    return FillSettings("solid")
