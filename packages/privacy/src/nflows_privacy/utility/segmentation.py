r"""Segmentation networks trained on pictures with masks, and tested on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from nflows_core.training import EngineConfig, Objective, Place, Task, Trainer, TrainingItems
from nflows_privacy.utility.masks import IGNORED, Masked, MaskedPictures, Pair
from nflows_privacy.utility.networks import build_network, segmentation_models
from nflows_privacy.utility.overlap import Overlaps, confusion

LOSSES = ("bce", "dice")
"""Binary cross-entropy of each class, and one minus the soft Dice coefficient of each (Milletari et al. 2016)."""


@dataclass(frozen=True)
class Segmenter:
    """How a network is trained and tested.

    Arguments:
        network: The name of the network; see `build_network`.
        loss: One of `LOSSES`.
        classes: The number of classes.
        size: The sides to which pictures are brought.
        encoder_weights: The files of encoders' weights by the encoders' names.
    """

    network: str
    loss: str
    classes: int
    size: int
    encoder_weights: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.network}, {self.loss}"

    def fit(self, masked: Sequence[Masked], config: EngineConfig) -> nn.Module:
        """The network trained on pictures, from weights that depend on the seed of the settings alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = build_network(self.network, self.classes, self.encoder_weights)
        task = Segmentation(network, MaskedPictures(masked, self.size), loss_of(self.loss, self.classes), config)
        return Trainer(task).fit()

    @torch.inference_mode()
    def test(self, network: nn.Module, masked: Sequence[Masked]) -> Overlaps:
        """The confusion matrix and the loss of each picture, at the size of the training."""
        device = next(network.parameters()).device
        pictures, loss = MaskedPictures(masked, self.size, flipped=False), loss_of(self.loss, self.classes)
        counts, losses = [], []
        for index in range(len(pictures)):
            picture, mask = pictures.read(index, 0)
            logits = network(_normalized(picture[None].to(device))).cpu()
            counts.append(confusion(logits[0].argmax(0).numpy(), mask.numpy(), self.classes))
            losses.append(float(loss(logits, mask[None])))
        return Overlaps(np.stack(counts), np.array(losses))


class Segmentation(Task[nn.Module, Pair]):
    """Lowers a loss of the logits of a network by AdamW.

    Arguments:
        network: From pictures :math:`(B, 3, H, W)` to logits :math:`(B, K, H, W)`.
        pictures: What it is trained on.
        loss: The mean loss of logits and masks.
        config: The settings of the engine.
    """

    def __init__(self, network: nn.Module, pictures: MaskedPictures, loss: Any, config: EngineConfig) -> None:
        super().__init__(network, config)
        self.pictures, self.loss = pictures, loss

    def objectives(self) -> Sequence[Objective[Pair]]:
        """The one loss."""
        adam = torch.optim.AdamW(self.model.parameters(), lr=self.config.learning_rate, weight_decay=0.01, fused=True)
        return [Objective("segmentation", self.model, adam, self._loss, limit=1e3)]

    def training_batches(self, place: Place) -> TrainingItems[Pair]:
        return TrainingItems(self.pictures, self.config, place)

    def _loss(self, model: nn.Module, batch: Pair) -> Tensor:
        pictures, masks = batch
        loss: Tensor = self.loss(model(_normalized(pictures)), masks)
        return loss


def loss_of(name: str, classes: int) -> Any:
    """A loss of logits :math:`(B, K, H, W)` and classes :math:`(B, H, W)`, of which `IGNORED` does not count.

    Raises:
        ValueError: There is no such loss.
        ModuleNotFoundError: segmentation-models-pytorch is not installed.
    """
    if name == "dice":
        return segmentation_models().losses.DiceLoss("multiclass", ignore_index=IGNORED)
    if name == "bce":
        return lambda logits, masks: binary_cross_entropy(logits, masks, classes)
    raise ValueError(f"`losses`: expected {' or '.join(LOSSES)}, got {name!r}")


def binary_cross_entropy(logits: Tensor, masks: Tensor, classes: int) -> Tensor:
    """The mean over pixels that count and over classes, each a question of its own."""
    counted = masks != IGNORED
    targets = one_hot(masks[counted], classes).to(logits.dtype)
    return binary_cross_entropy_with_logits(logits.permute(0, 2, 3, 1)[counted], targets)


def _normalized(pictures: Tensor) -> Tensor:
    """Bytes as the encoders of the field take them, by ImageNet's mean and deviation."""
    mean = pictures.new_tensor((0.485, 0.456, 0.406), dtype=torch.float32).reshape(3, 1, 1)
    deviation = pictures.new_tensor((0.229, 0.224, 0.225), dtype=torch.float32).reshape(3, 1, 1)
    return (pictures.float() / 255 - mean) / deviation
