r"""Differentiable augmentation: few pictures become many, for the discriminator alone (Zhao et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor

Policy = Literal["colour", "mirror", "translation", "cutout"]
"""What may be done to a picture: its brightness, saturation and contrast changed, its sides exchanged, shifted by up to
an eighth of its side, or a square of half of its side hidden. What comes in from outside, and what is hidden, is 0."""

DRAWS = 9
"""The random numbers that one picture needs."""
_SHIFT, _CUT = 1 / 8, 1 / 2


def check_policies(policies: Iterable[str]) -> None:
    """Raises a ValueError for a policy that there is not."""
    if unknown := [name for name in policies if name not in get_args(Policy)]:
        raise ValueError(f"`augmentation`: there is no {unknown[0]!r}; there are {', '.join(get_args(Policy))}")


def diff_augment(x: Tensor, draws: Tensor, policies: Iterable[str]) -> Tensor:
    """Pictures as a discriminator sees them: differentiable, of the same shape, and a function of its arguments alone.

    With the same draws, real and made pictures go through the same transformations, so that the discriminator learns
    nothing from these, and the generator does not learn to make them.

    Arguments:
        x: Pictures in [-1, 1], :math:`(B, C, H, W)`.
        draws: What is random, uniform in :math:`[0, 1)`, :math:`(B, 9)`.
        policies: What is done, in the order of `Policy`.
    """
    names = set(policies)
    tone, shift, hole, mirror = torch.split(draws, [3, 2, 2, 2], dim=1)
    if "colour" in names:
        x = _recoloured(x, tone)
    if "mirror" in names:
        x = _mirrored(x, mirror < 0.5)
    if "translation" in names:
        x = _shifted(x, shift)
    if "cutout" in names:
        x = _cut(x, hole)
    return x


def _recoloured(x: Tensor, draws: Tensor) -> Tensor:
    brightness, saturation, contrast = (draw.reshape(-1, 1, 1, 1) for draw in draws.unbind(1))
    x = x + brightness - 0.5
    grey = x.mean(1, keepdim=True)
    x = grey + 2 * saturation * (x - grey)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (0.5 + contrast) * (x - mean)


def _mirrored(x: Tensor, chosen: Tensor) -> Tensor:
    for axis, which in zip((2, 3), chosen.unbind(1), strict=True):
        x = torch.where(which.reshape(-1, 1, 1, 1), x.flip(axis), x)
    return x


def _shifted(x: Tensor, draws: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    rows, columns = (
        _places(side, draw) for side, draw in zip((height, width), draws.unbind(1), strict=True)
    )  # (B, H), (B, W)
    inside = _is_inside(rows, height)[:, :, None] & _is_inside(columns, width)[:, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    x = x.gather(2, rows[:, None, :, None].expand_as(x)).gather(3, columns[:, None, None].expand_as(x))
    return x * inside[:, None]


def _places(side: int, draw: Tensor) -> Tensor:
    """Where each row of a picture comes from."""
    most = round(side * _SHIFT)
    shift = (draw * (2 * most + 1)).floor().long() - most
    return torch.arange(side, device=draw.device) + shift[:, None]


def _is_inside(places: Tensor, side: int) -> Tensor:
    return (places >= 0) & (places < side)


def _cut(x: Tensor, draws: Tensor) -> Tensor:
    rows, columns = (_is_covered(side, draw) for side, draw in zip(x.shape[-2:], draws.unbind(1), strict=True))
    return x * ~(rows[:, :, None] & columns[:, None])[:, None]


def _is_covered(side: int, draw: Tensor) -> Tensor:
    """Whether each row is in the hole, whose middle may be anywhere in the picture."""
    middle = (draw * side)[:, None]
    return (torch.arange(side, device=draw.device) + 0.5 - middle).abs() < side * _CUT / 2
