r"""The reconstruction of vectors from a code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from nflows_core.training.batches.order import shares_for_test
from nflows_core.training.batches.vectors import VectorBatches
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import Objective, Place, Task


class Autoencoder(nn.Module):
    """An encoder and a decoder, one after the other.

    Arguments:
        encoder: Maps inputs to codes.
        decoder: Maps codes to inputs.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The codes of inputs, and what the decoder makes of them."""
        code = self.encoder(x)
        return code, self.decoder(code)


class Reconstruction(Task[Autoencoder, Tensor]):
    r"""Minimizes :math:`\operatorname{mean} |\hat x - x|^2 + \lambda \operatorname{mean} |h|` by Adam.

    :math:`h` is the code of an input :math:`x` and :math:`\hat x` its reconstruction. Each epoch goes through all
    vectors in a new order; its last update has what is left.

    Arguments:
        model: The encoder and the decoder.
        x: The vectors, :math:`(N, C)`.
        config: The settings.
        activity_penalty: :math:`\lambda`.
    """

    measures = ("mean_squared_error",)

    def __init__(self, model: Autoencoder, x: Tensor, config: EngineConfig, activity_penalty: float = 0.0) -> None:
        super().__init__(model, config)
        self.x = x
        self.activity_penalty = activity_penalty

    def objectives(self) -> Sequence[Objective[Tensor]]:
        """The mean squared error, and the penalty."""
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=True)
        return [Objective("loss", self.model, adam, self._loss)]

    def training_batches(self, place: Place) -> VectorBatches:
        generator = torch.Generator().manual_seed(self.config.seed)
        size = self.config.batch_size * self.config.accumulation_steps * place.processes
        orders = [torch.randperm(len(self.x), generator=generator) for _ in range(self.config.epochs)]
        least = self.config.accumulation_steps * place.processes
        draws = [draw for order in orders for draw in torch.split(order, size) if len(draw) >= least]
        return VectorBatches(self.x, draws, len(draws) // len(orders), self.config, place)

    def test_batches(self, place: Place) -> Iterable[Tensor]:
        for indices in shares_for_test(len(self.x), self.config, place):
            yield self.x[indices].to(place.device)

    def measure(self, model: Autoencoder, batch: Tensor) -> Mapping[str, Tensor]:
        return {"mean_squared_error": (model(batch)[1] - batch).square().mean(dim=1)}

    def _loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        codes: Tensor
        codes, reconstructions = model(batch)
        error: Tensor = (reconstructions - batch).square().mean()
        return error + self.activity_penalty * codes.abs().mean()
