"""The kernel of a blur that runs one way, learned from the blurred picture alone."""

from __future__ import annotations

import numpy as np
import torch
from deblurring_methods import Pixels, Taps

import invconv

_UPDATES = 60
_ROUND = 1.0
"""Grey levels below which a difference between neighbours counts by its square."""


def learn_taps(pixels: Pixels, shape: tuple[int, int]) -> Taps:
    r"""The taps whose exact inverse leaves the fewest edges, divided by their sum.

    With the tap on the pixel itself held at 1, :math:`\det T = 1`: no kernel has an advantage by its scale, and the
    taps of greatest likelihood, where differences between neighbours are distributed as Laplace has it, are

    .. math:: \arg\min_k \sum_p \sqrt{1 + (\partial_x T_k^{-1} y)_p^2} + \sqrt{1 + (\partial_y T_k^{-1} y)_p^2},

    found by L-BFGS with the exact gradients of `invconv.inverse_conv2d`, beginning with a kernel that does nothing.
    Whatever smoothness the sharp picture has of its own is taken for blur too.

    Arguments:
        pixels: The blurred picture, :math:`(H, W, C)`; its channels share the kernel.
        shape: The rows and columns of the kernel.
    """
    images = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)[:, None]))
    others = torch.zeros(shape[0] * shape[1] - 1, dtype=torch.float64, requires_grad=True)
    anchor = torch.ones(1, dtype=torch.float64)
    optimizer = torch.optim.LBFGS([others], max_iter=_UPDATES, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        # Taps in the order of torch: the one on the pixel itself is the last.
        sharp = invconv.inverse_conv2d(images, torch.cat([others, anchor]).view(1, 1, *shape))
        down, across = ((sharp.diff(dim=axis) ** 2 + _ROUND**2).sqrt().mean() for axis in (2, 3))
        (down + across).backward()  # type: ignore[no-untyped-call]
        return (down + across).item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    taps = torch.cat([others.detach(), anchor]).flip(0).numpy().reshape(shape)
    return np.asarray(taps / taps.sum(), np.float64)
