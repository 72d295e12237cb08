"""Kernels that every test of the solver draws from, and the dense matrix of their map."""

from __future__ import annotations

import numpy as np

from invconv.geometry import anchor_index


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
