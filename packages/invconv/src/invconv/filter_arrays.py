"""Recursive filters of NumPy arrays, without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import broadcast_shapes, broadcast_to, moveaxis, stack

from invconv import numpy_ops
from invconv.numpy_ops import Array

__all__ = ["arrays", "broadcast_shapes", "broadcast_to", "lfilter", "moveaxis", "rounded", "stack"]


def arrays(b: Any, a: Any, x: Array, zi: Any) -> tuple[Array, Array, Array, Array | None]:
    """All in the dtype that they have in common."""
    given = {"b": np.atleast_1d(_array(b, "b")), "a": np.atleast_1d(_array(a, "a")), "x": x}
    if zi is not None:
        given["zi"] = _array(zi, "zi")
    for name, array in given.items():
        _check(array, name)
    dtype = np.result_type(np.float32, *given.values())
    converted = {name: np.require(array, dtype, ["A", "E"]) for name, array in given.items()}
    return converted["b"], converted["a"], converted["x"], converted.get("zi")


def rounded(result: Any, x: Array) -> Any:
    return result  # in the common dtype


def _array(numbers: Any, name: str) -> Array:
    if hasattr(numbers, "requires_grad"):
        raise TypeError(f"{name}: expected an array or numbers, as x is one, got a {type(numbers).__name__}")
    return np.asanyarray(numbers)


def _check(array: Array, name: str) -> None:
    if np.ma.is_masked(array):
        raise ValueError(f"{name}: has masked values, on which others depend; give {name}.filled(...)")
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "iu" and (kind != "f" or size not in (4, 8)):
        advice = "; filter real and imaginary parts apart" if kind == "c" else ""
        raise TypeError(f"{name}: expected float32 or float64, got {array.dtype}{advice}")


def lfilter(x: Array, b: Array, a: Array, zi: Array | None, threads: int | None = None) -> tuple[Array, Array | None]:
    """Signals [B, F, L], through the filters [F, zeros + 1] and [F, poles + 1], with states [B, F, order]."""
    y = np.empty(x.shape, x.dtype)
    final = None if zi is None else np.empty(zi.shape, x.dtype)
    state = None if zi is None else np.ascontiguousarray(zi)
    numpy_ops.call_filter(x, np.ascontiguousarray(b), np.ascontiguousarray(a), y, state, final, threads)
    return y, final
