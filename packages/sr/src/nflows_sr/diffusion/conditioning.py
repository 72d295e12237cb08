r"""What StableSR learns in its first training: an encoder that knows the time, and spatial feature transforms.

Wang, Yue, Zhou, Chan and Loy (2024), "Exploiting Diffusion Prior for Real-World Image Super-Resolution",
arXiv 2305.07015, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from nflows_sr.autoencoders.libraries import diffusers
from nflows_sr.diffusion.taps import tap, tapped

_GROUPS, _HEADS, _BLOCKS = 32, 4, 2

Modulation = Sequence[tuple[Tensor, Tensor]]
r"""For each residual block of a U-Net a scale and a shift, :math:`(B, C, h, w)` as its features."""


class TimeAwareEncoder(nn.Module):
    r"""The encoder half of a U-Net: features of the low-resolution latent at each level and time.

    With the time, the encoder can weigh its features by how noisy the latent that it guides is: strongly where the
    structure is made, little at the end. Levels in the first half have the width, those in the second twice as much;
    all but the last attend to themselves. A residual block brings each level to the width.

    Arguments:
        channels: The channels of the latent.
        levels: The levels of the U-Net that is guided.
        width: The channels of the features.
    """

    def __init__(self, channels: int, levels: int, width: int) -> None:
        super().__init__()
        embeddings = diffusers("diffusers.models.embeddings")
        time = 4 * width
        self.time = nn.Sequential(embeddings.Timesteps(width, True, 0), embeddings.TimestepEmbedding(width, time))
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        widths = [width if 2 * level < levels else 2 * width for level in range(levels)]
        self.down = nn.ModuleList(
            _down_block([width, *widths][level], widths[level], time, level == levels - 1) for level in range(levels)
        )
        self.middle = _middle_block(widths[-1], time)
        self.last = nn.ModuleList(_residual_block(wide, width, time) for wide in widths)

    def forward(self, latent: Tensor, time: Tensor) -> list[Tensor]:
        r"""The features of a latent, :math:`(B, C, h, w)`, at times :math:`(B,)`, the largest first."""
        embedded = self.time(time)
        x, features = self.first(latent), []
        for block in self.down:
            x, states = block(x, embedded)
            features.append(states[_BLOCKS - 1])
        features[-1] = self.middle(x, embedded)
        return [last(feature, embedded) for last, feature in zip(self.last, features, strict=True)]


class SpatialFeatureTransform(nn.Module):
    r"""The scale and shift of features, :math:`\hat F = (1 + \alpha) \odot F + \beta` (equation 3), at first zero.

    Arguments:
        channels: The channels of the features that are changed.
        width: The channels of the features that decide how.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.shared = nn.Conv2d(width, width // 2, 3, padding=1)
        self.scale = nn.Conv2d(width // 2, channels, 3, padding=1)
        self.shift = nn.Conv2d(width // 2, channels, 3, padding=1)
        for parameter in (*self.scale.parameters(), *self.shift.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        r""":math:`\alpha` and :math:`\beta`, by features of the time-aware encoder."""
        hidden = F.relu(self.shared(features))
        return self.scale(hidden), self.shift(hidden)


class Conditioning(nn.Module):
    r"""The time-aware encoder and a transform for each residual block of a U-Net: all that the training changes.

    The U-Net stays as it is, and apart: its weights are in no checkpoint. Before the training, nothing is changed.

    Arguments:
        unet: The U-Net, a ``UNet2DConditionModel``.
        width: The channels of the encoder's features.
    """

    def __init__(self, unet: Any, width: int = 256) -> None:
        super().__init__()
        blocks = _residual_convolutions(unet)
        self.levels = [level for level, _ in blocks]
        self.encoder = TimeAwareEncoder(unet.conv_in.in_channels, max(self.levels) + 1, width)
        self.transforms = nn.ModuleList(SpatialFeatureTransform(conv.out_channels, width) for _, conv in blocks)

    def forward(self, latent: Tensor, time: Tensor) -> Modulation:
        """What a low-resolution latent makes of each residual block of the U-Net at a time; see `modulated`."""
        features = self.encoder(latent, time)
        return [transform(features[level]) for level, transform in zip(self.levels, self.transforms, strict=True)]


def tap_residual_blocks(unet: Any) -> None:
    """Taps the residual blocks of a U-Net, so that `modulated` can change them."""
    for index, (_, convolution) in enumerate(_residual_convolutions(unet)):
        tap(convolution, ("residual block", index))


def modulated(modulation: Modulation) -> AbstractContextManager[None]:
    """Scales and shifts what the residual blocks of a tapped U-Net add to their inputs, for calls in this block."""
    return tapped({("residual block", index): partial(_modulate, *pair) for index, pair in enumerate(modulation)})


def _modulate(scale: Tensor, shift: Tensor, features: Tensor) -> Tensor:
    return (1 + scale) * features + shift


def _residual_convolutions(unet: Any) -> list[tuple[int, nn.Conv2d]]:
    """The last convolution of each residual block, whose output is added to the block's input, and its level."""
    deepest = len(unet.down_blocks) - 1
    blocks = [*enumerate(unet.down_blocks), (deepest, unet.mid_block)]
    blocks += [(deepest - index, block) for index, block in enumerate(unet.up_blocks)]
    return [(level, resnet.conv2) for level, block in blocks for resnet in block.resnets]


def _groups(*channels: int) -> int:
    # A channel alone in its group would lose the time, which is added to all of its pixels.
    return math.gcd(_GROUPS, *(number // 4 for number in channels))


def _down_block(inputs: int, outputs: int, time: int, is_last: bool) -> Any:
    blocks = diffusers("diffusers.models.unets.unet_2d_blocks")
    arguments = {"num_layers": _BLOCKS, "resnet_groups": _groups(inputs, outputs)}
    if is_last:
        return blocks.DownBlock2D(inputs, outputs, time, add_downsample=False, **arguments)
    head = outputs // _HEADS
    return blocks.AttnDownBlock2D(inputs, outputs, time, attention_head_dim=head, downsample_type="conv", **arguments)


def _middle_block(channels: int, time: int) -> Any:
    blocks = diffusers("diffusers.models.unets.unet_2d_blocks")
    head, groups = channels // _HEADS, _groups(channels)
    return blocks.UNetMidBlock2D(channels, time, attention_head_dim=head, resnet_groups=groups)


def _residual_block(inputs: int, outputs: int, time: int) -> Any:
    resnet, groups = diffusers("diffusers.models.resnet").ResnetBlock2D, _groups(inputs, outputs)
    return resnet(in_channels=inputs, out_channels=outputs, temb_channels=time, groups=groups)
