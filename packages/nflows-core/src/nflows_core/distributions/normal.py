r"""The standard normal base distribution."""

from __future__ import annotations

import math

from torch import Tensor


def standard_normal_log_prob(z: Tensor) -> Tensor:
    r"""The log-density :math:`-\frac{1}{2} \|z\|^2 - \frac{D}{2} \log 2\pi` of each of a batch, :math:`(B,)`.

    Arguments:
        z: A batch of tensors with :math:`D` entries each.
    """
    z = z.flatten(1)
    return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
