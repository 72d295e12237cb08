"""Segmentation networks by the names of their architecture and encoder, as ``unet:resnet34``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nflows_core.runtime.weights import load_state

DEFAULT = ("unet:resnet34", "unet:resnet50", "deeplabv3:resnet50", "fcn:resnet50")
"""The networks of the thesis's segmentation."""
_LIBRARY = {"unet": "Unet", "deeplabv3": "DeepLabV3", "deeplabv3plus": "DeepLabV3Plus", "fpn": "FPN"}
"""Architectures of segmentation-models-pytorch; ``fcn`` is torchvision's."""


def build_network(name: str, classes: int, encoder_weights: Mapping[str, Path] | None = None) -> nn.Module:
    """An untrained network, from pictures :math:`(B, 3, H, W)` to logits :math:`(B, K, H, W)`.

    Arguments:
        name: The architecture and the encoder: ``unet``, ``deeplabv3``, ``deeplabv3plus`` or ``fpn`` with any encoder
            of segmentation-models-pytorch, or ``fcn`` with ``resnet50`` or ``resnet101``.
        classes: The number of classes K.
        encoder_weights: The files of encoders' weights, as torchvision publishes them, by the names of the encoders.

    Raises:
        ValueError: There is no such network, or weights are of another encoder.
        ModuleNotFoundError: segmentation-models-pytorch is not installed.
    """
    architecture, _, encoder = name.partition(":")
    network: Any
    if architecture == "fcn":
        network = _fcn(encoder, classes)
        inner = network.network.backbone
    elif architecture in _LIBRARY:
        network = _of_library(_LIBRARY[architecture], encoder, classes)
        inner = network.encoder
    else:
        known = ", ".join((*_LIBRARY, "fcn"))
        raise ValueError(f"`networks`: no architecture {architecture!r}; give one of {known}, as unet:resnet34")
    if (path := (encoder_weights or {}).get(encoder)) is not None:
        _load(inner, path, encoder)
    module: nn.Module = network
    return module


class _Fcn(nn.Module):
    """torchvision's, whose logits are one of several results."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(pictures)["out"]
        return logits


def _fcn(encoder: str, classes: int) -> Any:
    from torchvision.models import segmentation

    if encoder not in ("resnet50", "resnet101"):
        raise ValueError(f"`networks`: fcn has the encoders resnet50 and resnet101, got {encoder!r}")
    build = getattr(segmentation, f"fcn_{encoder}")
    return _Fcn(build(weights=None, weights_backbone=None, num_classes=classes))


def _of_library(architecture: str, encoder: str, classes: int) -> Any:
    library = segmentation_models()
    if encoder not in library.encoders.get_encoder_names():
        raise ValueError(f"`networks`: segmentation-models-pytorch has no encoder {encoder!r}; give one as resnet34")
    return getattr(library, architecture)(encoder, encoder_weights=None, classes=classes)


def segmentation_models() -> Any:
    """segmentation-models-pytorch.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that it imports
            return import_module("segmentation_models_pytorch")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "segmentation needs segmentation-models-pytorch: pip install 'nflows-privacy[segmentation]'"
        ) from error


def _load(encoder: nn.Module, path: Path, name: str) -> None:
    state = {key: value for key, value in load_state(path).items() if not key.startswith("fc.")}
    own = encoder.state_dict()
    if any(key not in own or own[key].shape != value.shape for key, value in state.items()) or own.keys() - state:
        raise ValueError(f"{path} does not hold the weights of the encoder {name}; give torchvision's file of it")
    encoder.load_state_dict(state)
