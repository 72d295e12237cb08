"""The likelihood of vectors with noise."""

from __future__ import annotations

import torch

from nflows_core.bijections import ActNorm
from nflows_core.flow import Flow
from nflows_core.training import EngineConfig, Trainer, VectorLikelihood


def test_density_is_that_of_vectors_with_noise() -> None:
    """Of the standard deviations s and n, the sum of both has sqrt(s^2 + n^2): here 5 and, of what is constant, 2."""
    x = torch.randn(2000, 2, 1, 1) * torch.tensor([3.0, 0.0])[:, None, None]
    noise = torch.tensor([4.0, 2.0])[:, None, None]
    config = EngineConfig(epochs=4, batch_size=500, learning_rate=1e-2, ema_decay=0.9)
    flow = Trainer(VectorLikelihood(Flow([ActNorm((2, 1, 1))]), x, config, noise=noise)).fit()
    learned = flow.state_dict()["levels.0.log_scale"].neg().exp().flatten()
    torch.testing.assert_close(learned, torch.tensor([5.0, 2.0]), rtol=0.05, atol=0)


def test_noise_is_of_the_seed_alone() -> None:
    x, noise = torch.randn(100, 2, 1, 1), torch.ones(2, 1, 1)
    config = EngineConfig(epochs=2, batch_size=20, seed=3)
    trained = []
    for other in range(2):
        torch.manual_seed(other)
        task = VectorLikelihood(Flow([ActNorm((2, 1, 1))]), x, config, noise=noise, steps_per_epoch=3)
        trained.append(Trainer(task).fit().state_dict())
    torch.testing.assert_close(*trained, rtol=0, atol=0)
