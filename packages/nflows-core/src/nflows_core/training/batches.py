r"""The batches of a training run, each a pure function of the seed and the update.

A resumed run therefore needs no state of a random generator to go on exactly as it would have, and how many processes
share the images of an update changes neither the images nor their noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize_by
from nflows_core.training.config import TrainingConfig

_INITIAL_IMAGES = 256
"""Enough for the mean and variance of every channel; an update of many processes need not fit one device."""


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

    Every epoch goes through the images in a new order and leaves out the remainder that fills no update. The processes
    share the images of an update in order; the noise of an image depends on the seed, the epoch and the image alone.

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
        if config.conditional and not images.context_features:
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
        self._noise_seeds = lru_cache(maxsize=2)(self._draw_noise_seeds)

    @property
    def sampling(self) -> dict[str, int]:
        """What decides the batches: a run can only be resumed with the same."""
        return {
            "seed": self.config.seed,
            "batch_size x accumulation_steps x processes": self.update_images,
            "conditional": self.config.conditional,
            "images": len(self.images),
        }

    def training(self, step: int) -> Iterator[Batch]:
        """The batches of update ``step`` on this process: ``accumulation_steps`` of them."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.update_images + self.process * self.process_images
        share = self._order(epoch)[start : start + self.process_images]
        for indices in torch.split(share, self.config.batch_size):
            yield self._batch(indices, _Purpose.TRAINING_NOISE, epoch)

    def initial(self) -> Batch:
        """What to initialize a flow on: as many images as an update has, the same for any number of processes."""
        # Not those of the first update: where ActNorm has made their mean zero, their gradient is nothing but rounding,
        # from which Adam would make steps as long as any other.
        indices = self._order(0)[-min(self.update_images, _INITIAL_IMAGES) :]
        return self._batch(indices, _Purpose.TRAINING_NOISE, 0)

    def test(self) -> Iterator[Batch]:
        """This process's share of all the images in their own order, with the same noise every time."""
        share = torch.arange(self.process, len(self.images), self.processes)
        for indices in torch.split(share, self.config.batch_size):
            yield self._batch(indices, _Purpose.TEST_NOISE, 0)

    def _draw_order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(int(self._seeds(1, _Purpose.ORDER, epoch)[0]))
        return torch.randperm(len(self.images), generator=generator)

    def _draw_noise_seeds(self, purpose: _Purpose, epoch: int) -> list[int]:
        return self._seeds(len(self.images), purpose, epoch)

    def _seeds(self, count: int, purpose: _Purpose, epoch: int) -> list[int]:
        words = np.random.SeedSequence((self.config.seed, purpose, epoch)).generate_state(count, np.uint64)
        seeds: list[int] = words.tolist()
        return seeds

    def _batch(self, indices: Tensor, purpose: _Purpose, epoch: int) -> Batch:
        images = self.images[indices]
        pixels = images.pixels.to(self.device)
        x = dequantize_by(self._noise(indices, purpose, epoch), pixels, images.quantization)
        context = images.context if self.config.conditional else None
        return Batch(x, None if context is None else context.to(self.device, self.dtype))

    def _noise(self, indices: Tensor, purpose: _Purpose, epoch: int) -> Tensor:
        # One image at a time: a generator's numbers for a batch depend on the batch's size.
        seeds = self._noise_seeds(purpose, epoch)
        noise = torch.empty(len(indices), *self.images.shape, device=self.device, dtype=self.dtype)
        generator = torch.Generator(self.device)
        for image, index in zip(noise, indices.tolist(), strict=True):
            image.uniform_(generator=generator.manual_seed(seeds[index]))
        return noise
