"""From a name to a classifier: ours, one with weights from a package of pip, and any of timm's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nflows_core.classifiers.classifier import Classifier
from nflows_core.classifiers.efficientnet import EfficientNetLite0
from nflows_core.classifiers.frozen import FrozenBody
from nflows_core.classifiers.small import SmallBody

FROZEN = "frozen"
"""The classifier of which only the last layer learns."""
OWN = ("small", "efficientnet-lite0", FROZEN)
"""The classifiers that need no library."""
LEAST_SIDE = 16
"""The side of the smallest pictures; of smaller ones the last stage would have no pixel of its own."""
_TURNS = 4
_WITHOUT = "leave it out, or give efficientnet-lite0, whose weights are a package of pip"


def build_classifier(
    name: str = "small", classes: int = 2, channels: int = 3, *, pretrained: bool = False, dropout: float = 0.2
) -> Classifier:
    """A classifier of pictures of any size from `LEAST_SIDE` on.

    "small" is ours, 0.3 M parameters. "efficientnet-lite0" has weights learned on ImageNet in a package of pip, so that
    nothing is downloaded; "frozen" is its features of a picture in four turns, as `FrozenBody` gives them, without
    dropout. Every other name is one of timm's, such as resnet18, resnet50, wide_resnet50_2,
    mobilenetv2_100, or lcnet_050 of SqueezeNet's size.

    Arguments:
        name: The network.
        classes: The number of classes.
        channels: The channels of the pictures.
        pretrained: Whether all but the last layer begins with weights learned on ImageNet; timm takes its own from its
            cache, or downloads them.
        dropout: See `Classifier`.

    Raises:
        ModuleNotFoundError: The network or its weights need a package that is not installed.
        ValueError: There is no such network, it has no trained weights, or they are not there.
    """
    if name == "small":
        if pretrained:
            raise ValueError(f"`pretrained`: the small network has no weights of others; {_WITHOUT}")
        return Classifier(SmallBody(channels), SmallBody.width, classes, dropout=dropout)
    if name == "efficientnet-lite0":
        _refuse_grey(name, channels)
        body = EfficientNetLite0.pretrained() if pretrained else EfficientNetLite0()
        return Classifier(body.train(), body.width, classes, dropout=dropout)
    if name == FROZEN:
        _refuse_grey(name, channels)
        frozen = FrozenBody.pretrained(_TURNS) if pretrained else FrozenBody(_TURNS)
        return Classifier(frozen, frozen.width, classes, dropout=0.0)
    return _from_timm(name, classes, channels, pretrained, dropout)


def _refuse_grey(name: str, channels: int) -> None:
    if channels != 3:
        raise ValueError(f"`channels`: {name} takes pictures in colour, of 3 channels, got {channels}")


def _from_timm(name: str, classes: int, channels: int, pretrained: bool, dropout: float) -> Classifier:
    timm = _timm(name)
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.partition('_')[0]}*")[:5] or ["resnet18", "resnet50", "mobilenetv2_100"]
        there = f"{', '.join(OWN)}, and of timm {', '.join(near)}"
        raise ValueError(f"`name`: there is no classifier {name!r}; there are {there}")
    try:
        body = timm.create_model(name, pretrained=pretrained, num_classes=0, in_chans=channels)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"`pretrained`: timm has no weights of {name} at hand ({error}); {_WITHOUT}") from error
    known = body.pretrained_cfg if pretrained and channels == 3 else {}
    mean, std = known.get("mean", (0.5,)), known.get("std", (0.5,))
    return Classifier(body, body.head_hidden_size, classes, mean=mean, std=std, dropout=dropout)


def _timm(name: str) -> Any:
    try:
        return import_module("timm")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"there is no classifier {name!r} without timm; there are {', '.join(OWN)}, or: "
            "pip install 'nflows-core[models]'"
        ) from error
