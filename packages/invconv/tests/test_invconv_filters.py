"""Recursive filters of NumPy arrays: their definition, and scipy's."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invconv
from random_filters import coefficients, define, problems


@settings(max_examples=80, deadline=None)
@given(problems(), st.sampled_from([np.float32, np.float64]))
def test_lfilter_is_its_definition(problem, dtype):
    b, a, x, zi = (array.astype(dtype) for array in problem)
    expected, expected_state = define(*problem)
    y, final = invconv.lfilter(b, a, x, zi=zi)
    assert (y.dtype, final.dtype) == (dtype, dtype)
    tolerance = 1e4 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    np.testing.assert_allclose(final, expected_state, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    at_rest = define(problem[0], problem[1], problem[2])[0]
    np.testing.assert_allclose(
        invconv.lfilter(b, a, x), at_rest, rtol=tolerance, atol=tolerance * np.abs(at_rest).max()
    )


@settings(max_examples=40, deadline=None)
@given(problems(), st.lists(st.integers(0, 2100), max_size=4))
def test_a_stream_in_blocks_is_one_call(problem, cuts):
    b, a, x, state = problem
    expected, expected_state = invconv.lfilter(b, a, x, zi=state)
    blocks = np.split(x, sorted(min(cut, x.shape[1]) for cut in cuts), axis=1)
    filtered = []
    for block in blocks:
        y, state = invconv.lfilter(b, a, block, zi=state)
        filtered.append(y)
    np.testing.assert_allclose(np.concatenate(filtered, 1), expected, atol=1e-11)
    np.testing.assert_allclose(state, expected_state, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(problems(), st.floats(-3, 3))
def test_it_is_linear_and_undone_by_the_reciprocal(problem, factor):
    b, a, x, _ = problem
    b[0] = 2 * np.abs(b).sum()  # so that the reciprocal is stable
    y = invconv.lfilter(b, a, x)
    np.testing.assert_allclose(invconv.lfilter(a, b, y), x, atol=1e-9)
    flipped = invconv.lfilter(b, a, x[::-1])
    np.testing.assert_allclose(
        invconv.lfilter(b, a, x + factor * x[::-1]), y + factor * flipped, atol=1e-9 * np.abs(y).max()
    )


def test_impulse_responses_that_are_known():
    impulse = np.zeros(6)
    impulse[0] = 1
    np.testing.assert_array_equal(invconv.lfilter([1], [1, -0.5], impulse), 0.5 ** np.arange(6))
    np.testing.assert_array_equal(invconv.lfilter([3, 0, 2], [1], impulse), [3, 0, 2, 0, 0, 0])
    np.testing.assert_array_equal(invconv.lfilter(1, [1, -1, -1], impulse), [1, 1, 2, 3, 5, 8])
    np.testing.assert_array_equal(invconv.lfilter(4, 2, impulse), 2 * impulse)


def test_it_is_the_inverse_of_the_convolution(rng):
    _, a = coefficients(rng, 0, 5)
    y = rng.normal(size=(3, 1, 50))
    weight = a[None, None, ::-1].copy()
    np.testing.assert_allclose(invconv.lfilter([1], a, y), invconv.inverse_conv1d(y, weight), atol=1e-12)
    np.testing.assert_allclose(invconv.lfilter(a, [1], y), invconv.conv1d(y, weight), atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_time_runs_along_any_axis_of_any_strides(rng, axis, order):
    b, a = coefficients(rng, 3, 2)
    x = np.asarray(rng.normal(size=(4, 5, 6)), order=order)[:, ::-1]
    zi = np.moveaxis(rng.normal(size=(*np.moveaxis(x, axis, -1).shape[:-1], 3)), -1, axis)
    y, final = invconv.lfilter(b, a, x, axis, zi)
    expected = define(b, a, np.moveaxis(x, axis, -1), np.moveaxis(zi, axis, -1))
    np.testing.assert_allclose(np.moveaxis(y, axis, -1), expected[0], atol=1e-12)
    np.testing.assert_allclose(np.moveaxis(final, axis, -1), expected[1], atol=1e-12)


@pytest.mark.parametrize("batch", [(3,), (1, 3), (2, 1), (2, 3), (4, 2, 3)])
@pytest.mark.parametrize("axis", [-1, -2])
def test_batches_of_filters_are_broadcast(rng, batch, axis):
    b, a = coefficients(rng, 2, 4, *batch)
    b = b[:1]
    x = rng.normal(size=(2, 3, 40))
    zi = rng.normal(size=(1, 3, 4))
    y, final = invconv.lfilter(
        b, a, np.moveaxis(x, -1, axis), axis, np.moveaxis(np.broadcast_to(zi, (*batch[:-2], 1, 3, 4)), -1, axis)
    )
    shape = np.broadcast_shapes(batch, (2, 3))
    y, final = np.moveaxis(y, axis, -1), np.moveaxis(final, axis, -1)
    assert (y.shape, final.shape) == ((*shape, 40), (*shape, 4))
    numerators, denominators, signals, states = (np.broadcast_to(v, (*shape, v.shape[-1])) for v in (b, a, x, zi))
    for place in np.ndindex(*shape):
        expected = define(numerators[place], denominators[place], signals[place], states[place])
        np.testing.assert_allclose(y[place], expected[0], atol=1e-12)
        np.testing.assert_allclose(final[place], expected[1], atol=1e-12)


def test_what_is_empty_stays_empty_and_keeps_its_state(rng):
    b, a = coefficients(rng, 2, 3)
    zi = rng.normal(size=(4, 3))
    y, final = invconv.lfilter(b, a, np.zeros((4, 0)), zi=zi)
    assert y.shape == (4, 0)
    np.testing.assert_array_equal(final, zi)
    y, final = invconv.lfilter(b, a, np.zeros((0, 7)), zi=np.zeros((0, 3)))
    assert (y.shape, final.shape) == ((0, 7), (0, 3))
    y, final = invconv.lfilter([2], [4], np.ones(3), zi=np.zeros(0))
    np.testing.assert_array_equal(y, [0.5, 0.5, 0.5])
    assert final.shape == (0,)


@pytest.mark.parametrize("poles", [1, 2, 7, 20])
@pytest.mark.parametrize("signals", [1, 3])
def test_an_unstable_filter_overflows_where_its_definition_does(poles, signals):
    a = np.r_[1, -3, np.zeros(poles - 1)]
    x = np.ones((signals, 1000))
    with np.errstate(all="ignore"):
        expected = define([1], a[:2], x)[0]
    y = invconv.lfilter([1], a[:2], x)
    np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))
    assert not np.isnan(y).any()
    with np.errstate(all="ignore"):
        expected = define([1], a, x)[0]
    np.testing.assert_array_equal(np.isfinite(invconv.lfilter([1], a, x)), np.isfinite(expected))


def test_sosfilt_is_its_sections_one_after_the_other(rng):
    sections = [np.stack(coefficients(rng, 2, 2)) for _ in range(3)]
    sos, x, zi = (
        np.stack([section.ravel() for section in sections]),
        rng.normal(size=(4, 60)),
        rng.normal(size=(3, 4, 2)),
    )
    expected = x
    for i, (b, a) in enumerate(sections):
        expected, state = define(b, a, expected, zi[i])
        np.testing.assert_allclose(invconv.sosfilt(sos, x, zi=zi)[1][i], state, atol=1e-12)
    np.testing.assert_allclose(invconv.sosfilt(sos, x, zi=zi)[0], expected, atol=1e-12)
    np.testing.assert_allclose(invconv.sosfilt(sos, x.T, axis=0), invconv.sosfilt(sos, x).T, atol=1e-12)
    both = invconv.sosfilt(np.stack([sos, sos[::-1]])[:, None], x)
    np.testing.assert_allclose(both[1], both[0], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_it_takes_the_filters_and_states_of_scipy(order, cutoff, seed):
    signal = pytest.importorskip("scipy.signal")
    b, a = signal.butter(order, cutoff)
    x = np.random.default_rng(seed).normal(size=(3, 200))
    zi = signal.lfilter_zi(b, a) * x[:, :1]
    for mine, theirs in zip(invconv.lfilter(b, a, x, zi=zi), signal.lfilter(b, a, x, zi=zi), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6 * np.abs(theirs).max())
    sos = signal.butter(order, cutoff, output="sos")
    zi = signal.sosfilt_zi(sos)[:, None] * x[:, :1]
    for mine, theirs in zip(invconv.sosfilt(sos, x, zi=zi), signal.sosfilt(sos, x, zi=zi), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10)


ONES = np.ones((2, 5))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], [1], ONES), ValueError, r"b: expected coefficients \[..., order \+ 1\], at least one, got shape \(0,\)"),
        (([1], [], ONES), ValueError, "a: expected coefficients"),
        (([1], [0, 1], ONES), ValueError, "a: the first coefficient of filter 0 is 0, by which all others are divided"),
        ((np.ones((2, 1)), [[1, 1], [0, 1]], ONES), ValueError, "a: the first coefficient of filter 1 is 0"),
        (([1], [1], np.ones(())), ValueError, "x: expected signals with an axis of time, got a single number"),
        (([1], [1], ONES, 2), ValueError, r"axis: 2 is none of x, which has the shape \(2, 5\)"),
        ((np.ones((3, 2)), np.ones((2, 2)), ONES), ValueError, r"a: its axes .* \(2,\), cannot be .* filters, \(3,\)"),
        ((np.ones((3, 2)), [1], ONES), ValueError, r"x: its axes .* \(2,\), cannot be .* filters, \(3,\)"),
        (([1, 1], [1], ONES, -1, np.ones(1)), ValueError, r"zi: expected the shape \(2, 1\).* got \(1,\)"),
        (([1, 1], [1], ONES, -1, np.ones((2, 2))), ValueError, r"zi: expected the shape \(2, 1\).* got \(2, 2\)"),
        (([1, 1], [1], ONES, 0, np.ones((1, 4))), ValueError, r"zi: expected the shape \(1, 5\).* got \(1, 4\)"),
        (([1j], [1], ONES), TypeError, "b: expected float32 or float64, got complex128; filter real and imaginary"),
        (([1], [1], ONES.astype(np.complex64)), TypeError, "x: expected float32 or float64, got complex64"),
        (([1], [1], ONES.astype(np.float16)), TypeError, "x: expected float32 or float64, got float16"),
        (([1], [1], np.ma.masked_equal(ONES, 1)), ValueError, "x: has masked values"),
        (([1], [1], [[1.0]]), TypeError, "x: expected a NumPy array or a torch tensor, got a list"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        invconv.lfilter(*arguments)


@pytest.mark.parametrize(
    ("sos", "zi", "message"),
    [
        (np.ones(6), None, r"sos: expected sections \[..., sections, 6\], got shape \(6,\)"),
        (np.ones((0, 6)), None, r"got shape \(0, 6\)"),
        (np.ones((2, 5)), None, r"got shape \(2, 5\)"),
        (np.ones((2, 6)), np.ones((3, 2, 2)), r"zi: expected the states of 2 sections, got shape \(3, 2, 2\)"),
        (np.ones((2, 6)), np.ones((2, 2, 3)), r"zi: expected the shape \(2, 2, 2\).* got \(2, 2, 3\)"),
        (np.ones((2, 6)), np.ones((2, 2)), r"zi: expected the shape \(2, 2, 2\).* got \(2, 2\)"),
        (np.float64([[1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0]]), None, "sos: a_0 of section 1 is 0, by which its"),
        ([[1, 0, 0, 0, 0, 0]], np.ones((1, 2, 2)), "sos: a_0 of section 0 is 0, by which its other coefficients"),
    ],
)
def test_sections_that_do_not_fit_are_named(sos, zi, message):
    with pytest.raises(ValueError, match=message):
        invconv.sosfilt(sos, ONES, zi=zi)


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 1), (2, 1), (1, 3), (2, 3), (2, 2), (1, 2, 3)])
def test_it_takes_the_shapes_of_states_that_scipy_takes(shape):
    signal = pytest.importorskip("scipy.signal")
    b, a = signal.butter(3, 0.3)
    x, zi = np.cos(np.arange(10.0)).reshape(2, 5), np.sin(np.arange(math.prod(shape))).reshape(shape)
    try:
        expected = signal.lfilter(b, a, x, zi=zi)
    except ValueError:
        with pytest.raises(ValueError, match=r"zi: expected the shape \(2, 3\)"):
            invconv.lfilter(b, a, x, zi=zi)
    else:
        for mine, scipys in zip(invconv.lfilter(b, a, x, zi=zi), expected, strict=True):
            np.testing.assert_allclose(mine, scipys, atol=1e-12)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_an_array_of_two_axes():
    x, sos = np.cos(np.arange(10.0)).reshape(2, 5), np.array([[1.0, 0.5, 0, 1, 0.2, 0.1]])
    for y in (
        invconv.lfilter([1], [1, 0.5], np.matrix(x)),
        invconv.lfilter(np.matrix([1]), np.matrix([1, 0.5]), x),
        invconv.lfilter([1], [1, 0.5], x, zi=np.matrix([[0.0], [0.0]]))[0],
    ):
        np.testing.assert_array_equal(y, invconv.lfilter([1], [1, 0.5], x))
    np.testing.assert_array_equal(invconv.sosfilt(np.matrix(sos), np.matrix(x)), invconv.sosfilt(sos, x))


def test_whole_numbers_and_dtypes_are_brought_together():
    assert invconv.lfilter([1], [2], np.arange(3)).dtype == np.float64
    assert invconv.lfilter(np.float32([1]), np.float32([2]), np.ones(3, np.float32)).dtype == np.float32
    assert invconv.lfilter([1.0], [2.0], np.ones(3, np.float32)).dtype == np.float64


README = Path(__file__).parents[1] / "README.md"
TIMES = README.parent / "benchmarks" / "results" / "filters-epyc-zen5.json"
COLUMNS = ("scipy_lfilter", "numpy_lfilter", "lfilter", "lfilter_gradients")
OF_OTHERS = ("torchaudio", "torchaudio_gradients", "torchlpc", "torchlpc_gradients")


@pytest.mark.skipif(not TIMES.is_file(), reason="not in the repository")
def test_the_readme_has_the_times_that_were_measured():
    chapter = README.read_text(encoding="utf-8").split("## Filters")[1].split("## Stability")[0]
    printed = re.findall(r"^\| (\d+) x (\d+), (\d+) \| (.*) \|$", chapter, re.MULTILINE)
    record = json.loads(TIMES.read_text(encoding="utf-8"))
    assert len(printed) == len(record["one_thread"])
    for (*shape, times), row in zip(printed, record["one_thread"], strict=True):
        assert [int(size) for size in shape] == [row["signals"], row["samples"], row["order"]]
        measured = [row["milliseconds"][column]["least"] for column in (*COLUMNS, *OF_OTHERS)]
        assert times.split(" | ") == [f"{time:.3g}" for time in measured]
    for quiet, busy in zip(record["one_thread"], record["busy"], strict=True):
        for name in ("numpy_lfilter", "lfilter"):
            assert busy["milliseconds"][name]["median"] < 1.45 * quiet["milliseconds"][name]["median"]
