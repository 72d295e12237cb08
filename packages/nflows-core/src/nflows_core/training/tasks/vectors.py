r"""The likelihood of vectors under a flow, in seconds: few updates, stopped by vectors that are held out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from nflows_core.flow import Flow, log_density
from nflows_core.training.batches.order import shares_for_test
from nflows_core.training.batches.vectors import VectorBatches
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import EarlyStopping, Objective, Place, Task

HELD_OUT = 0.1
"""The part of the vectors by which the training is stopped."""
_INITIAL_BATCHES = 4


class VectorLikelihood(Task[Flow, Tensor]):
    r"""Minimizes :math:`-\log p` of vectors that fit in memory, by Adam on random batches.

    The number of updates does not grow with the sample: an epoch is ``steps_per_epoch`` updates, each of vectors drawn
    with replacement. A tenth of the vectors is held out; the averaged weights that gave it the greatest likelihood are
    kept, and the training stops where they stay the best. The first test is of no updates: of few vectors, a Gaussian
    may be all that can be learned.

    With noise, the density is that of vectors to which noise was added, and as smooth as the noise makes it: of few
    vectors in many dimensions, a flow would otherwise learn the vectors by heart.

    Arguments:
        flow: The flow that is trained, not initialized.
        x: The vectors, as the flow takes them, :math:`(N, C, H, W)`; two or more.
        config: The settings.
        noise: The standard deviation of the normal noise that is added to each entry, anew in each update,
            :math:`(C, H, W)`; without it, vectors are as they are.
        steps_per_epoch: Updates between two tests.
        patience: Tests without a better likelihood after which the training ends.
    """

    measures = ("negative_log_likelihood",)

    def __init__(
        self,
        flow: Flow,
        x: Tensor,
        config: EngineConfig,
        *,
        noise: Tensor | None = None,
        steps_per_epoch: int = 25,
        patience: int = 10,
    ) -> None:
        super().__init__(flow, config)
        generator = torch.Generator().manual_seed(config.seed)
        order = torch.randperm(len(x), generator=generator)
        self._generator_state = generator.get_state()
        self.test, self.train = x[order].tensor_split([math.ceil(HELD_OUT * len(x))])
        self.noise = noise
        if noise is not None:
            self.test = self.test + noise * torch.randn(self.test.shape, generator=generator)
        self.steps_per_epoch = steps_per_epoch
        self.early_stopping = EarlyStopping(patience)

    def objectives(self) -> Sequence[Objective[Tensor]]:
        """The mean negative log-likelihood."""
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=True)
        return [Objective("negative_log_likelihood", self.model, adam, self._loss)]

    def training_batches(self, place: Place) -> VectorBatches:
        updates = self.config.epochs * self.steps_per_epoch
        size = self.config.batch_size * self.config.accumulation_steps * place.processes
        generator = torch.Generator().set_state(self._generator_state)
        draws = torch.randint(len(self.train), (updates, size), generator=generator)
        return VectorBatches(self.train, draws.unbind(), self.steps_per_epoch, self.config, place)

    def initialize(self, place: Place) -> None:
        size = _INITIAL_BATCHES * self.config.batch_size * place.processes
        x = self.train[:size]
        if self.noise is not None:  # no update yet, for which the trainer would seed what is random
            generator = torch.Generator().manual_seed(self.config.seed)
            x = x + self.noise * torch.randn(x.shape, generator=generator)
        self.model.initialize(x.to(place.device))

    def test_batches(self, place: Place) -> Iterable[Tensor]:
        for indices in shares_for_test(len(self.test), self.config, place):
            yield self.test[indices].to(place.device)

    def measure(self, model: Flow, batch: Tensor) -> Mapping[str, Tensor]:
        return {"negative_log_likelihood": -log_density(*model(batch))}

    def _loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        return -log_density(*model(self._noisy(batch))).mean()

    def _noisy(self, batch: Tensor) -> Tensor:
        return batch if self.noise is None else batch + self.noise.to(batch.device) * torch.randn_like(batch)
