r"""The task of a box detector: its losses, its crops, and what is tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import distance_box_iou_loss

from nflows_core.training import EngineConfig, Items, Objective, Place, Task, TrainingItems, items_for_test
from nflows_privacy.training.cells import IGNORED, cells, decode, flat
from nflows_privacy.training.network import BoxNetwork

Crop = tuple[Tensor, Tensor, Tensor]
"""A picture :math:`(3, H, W)` in bytes, and the label :math:`(N,)` and box :math:`(N, 4)` of each of its cells."""

_BOX_WEIGHT = 2.0  # of the boxes' loss beside that of the scores, as in Li et al. 2020
_DIVERGED = 1e4
"""The loss above which a run is given up: one of a network that says nothing is some hundreds."""


class BoxDetection(Task[BoxNetwork, Crop]):
    r"""Learns scores that foretell how well a box fits, and boxes.

    With :math:`\sigma` the score of a class in a cell and :math:`y` the intersection over union of the cell's box with
    the one that it should predict, or 0 for other classes and cells, the loss of the scores is the quality focal loss

    .. math:: |y - \sigma|^2 \bigl(-(1 - y) \log (1 - \sigma) - y \log \sigma\bigr)

    (Li et al. 2020, "Generalized focal loss", equation 5), summed over all cells that count; that of the boxes is one
    minus their DIoU (Zheng et al. 2020, equation 7). Both are divided by the number of cells that predict a box.

    Arguments:
        network: The network.
        crops: What it is trained on.
        config: The settings of the engine.
        test_crops: What the averaged weights are tested on, if anything: pictures of any size.
        workers: The number of processes that read crops; 0 reads in this one.
    """

    def __init__(
        self,
        network: BoxNetwork,
        crops: Items[Crop],
        config: EngineConfig,
        test_crops: Items[Crop] | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__(network.to(memory_format=torch.channels_last), config)
        self.crops, self.test_crops, self.workers = crops, test_crops, workers
        self.measures = () if test_crops is None else ("loss",)

    def objectives(self) -> Sequence[Objective[Crop]]:
        """The one loss."""
        learned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        adam = torch.optim.AdamW(learned, lr=self.config.learning_rate, weight_decay=0.01, fused=True)
        return [Objective("detection", self.model, adam, self._loss, limit=_DIVERGED)]

    def training_batches(self, place: Place) -> TrainingItems[Crop]:
        return TrainingItems(self.crops, self.config, place, self.workers)

    def test_batches(self, place: Place) -> Iterable[Crop]:
        if self.test_crops is None:
            return ()
        return items_for_test(self.test_crops, replace(self.config, batch_size=1), place)  # their sizes differ

    def measure(self, model: BoxNetwork, batch: Crop) -> Mapping[str, Tensor]:
        return {"loss": self._loss(model, batch)[None]}

    def _loss(self, model: nn.Module, batch: Crop) -> Tensor:
        pictures, labels, boxes = batch
        inputs = pictures.contiguous(memory_format=torch.channels_last).float() / 255
        return detection_loss(flat(model(inputs)).float(), labels, boxes, *pictures.shape[-2:])


def detection_loss(predictions: Tensor, labels: Tensor, boxes: Tensor, height: int, width: int) -> Tensor:
    """The loss of `BoxDetection`, a scalar: the sum of `detection_losses`, weighted."""
    scores, fits = detection_losses(predictions, labels, boxes, height, width)
    loss: Tensor = scores + _BOX_WEIGHT * fits
    return loss


def detection_losses(
    predictions: Tensor, labels: Tensor, boxes: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """The losses of the scores and of the boxes of `BoxDetection`, scalars.

    Arguments:
        predictions: Those of a network as `flat` gives them, :math:`(B, N, K + 4)`.
        labels: The classes of the cells :math:`(B, N)`, or `BACKGROUND`, or `IGNORED`.
        boxes: The boxes of those that have a class, :math:`(B, N, 4)`.
        height: The height of the pictures in pixels.
        width: Their width.
    """
    places = cells(height, width).to(predictions.device).expand(len(predictions), -1, -1)
    found, counted = labels >= 0, labels != IGNORED
    logits, codes = predictions[..., :-4], predictions[found][:, -4:]
    decoded, wanted = decode(codes, places[found]), boxes[found]
    quality = torch.zeros_like(logits)
    # Boxes of the first updates hardly overlap: what is small must not be nothing, or no score would ever rise.
    quality[found, labels[found]] = paired_iou(decoded.detach(), wanted).clamp(min=0.1)
    number = found.sum().clamp(min=1)
    scores = quality_focal_loss(logits[counted], quality[counted]) / number
    return scores, distance_box_iou_loss(decoded, wanted, reduction="sum") / number


def quality_focal_loss(logits: Tensor, quality: Tensor) -> Tensor:
    """The loss of scores that should be qualities in [0, 1], of the same shape, summed; see `BoxDetection`."""
    weight = (quality - logits.sigmoid()).square()
    return (weight * binary_cross_entropy_with_logits(logits, quality, reduction="none")).sum()


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of each box :math:`(N, 4)` with the one at its place, :math:`(N,)`."""
    low, high = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    area = sum((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second))
    return shared / (area - shared)
