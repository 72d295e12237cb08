r"""The restoration of degraded pictures by any network: enlarged, repaired, or freed of noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nflows_core.training.batches.items import Items, TrainingItems, items_for_test
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import EarlyStopping, M, Objective, Place, Task

Pair = tuple[Any, Tensor]
"""What is degraded, as the network takes it, and what it was: mostly :math:`(C, h, w)` and :math:`(C', H, W)`; in a
batch, with B before."""
Distance = Callable[[Tensor, Tensor], Tensor]
"""The mean distance of a batch of restored pictures from what they were, a scalar."""

_SMALLEST_ERROR = 1e-10  # of a picture without any error, whose ratio is infinite: it counts as 100 decibels
_DIVERGED = 1000.0
"""The distance above which a run is given up; values in [0, 1] are at most 1 apart, and in [0, 255] at most 255."""


class Restoration(Task[M, Pair]):
    r"""Minimizes a distance between restored pictures and what they were, by Adam.

    It is trained on crops of one size, and tested on whole pictures of any, by

    .. math:: \mathrm{PSNR} = -10 \log_{10} \operatorname{mean} (\hat y - y)^2

    of values in :math:`[0, 1]`, in decibels, the mean of all pictures; what is restored is clipped to that range,
    and not rounded.

    Arguments:
        model: The network, from a batch of degraded pictures to one of restored ones.
        pairs: The crops that it is trained on.
        config: The settings.
        test_pairs: The pictures that the averaged weights are tested on, if any.
        distance: The mean distance that is lowered; a run where it exceeds 1000 is given up.
        border: Pixels on each side of a test picture that do not count.
        patience: Tests without a better ratio after which the training ends, and the best weights are kept; by default
            it goes to its end.
        workers: Processes that read crops; 0 reads in this one.

    Raises:
        ValueError: ``patience`` is given, and no test pictures.
    """

    def __init__(
        self,
        model: M,
        pairs: Items[Pair],
        config: EngineConfig,
        test_pairs: Items[Pair] | None = None,
        *,
        distance: Distance = l1_loss,
        border: int = 0,
        patience: int | None = None,
        workers: int = 0,
    ) -> None:
        if patience is not None and test_pairs is None:
            raise ValueError("`patience` needs `test_pairs`, by which an early end is decided")
        super().__init__(model, config)
        self.pairs, self.test_pairs = pairs, test_pairs
        self.distance, self.border, self.workers = distance, border, workers
        self.measures = () if test_pairs is None else ("psnr",)
        if patience is not None:
            self.early_stopping = EarlyStopping(patience, higher_is_better=True)

    def objectives(self) -> Sequence[Objective[Pair]]:
        """The mean distance."""
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=True)
        return [Objective("distance", self.model, adam, self._loss, limit=_DIVERGED)]

    def training_batches(self, place: Place) -> TrainingItems[Pair]:
        return TrainingItems(self.pairs, self.config, place, self.workers)

    def test_batches(self, place: Place) -> Iterable[Pair]:
        if self.test_pairs is None:
            return ()
        return items_for_test(self.test_pairs, replace(self.config, batch_size=1), place)  # their sizes differ

    def measure(self, model: M, batch: Pair) -> Mapping[str, Tensor]:
        degraded, target = batch
        return {"psnr": psnr(model(degraded), target, self.border)}

    def _loss(self, model: nn.Module, batch: Pair) -> Tensor:
        degraded, target = batch
        return self.distance(model(degraded), target)


def charbonnier(restored: Tensor, target: Tensor) -> Tensor:
    r""":math:`\operatorname{mean} \sqrt{(\hat y - y)^2 + \epsilon^2}` with :math:`\epsilon = 10^{-3}`.

    The absolute error, smooth at zero (Lai et al. 2017, "Deep Laplacian pyramid networks", equation 2).
    """
    return ((restored - target).square() + 1e-6).sqrt().mean()


def psnr(restored: Tensor, target: Tensor, border: int = 0) -> Tensor:
    """The ratio of each picture of a batch in decibels, :math:`(B,)`, as `Restoration` says; 100 at most.

    Raises:
        ValueError: Nothing is left within the border.
    """
    height, width = target.shape[-2:]
    if 2 * border >= min(height, width):
        raise ValueError(f"`border`: {border} pixels on each side leave nothing of {height} x {width}")
    error = restored.clamp(0, 1) - target
    inner = error[..., border : height - border, border : width - border]
    return -10 * inner.square().mean((1, 2, 3)).clamp(min=_SMALLEST_ERROR).log10()
