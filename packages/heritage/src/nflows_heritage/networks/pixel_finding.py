r"""The training of a network that finds pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from torch import Tensor, nn, optim
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d

from nflows_core.training import EngineConfig, Objective, Place, Task, TrainingItems, items_for_test

Pair = tuple[Tensor, Tensor]
"""A picture in [0, 1], :math:`(3, S, S)`, and where there is what is looked for, :math:`(K, S, S)`; in a batch, with B
before."""
N = TypeVar("N", bound=nn.Module)


class Pairs(Protocol):
    """Pictures with what is to be found in them, another for every seed."""

    def __len__(self) -> int: ...
    def read(self, index: int, seed: int) -> Pair:
        """An item as a seed draws it."""
        ...


class PixelFinding(Task[N, Pair]):
    r"""Lowers the cross-entropy of the pixels and the loss of Dice of the batch, by Adam.

    .. math:: -\operatorname{mean}(y \log p + (1 - y) \log(1 - p))
        + \operatorname{mean}_k\left(1 - \frac{2 \sum y_k p_k}{\sum y_k + \sum p_k + 1}\right)

    Tested is F1 at one pixel tolerance, of all test pictures together, where the probability is at least 0.5: a marked
    pixel is right beside a true one too, and a true one is found beside a marked one too.

    Arguments:
        model: The network, from pictures to logits, :math:`(B, K, H, W)`.
        train: What it is trained on.
        config: The settings.
        test: What it is tested on.
    """

    measures = ("f1", "marked")

    def __init__(self, model: N, train: Pairs, config: EngineConfig, test: Pairs) -> None:
        super().__init__(model, config)
        self.train, self.test = train, test

    def objectives(self) -> Sequence[Objective[Pair]]:
        """The sum of both losses."""
        adam = optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=True)
        return [Objective("loss", self.model, adam, _loss)]

    def training_batches(self, place: Place) -> TrainingItems[Pair]:
        return TrainingItems(self.train, self.config, place)

    def test_batches(self, place: Place) -> Iterable[Pair]:
        return items_for_test(self.test, self.config, place)

    def measure(self, model: N, batch: Pair) -> Mapping[str, Tensor]:
        picture, places = batch
        return counts_within(model(picture) >= 0, places > 0)

    def summarize(self, means: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """F1, and the share of the pixels that is marked."""
        precision = means["right"] / means["marked"].clamp(min=1e-9)
        recall = means["found"] / means["true"].clamp(min=1e-9)
        return {"f1": 2 * precision * recall / (precision + recall).clamp(min=1e-9), "marked": means["marked"]}


def counts_within(marked: Tensor, true: Tensor, pixels: int = 1) -> dict[str, Tensor]:
    """For masks :math:`(B, K, H, W)` the shares of the pixels that are marked, and true, and of either those that
    the other has within so many pixels: ``right`` and ``found``; each :math:`(B,)`."""

    def near(mask: Tensor) -> Tensor:
        return max_pool2d(mask.float(), 2 * pixels + 1, 1, pixels) > 0

    shares = {"marked": marked, "true": true, "right": marked & near(true), "found": true & near(marked)}
    return {name: share.float().mean((1, 2, 3)) for name, share in shares.items()}


def _loss(network: nn.Module, batch: Pair) -> Tensor:
    picture, places = batch
    logits = network(picture)
    p = logits.sigmoid()
    both, either = (x.sum((0, 2, 3)) for x in (places * p, places + p))
    dice = 1 - 2 * both / (either + 1)
    loss: Tensor = binary_cross_entropy_with_logits(logits, places) + dice.mean()
    return loss
