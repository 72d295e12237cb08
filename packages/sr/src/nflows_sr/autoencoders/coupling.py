r"""The coupling block that takes the place of a residual block whose input and output have the same size."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_sr.networks.coupling import Coupling


class ScaleAndShift(nn.Module):
    r"""The networks :math:`t` and :math:`s` of a coupling, each twice GroupNorm, SiLU and a 3 x 3 convolution.

    They see the same half, so they share the first normalization, and run as one network of two groups: half as many
    passes over memory. The last convolution starts at zero, and the coupling as the identity.

    Arguments:
        channels: Channels of the half.
        groups: Groups of the normalization; of a half that they do not divide, the most that do.
    """

    def __init__(self, channels: int, groups: int = 32) -> None:
        super().__init__()
        groups = math.gcd(groups, channels)
        self.norm1 = nn.GroupNorm(groups, channels, eps=1e-6)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(2 * groups, 2 * channels, eps=1e-6)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Maps a half, :math:`(B, C, H, W)`, to :math:`t` and the raw log-scale, :math:`(B, 2C, H, W)`."""
        has_no_gradient = not torch.is_grad_enabled()  # then nobody needs what the SiLU was of
        hidden = self.conv1(F.silu(self.norm1(x), inplace=has_no_gradient))
        return self.conv2(F.silu(self.norm2(hidden), inplace=has_no_gradient))  # type: ignore[no-any-return]


class HalfCoupling(Coupling):
    r"""Affine coupling (Dinh et al. 2017, equation 8) that leaves both halves of the channels in their places.

    .. math:: z_a = x_a, \qquad z_b = (x_b + t(x_a)) \, e^{s(x_a)}

    Unlike in a flow, layers before and after it may be trained already and expect each channel where it was: so the
    halves do not change places, but one block changes the second and the next the first.

    Arguments:
        channels: Channels of the image, an even number.
        changes_first: Whether :math:`x_b` is the first half of the channels, and not the second.
        groups: See `ScaleAndShift`.

    Raises:
        ValueError: The number of channels is odd.
    """

    def __init__(self, channels: int, changes_first: bool = False, groups: int = 32) -> None:
        super().__init__(channels, ScaleAndShift(channels // 2, groups))
        self.changes_first = changes_first

    def image(self, x: Tensor) -> Tensor:
        """The latent alone: an autoencoder has no use for log-determinants."""
        self._check(x, self.shape)
        if torch.is_grad_enabled():
            return self._changed(x)[0]
        condition, changed = self._parts(x)
        shift, log_scale = self._shift_and_log_scale(condition, None)
        z = torch.empty_like(x)
        # Each pass over a large image takes as long as a part of a convolution: nothing is written twice.
        z_condition, z_changed = self._parts(z)
        z_condition.copy_(condition)
        torch.add(changed, shift, out=z_changed)
        z_changed.mul_(log_scale.exp_())
        return z

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        z, log_scale = self._changed(x)
        return z, log_scale.sum((1, 2, 3))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        condition, changed = self._parts(z)
        shift, log_scale = self._shift_and_log_scale(condition, None)
        return self._joined(condition, changed * (-log_scale).exp() - shift)

    def _changed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        condition, changed = self._parts(x)
        shift, log_scale = self._shift_and_log_scale(condition, None)
        return self._joined(condition, (changed + shift) * log_scale.exp()), log_scale

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The half that conditions, and the one that is changed."""
        first, second = x.chunk(2, dim=1)
        return (second, first) if self.changes_first else (first, second)

    def _joined(self, condition: Tensor, changed: Tensor) -> Tensor:
        return torch.cat([changed, condition] if self.changes_first else [condition, changed], dim=1)


class CouplingBlock(nn.Module):
    """A coupling with the signature of diffusers' ``ResnetBlock2D``, whose place it takes.

    Arguments:
        channels: As of `HalfCoupling`, and likewise:
        changes_first: Whether the first half is changed.
        groups: The groups of the normalization.
    """

    def __init__(self, channels: int, changes_first: bool, groups: int) -> None:
        super().__init__()
        self.in_channels = self.out_channels = channels
        self.coupling = HalfCoupling(channels, changes_first, groups)

    def forward(self, x: Tensor, temb: Tensor | None = None) -> Tensor:
        """The coupled image; an autoencoder has no time to embed."""
        return self.coupling.image(x)
