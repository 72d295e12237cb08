r"""Which items an update sees, and the seeds of all that is random about them.

Both are pure functions of the training's seed, the epoch and the item. A resumed run therefore needs no state of a
generator to go on exactly as it would have, and how many processes share an update changes nothing that it sees.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nflows_core.training.config import EngineConfig
from nflows_core.training.task import Place


class Purpose(IntEnum):
    """Keeps the streams of random numbers apart."""

    ORDER = 0
    TRAINING = 1
    TEST = 2
    UPDATE = 3


def seeds(count: int, *key: int) -> list[int]:
    """So many seeds of 64 bits that belong to a key: the training's seed, a `Purpose`, and what else tells them apart.

    Example:
        >>> seeds(2, 0, Purpose.TRAINING, 3) == seeds(2, 0, Purpose.TRAINING, 3)
        True
    """
    words: list[int] = np.random.SeedSequence(key).generate_state(count, np.uint64).tolist()
    return words


class EpochOrder:
    """The items of an update, where every epoch goes through all of them in a new order.

    What fills no update at the end of an epoch is left out of it. The processes share the items of an update in order.

    Arguments:
        items: How many there are.
        config: The settings.
        place: This process.
        kind: What the items are, in the plural, for errors.

    Raises:
        ValueError: They do not fill one update.
    """

    def __init__(self, items: int, config: EngineConfig, place: Place, kind: str = "items") -> None:
        self.items = items
        self.config = config
        self.place = place
        self.process_items = config.batch_size * config.accumulation_steps
        self.update_items = self.process_items * place.processes
        self.steps_per_epoch = items // self.update_items
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"{items} training {kind} do not fill one update of {self.update_items} "
                "(batch_size x accumulation_steps x processes): lower batch_size"
            )
        self.of_epoch = lru_cache(maxsize=1)(self._draw)

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the order: a run can only be resumed with the same."""
        return {"seed": self.config.seed, "batch_size x accumulation_steps x processes": self.update_items}

    def epoch(self, step: int) -> int:
        """The epoch of an update, both from 0."""
        return step // self.steps_per_epoch

    def training(self, step: int) -> tuple[Tensor, ...]:
        """The indices of the items of each of this process's batches in an update."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.update_items + self.place.process * self.process_items
        share = self.of_epoch(epoch)[start : start + self.process_items]
        return torch.split(share, self.config.batch_size)

    def _draw(self, epoch: int) -> Tensor:
        (seed,) = seeds(1, self.config.seed, Purpose.ORDER, epoch)
        return torch.randperm(self.items, generator=torch.Generator().manual_seed(seed))


def shares_for_test(items: int, config: EngineConfig, place: Place) -> tuple[Tensor, ...]:
    """The indices of this process's share of test items, in batches; none where others test all that there are."""
    share = torch.arange(items)[place.process :: place.processes]
    return torch.split(share, config.batch_size) if len(share) else ()
