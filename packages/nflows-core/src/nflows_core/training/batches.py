r"""The batches of a training run, each a pure function of the seed, the step and the process.

A resumed run therefore needs no state of a random generator to go on exactly as it would have.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.training.config import TrainingConfig


class Batch(NamedTuple):
    """Images with values in :math:`[0, 1]`, and their context."""

    x: Tensor
    context: Tensor | None


class _Purpose(IntEnum):
    """Keeps the streams of random numbers apart."""

    ORDER = 0
    TRAINING_NOISE = 1
    TEST_NOISE = 2


class Batches:
    """Draws the batches of one process from images that stay in memory as integers.

    Every epoch goes through the images in a new order and leaves out the remainder that fills no update.

    Arguments:
        images: All the images, on the CPU.
        config: The settings.
        process: The rank of this process.
        processes: How many there are.
        device: Where the batches go.
        dtype: The flow's floating-point type.
    """

    def __init__(
        self,
        images: Images,
        config: TrainingConfig,
        process: int,
        processes: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        if config.conditional and images.labels is None:
            raise ValueError("conditional training needs labelled images, but these have no labels")
        self.images = images
        self.config = config
        self.process = process
        self.processes = processes
        self.device = device
        self.dtype = dtype
        self.process_images = config.batch_size * config.accumulation_steps
        self.update_images = self.process_images * processes
        self.steps_per_epoch = len(images) // self.update_images
        self._order = lru_cache(maxsize=1)(self._draw_order)

    @property
    def sampling(self) -> dict[str, int]:
        """What decides the batches: a run can only be resumed with the same."""
        names = ("seed", "batch_size", "accumulation_steps", "conditional")
        settings = {name: getattr(self.config, name) for name in names}
        return {**settings, "processes": self.processes, "images": len(self.images)}

    def training(self, step: int) -> Iterator[Batch]:
        """The batches of update ``step``: ``accumulation_steps`` of them."""
        generator = self._generator(_Purpose.TRAINING_NOISE, step, self.process)
        for indices in torch.split(self._indices(step, self.process), self.config.batch_size):
            yield self._batch(indices, generator)

    def initial(self) -> Batch:
        """One batch of all the images in the first process's first update; the same on every process."""
        return self._batch(self._indices(0, 0), self._generator(_Purpose.TRAINING_NOISE, 0, 0))

    def test(self) -> Iterator[Batch]:
        """This process's share of all the images in their own order, with the same noise every time."""
        generator = self._generator(_Purpose.TEST_NOISE, self.process)
        share = torch.arange(self.process, len(self.images), self.processes)
        for indices in torch.split(share, self.config.batch_size):
            yield self._batch(indices, generator)

    def _indices(self, step: int, process: int) -> Tensor:
        epoch, position = divmod(step, self.steps_per_epoch)
        start = (position * self.processes + process) * self.process_images
        return self._order(epoch)[start : start + self.process_images]

    def _draw_order(self, epoch: int) -> Tensor:
        generator = _seeded(torch.device("cpu"), self.config.seed, _Purpose.ORDER, epoch)
        return torch.randperm(len(self.images), generator=generator)

    def _batch(self, indices: Tensor, generator: torch.Generator) -> Batch:
        pixels = self.images.pixels[indices].to(self.device).to(self.dtype)
        x = dequantize(pixels, self.images.quantization, generator)
        return Batch(x, self._context(indices))

    def _context(self, indices: Tensor) -> Tensor | None:
        labels = self.images.labels if self.config.conditional else None
        if labels is None:
            return None
        return one_hot(labels[indices], len(self.images.classes)).to(self.device, self.dtype)

    def _generator(self, *key: int) -> torch.Generator:
        return _seeded(self.device, self.config.seed, *key)


def _seeded(device: torch.device, *key: int) -> torch.Generator:
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(seed)
