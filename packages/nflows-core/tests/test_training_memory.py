"""A training that runs out of memory says which settings need less."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nflows_core.bijections import ActNorm
from nflows_core.data import Images
from nflows_core.flow import Flow
from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError(),
]


class Failing(ActNorm):
    """Raises an error in its forward pass."""

    error: Exception

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        if torch.is_grad_enabled():
            raise self.error
        return super()._forward(x, context)


def train(error: Exception, reversible: bool) -> None:
    layer = Failing((1, 4, 4))
    layer.error = error
    images = Images(torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8))
    config = TrainingConfig(epochs=1, batch_size=10, reversible=reversible)
    Trainer(FlowLikelihood(Flow([layer]), images, config)).fit()


@pytest.mark.parametrize("error", ERRORS)
def test_the_message_names_the_settings(error: Exception) -> None:
    advice = "out of memory with a batch_size of 10: lower it and raise accumulation_steps as much, .* stay the same"
    with pytest.raises(MemoryError, match=f"{advice}; or set reversible") as raised:
        train(error, reversible=False)
    assert raised.value.__cause__ is error
    with pytest.raises(MemoryError, match=f"{advice}$"):
        train(error, reversible=True)


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(RuntimeError("shapes do not fit"), reversible=False)
