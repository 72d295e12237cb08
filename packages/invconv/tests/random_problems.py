"""Problems that every test of the solver draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from invconv import CORNERS
from random_kernels import random_kernel

LAYOUTS = ("contiguous", "channels_last", "every_other_column", "expanded_batch", "reversed_axes")


@dataclass(frozen=True)
class Problem:
    """A kernel with well-conditioned anchors and images for it, in float64."""

    weight: np.ndarray
    x: np.ndarray
    corner: tuple[str, ...]
    layout: str = "contiguous"


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
