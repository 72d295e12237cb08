r"""Updates that see every class equally often, however few items it has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from nflows_core.data.fingerprint import with_digest
from nflows_core.data.images import Images
from nflows_core.training.batches.labelled import Labelled
from nflows_core.training.batches.order import Purpose, seeds
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import Place


class BalancedOrder:
    r"""The items of an update, as many of each class in every batch.

    The items of a class come in rounds: each round goes through all of them in a new order, and a class with few items
    begins its next one earlier. An epoch is as many updates as would see as many items as there are. The processes
    share the items of an update in order. `LabelledBatches` balances whole epochs instead, for batches of any size.

    Arguments:
        labels: The class of each item, int64 :math:`(N,)`, from 0.
        classes: The names of the classes.
        config: The settings.
        place: This process.

    Raises:
        ValueError: A class has no items, or the batch cannot be shared evenly by the classes.
    """

    def __init__(self, labels: Tensor, classes: tuple[str, ...], config: EngineConfig, place: Place) -> None:
        self._check(labels, classes, config)
        self.config = config
        self.place = place
        self.places = [(labels == number).nonzero()[:, 0] for number in range(len(classes))]
        self.share = config.batch_size // len(classes)
        self.process_share = self.share * config.accumulation_steps
        self.update_share = self.process_share * place.processes
        self.steps_per_epoch = max(1, len(labels) // (self.update_share * len(classes)))
        self._round = lru_cache(maxsize=2 * len(classes))(self._draw)

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the order: a run can only be resumed with the same."""
        sizes = ", ".join(str(len(places)) for places in self.places)
        return {"seed": self.config.seed, "items of each class in an update": self.update_share, "items": sizes}

    def training(self, step: int) -> list[Tensor]:
        """The indices of the items of each of this process's batches in an update, class by class."""
        start = step * self.update_share + self.place.process * self.process_share
        return [
            torch.cat([self._of_class(number, first) for number in range(len(self.places))])
            for first in range(start, start + self.process_share, self.share)
        ]

    def _of_class(self, number: int, first: int) -> Tensor:
        """What comes in a class from some place of its endless order on, for one batch."""
        items = len(self.places[number])
        rounds = range(first // items, (first + self.share - 1) // items + 1)
        order = torch.cat([self._round(number, turn) for turn in rounds])
        return order[first % items :][: self.share]

    def _draw(self, number: int, turn: int) -> Tensor:
        (seed,) = seeds(1, self.config.seed, Purpose.ORDER, number, turn)
        places = self.places[number]
        return places[torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))]

    @staticmethod
    def _check(labels: Tensor, classes: tuple[str, ...], config: EngineConfig) -> None:
        if config.batch_size % len(classes):
            least = -(-config.batch_size // len(classes)) * len(classes)
            raise ValueError(
                f"`batch_size`: {config.batch_size} cannot have as many items of each of {len(classes)} classes; "
                f"give {least}, or another multiple of {len(classes)}"
            )
        counts = labels.bincount(minlength=len(classes)).tolist()
        if empty := [name for name, count in zip(classes, counts, strict=True) if not count]:
            raise ValueError(f"the class {empty[0]} has no items to learn from; leave it out, or give some")


class BalancedImages:
    """Pictures that stay in memory as bytes, as many of each class in a batch; see `BalancedOrder`.

    Arguments:
        images: The pictures.
        labels: Their classes.
        config: The settings.
        place: This process.
    """

    def __init__(self, images: Images, labels: Tensor, config: EngineConfig, place: Place) -> None:
        self.images, self.labels, self.place = images, labels, place
        self.order = BalancedOrder(labels, images.classes, config, place)
        self.steps_per_epoch = self.order.steps_per_epoch

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the batches: a run can only be resumed with the same."""
        return self.order.sampling | {"content": self._content}

    @cached_property
    def _content(self) -> str:
        return with_digest(self.images).digest

    def training(self, step: int) -> Iterator[Labelled]:
        """The batches of update ``step`` on this process."""
        for indices in self.order.training(step):
            yield batch_of(self.images, self.labels, indices, self.place.device)


def batch_of(images: Images, labels: Tensor, indices: Tensor, device: torch.device) -> Labelled:
    """Some of the pictures, as adversaries see them, in [-1, 1]."""
    pixels = images.pixels[indices].to(device, memory_format=torch.channels_last)
    x = pixels.float() / 127.5 - 1
    return Labelled(x, labels[indices].to(device))
