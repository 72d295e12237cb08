"""The network of RetinaFace (Deng et al., CVPR 2020, arXiv 1905.00641), with the names that public checkpoints have.

A backbone gives features of strides 8, 16 and 32, a pyramid adds coarser to finer ones, and at each scale a module of
three receptive fields (SSH, Najibi et al., ICCV 2017) feeds heads of 1 x 1 convolutions: for two anchors a place a
class, a box and five landmarks. The checkpoints are those of biubug6/Pytorch_Retinaface (MIT), whose convolutions and
slopes these are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

ANCHORS = 2
"""At each place."""
STRIDES = (8, 16, 32)


class RetinaFace(nn.Module):
    """From pictures to boxes, classes and landmarks, each relative to its anchor.

    Arguments:
        body: The backbone: its last children give the features of the three strides.
        levels: The names of those children.
        channels: The channels of their features.
        width: The channels of the pyramid: 64, or 256 with ResNet-50.
    """

    def __init__(self, body: nn.Sequential, levels: Sequence[str], channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.body, self._levels = body, frozenset(levels)
        slope = 0.1 if width <= 64 else 0.0
        self.fpn = _Pyramid(channels, width, slope)
        self.ssh1, self.ssh2, self.ssh3 = (_Context(width, slope) for _ in STRIDES)
        self.ClassHead, self.BboxHead, self.LandmarkHead = (_heads(width, numbers) for numbers in (2, 4, 10))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        r"""The offsets :math:`(B, N, 4)` of the boxes, and how likely each is a face, :math:`(B, N)`.

        Arguments:
            pictures: BGR without the mean of ImageNet, :math:`(B, 3, H, W)`, in units of 1/255.
        """
        features = []
        for name, child in self.body.named_children():
            pictures = child(pictures)
            if name in self._levels:
                features.append(pictures)
        seen = [ssh(level) for ssh, level in zip((self.ssh1, self.ssh2, self.ssh3), self.fpn(features), strict=True)]
        boxes, classes = (
            torch.cat([head(level) for head, level in zip(heads, seen, strict=True)], dim=1)
            for heads in (self.BboxHead, self.ClassHead)
        )
        return boxes, classes.softmax(dim=-1)[..., 1]


def mobilenet() -> RetinaFace:
    """With MobileNet v1 of a quarter of the width as its backbone: 0.4 million parameters."""
    first = [_conv(3, 8, 3, 2, 0.1), _separable(8, 16), _separable(16, 32, 2), _separable(32, 32)]
    stage1 = nn.Sequential(*first, _separable(32, 64, 2), _separable(64, 64))
    stage2 = nn.Sequential(_separable(64, 128, 2), *(_separable(128, 128) for _ in range(5)))
    stage3 = nn.Sequential(_separable(128, 256, 2), _separable(256, 256))
    body = nn.Sequential(OrderedDict(stage1=stage1, stage2=stage2, stage3=stage3))
    return RetinaFace(body, list(dict(body.named_children())), (64, 128, 256), 64)


def resnet50() -> RetinaFace:
    """With ResNet-50 as its backbone: 27 million parameters."""
    from torchvision.models import resnet50 as backbone

    children = OrderedDict(backbone(weights=None).named_children())
    del children["avgpool"], children["fc"]
    return RetinaFace(nn.Sequential(children), ("layer2", "layer3", "layer4"), (512, 1024, 2048), 256)


class _Pyramid(nn.Module):
    def __init__(self, channels: Sequence[int], width: int, slope: float) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv(inner, width, 1, 1, slope) for inner in channels)
        self.merge1, self.merge2 = _conv(width, width, 3, 1, slope), _conv(width, width, 3, 1, slope)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.output1(features[0]), self.output2(features[1]), self.output3(features[2])
        middle = self.merge2(middle + interpolate(coarse, size=middle.shape[2:], mode="nearest"))
        fine = self.merge1(fine + interpolate(middle, size=fine.shape[2:], mode="nearest"))
        return fine, middle, coarse


class _Context(nn.Module):
    """Half of the channels see 3 x 3 pixels, a quarter 5 x 5 and a quarter 7 x 7."""

    def __init__(self, width: int, slope: float) -> None:
        super().__init__()
        self.conv3X3 = _conv(width, width // 2)
        self.conv5X5_1 = _conv(width, width // 4, slope=slope)
        self.conv5X5_2 = _conv(width // 4, width // 4)
        self.conv7X7_2 = _conv(width // 4, width // 4, slope=slope)
        self.conv7x7_3 = _conv(width // 4, width // 4)

    def forward(self, features: Tensor) -> Tensor:
        five = self.conv5X5_1(features)
        seen = [self.conv3X3(features), self.conv5X5_2(five), self.conv7x7_3(self.conv7X7_2(five))]
        return relu(torch.cat(seen, dim=1))


class _Head(nn.Module):
    def __init__(self, width: int, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.conv1x1 = nn.Conv2d(width, ANCHORS * numbers, 1)

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.conv1x1(features).permute(0, 2, 3, 1)
        return found.reshape(len(found), -1, self.numbers)


def _heads(width: int, numbers: int) -> nn.ModuleList:
    return nn.ModuleList(_Head(width, numbers) for _ in STRIDES)


def _conv(inner: int, outer: int, side: int = 3, stride: int = 1, slope: float | None = None) -> nn.Sequential:
    """A convolution, its normalization, and a rectifier with a slope below 0 where one is given."""
    layers: list[nn.Module] = [nn.Conv2d(inner, outer, side, stride, side // 2, bias=False), nn.BatchNorm2d(outer)]
    return nn.Sequential(*layers, *([] if slope is None else [nn.LeakyReLU(slope)]))


def _separable(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    """A convolution of each channel by itself, then one that mixes them."""
    alone = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False)
    return nn.Sequential(
        alone,
        nn.BatchNorm2d(inner),
        nn.LeakyReLU(0.1),
        nn.Conv2d(inner, outer, 1, bias=False),
        nn.BatchNorm2d(outer),
        nn.LeakyReLU(0.1),
    )
