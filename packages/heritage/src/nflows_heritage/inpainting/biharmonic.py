r"""A surface that bends as little as it can through what is known, like a thin metal plate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.linalg import splu

Samples = NDArray[np.float32]
"""A picture :math:`(H, W, C)`, each value in [0, 1]."""
Mask = NDArray[np.bool_]
"""What is filled, :math:`(H, W)`."""

_BENDING = (
    (((0, -1), (0, 0), (0, 1)), (1.0, -2.0, 1.0)),
    (((-1, 0), (0, 0), (1, 0)), (1.0, -2.0, 1.0)),
    (((0, 0), (0, 1), (1, 0), (1, 1)), (2**0.5, -(2**0.5), -(2**0.5), 2**0.5)),
)
r"""The differences :math:`\partial_{xx}`, :math:`\partial_{yy}` and :math:`\sqrt 2 \partial_{xy}`."""
_TETHER = 1e-9
"""What keeps a surface from floating away where less than a plane is known."""


def biharmonic_fill(samples: Samples, mask: Mask) -> Samples:
    r"""The picture whose masked pixels bend as little as they can, each channel by itself.

    .. math:: \min_u \sum u_{xx}^2 + 2 u_{xy}^2 + u_{yy}^2

    over the differences that lie within the picture. Away from its border that is the biharmonic equation
    :math:`\Delta^2 u = 0` in its stencil of 13 points (Damelin and Hoang 2018, "On surface completion and image
    inpainting by biharmonic functions", section 2), which restores a quadratic surface exactly; at the border the plate
    ends free, and a plane is restored exactly. It is one sparse system for all channels, factorized once.

    Arguments:
        samples: The picture, of any values where it is masked; its results may leave [0, 1].
        mask: What is filled, at least one pixel; at least one other is known.
    """
    rows = _bending(mask)
    unknown = mask.ravel()
    inside, outside = rows[:, unknown], rows[:, ~unknown]
    known = samples.reshape(-1, samples.shape[2])[~unknown].astype(np.float64)
    middle = known.mean(0)  # to which the tether pulls
    normal = (inside.T @ inside).tocsc()
    normal.setdiag(normal.diagonal() + _TETHER)
    result = samples.copy()
    result[mask] = middle + splu(normal).solve(-(inside.T @ (outside @ (known - middle))))
    return result


def _bending(mask: Mask) -> csr_array:
    """The differences that touch a masked pixel, one a row over all pixels."""
    return vstack(list(_differences(mask)), format="csr")


def _differences(mask: Mask) -> Iterator[coo_array]:
    height, width = mask.shape
    for places, weights in _BENDING:
        down, right = ([place[axis] for place in places] for axis in (0, 1))
        y, x = np.arange(-min(down), height - max(down))[:, None], np.arange(-min(right), width - max(right))
        touching = np.any([mask[y + dy, x + dx] for dy, dx in places], axis=0)
        start = (y * width + x)[touching]
        columns = np.concatenate([start + dy * width + dx for dy, dx in places])
        rows = np.tile(np.arange(len(start)), len(places))
        yield coo_array((np.repeat(weights, len(start)), (rows, columns)), (len(start), mask.size))
