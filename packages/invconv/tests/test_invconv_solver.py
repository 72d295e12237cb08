"""The inverse against the definition, on NumPy arrays: no torch needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invconv
from invconv import CORNERS, numpy_ops
from random_kernels import dense_matrix, random_kernel
from random_problems import problems, with_layout

SETTINGS = settings(max_examples=150, deadline=None)


@SETTINGS
@given(problems(max_batch=3))
def test_conv2d_is_the_matrix_of_the_definition(problem):
    x, weight = problem.x, problem.weight
    matrix = dense_matrix(weight, x.shape[2:], problem.corner)
    y = invconv.conv2d(x, weight, problem.corner)
    expected = (x.reshape(len(x), len(matrix)) @ matrix.T).reshape(x.shape)
    np.testing.assert_allclose(y, expected, atol=1e-12)


@SETTINGS
@given(problems(max_batch=3))
def test_inverse_solves_the_dense_system(problem):
    y, weight = problem.x, problem.weight
    matrix = dense_matrix(weight, y.shape[2:], problem.corner)
    expected = np.linalg.solve(matrix, y.reshape(len(y), len(matrix)).T).T.reshape(y.shape)
    x = invconv.inverse_conv2d(y, weight, problem.corner)
    np.testing.assert_allclose(x, expected, rtol=1e-10, atol=1e-10)


@SETTINGS
@given(problems(max_batch=40), st.sampled_from([(np.float64, 1e-12), (np.float32, 1e-5)]))
def test_round_trip_in_any_layout(problem, precision):
    dtype, tolerance = precision
    x, weight = with_layout(problem.x.astype(dtype), problem.layout), problem.weight.astype(dtype)
    y = with_layout(invconv.conv2d(x, weight, problem.corner), problem.layout)
    result = invconv.inverse_conv2d(y, weight, problem.corner)
    assert result.dtype == dtype
    assert result.shape == y.shape
    reference = invconv.inverse_conv2d(np.ascontiguousarray(y), weight, problem.corner)
    np.testing.assert_array_equal(result, reference)
    if problem.layout != "expanded_batch":
        scale = max(1.0, float(np.abs(x).max(initial=0)))
        np.testing.assert_allclose(result, x, rtol=0, atol=20 * scale * tolerance)


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (2, 3)])
@pytest.mark.parametrize("shape", [(0, 4, 5, 5), (1, 4, 9, 4), (17, 4, 4, 9), (3, 4, 1, 2)])
def test_every_corner_kernel_and_shape_to_the_stated_precision(rng, corner, size, shape):
    weight = random_kernel(rng, (corner,), 4, size)
    x = rng.normal(size=shape)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        y = invconv.conv2d(x.astype(dtype), weight.astype(dtype), corner)
        error = np.abs(invconv.inverse_conv2d(y, weight.astype(dtype), corner) - x)
        assert error.max(initial=0) < tolerance


def test_many_channels_many_images(rng):
    """More channels than a block of registers holds, more images than threads times lanes."""
    for channels, batch in ((50, 3), (97, 1), (7, 1030)):
        weight = random_kernel(rng, ("br",), channels, (3, 3))
        x = rng.normal(size=(batch, channels, 4, 5))
        y = invconv.conv2d(x, weight, "br")
        np.testing.assert_allclose(invconv.inverse_conv2d(y, weight, "br"), x, atol=1e-10)


def test_a_batch_is_its_images(rng):
    """No image depends on its neighbours in a register, whatever their number."""
    weight = random_kernel(rng, ("tl", "br"), 3, (3, 2))
    y = rng.normal(size=(37, 6, 6, 5))
    whole = invconv.inverse_conv2d(y, weight, ("tl", "br"))
    for batch in (1, 2, 4, 8, 16, 36):
        np.testing.assert_allclose(invconv.inverse_conv2d(y[:batch], weight, ("tl", "br")), whole[:batch], atol=1e-13)


def test_an_image_that_is_not_finite_spoils_no_other(rng):
    weight = random_kernel(rng, ("tl",), 3, (3, 3))
    y = rng.normal(size=(20, 3, 6, 6))
    clean = invconv.inverse_conv2d(y, weight)
    y[7] = np.nan
    spoiled = invconv.inverse_conv2d(y, weight)
    assert np.isnan(spoiled[7]).all()
    np.testing.assert_array_equal(np.delete(spoiled, 7, 0), np.delete(clean, 7, 0))


def test_groups_are_independent_convolutions(rng):
    corners = ("tl", "tr", "bl", "br")
    weight = random_kernel(rng, corners, 3, (3, 3))
    y = rng.normal(size=(5, 12, 6, 7))
    together = invconv.inverse_conv2d(y, weight, corners)
    apart = [
        invconv.inverse_conv2d(y[:, 3 * g : 3 * g + 3], weight[3 * g : 3 * g + 3], c) for g, c in enumerate(corners)
    ]
    np.testing.assert_allclose(together, np.concatenate(apart, axis=1), atol=1e-13)


@given(problems(max_batch=1))
@settings(max_examples=50, deadline=None)
def test_logabsdet_is_that_of_the_matrix(problem):
    size = problem.x.shape[2:]
    _, expected = np.linalg.slogdet(dense_matrix(problem.weight, size, problem.corner))
    np.testing.assert_allclose(invconv.logabsdet(problem.weight, size, problem.corner), expected, atol=1e-9)


def test_the_arguments_stay_as_they_were(rng):
    weight, y = random_kernel(rng, ("br",), 3, (3, 3)), rng.normal(size=(2, 3, 5, 5))
    before = weight.copy(), y.copy()
    for _ in range(2):
        invconv.inverse_conv2d(y, weight, "br")
        np.testing.assert_array_equal(weight, before[0])
        np.testing.assert_array_equal(y, before[1])


def test_read_only_input(rng):
    weight, y = random_kernel(rng, ("tl",), 2, (2, 2)), rng.normal(size=(1, 2, 3, 3))
    expected = invconv.inverse_conv2d(y, weight)
    weight.setflags(write=False)
    y.setflags(write=False)
    np.testing.assert_array_equal(invconv.inverse_conv2d(y, weight), expected)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((1, 5, 9, 6), 1),
        ((3, 12, 20, 17), 1),
        ((7, 6, 5, 4), 2),
        ((2, 130, 3, 4), 1),
        ((2, 2, 70, 900), 2),
        ((41, 3, 8, 9), 1),
    ],
    ids=str,
)
def test_threads_teams_and_bands_do_not_change_the_result(shape, groups, threads):
    rng = np.random.default_rng(1)
    corners = ("br", "tl")[:groups]
    weight = random_kernel(rng, corners, shape[1] // groups, (3, 2), scale=0.3)
    x = rng.normal(size=shape)
    solution = np.full_like(x, np.nan)
    numpy_ops.solve(invconv.conv2d(x, weight, corners), weight, corners, solution, threads)
    np.testing.assert_allclose(solution, x, atol=1e-11)


@SETTINGS
@given(problems(max_batch=40), st.integers(1, 4), st.sampled_from([np.float32, np.float64]))
def test_the_gradient_of_the_kernel_is_minus_the_sum_of_the_products_of_pixels(problem, threads, dtype):
    v = np.random.default_rng(0).normal(size=problem.x.shape).astype(dtype)
    x = with_layout(problem.x.astype(dtype), problem.layout)
    v = with_layout(v, problem.layout)
    gradient = numpy_ops.weight_gradient(v, x, problem.weight.shape, problem.corner, threads)
    # conv2d is linear in the kernel: <gradient, K> = -<v, conv2d(x, K)> for every K.
    for direction in np.random.default_rng(1).normal(size=(2, *problem.weight.shape)):
        expected = -np.vdot(v.astype(float), invconv.conv2d(x.astype(float), direction, problem.corner))
        scale = np.linalg.norm(direction) * max(np.abs(v).max(initial=0) * np.abs(x).max(initial=0) * x.size, 1)
        assert abs(np.vdot(gradient.astype(float), direction) - expected) <= 10 * np.finfo(dtype).eps * scale


@SETTINGS
@given(problems(max_batch=40), st.booleans(), st.integers(1, 4), st.sampled_from([np.float32, np.float64]))
def test_both_gradients_at_once_are_those_of_separate_calls(problem, transposed, threads, dtype):
    rng = np.random.default_rng(0)
    weight, x = problem.weight.astype(dtype), with_layout(problem.x.astype(dtype), problem.layout)
    of_x = with_layout(rng.normal(size=problem.x.shape).astype(dtype), problem.layout)
    of_y, of_weight, v = np.empty_like(x), np.empty_like(weight), np.empty_like(x)
    numpy_ops.gradients(of_x, weight, x, problem.corner, of_y, of_weight, threads, transposed)
    numpy_ops.solve(of_x, weight, problem.corner, v, threads, not transposed)
    first, second = (x, v) if transposed else (v, x)
    expected = numpy_ops.weight_gradient(first, second, weight.shape, problem.corner, threads)
    scale = 100 * np.finfo(dtype).eps * max(1, np.abs(v).max(initial=0))
    np.testing.assert_allclose(of_y, v, rtol=0, atol=scale)
    np.testing.assert_allclose(of_weight, expected, rtol=0, atol=scale * max(x.size, 1))


def test_a_field_of_a_structured_array_is_solved_too(rng):
    weight = random_kernel(rng, ("tl",), 3, (3, 3))
    table = np.zeros((2, 3, 4, 5), dtype=[("flag", "u1"), ("value", "f8")])
    table["value"] = rng.standard_normal(table.shape)
    packed = np.ascontiguousarray(table["value"])
    assert (invconv.inverse_conv2d(table["value"], weight) == invconv.inverse_conv2d(packed, weight)).all()
