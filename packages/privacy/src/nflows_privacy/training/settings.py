"""What a person chooses of a detector, and what its network is built by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nflows_privacy.training.network import STRIDES, BoxNetwork, PretrainedBoxNetwork

# A configuration may come from anywhere, and ask for all of the memory before its weights are found to be others.
_MOST_CLASSES = 1000
_MOST_WIDTH = 512
_MOST_BLOCKS = 16
_CROPS = 64, 2048

RESIDUAL, LITE = BACKBONES = ("residual", "efficientnet-lite0")


@dataclass(frozen=True)
class Augmentation:
    """What is done to pictures before a detector learns from them.

    Arguments:
        scales: The least and the largest factor by which a picture is scaled before it is cropped.
        flips: "mirrors" for mirror images, with the classes that things have in a mirror, unless one of them has none;
            "all" for flips along both axes that keep the classes, as the thesis has them; or "none".
        photographed: Whether light, colour, blur, noise and compression are changed.
        turn: The largest angle by which a crop is turned, in degrees.
        mosaic: The part of the crops that are of four pictures.
        pasted: The number of things and of pieces of background, on average, that are put into a crop.
    """

    scales: tuple[float, float] = (0.5, 2.0)
    flips: Literal["mirrors", "all", "none"] = "mirrors"
    photographed: bool = True
    turn: float = 0.0
    mosaic: float = 0.0
    pasted: float = 0.0


AUGMENTATIONS: Mapping[str, Augmentation] = {
    "none": Augmentation((1.0, 1.0), "none", photographed=False),
    "thesis": Augmentation(flips="all", turn=10.0, mosaic=0.5),
    "usual": Augmentation(),
    "pasted": Augmentation(turn=5.0, mosaic=0.2, pasted=2.0),
}
"""Augmentations by name: that of Nagar 2025, chapter 9, is "thesis"; "pasted" is for few pictures."""


@dataclass(frozen=True)
class NetworkSettings:
    """The settings of a `BoxNetwork` and of the crops that it is trained on.

    Arguments:
        classes: The names of what is found, in the order of the network's outputs.
        mirrors: The class that each of them is in a mirror, maybe itself; an empty one if it is none, so that pictures
            with it are not flipped, and no names at all if this holds for all.
        widths: The number of features of each level.
        blocks: The number of residual blocks of each level.
        crop: The side of the crops that it is trained on.
        backbone: "residual", which is ours and begins with random weights, or "efficientnet-lite0", whose levels all
            have the first width, and which has no use for ``blocks``.
        groups: Whether the classes are groups of what tables call classes: of traffic signs, those that have a mirror
            class are flipped with their pictures.
        dropout: The part of the features of a cell that its outputs do not see in a training, in [0, 1): Srivastava et
            al. 2014.

    Raises:
        ValueError: A setting is out of its range.
    """

    classes: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    widths: tuple[int, ...] = (24, 48, 96, 96)
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    crop: int = 320
    backbone: str = RESIDUAL
    groups: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= _MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"`classes`: expected 1 to {_MOST_CLASSES} different names")
        if self.mirrors and (len(self.mirrors) != len(self.classes) or set(self.mirrors) - {*self.classes, ""}):
            raise ValueError("`mirrors`: expected one of `classes` or an empty name for each of them")
        self._check_levels("widths", self.widths, 2, _MOST_WIDTH)
        self._check_levels("blocks", self.blocks, 0, _MOST_BLOCKS)
        if self.backbone not in BACKBONES:
            raise ValueError(f"`backbone`: expected one of {', '.join(BACKBONES)}, got {self.backbone!r}")
        if not _CROPS[0] <= self.crop <= _CROPS[1] or self.crop % STRIDES[-1]:
            raise ValueError(
                f"`crop`: expected a multiple of {STRIDES[-1]} from {_CROPS[0]} to {_CROPS[1]}, got {self.crop}"
            )

        if not 0 <= self.dropout < 1:
            raise ValueError(f"`dropout`: expected 0 to below 1, got {self.dropout}")

    def build(self, pretrained: bool = False) -> BoxNetwork:
        """The untrained network.

        Arguments:
            pretrained: Whether a backbone that others have trained begins with their weights.

        Raises:
            ModuleNotFoundError: The package with these weights is not installed.
        """
        if self.backbone == LITE:
            return PretrainedBoxNetwork(len(self.classes), self.widths[0], pretrained, self.dropout)
        return BoxNetwork(len(self.classes), self.widths, self.blocks, self.dropout)

    def _check_levels(self, name: str, values: tuple[int, ...], least: int, most: int) -> None:
        if len(values) != len(STRIDES) or not all(least <= value <= most for value in values):
            raise ValueError(f"`{name}`: expected {len(STRIDES)} numbers from {least} to {most}, got {values}")
