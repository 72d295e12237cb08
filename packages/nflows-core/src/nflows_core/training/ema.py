r"""The exponential moving average of the weights, with which a model is tested and used."""

from __future__ import annotations

import copy
from typing import Generic

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nflows_core.training.task import M


class WeightAverage(Generic[M]):
    r"""The exponential moving average of a model's parameters.

    .. math:: \bar w_0 = w_0, \qquad \bar w_{t+1} = d_t \bar w_t + (1 - d_t) w_{t+1},
        \qquad d_t = \min\left(d, \frac{1 + t}{10 + t}\right)

    The decay :math:`d_t` grows with the update :math:`t`, because with :math:`d` alone a run shorter than
    some :math:`1 / (1 - d)` updates would mostly average its initial weights. Buffers are copied.

    Arguments:
        model: The model whose weights the average starts with.
        decay: :math:`d`, in :math:`[0, 1)`.
    """

    def __init__(self, model: M, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model: M, step: int) -> None:
        """Takes in the weights of ``model`` after update ``step``, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(tuple(self.model.parameters()), tuple(model.parameters()), step)
        for copied, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            copied.copy_(buffer)
