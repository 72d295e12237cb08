"""Problems that every test of the solver draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from invconv import CORNERS
from invconv.geometry import anchor_index

LAYOUTS = ("contiguous", "channels_last", "every_other_column", "expanded_batch", "reversed_axes")


@dataclass(frozen=True)
class Problem:
    """A kernel with well-conditioned anchors and images for it, in float64."""

    weight: np.ndarray
    x: np.ndarray
    corner: tuple[str, ...]
    layout: str = "contiguous"


def random_kernel(rng, corners, group_channels, kernel_size, *, unit=False, scale=0.5):
    """A kernel [G n, n, kh, kw] whose anchors are orthogonal times 0.7..1.4, or unit lower triangular."""
    n = group_channels
    kh, kw = kernel_size
    weight = rng.normal(size=(len(corners) * n, n, kh, kw)) * scale / np.sqrt(n * kh * kw)
    for g, corner in enumerate(corners):
        q, _ = np.linalg.qr(rng.normal(size=(n, n)))
        anchor = np.tril(rng.normal(size=(n, n)) * 0.2, -1) + np.eye(n) if unit else q * rng.uniform(0.7, 1.4, n)
        weight[(slice(g * n, (g + 1) * n), slice(None), *anchor_index(corner))] = anchor
    return weight


@st.composite
def problems(draw, max_batch=9):
    corners = tuple(draw(st.lists(st.sampled_from(CORNERS), min_size=1, max_size=4)))
    n = draw(st.integers(1, 13 if len(corners) == 1 else 3))
    kernel_size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (
        draw(st.integers(0, max_batch)),
        len(corners) * n,
        draw(st.integers(1, 7)),
        draw(st.integers(1, 7)),
    )
    weight = random_kernel(rng, corners, n, kernel_size, unit=draw(st.booleans()))
    return Problem(weight, rng.normal(size=shape), corners, draw(st.sampled_from(LAYOUTS)))


def with_layout(array, layout):
    """The same images behind other strides."""
    B, C, H, W = array.shape
    if layout == "channels_last":
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "every_other_column":
        wide = np.zeros((B, C, H, 2 * W), dtype=array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "expanded_batch":
        return np.broadcast_to(array[:1], (min(B, 1) * 3, C, H, W))
    if layout == "reversed_axes":
        return np.asfortranarray(array)
    return array


def dense_matrix(weight, size, corners):
    """T as a matrix, entry by entry from y_p = sum_t K_t x_{p-t}: slow, and independent of the package."""
    C, n, kh, kw = weight.shape
    H, W = size
    matrix = np.zeros((C, H, W, C, H, W))
    for c in range(C):
        corner = corners[c // n]
        for d in range(n):
            for i in range(kh):
                for j in range(kw):
                    dh = i - (kh - 1 if corner[0] == "t" else 0)
                    dw = j - (kw - 1 if corner[1] == "l" else 0)
                    for h in range(max(0, -dh), min(H, H - dh)):
                        for w in range(max(0, -dw), min(W, W - dw)):
                            matrix[c, h, w, c // n * n + d, h + dh, w + dw] += weight[c, d, i, j]
    return matrix.reshape(C * H * W, C * H * W)
