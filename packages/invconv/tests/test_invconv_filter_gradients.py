"""The gradients of filters that compiled code computes in one pass: for any lengths, orders, layouts and threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import invconv  # noqa: E402
from invconv import numpy_ops  # noqa: E402
from random_filters import coefficients, define  # noqa: E402

pytestmark = pytest.mark.skipif(not numpy_ops.has_solver(), reason="the extension is not compiled")

# What is worked on at a time is 128, 256, 512, 1024 or 2048 samples, by what a register holds.
LENGTHS = st.one_of(
    st.integers(0, 40), st.sampled_from([127, 128, 129, 255, 257, 511, 512, 513, 1025, 2048, 2049, 2300])
)
ORDERS = st.one_of(st.integers(0, 9), st.sampled_from([15, 16, 17, 33, 70, 300]))


def gradients(y, leaves, grad, create_graph=False):
    return torch.autograd.grad(y, leaves, grad, retain_graph=True, create_graph=create_graph)


def derivative(b, a, x, changes):
    """How y = T_a^-1 T_b x changes with all three, by the definition of a filter."""
    of_b, of_a, of_x = changes
    driven = define(b, [1], of_x)[0] + define(of_b, [1], x)[0] - define(of_a, [1], define(b, a, x)[0])[0]
    return define([1], a, driven)[0]


@settings(max_examples=120, deadline=None)
@given(
    LENGTHS, ORDERS, ORDERS, st.integers(1, 19), st.sampled_from([np.float32, np.float64]), st.integers(0, 2**32 - 1)
)
def test_they_are_the_adjoint_of_the_derivative(length, zeros, poles, signals, dtype, seed):
    rng = np.random.default_rng(seed)
    b, a = coefficients(rng, zeros, poles)
    arrays = [b.astype(dtype), a.astype(dtype), rng.normal(size=(signals, length)).astype(dtype)]
    leaves = [torch.from_numpy(array).requires_grad_() for array in arrays]
    grad = rng.normal(size=(signals, length)).astype(dtype)
    found = gradients(invconv.lfilter(*leaves), leaves, torch.from_numpy(grad))
    doubles = [array.astype(float) for array in arrays]
    for i, gradient in enumerate(found):
        changes = [rng.normal(size=array.shape) * (i == j) for j, array in enumerate(doubles)]
        change = derivative(*doubles, changes)
        products = grad * change
        tolerance = 200 * np.finfo(dtype).eps * (np.abs(grad).sum() * (1 + np.abs(change).max(initial=0)) + 1)
        assert abs(np.vdot(gradient.numpy().astype(float), changes[i]) - products.sum()) <= tolerance


@settings(max_examples=40, deadline=None)
@given(LENGTHS, ORDERS, st.integers(1, 6), st.integers(1, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_in_one_pass_they_are_those_of_separate_passes(length, order, batch, filters, by_inverse, seed):
    rng = np.random.default_rng(seed)
    b, a = (torch.from_numpy(taps) for taps in coefficients(rng, order, order, filters))
    sides = [("left", "right")[i] for i in rng.integers(0, 2, filters)]
    # Where the kernel's zeros stand on the right, its anchor is the first tap.
    weight = torch.stack([taps.flip(-1) if side == "left" else taps for taps, side in zip(a, sides, strict=True)])[
        :, None
    ]

    def function(x, *taps):
        return invconv.inverse_conv1d(x, *taps, sides) if by_inverse else invconv.lfilter(*taps, x)

    taps = (weight,) if by_inverse else (b, a)
    leaves = [leaf.requires_grad_() for leaf in (torch.from_numpy(rng.normal(size=(batch, filters, length))), *taps)]
    y = function(*leaves)
    grad = torch.from_numpy(rng.normal(size=y.shape))
    for mine, theirs in zip(gradients(y, leaves, grad), gradients(y, leaves, grad, create_graph=True), strict=True):
        torch.testing.assert_close(mine, theirs.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("poles", [2, 11])
def test_layouts_do_not_change_them(rng, shared, poles):
    b, a = (torch.from_numpy(taps).requires_grad_() for taps in coefficients(rng, 3, poles, *() if shared else (5,)))
    x, grad = (torch.from_numpy(rng.normal(size=(4, 5, 300))) for _ in range(2))
    layouts = [
        lambda t: t,
        lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
        lambda t: t.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        lambda t: torch.stack([t, t], -1)[..., 0],
    ]
    leaves = (x.clone().requires_grad_(), b, a)
    expected = gradients(invconv.lfilter(b, a, leaves[0]), leaves, grad)
    for of_x in layouts:
        for of_grad in layouts:
            leaves = (of_x(x).detach().requires_grad_(), b, a)
            found = gradients(invconv.lfilter(b, a, leaves[0]), leaves, of_grad(grad))
            for mine, theirs in zip(found, expected, strict=True):
                torch.testing.assert_close(mine, theirs)


def test_a_gradient_that_is_one_number_for_all(rng):
    b, a = (torch.from_numpy(taps).requires_grad_() for taps in coefficients(rng, 2, 2))
    x = torch.from_numpy(rng.normal(size=(3, 200))).requires_grad_()
    y = invconv.lfilter(b, a, x)
    for mine, theirs in zip(
        gradients(y.sum(), (b, a, x), None), gradients(y, (b, a, x), torch.ones_like(y)), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_threads_do_not_change_a_bit(rng, dtype):
    b, a = (torch.from_numpy(taps).to(dtype).requires_grad_() for taps in coefficients(rng, 90, 90, 3))
    x = torch.from_numpy(rng.normal(size=(20, 3, 10_000))).to(dtype).requires_grad_()
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            y = invconv.lfilter(b, a, x)
            found.append(gradients(y, (b, a, x), torch.ones_like(y)))
    finally:
        torch.set_num_threads(before)
    for one, *others in zip(*found, strict=True):
        for other in others:
            assert torch.equal(one, other)


@pytest.mark.parametrize("length", [32_768, 32_769])
def test_so_many_signals_that_the_caches_are_left_out_do_not_change_a_bit(rng, length):
    b, a = (torch.from_numpy(taps).float() for taps in coefficients(rng, 1, 2))
    x, grad = (torch.from_numpy(rng.normal(size=(64, length))).float() for _ in range(2))

    def of(signals):
        leaves = b.clone().requires_grad_(), a.clone().requires_grad_(), x[signals].clone().requires_grad_()
        return gradients(invconv.lfilter(*leaves), leaves, grad[signals])

    *of_taps, of_x = of(slice(None))
    parts = [of(slice(start, start + 16)) for start in range(0, 64, 16)]
    assert torch.equal(of_x, torch.cat([part[2] for part in parts]))
    for i, of_all in enumerate(of_taps):
        torch.testing.assert_close(of_all, sum(part[i] for part in parts))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_no_samples_have_no_gradients(shape):
    leaves = [torch.ones(size, requires_grad=True) for size in (2, 3, shape)]
    of_b, of_a, of_x = gradients(invconv.lfilter(*leaves), leaves, torch.ones(shape))
    assert of_x.shape == shape
    assert not of_b.any()
    assert not of_a.any()


def test_an_infinite_signal_leaves_those_beside_it_alone(rng):
    b, a = coefficients(rng, 1, 2, 3)
    x, grad = rng.normal(size=(3, 150)), rng.normal(size=(3, 150))
    grad[1, 70] = np.inf
    leaves = [torch.from_numpy(array).requires_grad_() for array in (b, a, x)]
    found = gradients(invconv.lfilter(*leaves), leaves, torch.from_numpy(grad))
    for i in (0, 2):
        alone = [torch.from_numpy(array[i]).requires_grad_() for array in (b, a, x)]
        for mine, theirs in zip(
            found, gradients(invconv.lfilter(*alone), alone, torch.from_numpy(grad[i])), strict=True
        ):
            torch.testing.assert_close(mine[i], theirs)
    assert not found[1][1].isfinite().all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["left", "right"]), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(0, 40),
    st.integers(0, 2**32 - 1),
)
def test_conv1d_of_tensors_is_that_of_arrays_and_its_gradients_are_its_adjoint(sides, taps, length, seed):
    rng = np.random.default_rng(seed)
    x, direction, grad = (rng.normal(size=(2, len(sides), length)) for _ in range(3))
    weight, change = (rng.normal(size=(len(sides), 1, taps)) for _ in range(2))
    leaves = [torch.from_numpy(array).requires_grad_() for array in (x, weight)]
    y = invconv.conv1d(*leaves, sides)
    np.testing.assert_allclose(y.detach(), invconv.conv1d(x, weight, sides), atol=1e-12)
    of_x, of_weight = gradients(y, leaves, torch.from_numpy(grad))
    np.testing.assert_allclose(
        np.vdot(of_x, direction), np.vdot(grad, invconv.conv1d(direction, weight, sides)), atol=1e-10
    )
    np.testing.assert_allclose(np.vdot(of_weight, change), np.vdot(grad, invconv.conv1d(x, change, sides)), atol=1e-10)


def test_the_extension_refuses_what_would_write_outside():
    core, x, taps = numpy_ops._core, np.ones((2, 3, 4)), np.ones((3, 2))
    arguments = {"of_y": x, "x": x, "y": x, "b": taps, "a": taps}
    arguments |= {"of_x": x.copy(), "of_b": taps.copy(), "of_a": taps.copy()}
    for name, wrong, message in (
        ("x", x[:1], "x: must have the shape"),
        ("of_x", x[:, :, :3].copy(), "of_x: must have the shape"),
        ("b", taps[:2], "one filter for each"),
        ("of_b", np.ones((3, 1)), "of_b: must have the shape"),
        ("of_a", np.ones((2, 2)), "of_a: must have the shape"),
        ("y", None, "x, y: needed"),
        ("a", np.zeros((3, 2)), "a: the first coefficient of filter 0 is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            core.filter_gradients(**{**arguments, name: wrong}, reversed=False, threads=1)
