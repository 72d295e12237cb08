"""A short run of the fuzzer, which by hand makes a hundred thousand calls."""

from __future__ import annotations

import numpy as np
import pytest

import fuzz_solver
from invconv import numpy_ops

pytestmark = pytest.mark.skipif(not numpy_ops.has_solver(), reason="the extension was not compiled")


def test_random_calls_are_right_or_refused():
    with np.errstate(over="ignore", invalid="ignore"):
        kinds = fuzz_solver.fuzz(calls=500, seed=1)
    assert sum(kinds.values()) == 500


def test_the_fuzzer_finds_a_solver_that_is_slightly_wrong(monkeypatch):
    solve = numpy_ops.solve

    def wrong(y, weight, corners, x, threads=None):
        solve(y, weight, corners, x, threads)
        x *= 1 + 1e-2

    monkeypatch.setattr(numpy_ops, "solve", wrong)
    with pytest.raises(fuzz_solver.WrongResultError, match="times what rounding allows"):
        fuzz_solver.fuzz(calls=100, seed=1)


def test_the_fuzzer_finds_a_solver_that_writes_outside_of_its_output(monkeypatch):
    solve = numpy_ops.solve

    def wrong(y, weight, corners, x, threads=None):
        solve(y, weight, corners, x, threads)
        x.base[-1] = 0

    monkeypatch.setattr(numpy_ops, "solve", wrong)
    monkeypatch.setattr(fuzz_solver, "CALLERS", ("out",))
    with pytest.raises(fuzz_solver.WrongResultError, match="outside of the output"):
        fuzz_solver.fuzz(calls=100, seed=1)
