"""A fully convolutional detector of boxes: a few dense convolutions, and a map of predictions for each size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nflows_core.classifiers import EfficientNetLite0

STRIDES = (4, 8, 16, 32)
"""Pixels between two cells of a level, along each axis."""

_LITE_ENDS, _LITE_CHANNELS = (2, 3, 5), (24, 40, 112)
"""The last stages of EfficientNet-Lite0 whose cells are 4, 8 and 16 pixels apart, and their features."""
_PRIOR = 0.01
"""The score of everything at first, so that the many cells of the background do not drown the rest: focal loss."""


class BoxNetwork(nn.Module):
    r"""Scores and boxes of every cell of four levels, whose cells are 4, 8, 16 and 32 pixels apart.

    The backbone is of residual blocks (He et al. 2016), a pyramid takes what lower levels know up to the higher ones
    (Lin et al. 2017, "Feature pyramid networks"), and each level has outputs of its own, without anchors (Tian et al.
    2019). All convolutions are dense: a CPU computes those faster than depth-wise ones of equal quality.

    Arguments:
        classes: The number of classes.
        widths: The number of features of a cell of each level.
        blocks: The number of residual blocks of each level.
        dropout: The part of the features of a cell that its outputs do not see in a training.
    """

    def __init__(self, classes: int, widths: Sequence[int], blocks: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = _convolution(3, widths[0] // 2, 2)
        inputs = (widths[0] // 2, *widths[:-1])
        self.stages = nn.ModuleList(map(_stage, inputs, widths, blocks))
        self._add_pyramid(classes, widths, dropout)

    def _add_pyramid(self, classes: int, widths: Sequence[int], dropout: float) -> None:
        self.classes, self.dropout = classes, nn.Dropout(dropout)
        self.above = nn.ModuleList(nn.Conv2d(low, high, 1) for high, low in pairwise(widths))
        self.merge = nn.ModuleList(_convolution(width, width) for width in widths)
        self.outputs = nn.ModuleList(_output(width, classes) for width in widths)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        r"""Logits and codes of boxes of each level, :math:`(B, K + 4, \lceil H / s \rceil, \lceil W / s \rceil)`.

        Arguments:
            pictures: The pictures in [0, 1], :math:`(B, 3, H, W)`.
        """
        features = self.features(pictures)
        merged = self.merge[-1](features[-1])
        maps = [self.outputs[-1](self.dropout(merged))]
        for level in reversed(range(len(features) - 1)):
            merged = self.merge[level](features[level] + _enlarged(self.above[level](merged), features[level]))
            maps.append(self.outputs[level](self.dropout(merged)))
        return maps[::-1]

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What the backbone sees at each level."""
        found, features = self.stem(pictures - 0.5), []
        for stage in self.stages:
            found = stage(found)
            features.append(found)
        return features


class PretrainedBoxNetwork(BoxNetwork):
    """A `BoxNetwork` with the first stages of EfficientNet-Lite0, which may have learned on ImageNet, as its backbone.

    Of few pictures, boxes are soon found and classes are not: features that tell colours and shapes apart are what few
    boxes cannot teach. Batch normalizations of the backbone stay as they are, and so do its filters up to the first
    level, which see edges and colours.

    Arguments:
        classes: The number of classes.
        width: The number of features of a cell of each level.
        pretrained: Whether the backbone begins with ImageNet's weights.
        dropout: The part of the features of a cell that its outputs do not see in a training.

    Raises:
        ModuleNotFoundError: The package with the weights is not installed.
    """

    def __init__(self, classes: int, width: int, pretrained: bool = False, dropout: float = 0.0) -> None:
        nn.Module.__init__(self)
        backbone = EfficientNetLite0.pretrained() if pretrained else EfficientNetLite0()
        self.backbone = nn.ModuleList([backbone.stem, *backbone.stages[: _LITE_ENDS[-1]]])
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in _LITE_CHANNELS)
        self.down = _convolution(_LITE_CHANNELS[-1], width, 2)
        self._add_pyramid(classes, (width,) * len(STRIDES), dropout)
        self.backbone[: _LITE_ENDS[0] + 1].requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.backbone.eval()
        return self

    def features(self, pictures: Tensor) -> list[Tensor]:
        found, features = 2 * pictures - 1, []
        for index, stage in enumerate(self.backbone):
            found = stage(found)
            if index in _LITE_ENDS:
                features.append(found)
        return [*(lateral(one) for lateral, one in zip(self.lateral, features, strict=True)), self.down(features[-1])]


def fused(network: BoxNetwork) -> BoxNetwork:
    """The network with its normalizations made a part of the convolutions before them, in place, for predictions."""
    for part in list(network.modules()):
        if isinstance(part, nn.Sequential):
            for index in range(len(part) - 1):
                convolution, normalization = part[index], part[index + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(normalization, nn.BatchNorm2d):
                    part[index] = fuse_conv_bn_eval(convolution, normalization)
                    part[index + 1] = nn.Identity()
    return network


class _Residual(nn.Module):
    """A residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.path = nn.Sequential(*_convolution(width, width), *_convolution(width, width)[:-1])

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = torch.relu(features + self.path(features))
        return result


def _stage(inputs: int, width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, width, 2), *(_Residual(width) for _ in range(blocks)))


def _convolution(inputs: int, width: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


def _output(width: int, classes: int) -> nn.Conv2d:
    output = nn.Conv2d(width, classes + 4, 1)
    nn.init.normal_(output.weight, std=0.01)
    logit = -math.log(1 / _PRIOR - 1)
    output.bias = nn.Parameter(torch.tensor([logit] * classes + [0.0] * 4))
    return output


def _enlarged(features: Tensor, like: Tensor) -> Tensor:
    """Features of a level at the size of the level above."""
    double = interpolate(features, scale_factor=2.0, mode="nearest")
    return double[..., : like.shape[-2], : like.shape[-1]]
