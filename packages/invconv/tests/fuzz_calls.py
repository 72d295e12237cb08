"""What the fuzzer calls the solver with: random shapes, kernels and strides, and arguments that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from invconv import CORNERS
from invconv.geometry import anchor_index
from random_kernels import random_kernel

# Upper limits of images, groups, channels a group, size and kernel size: each makes another part of the solver work.
LIMITS = {
    "small": (9, 3, 5, 9, 5),
    "many images": (300, 2, 3, 4, 3),
    "many channels": (3, 1, 130, 3, 3),
    "many groups": (3, 40, 3, 4, 3),
    "large image": (2, 1, 3, 70, 3),
    "large kernel": (18, 1, 2, 6, 11),
}


@dataclass(frozen=True)
class Call:
    """Images and a kernel behind random strides."""

    y: np.ndarray
    weight: np.ndarray
    corners: tuple[str, ...]


def draw_call(rng: np.random.Generator, dtype: str, *, signed: bool) -> Call:
    """A call that must succeed; ``signed`` strides may be negative, which torch does not know."""
    B, G, n, size, kernel = LIMITS[str(rng.choice(list(LIMITS)))]
    corners = tuple(str(corner) for corner in rng.choice(CORNERS, rng.integers(1, G + 1)))
    kernel_size = tuple(rng.integers(1, kernel + 1, 2))
    n = int(rng.integers(1, n + 1))
    weight = random_kernel(rng, corners, n, kernel_size, unit=rng.random() < 0.5, scale=rng.choice((0.05, 0.5, 1.5)))
    weight *= 10 ** rng.uniform(-2, 2)
    shape = (int(rng.integers(0, B + 1)), len(corners) * n, *(int(s) for s in rng.integers(0, size + 1, 2)))
    y = rng.normal(size=shape) * 10 ** rng.uniform(-2, 2)
    if y.size and rng.random() < 0.1:
        y[tuple(rng.integers(0, y.shape))] = rng.choice((np.nan, np.inf, -np.inf))
    y = y.astype(dtype)
    y = _overlapping(rng, y) if rng.random() < 0.15 else _behind_strides(rng, y, signed=signed)
    return Call(y, _behind_strides(rng, weight.astype(dtype), signed=signed), corners)


def _behind_strides(rng: np.random.Generator, array: np.ndarray, *, signed: bool) -> np.ndarray:
    """The same numbers behind permuted axes with gaps, of which some may run backwards."""
    order = [[0, 1, 2, 3], [0, 2, 3, 1], list(rng.permutation(4))][rng.integers(3)]
    steps = rng.integers(1, 4, 4) * (rng.choice((-1, 1), 4) if signed else 1)
    turned = array.transpose(order)
    buffer = np.full([abs(s) * n for s, n in zip(steps, turned.shape, strict=True)], np.nan, dtype=array.dtype)
    view = buffer[tuple(slice(None, None, abs(s)) for s in steps)]
    view = view[tuple(slice(None, None, np.sign(s)) for s in steps)]
    view[...] = turned
    return view.transpose(np.argsort(order))


def _overlapping(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Images that share memory: windows of one buffer, with strides from 0 on."""
    strides = rng.integers(0, 4, 4)
    reach = sum(s * max(n - 1, 0) for s, n in zip(strides, array.shape, strict=True))
    buffer = np.resize(array, reach + 1) if array.size else np.zeros(1, array.dtype)
    return as_strided(buffer, array.shape, [s * buffer.itemsize for s in strides])


def draw_bad_call(rng: np.random.Generator) -> tuple[str, list[Any]]:
    """What is wrong, and the arguments of a call that must be refused."""
    name = str(rng.choice(list(_BAD)))
    corners = tuple(str(corner) for corner in rng.choice(CORNERS, rng.integers(1, 4)))
    n, kernel_size = int(rng.integers(1, 6)), tuple(rng.integers(1, 5, 2))
    weight = random_kernel(rng, corners, n, kernel_size)
    y = rng.normal(size=(rng.integers(0, 5), len(corners) * n, *rng.integers(0, 6, 2)))
    dtype = rng.choice((np.float32, np.float64))
    return name, list(_BAD[name](rng, y.astype(dtype), weight.astype(dtype), corners))


def _bad_weight_entry(value: float) -> Callable[..., tuple]:
    def arguments(rng: np.random.Generator, y: np.ndarray, weight: np.ndarray, corners: tuple) -> tuple:
        weight[tuple(rng.integers(0, weight.shape))] = value
        return y, weight, corners

    return arguments


def _singular(rng: np.random.Generator, y: np.ndarray, weight: np.ndarray, corners: tuple) -> tuple:
    """An anchor with a zero column, a zero row, or two equal rows."""
    n, g = weight.shape[1], int(rng.integers(len(corners)))
    anchor = weight[(slice(g * n, (g + 1) * n), slice(None), *anchor_index(corners[g]))]
    a, b = rng.integers(n, size=2)
    if a != b:
        anchor[a] = anchor[b]
    elif rng.random() < 0.5:
        anchor[a] = 0
    else:
        anchor[:, a] = 0
    return y, weight, corners


_BAD: dict[str, Callable[..., tuple]] = {
    "images with three axes": lambda rng, y, w, c: (np.zeros(y.shape[1:], y.dtype), w, c),
    "images with five axes": lambda rng, y, w, c: (y[None], w, c),
    "kernel with three axes": lambda rng, y, w, c: (y, w[0], c),
    "one channel more": lambda rng, y, w, c: (np.concatenate([y, y[:, :1]], 1), w, c),
    "one channel of the kernel less": lambda rng, y, w, c: (y, w[1:], c),
    "no channels": lambda rng, y, w, c: (y[:, :0], w[:0], ()),
    "channels that groups do not divide": lambda rng, y, w, c: (y, np.repeat(w, len(w) + 1, 1), c),
    "kernel without rows": lambda rng, y, w, c: (y, w[:, :, :0], c),
    "kernel without columns": lambda rng, y, w, c: (y, w[..., :0], c),
    "unknown corner": lambda rng, y, w, c: (y, w, ("middle", *c[1:])),
    "corner in capitals": lambda rng, y, w, c: (y, w, "TL"),
    "corner that is a number": lambda rng, y, w, c: (y, w, 3),
    "no corner": lambda rng, y, w, c: (y, w, None),
    "one corner too many": lambda rng, y, w, c: (y, w, (*c, "tl")),
    "unknown method": lambda rng, y, w, c: (y, w, c, "lu"),
    "method that is a number": lambda rng, y, w, c: (y, w, c, 0),
    "integer images": lambda rng, y, w, c: (y.astype(np.int32), w, c),
    "complex images": lambda rng, y, w, c: (y.astype(np.complex64), w, c),
    "boolean images and kernel": lambda rng, y, w, c: (y.astype(bool), w.astype(bool), c),
    "kernel of another dtype": lambda rng, y, w, c: (y, w.astype(np.float32 if w.itemsize == 8 else np.float64), c),
    "kernel that is a list": lambda rng, y, w, c: (y, w.tolist(), c),
    "images that are None": lambda rng, y, w, c: (None, w, c),
    "NaN in the kernel": _bad_weight_entry(np.nan),
    "infinity in the kernel": _bad_weight_entry(-np.inf),
    "singular anchor": _singular,
}
