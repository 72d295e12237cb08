r"""Batches of vectors that stay in memory, from indices that were drawn before the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from nflows_core.data.fingerprint import tensor_digest
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import Place


class VectorBatches:
    """Vectors of which each update sees those at given indices; after the last update the first ones come again.

    Arguments:
        x: All the vectors, :math:`(N, \\dots)`.
        draws: The indices of each update. The processes share them in order, and make ``accumulation_steps`` batches of
            one size each; what is left over is left out.
        steps_per_epoch: Updates between two tests.
        config: The settings, for the size of a batch.
        place: This process.

    Raises:
        ValueError: An update has fewer vectors than batches.
    """

    def __init__(
        self, x: Tensor, draws: Sequence[Tensor], steps_per_epoch: int, config: EngineConfig, place: Place
    ) -> None:
        least = min(map(len, draws))
        if least < config.accumulation_steps * place.processes:
            raise ValueError(
                f"{least} vectors an update are too few for {config.accumulation_steps} batches on each of "
                f"{place.processes} processes"
            )
        self.x = x.to(place.device)
        self.draws = draws
        self.steps_per_epoch = steps_per_epoch
        self.config = config
        self.place = place

    @property
    def sampling(self) -> dict[str, int | str]:
        """What decides the batches: a run can only be resumed with the same."""
        sizes = {"vectors": len(self.x), "vectors an update": len(self.draws[0])}
        return {"seed": self.config.seed, **sizes, "content": self._content}

    @cached_property
    def _content(self) -> str:
        return tensor_digest(self.x)

    def training(self, step: int) -> Iterator[Tensor]:
        """The batches of update ``step`` on this process."""
        draw = self.draws[step % len(self.draws)]
        batches = self.config.accumulation_steps
        size = len(draw) // (self.place.processes * batches)
        share = draw[self.place.process * batches * size :][: batches * size]
        for indices in torch.split(share, size):
            yield self.x[indices.to(self.x.device)]
