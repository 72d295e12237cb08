r"""Batches of images that stay in memory as integers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from nflows_core.data.fingerprint import with_digest
from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize_by
from nflows_core.training.batches.order import EpochOrder, Purpose, seeds, shares_for_test
from nflows_core.training.config import TrainingConfig
from nflows_core.training.task import Place

_INITIAL_IMAGES = 256
"""Enough for the mean and variance of every channel; an update of many processes need not fit one device."""


class ImageBatch(NamedTuple):
    """Images with values in :math:`[0, 1]`, and their context."""

    x: Tensor
    context: Tensor | None


class ImageBatches:
    """Dequantizes images for one process; the noise of an image depends on the seed, the epoch and the image alone.

    Arguments:
        images: All the images, on the CPU.
        config: The settings.
        place: This process.
        dtype: The flow's floating-point type.

    Raises:
        ValueError: The training is conditional, and the images have no labels.
    """

    def __init__(self, images: Images, config: TrainingConfig, place: Place, dtype: torch.dtype) -> None:
        if config.conditional and not images.context_features:
            raise ValueError("conditional training needs labelled images, but these have no labels")
        self.images = images
        self.config = config
        self.place = place
        self.dtype = dtype
        self._noise_seeds = lru_cache(maxsize=2)(self._draw_noise_seeds)

    def batch(self, indices: Tensor, purpose: Purpose, epoch: int) -> ImageBatch:
        """Some of the images, as they are in an epoch."""
        images = self.images[indices]
        pixels = images.pixels.to(self.place.device)
        x = dequantize_by(self._noise(indices, purpose, epoch), pixels, images.quantization)
        context = images.context if self.config.conditional else None
        return ImageBatch(x, None if context is None else context.to(self.place.device, self.dtype))

    def test(self) -> Iterator[ImageBatch]:
        """This process's share of all the images in their own order, with the same noise every time."""
        for indices in shares_for_test(len(self.images), self.config, self.place):
            yield self.batch(indices, Purpose.TEST, 0)

    def _draw_noise_seeds(self, purpose: Purpose, epoch: int) -> list[int]:
        return seeds(len(self.images), self.config.seed, purpose, epoch)

    def _noise(self, indices: Tensor, purpose: Purpose, epoch: int) -> Tensor:
        # One image at a time: a generator's numbers for a batch depend on the batch's size.
        noise_seeds = self._noise_seeds(purpose, epoch)
        noise = torch.empty(len(indices), *self.images.shape, device=self.place.device, dtype=self.dtype)
        generator = torch.Generator(self.place.device)
        for image, index in zip(noise, indices.tolist(), strict=True):
            image.uniform_(generator=generator.manual_seed(noise_seeds[index]))
        return noise


class TrainingImages(ImageBatches):
    """The images of a training, an epoch after the other in a new order; see `ImageBatches` and `EpochOrder`."""

    def __init__(self, images: Images, config: TrainingConfig, place: Place, dtype: torch.dtype) -> None:
        super().__init__(images, config, place, dtype)
        self.order = EpochOrder(len(images), config, place, "images")

    @property
    def steps_per_epoch(self) -> int:
        """Updates of an epoch."""
        return self.order.steps_per_epoch

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the batches: a run can only be resumed with the same."""
        sizes = {"conditional": self.config.conditional, "images": len(self.images)}
        return {**self.order.sampling, **sizes, "content": self._content}

    @cached_property
    def _content(self) -> str:
        return with_digest(self.images).digest

    def training(self, step: int) -> Iterator[ImageBatch]:
        """The batches of update ``step`` on this process: ``accumulation_steps`` of them."""
        for indices in self.order.training(step):
            yield self.batch(indices, Purpose.TRAINING, self.order.epoch(step))

    def initial(self) -> ImageBatch:
        """What to initialize a flow on: as many images as an update has, the same for any number of processes."""
        # Not those of the first update: where ActNorm has made their mean zero, their gradient is nothing but rounding,
        # from which Adam would make steps as long as any other.
        indices = self.order.of_epoch(0)[-min(self.order.update_items, _INITIAL_IMAGES) :]
        return self.batch(indices, Purpose.TRAINING, 0)
