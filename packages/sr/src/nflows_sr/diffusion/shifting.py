r"""ResShift's chain: from a good latent to a bad one with noise, by shifting their residual, in a few steps.

Yue, Wang and Loy (2023), "ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting",
arXiv 2307.12348, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

Restore = Callable[[Tensor, int], Tensor]
"""From latents on the way, :math:`(B, C, h, w)`, and their step to the good latents as a network sees them."""

_FIRST = 0.04
"""Times the inverse of kappa, the root of the first shift (equation 9 and below it)."""
_LEAST, _LAST = 0.001, 0.999


@dataclass(frozen=True)
class ShiftSchedule:
    r"""How far the residual :math:`e = y - x` of a bad latent y and a good one x is shifted at each step.

    .. math:: q(x_t | x, y) = \mathcal N(x + \eta_t e, \kappa^2 \eta_t I), \qquad
        \sqrt{\eta_t} = \sqrt{\eta_1} \left(\frac{\eta_T}{\eta_1}\right)^{\frac12 \left(\frac{t - 1}{T - 1}\right)^p}

    (equations 2 and 10 and what follows), with :math:`\sqrt{\eta_1} = \min(.04 / \kappa, \sqrt{.001})` and
    :math:`\eta_T = .999`.

    Arguments:
        steps: The number T of steps.
        kappa: The noise :math:`\kappa` at the end, as a standard deviation.
        power: The power p: a smaller one shifts earlier.

    Raises:
        ValueError: There is no step, or a number is not positive.
    """

    steps: int = 15
    kappa: float = 2.0
    power: float = 0.3

    def __post_init__(self) -> None:
        if self.steps < 1 or min(self.kappa, self.power) <= 0:
            raise ValueError(
                f"`steps`, `kappa`, `power`: expected positive numbers, got {self.steps}, {self.kappa}, {self.power}"
            )

    @cached_property
    def shifts(self) -> Tensor:
        r"""The shifts :math:`\eta_0 = 0, \eta_1, \ldots, \eta_T`, :math:`(T + 1,)`."""
        first = min(_FIRST / self.kappa, _LEAST**0.5)
        part = torch.linspace(0, 1, self.steps, dtype=torch.float64) ** self.power
        part[-1] = 1  # of a single step, which is the last one too
        roots = first * (_LAST**0.5 / first) ** part
        return torch.cat([torch.zeros(1, dtype=torch.float64), roots**2])

    def shifted(self, good: Tensor, bad: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Latents at steps :math:`(B,)`, from 1 on, with noise of their shape."""
        shift = self.shifts.to(good)[times][:, None, None, None]
        return good + shift * (bad - good) + self.kappa * shift.sqrt() * noise

    def scaled(self, latents: Tensor, times: Tensor) -> Tensor:
        """Latents on the way as a network takes them: of about one variance at every step, as those at the ends."""
        shift = self.shifts.to(latents)[times][:, None, None, None]
        deviation: Tensor = (1 + self.kappa**2 * shift).sqrt()
        return latents / deviation

    def sample(self, restore: Restore, bad: Tensor, generator: torch.Generator) -> Tensor:
        r"""Good latents of bad ones (equation 7).

        .. math:: x_{t - 1} = \frac{\eta_{t - 1}}{\eta_t} x_t + \frac{\alpha_t}{\eta_t} f(x_t, t)
            + \kappa \sqrt{\frac{\eta_{t - 1}}{\eta_t} \alpha_t} \, \varepsilon, \qquad \alpha_t = \eta_t - \eta_{t - 1}

        Arguments:
            restore: The network :math:`f`.
            bad: The bad latents.
            generator: What the noise is drawn from, on the CPU: the same on every device.
        """
        shifts = self.shifts.tolist()
        latents = bad + self.kappa * math.sqrt(shifts[-1]) * _noise(bad, generator)
        for time in range(self.steps, 0, -1):
            kept = shifts[time - 1] / shifts[time]
            latents = kept * latents + (1 - kept) * restore(latents, time)
            if time > 1:
                spread = self.kappa * math.sqrt(kept * (shifts[time] - shifts[time - 1]))
                latents = latents + spread * _noise(latents, generator)
        return latents


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)
