r"""The likelihood of images under a flow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection
from nflows_core.bijections.reversible import check_exact, recomputed_activations
from nflows_core.data.images import Images
from nflows_core.flow import Flow, density_to_bits_per_dim, log_density
from nflows_core.models import describe
from nflows_core.training.batches.images import ImageBatch, ImageBatches, TrainingImages
from nflows_core.training.config import TrainingConfig
from nflows_core.training.task import Objective, Place, Task

_DIVERGED = 1000.0
"""Bits per dimension above which a run is given up; a uniform guess needs 8 for 8-bit images."""
_DECODED = 8
"""Images that are decoded before each checkpoint."""
_LARGEST_ERROR = 1e-3
"""How far a decoded image may be from what was encoded, of the range of pixels: a quarter of a grey level of 256."""


class FlowLikelihood(Task[Flow, ImageBatch]):
    r"""Minimizes a flow's bits per dimension on images with Adam (Kingma & Ba 2015).

    Arguments:
        flow: The flow that is trained.
        train_images: Images of the flow's shape and quantization.
        config: The settings.
        test_images: What the averaged weights are tested on, if anything.

    Raises:
        ValueError: The images or the flow do not fit the settings, or each other.
    """

    config: TrainingConfig

    def __init__(
        self, flow: Flow, train_images: Images, config: TrainingConfig, test_images: Images | None = None
    ) -> None:
        super().__init__(flow, config)
        _check_images(flow, train_images, "training")
        if test_images is not None:
            _check_images(flow, test_images, "test")
        if config.reversible:
            check_exact(flow)
        self.train_images = train_images
        self.test_images = test_images
        self._is_exact = all(part.is_exact for part in flow.modules() if isinstance(part, Bijection))

    @property
    def description(self) -> Mapping[str, Any]:
        """The preset and its arguments, the classes and the settings; nothing for a flow that is no preset."""
        model = describe(self.model)
        if model is None:
            return {}
        return {**model, "classes": self.train_images.classes, "training": asdict(self.config)}

    @property
    def measures(self) -> Sequence[str]:  # type: ignore[override]
        """The bits per dimension of the test images, if there are any."""
        return () if self.test_images is None else ("bits_per_dim",)

    def objectives(self) -> Sequence[Objective[ImageBatch]]:
        """The mean bits per dimension."""
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)
        return [Objective("bits_per_dim", self.model, adam, self._loss, limit=_DIVERGED)]

    def training_batches(self, place: Place) -> TrainingImages:
        return TrainingImages(self.train_images, self.config, place, self.model.dtype)

    def initialize(self, place: Place) -> None:
        self.model.initialize(*self.training_batches(place).initial())

    def test_batches(self, place: Place) -> Iterable[ImageBatch]:
        if self.test_images is None:
            return ()
        return ImageBatches(self.test_images, self.config, place, self.model.dtype).test()

    def measure(self, model: Flow, batch: ImageBatch) -> Mapping[str, Tensor]:
        return {"bits_per_dim": self._bits_per_dim(model, batch)}

    def fault(self, model: Flow, batch: ImageBatch) -> str | None:
        """A flow whose inverse should be exact and no longer is: its samples are not of its density."""
        if not self._is_exact:
            return None
        x, context = batch.x[:_DECODED], None if batch.context is None else batch.context[:_DECODED]
        latents = model(x, context)[0]
        try:
            error = (model.decode(latents, context) - x).abs().max().item()
        except NotImplementedError:  # of a flow that is for densities alone
            return None
        if error <= _LARGEST_ERROR:
            return None
        precision = str(model.dtype).removeprefix("torch.")
        return (
            f"the flow no longer inverts in {precision}: decode(encode(x)) is off by {error:.2g} of the range of "
            f"pixels, more than {_LARGEST_ERROR:g}"
        )

    def running(self) -> AbstractContextManager[None]:
        """Recomputes activations if the settings say so."""
        return recomputed_activations(self.model) if self.config.reversible else nullcontext()

    def _loss(self, model: nn.Module, batch: ImageBatch) -> Tensor:
        return self._bits_per_dim(model, batch).mean()

    def _bits_per_dim(self, model: nn.Module, batch: ImageBatch) -> Tensor:
        density = log_density(*model(batch.x, batch.context))
        return density_to_bits_per_dim(density, self.model.shape, self.model.quantization)


def _check_images(flow: Flow, images: Images, use: str) -> None:
    if images.shape != flow.shape:
        raise ValueError(f"the flow takes images of shape {flow.shape}, the {use} images have {images.shape}")
    if images.quantization != flow.quantization:
        raise ValueError(
            f"the flow is of images with {flow.quantization} values a pixel, "
            f"the {use} images have {images.quantization}"
        )
