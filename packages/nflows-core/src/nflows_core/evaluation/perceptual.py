r"""How different two pictures look: the distance of their features in a network that has learned to see."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nflows_core.classifiers.efficientnet import EfficientNetLite0
from nflows_core.runtime.weights import Weights, find_weights, load_state

Perceptual = Literal["vgg", "efficientnet-lite0"]
"""The networks that may judge."""

VGG16 = Weights(
    name="vgg16",
    file="vgg16-397923af.pth",
    revision="imagenet1k-v1",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    mirrors=("https://download.pytorch.org/models/vgg16-397923af.pth",),
    size=553433881,
)
"""torchvision's VGG16, trained on ImageNet."""

LEAST_SIDE = 16
"""The sides of the smallest pictures that are compared: below it the deepest features have no pixel."""


class PerceptualDistance(nn.Module):
    r"""The learned perceptual distance of Zhang et al. 2018, equation 1.

    .. math:: d(x, y) = \sum_l \operatorname{mean}_{hw} \sum_c w_{lc} (\hat\phi_{lc}(x) - \hat\phi_{lc}(y))^2

    :math:`\hat\phi_l` are a network's features of layer l, their vectors of length 1. It has no learnable parameters.

    Arguments:
        network: Maps pictures in [-1, 1] to features, one tensor a layer; it is frozen.
        weights: The weights :math:`w_l` of the channels of each layer.
    """

    def __init__(self, network: nn.Module, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ParameterList([nn.Parameter(weight.reshape(1, -1, 1, 1)) for weight in weights])
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> PerceptualDistance:
        """Stays as it is: a judge that learns is none."""
        return super().train(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of each pair of pictures in [-1, 1], :math:`(B, 3, H, W)`, as :math:`(B,)`."""
        return torch.stack([layer.mean((1, 2)) for layer in self._layers(x, y)]).sum(0)

    def map(self, x: Tensor, y: Tensor) -> Tensor:
        r"""The distance at each pixel, :math:`(B, H, W)`: where two pictures look different.

        .. math:: d_p(x, y) = \sum_l U\Big(\sum_c w_{lc} (\hat\phi_{lc}(x) - \hat\phi_{lc}(y))^2\Big)_p

        U enlarges a layer to the size of the pictures, bilinearly, as in the authors' ``spatial`` form. By VGG16 it
        depends on pixels up to `Vgg16.reach` away.
        """
        maps = [interpolate(layer[:, None], x.shape[-2:], mode="bilinear") for layer in self._layers(x, y)]
        return torch.stack(maps).sum(0)[:, 0]

    def _layers(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """What each layer adds, at its own size."""
        if min(x.shape[-2:]) < LEAST_SIDE:
            raise ValueError(
                f"perceptual distances need pictures of {LEAST_SIDE} x {LEAST_SIDE} pixels or more, got "
                f"{x.shape[-2]} x {x.shape[-1]}; give larger ones"
            )
        pairs = zip(self.network(x), self.network(y), self.heads, strict=True)
        return [(weight * (_unit(a) - _unit(b)).square()).sum(1) for a, b, weight in pairs]


class Vgg16(nn.Module):
    """The five layers of VGG16 before each pooling, of which LPIPS is made; 14.71 M parameters, untrained."""

    channels = (64, 128, 256, 512, 512)
    stride = 16
    """How far features of the last layer lie apart, in pixels: two parts of a picture have the same if they begin at
    multiples of it."""
    reach = 113
    """How far a pixel of `PerceptualDistance.map` sees, in pixels: 97.5 of a feature of the last layer, and 15.5 from
    there to what is interpolated."""
    _ENDS = (4, 9, 16, 23, 30)

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # the classifier behind the features takes half a gigabyte
            features = _import("torchvision").models.vgg16(init_weights=False).features[: self._ENDS[-1]]
        self.features = features.to_empty(device=torch.get_default_device())
        for layer in self.features:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # else what was given out would change
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The features of pictures in [-1, 1]."""
        x = (x - self.mean) / self.std
        found = []
        for index, layer in enumerate(self.features, start=1):
            x = layer(x)
            if index in self._ENDS:
                found.append(x)
        return found


class EfficientNetLayers(nn.Module):
    """The last layer of each size of EfficientNet-Lite0, from a half to a sixteenth of a picture's."""

    channels = (16, 24, 40, 112)

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.stem, self.stages = network.stem, network.stages[:5]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The features of pictures in [-1, 1]."""
        x = self.stem(x)
        features = [x := stage(x) for stage in self.stages]
        return [one for one in features if one.shape[1] in self.channels]


def build_perceptual(name: Perceptual, vgg: Weights | str | Path = VGG16) -> PerceptualDistance:
    """A trained judge of how different pictures look.

    "vgg" is LPIPS, by torchvision's VGG16 and the published heads that torchmetrics comes with. "efficientnet-lite0"
    has all its weights in a package of pip, and needs no download; its layers and channels count alike, and its values
    compare with no published ones.

    Arguments:
        name: The network.
        vgg: VGG16's weights, in the format of torchvision.

    Raises:
        CommandError: The weights of VGG16 are missing; exit code 3, and the message says what to put where.
        ModuleNotFoundError: A library is not installed.
        ValueError: There is no such network, or its weights are damaged.
    """
    if name == "efficientnet-lite0":
        layers = EfficientNetLayers(EfficientNetLite0.pretrained())
        return PerceptualDistance(layers, _uniform(layers.channels))
    if name == "vgg":
        heads = _published_heads()  # first: a library that is missing is told before half a gigabyte is fetched
        weights = vgg if isinstance(vgg, Weights) else Path(vgg)
        return PerceptualDistance(_pretrained_vgg(find_weights(weights)), heads)
    raise ValueError(f"`perceptual`: expected vgg or efficientnet-lite0, got {name!r}")


def untrained_lpips() -> PerceptualDistance:
    """LPIPS without its weights, to count its parameters: 14.72 M."""
    network = Vgg16()
    return PerceptualDistance(network, _uniform(network.channels))


def _uniform(channels: Sequence[int]) -> list[Tensor]:
    return [torch.full((number,), 1 / len(channels)) for number in channels]


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-8).sqrt()


def _pretrained_vgg(path: Path) -> Vgg16:
    network = Vgg16()
    state = load_state(path)
    own = network.state_dict()
    if any(name not in state or state[name].shape != own[name].shape for name in own):
        raise ValueError(f"{path} does not hold the weights of torchvision's VGG16; give {VGG16.file}")
    network.load_state_dict({name: state[name] for name in own})
    return network


def _published_heads() -> list[Tensor]:
    """LPIPS's weights of channels, version 0.1, which torchmetrics has in its wheel (BSD 2-clause)."""
    module = _import("torchmetrics.functional.image.lpips")
    state = load_state(Path(module.__file__).parent / "lpips_models" / "vgg.pth")
    return [state[f"lin{layer}.model.1.weight"] for layer in range(len(Vgg16.channels))]


def _import(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise ModuleNotFoundError(f"LPIPS needs {package}: pip install 'nflows-core[metrics]'") from error
