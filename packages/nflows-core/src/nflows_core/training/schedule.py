r"""The learning rate as a function of the update alone: a resumed run needs nothing stored to follow it."""

from __future__ import annotations

import math

from nflows_core.training.config import EngineConfig


def learning_rate(step: int, total_steps: int, config: EngineConfig) -> float:
    r"""The learning rate of update ``step``, counted from 0.

    .. math::
        \eta_s = \eta \cdot \begin{cases}
            (s + 1) / w & s < w \\
            f + (1 - f) \, (1 + \cos \pi p) / 2 & \text{cosine (Loshchilov \& Hutter 2017, equation 5)} \\
            f^p & \text{exponential} \\
            1 & \text{constant}
        \end{cases}
        \qquad p = \frac{s - w}{S - w}

    with :math:`w` the ``warmup_steps``, :math:`f` the ``final_fraction`` and :math:`S` the ``total_steps``.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    return config.learning_rate * _decay(progress, config)


def _decay(progress: float, config: EngineConfig) -> float:
    final = config.final_fraction
    if config.schedule == "cosine":
        return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2
    if config.schedule == "exponential":
        return math.pow(final, progress)
    return 1.0
