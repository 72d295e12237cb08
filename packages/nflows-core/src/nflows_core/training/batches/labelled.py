r"""Batches of labelled pictures that stay in memory, drawn evenly of all classes or as they come, and augmented."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from nflows_core.data.fingerprint import tensor_digest
from nflows_core.training.batches.order import EpochOrder, Purpose, seeds, shares_for_test
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import Place


class Labelled(NamedTuple):
    """Things of known classes.

    Arguments:
        x: The things, :math:`(N, \\dots)`: pictures in bytes, which become [0, 1], or floats as a network takes them.
        labels: The index of the class of each, int64, :math:`(N,)`.
    """

    x: Tensor
    labels: Tensor


class Augmentation(Protocol):
    """What is changed about a batch at random."""

    @property
    def numbers(self) -> int:
        """How many random numbers it takes for each item."""

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Changed items of a batch, a pure function of its arguments.

        Arguments:
            x: The items, with values in [0, 1] if they are pictures, :math:`(B, \\dots)`.
            u: Random numbers, uniform in [0, 1), of each, :math:`(B, U)`.
        """


class LabelledBatches:
    """The batches of a training on one process.

    An epoch has as many items as there are. If it is balanced, each class has an equal share of them: of a large one a
    part, a new one in each epoch, and of a small one all items several times.

    Arguments:
        labelled: All the items, on the CPU.
        config: The settings.
        place: This process.
        augmentation: What is changed about them, if anything; the numbers of an item depend on the seed, the epoch and
            its place in the epoch's order alone.
        balanced: Whether the classes have equal shares.

    Raises:
        ValueError: The items do not fill one update.
    """

    def __init__(
        self,
        labelled: Labelled,
        config: EngineConfig,
        place: Place,
        augmentation: Augmentation | None = None,
        balanced: bool = False,
    ) -> None:
        self.labelled = labelled
        self.config = config
        self.place = place
        self.augmentation = augmentation
        self.balanced = balanced
        self.order = EpochOrder(len(labelled.labels), config, place)
        self._of_epoch = lru_cache(maxsize=1)(self._draw)

    @property
    def steps_per_epoch(self) -> int:
        """Updates of an epoch."""
        return self.order.steps_per_epoch

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the batches: a run can only be resumed with the same."""
        return {**self.order.sampling, "balanced": self.balanced, "content": self._content}

    @cached_property
    def _content(self) -> str:
        return tensor_digest(self.labelled.x, self.labelled.labels)

    def training(self, step: int) -> Iterator[Labelled]:
        """The batches of update ``step`` on this process."""
        drawn, u = self._of_epoch(self.order.epoch(step))
        for positions in self.order.training(step):
            x, labels = take(self.labelled, drawn[positions], self.place)
            yield Labelled(self.augmentation(x, u[positions].to(x.device)) if self.augmentation else x, labels)

    def _draw(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The items of an epoch, before they are put in order, and the random numbers of each."""
        (seed,) = seeds(1, self.config.seed, Purpose.TRAINING, epoch)
        generator = torch.Generator().manual_seed(seed)
        labels = self.labelled.labels
        drawn = evenly_drawn(labels, generator) if self.balanced else torch.arange(len(labels))
        numbers = self.augmentation.numbers if self.augmentation else 0
        return drawn, torch.rand(len(labels), numbers, generator=generator)


def test_batches(labelled: Labelled, config: EngineConfig, place: Place) -> Iterator[Labelled]:
    """This process's share of test items, in their own order."""
    for indices in shares_for_test(len(labelled.labels), config, place):
        yield take(labelled, indices, place)


def take(labelled: Labelled, indices: Tensor, place: Place) -> Labelled:
    """Some of the items, on the device of a process; bytes as floats in [0, 1]."""
    x = labelled.x[indices].to(place.device)
    x = x if x.is_floating_point() else x.float() / 255
    return Labelled(x, labelled.labels[indices].to(place.device))


def evenly_drawn(labels: Tensor, generator: torch.Generator) -> Tensor:
    """The indices of as many items as there are labels, of each class that occurs equally many, but for one.

    No item of a class is drawn twice more than another.
    """
    present = torch.bincount(labels).nonzero()[:, 0]
    drawn = []
    for share, label in zip(torch.arange(len(labels)).tensor_split(len(present)), present, strict=True):
        own = (labels == label).nonzero()[:, 0]
        rounds = -(-len(share) // len(own))
        orders = [own[torch.randperm(len(own), generator=generator)] for _ in range(rounds)]
        drawn.append(torch.cat(orders)[: len(share)])
    return torch.cat(drawn)
