r"""Maximum likelihood for a flow on vectors that fit in memory.

`nflows_core.training.Trainer` is for images of integers, in epochs, resumed from checkpoints; this takes seconds.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from nflows_core.flow import Flow
from nflows_core.training.config import TrainingConfig
from nflows_core.training.ema import WeightAverage
from nflows_core.training.guard import DivergedError, locate_non_finite
from nflows_core.training.schedule import learning_rate

CONFIG = TrainingConfig(epochs=1, batch_size=2048, learning_rate=1e-2, warmup_steps=100, clip_norm=10.0, ema_decay=0.99)
UPDATES = 1000
HELD_OUT = 0.1
"""Of the sample: what training is stopped by."""
_UPDATES_BETWEEN_TESTS = 25
_PATIENCE = 10
"""Tests without a better likelihood after which training stops."""


def maximize_likelihood(flow: Flow, x: Tensor, seed: int) -> Flow:
    """Trains a flow by Adam, and stops where the likelihood of a held-out part no longer grows.

    The number of updates does not grow with the sample: some 30 passes over 60,000 vectors.

    Arguments:
        flow: Not initialized; trained in place.
        x: What it maps, :math:`(N, C, 1, 1)`.
        seed: Decides which are held out, and the order of the others.

    Returns:
        A flow with the averaged weights of the best test.

    Raises:
        DivergedError: A loss or its gradient is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    test, train = x[order].tensor_split([math.ceil(HELD_OUT * len(x))])
    flow.initialize(train[: 4 * CONFIG.batch_size])
    optimizer = torch.optim.Adam(flow.parameters(), fused=True)
    average = WeightAverage(flow, CONFIG.ema_decay)
    best = _Best(average.flow, test)
    for update in range(UPDATES):
        batch = train[torch.randint(len(train), (CONFIG.batch_size,), generator=generator)]
        # The first test is of no updates: of few vectors, a Gaussian may be all that can be learned.
        if update % _UPDATES_BETWEEN_TESTS == 0 and best.is_settled(average.flow):
            break
        _update(flow, optimizer, batch, update)
        average.update(flow, update)
    else:
        best.is_settled(average.flow)
    return best.flow


def _update(flow: Flow, optimizer: torch.optim.Optimizer, batch: Tensor, update: int) -> None:
    rate = learning_rate(update, UPDATES, CONFIG)
    optimizer.zero_grad()
    loss = -flow.log_prob(batch).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], CONFIG.clip_norm)
    if not (loss + norm).isfinite():
        where = locate_non_finite(flow, (-flow.log_prob(part).mean() for part in [batch]))
        raise DivergedError(f"not finite: {where}", update, rate, None)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()


class _Best:
    """The flow that gave the held-out vectors the greatest likelihood, and for how many tests it has."""

    def __init__(self, flow: Flow, test: Tensor) -> None:
        self.test = test
        self.log_prob = -math.inf
        self.flow = flow
        self.waited = 0

    @torch.no_grad()
    def is_settled(self, flow: Flow) -> bool:
        """Tests a flow; whether it is time to stop."""
        log_prob = flow.log_prob(self.test).mean().item()
        self.waited += 1
        if log_prob > self.log_prob:
            self.log_prob, self.flow, self.waited = log_prob, copy.deepcopy(flow), 0
        return self.waited >= _PATIENCE
