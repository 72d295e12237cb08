"""A distortion by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Generator, Tensor

from nflows_heritage.distortions import blurs, colours, noises, water
from nflows_heritage.distortions.levels import LEVELS

Distortion = Callable[[Tensor, float, Generator], Tensor]
"""From a picture, :math:`(C, H, W)` in [0, 1], a level and what is drawn from, to a picture of the same shape."""

DISTORTIONS: Mapping[str, Distortion] = {
    "blur": blurs.blur,
    "dull": colours.dull,
    "fade": colours.fade,
    "gaussian": noises.gaussian,
    "motion": blurs.motion,
    "salt-and-pepper": noises.salt_and_pepper,
    "speckle": noises.speckle,
    "pixelate": blurs.pixelate,
    "radial": blurs.radial,
    "rain": water.rain,
    "water": water.water,
}
CLEAN = "clean"
"""The kind of what suffers from nothing."""
KINDS = (CLEAN, *DISTORTIONS)


def distorted(image: Tensor, name: str, level: float, seed: int) -> Tensor:
    """A picture that has suffered in one way; the same seed gives the same.

    Arguments:
        image: The picture :math:`(C, H, W)`, grey or RGB, in [0, 1], on the CPU.
        name: One of `DISTORTIONS`.
        level: How strong it is, 1 to 5.
        seed: The seed of all that is drawn.

    Returns:
        The picture, clipped to [0, 1].

    Raises:
        ValueError: There is no such distortion or level, or the picture is neither grey nor in colour.
    """
    if name not in DISTORTIONS:
        raise ValueError(f"`name`: there is no distortion {name!r}; there are {', '.join(DISTORTIONS)}")
    if not LEVELS[0] <= level <= LEVELS[-1]:
        raise ValueError(f"`level`: expected {LEVELS[0]} to {LEVELS[-1]}, got {level}")
    if image.ndim != 3 or len(image) not in (1, 3):
        raise ValueError(f"`image`: expected (1, H, W) or (3, H, W), got {tuple(image.shape)}")
    return DISTORTIONS[name](image, level, Generator().manual_seed(seed)).clamp(0, 1)
