"""Random calls of the compiled solver, good and bad: the result is right, or the error is a ValueError or a TypeError.

    python tests/fuzz_solver.py --calls 100000 --seed 0

A call is a function of (seed, index): a failure says how to repeat it alone. pytest runs a short version.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np

import invconv
from fuzz_calls import Call, draw_bad_call, draw_call
from invconv import numpy_ops
from random_kernels import dense_matrix

try:
    import torch
except ImportError:  # NumPy users have none
    torch = None

POISON = -7.25e3
CALLERS = ("numpy", "out", "torch") if torch else ("numpy", "out")
NARROW = ("float16", "bfloat16")  # what an installation may refuse
DTYPES = ("float32", "float32", "float64", "float64", *NARROW)


class WrongResultError(AssertionError):
    """A call whose result is wrong, or that wrote outside of its output."""


def run(seed: int, index: int) -> str:
    """Makes one call and checks what comes of it; returns its kind."""
    rng = np.random.default_rng([seed, index])
    caller = str(rng.choice(CALLERS))
    if rng.random() < 0.2:
        return _run_bad(rng, caller)
    dtype = str(rng.choice(DTYPES))
    if caller != "torch" and dtype == "bfloat16":
        dtype = "float16"  # NumPy has no other narrow one
    call = draw_call(rng, "float32" if dtype == "bfloat16" else dtype, signed=caller != "torch")
    try:
        x, y, weight, precision = _solve(rng, caller, call, dtype)
    except TypeError as error:
        if dtype in NARROW and "float" in str(error):
            return f"{caller}, {dtype} refused"
        raise
    _check(x, y, weight, call.corners, precision, by_matrix=index % 20 == 0)
    return f"{caller}, {dtype}"


def _run_bad(rng: np.random.Generator, caller: str) -> str:
    name, arguments = draw_bad_call(rng)
    if caller == "torch":
        arguments = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        invconv.inverse_conv2d(*arguments)
    except (ValueError, TypeError) as error:
        if not str(error):
            raise WrongResultError(f"{name}: an error without a message") from error
        return f"{'torch' if caller == 'torch' else 'numpy'}, refused: {name}"
    raise WrongResultError(f"{name}: accepted")


def _solve(rng: np.random.Generator, caller: str, call: Call, dtype: str) -> tuple:
    """The solution, the images and the kernel as the solver saw them in float64, and the rounding unit of the dtype."""
    if caller == "torch":
        y, weight = (torch.from_numpy(array).to(getattr(torch, dtype)) for array in (call.y, call.weight))
        x = invconv.inverse_conv2d(y, weight, call.corners, str(rng.choice(("auto", "wavefront"))))
        if x.dtype != y.dtype or x.shape != y.shape:
            raise WrongResultError(f"{y.dtype} {tuple(y.shape)} became {x.dtype} {tuple(x.shape)}")
        return x.double().numpy(), y.double().numpy(), weight.double().numpy(), torch.finfo(y.dtype)
    y, weight = call.y, call.weight
    x = invconv.inverse_conv2d(y, weight, call.corners) if caller == "numpy" else _between_guards(rng, call)
    if x.dtype != y.dtype or x.shape != y.shape:
        raise WrongResultError(f"{y.dtype} {y.shape} became {x.dtype} {x.shape}")
    return x.astype(np.float64), y.astype(np.float64), weight.astype(np.float64), np.finfo(dtype)


def _between_guards(rng: np.random.Generator, call: Call) -> np.ndarray:
    """Solves into a view of a larger array, of which nothing else may change."""
    order, starts, steps = rng.permutation(4), rng.integers(1, 4, 4), rng.integers(1, 4, 4)
    size = np.array(call.y.shape)[order]
    guarded = np.full(starts + steps * size + rng.integers(1, 4, 4), POISON, dtype=call.y.dtype)
    slices = tuple(slice(a, a + s * n, s) for a, s, n in zip(starts, steps, size, strict=True))
    view = guarded[slices].transpose(np.argsort(order))
    x = view[tuple(slice(None, None, rng.choice((-1, 1))) for _ in range(4))]
    numpy_ops.solve(call.y, call.weight, call.corners, x, int(rng.integers(1, 5)))
    result = x.copy()
    x[...] = POISON
    if not (guarded == np.asarray(POISON, guarded.dtype)).all():
        raise WrongResultError("wrote outside of the output")
    return result


def _check(x, y, weight, corners, precision, *, by_matrix: bool) -> None:
    """|T x - y| <= eps (terms) |K_0| |K_0^-1| (|y| + |T| |x|), which rounding allows however large x grows."""
    finite = np.isfinite(y).all((1, 2, 3))  # an image that is not finite may spoil no other one
    x, y = x[finite], y[finite]
    if x.size == 0:
        return
    if not np.isfinite(x).all():
        largest = np.abs(invconv.inverse_conv2d(y, weight, corners)).max()
        if largest < float(precision.max) / 1e3:
            raise WrongResultError(f"not finite, though the solution is at most {largest:.3g}")
        return
    apply = _apply_matrix if by_matrix and weight.shape[0] * x[0, 0].size <= 150 else invconv.conv2d
    groups = (len(x), len(corners), weight.shape[1], *x.shape[2:])
    size = np.abs(y) + apply(np.abs(x), np.abs(weight), corners)
    size = size.reshape(groups).max(2) * _condition(weight, corners)[:, None, None]
    terms = weight[0].size + weight.shape[1]
    limit = 4 * terms * (float(precision.eps) * size + float(precision.tiny))
    residual = np.abs(apply(x, weight, corners) - y).reshape(groups).max(2)
    if (residual > limit).any():
        raise WrongResultError(f"residual {float((residual / limit).max()):.3g} times what rounding allows")


def _condition(weight: np.ndarray, corners: tuple) -> np.ndarray:
    anchors = numpy_ops.anchors(weight, corners)
    return (np.abs(anchors) @ np.abs(np.linalg.inv(anchors))).sum(2).max(1)


def _apply_matrix(x: np.ndarray, weight: np.ndarray, corners: tuple) -> np.ndarray:
    matrix = dense_matrix(weight, x.shape[2:], corners)
    return (x.reshape(len(x), len(matrix)) @ matrix.T).reshape(x.shape)


def fuzz(calls: int, seed: int, first: int = 0) -> Counter:
    """How often each kind of call was made; raises at the first that went wrong, saying how to repeat it."""
    kinds: Counter = Counter()
    for index in range(first, first + calls):
        try:
            kinds[run(seed, index)] += 1
        except Exception as error:
            error.add_note(f"repeat it: python tests/fuzz_solver.py --seed {seed} --first {index} --calls 1")
            raise
    return kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="index of the first call")
    arguments = parser.parse_args()
    start = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):
        kinds = fuzz(arguments.calls, arguments.seed, arguments.first)
    seconds = time.perf_counter() - start
    for kind, count in sorted(kinds.items()):
        print(f"{count:8}  {kind}")
    print(f"{arguments.calls} calls, none wrong, {arguments.calls / seconds:.0f} a second")


if __name__ == "__main__":
    main()
