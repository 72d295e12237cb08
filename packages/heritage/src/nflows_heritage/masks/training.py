r"""The training of a crack network, on made-up cracks over pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d

from nflows_core.training import EngineConfig, Objective, Place, Task, TrainingItems, items_for_test
from nflows_heritage.masks.made_up import Damage, crack_shares, painted
from nflows_heritage.masks.network import CrackNetwork

Pair = tuple[Tensor, Tensor]
"""A picture :math:`(3, S, S)` and where it is damaged, :math:`(1, S, S)`; in a batch, with B before."""
ENGINE: Mapping[str, Any] = {"batch_size": 16, "learning_rate": 6e-3, "warmup_steps": 30, "ema_decay": 0.98}
_CLEAN = 0.2
"""The share of the crops that are whole, so that what is painted is not taken for damage."""
_MOST = 3
"""Cracks of a crop."""


@dataclass(frozen=True)
class CrackedCrops:
    """Crops of pictures with made-up cracks, another crop and others cracks for every seed.

    Arguments:
        pictures: The pictures, :math:`(H, W, 3)` of 8 bits; no side is shorter than that of a crop.
        count: How many items there are.
        side: The side of a crop in pixels.
    """

    pictures: Sequence[NDArray[np.uint8]] = field(repr=False)
    count: int
    side: int = 64

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, seed: int) -> Pair:
        """A crop, turned, lighter or darker, and cracked or not."""
        random = np.random.default_rng([seed, index])
        picture = self.pictures[int(random.integers(len(self.pictures)))]
        crop = _crop(picture, self.side, random)
        damage = cracked(crop, random) if random.random() > _CLEAN else Damage(crop, np.zeros(crop.shape[:2], bool))
        return torch.from_numpy(damage.picture.transpose(2, 0, 1).copy()), torch.from_numpy(damage.mask[None]).float()


def cracked(picture: NDArray[np.float32], random: np.random.Generator, most: int = _MOST) -> Damage:
    """A picture in [0, 1] with up to so many cracks, all dark or all light."""
    height, width = picture.shape[:2]
    shares = crack_shares(height, width, int(random.integers(1, most + 1)), random)
    return painted(picture, shares, bool(random.random() < 0.5), random)


class CrackFinding(Task[CrackNetwork, Pair]):
    r"""Lowers the cross-entropy of the pixels and the loss of Dice of the batch, by Adam.

    .. math:: -\operatorname{mean}(y \log p + (1 - y) \log(1 - p)) + 1 - \frac{2 \sum y p}{\sum y + \sum p}

    Tested is F1 at one pixel tolerance, of all test crops together, where the probability is at least 0.5: a marked
    pixel is right beside a damaged one too, and a damaged one is found beside a marked one too.

    Arguments:
        model: The network.
        train: The crops that it is trained on.
        config: The settings.
        test: The crops that it is tested on.
    """

    measures = ("f1", "marked")

    def __init__(self, model: CrackNetwork, train: CrackedCrops, config: EngineConfig, test: CrackedCrops) -> None:
        super().__init__(model, config)
        self.train, self.test = train, test

    def objectives(self) -> Sequence[Objective[Pair]]:
        """The sum of both losses."""
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=True)
        return [Objective("loss", self.model, adam, _loss)]

    def training_batches(self, place: Place) -> TrainingItems[Pair]:
        return TrainingItems(self.train, self.config, place)

    def test_batches(self, place: Place) -> Iterable[Pair]:
        return items_for_test(self.test, self.config, place)

    def measure(self, model: CrackNetwork, batch: Pair) -> Mapping[str, Tensor]:
        picture, mask = batch
        return counts_within(model(picture) >= 0, mask > 0)

    def summarize(self, means: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """F1, and the share of the pixels that is marked."""
        precision = means["right"] / means["marked"].clamp(min=1e-9)
        recall = means["found"] / means["damaged"].clamp(min=1e-9)
        return {"f1": 2 * precision * recall / (precision + recall).clamp(min=1e-9), "marked": means["marked"]}


def counts_within(marked: Tensor, damaged: Tensor, pixels: int = 1) -> dict[str, Tensor]:
    """For masks :math:`(B, 1, H, W)` the shares of the pixels that are marked, and damaged, and of either those that
    the other has within so many pixels: ``right`` and ``found``; each :math:`(B,)`."""

    def near(mask: Tensor) -> Tensor:
        return max_pool2d(mask.float(), 2 * pixels + 1, 1, pixels) > 0

    shares = {
        "marked": marked,
        "damaged": damaged,
        "right": marked & near(damaged),
        "found": damaged & near(marked),
    }
    return {name: share.float().mean((1, 2, 3)) for name, share in shares.items()}


def _loss(network: nn.Module, batch: Pair) -> Tensor:
    picture, mask = batch
    logits = network(picture)
    p = torch.sigmoid(logits)
    dice = 1 - 2 * (mask * p).sum() / (mask.sum() + p.sum() + 1)
    return binary_cross_entropy_with_logits(logits, mask) + dice


def _crop(picture: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.float32]:
    top, left = (int(random.integers(length - side + 1)) for length in picture.shape[:2])
    crop = picture[top : top + side, left : left + side].astype(np.float32) / 255
    crop = np.rot90(crop, int(random.integers(4)))
    crop = crop[:, ::-1] if random.random() < 0.5 else crop
    light = np.clip(crop * np.exp(random.normal(0, 0.2)) * np.exp(random.normal(0, 0.05, 3)), 0, 1)
    return np.ascontiguousarray(light, np.float32)
