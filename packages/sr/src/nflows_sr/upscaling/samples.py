"""Several guesses of one picture beside each other, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

SPREAD_WHITE = 32 / 255
"""The standard deviation that is white in the picture of the spread, of values in [0, 1]."""


class Panels:
    r"""A picture of several guesses side by side, with a last one of their standard deviation at each pixel.

    .. math:: \sigma = \sqrt{\tfrac{1}{n - 1} \sum_i (y_i - \bar y)^2}

    the mean over the colours, grey, black where all guesses agree and white from `SPREAD_WHITE` on: where it is bright,
    the enlargement is a guess.

    Arguments:
        guesses: The strips of each guess, :math:`(C, h, W)`, alike in height; two guesses or more.
        has_alpha: Whether the last channel is alpha, which all guesses share.
    """

    def __init__(self, guesses: Sequence[Iterator[Tensor]], has_alpha: bool) -> None:
        self._guesses, self._has_alpha = guesses, has_alpha
        self._sum, self._pixels = 0.0, 0

    def strips(self) -> Iterator[Tensor]:
        r"""The strips, :math:`(C, h, (n + 1) W)`."""
        for parts in zip(*self._guesses, strict=True):
            yield torch.cat([*parts, self._spread(torch.stack(parts))], dim=2)

    def numbers(self) -> dict[str, float]:
        """The mean of the spread and what is white, in [0, 1], once all strips are through."""
        return {"spread": self._sum / self._pixels, "spread_white": SPREAD_WHITE}

    def _spread(self, guesses: Tensor) -> Tensor:
        colours = guesses[:, : guesses.shape[1] - self._has_alpha].clamp(0, 1)
        deviation = colours.std(0).mean(0, keepdim=True)
        self._sum += float(deviation.sum(dtype=torch.float64))
        self._pixels += deviation.numel()
        grey = (deviation / SPREAD_WHITE).clamp(max=1).expand(colours.shape[1], -1, -1)
        return torch.cat([grey, guesses[0, colours.shape[1] :]])
