r"""Batches of a data set that is larger than memory: items that workers read while updates are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Any, Generic, Protocol, TypeVar

import torch
from accelerate.utils import send_to_device
from torch.utils.data import DataLoader, Dataset, default_collate

from nflows_core.training.batches.order import EpochOrder, Purpose, seeds, shares_for_test
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import Place

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Collate = Callable[[list[Any]], Any]
"""Makes a batch of items: tensors, or tuples, lists and dictionaries of them."""


class Items(Protocol[T_co]):
    """A data set whose items are read one at a time, such as pictures on a disk."""

    def __len__(self) -> int:
        """How many items there are."""

    def read(self, index: int, seed: int) -> T_co:
        """An item, a pure function of its index and the seed, which decides how it is cropped, turned or coloured.

        Called in worker processes, which get a copy of the data set. Torch's global generator has the seed too, so that
        transforms which draw from it, as torchvision's do, may be used as they are; NumPy's and Python's have not.
        """


class TrainingItems(Generic[T]):
    """The items of a training, an epoch after the other in a new order; see `EpochOrder`.

    The seed of an item depends on the training's seed, the epoch and the item alone, so neither a kill nor the number
    of workers or processes changes what an update sees.

    Arguments:
        items: The training data.
        config: The settings.
        place: This process.
        workers: Processes that read for this one; 0 reads in this one.
        collate: See `Collate`.

    Raises:
        ValueError: The items do not fill one update.
    """

    def __init__(
        self, items: Items[T], config: EngineConfig, place: Place, workers: int = 0, collate: Collate = default_collate
    ) -> None:
        self.items = items
        self.config = config
        self.place = place
        self.workers = workers
        self.collate = collate
        self.order = EpochOrder(len(items), config, place)
        self._next_step = -1
        self._batches: Iterator[Any] = iter(())

    @property
    def steps_per_epoch(self) -> int:
        """Updates of an epoch."""
        return self.order.steps_per_epoch

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the batches: a run can only be resumed with the same."""
        return self.order.sampling | {"items": len(self.items)}

    def training(self, step: int) -> Iterator[Any]:
        """The batches of update ``step`` on this process; workers read ahead as long as the updates are in order."""
        if step != self._next_step:
            keys = (self._keys(indices, later) for later in count(step) for indices in self.order.training(later))
            self._batches = _load(self.items, keys, self.place, self.workers, self.collate)
        self._next_step = step + 1
        return islice(self._batches, self.config.accumulation_steps)

    def _keys(self, indices: torch.Tensor, step: int) -> list[tuple[int, int]]:
        epoch = self.order.epoch(step)
        return [(index, _seed(self.config, Purpose.TRAINING, epoch, index)) for index in indices.tolist()]


def items_for_test(
    items: Items[Any], config: EngineConfig, place: Place, workers: int = 0, collate: Collate = default_collate
) -> Iterator[Any]:
    """This process's share of test items in batches, each with the same seed every time; arguments as above."""
    shares = shares_for_test(len(items), config, place)
    keys = ([(index, _seed(config, Purpose.TEST, 0, index)) for index in share.tolist()] for share in shares)
    return _load(items, keys, place, workers, collate)


def _seed(config: EngineConfig, purpose: Purpose, epoch: int, index: int) -> int:
    return seeds(1, config.seed, purpose, epoch, index)[0]


class _ByKey(Dataset[Any]):
    """What workers are given: the items by index and seed."""

    def __init__(self, items: Items[Any]) -> None:
        self.items = items

    def __getitem__(self, key: tuple[int, int]) -> Any:
        torch.default_generator.manual_seed(key[1])
        try:
            return self.items.read(*key)
        except Exception as error:
            error.add_note(f"while item {key[0]} of {type(self.items).__name__} was read")
            raise


def _load(
    items: Items[Any], keys: Iterable[list[tuple[int, int]]], place: Place, workers: int, collate: Collate
) -> Iterator[Any]:
    loader = DataLoader(
        _ByKey(items),
        batch_sampler=keys,
        num_workers=workers,
        collate_fn=collate,
        # A fork beside the threads by which processes talk can hang for ever: they may hold a lock of the interpreter.
        multiprocessing_context="forkserver" if workers and place.processes > 1 else None,
        pin_memory=place.device.type == "cuda",
        # Its seeds reach no item, and must not be drawn from the generator of whoever trains.
        generator=torch.Generator(),
    )
    return (send_to_device(batch, place.device, non_blocking=True) for batch in loader)
