"""Causal filters: signals as images of one row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invconv


def substitute(y, weight, side):
    """The definition, sample by sample, for one channel group."""
    k, L = weight.shape[-1], y.shape[-1]
    order = range(L) if side == "left" else range(L - 1, -1, -1)
    taps = weight[..., ::-1] if side == "left" else weight
    step = -1 if side == "left" else 1
    x = np.zeros_like(y)
    for p in order:
        rest = y[..., p].copy()
        for t in range(1, k):
            if 0 <= p + step * t < L:
                rest -= x[..., p + step * t] @ taps[..., t].T
        x[..., p] = np.linalg.solve(taps[..., 0], rest.T).T
    return x


def filters(rng, groups, n, k, sides):
    weight = rng.normal(size=(groups * n, n, k)) * 0.4 / np.sqrt(n * k)
    for g, side in enumerate(sides):
        weight[g * n : (g + 1) * n, :, -1 if side == "left" else 0] += np.eye(n)
    return weight


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["left", "right"]), min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
)
def test_inverse_conv1d_is_its_definition(sides, n, k, L, seed):
    rng = np.random.default_rng(seed)
    weight, y = filters(rng, len(sides), n, k, sides), rng.normal(size=(3, len(sides) * n, L))
    x = invconv.inverse_conv1d(y, weight, sides)
    for g, side in enumerate(sides):
        group = slice(g * n, (g + 1) * n)
        np.testing.assert_allclose(x[:, group], substitute(y[:, group], weight[group], side), atol=1e-10)
    np.testing.assert_allclose(invconv.conv1d(x, weight, sides), y, atol=1e-10)


def test_it_is_the_recursive_filter_of_scipy(rng):
    signal = pytest.importorskip("scipy.signal")
    a = np.array([2.0, -1.1, 0.6, 0.05])
    y = rng.normal(size=(4, 1, 200))
    expected = signal.lfilter([1.0], a, y)
    np.testing.assert_allclose(invconv.inverse_conv1d(y, a[None, None, ::-1].copy()), expected, atol=1e-12)
    backwards = signal.lfilter([1.0], a, y[..., ::-1])[..., ::-1]
    np.testing.assert_allclose(invconv.inverse_conv1d(y, a[None, None], "right"), backwards, atol=1e-12)


def test_tensors_of_every_method_and_their_gradients(rng):
    torch = pytest.importorskip("torch")
    sides = ("left", "right")
    weight = torch.from_numpy(filters(rng, 2, 2, 3, sides)).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(2, 4, 9))).requires_grad_()
    expected = invconv.inverse_conv1d(y.detach().numpy(), weight.detach().numpy(), sides)
    for method in ("auto", "wavefront", "impulse", "fixed_point", "dense"):
        x = invconv.inverse_conv1d(y, weight, sides, method)
        np.testing.assert_allclose(x.detach(), expected, atol=1e-10)
        torch.testing.assert_close(invconv.conv1d(x, weight, sides), y)
    assert torch.autograd.gradcheck(lambda y, weight: invconv.inverse_conv1d(y, weight, sides), (y, weight))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize(("signals", "channels"), [(1, 1), (3, 1), (2, 3)])
@pytest.mark.parametrize("by", ["signal", "coefficients", "both"])
@pytest.mark.parametrize("method", ["auto", "fixed_point"])
def test_an_all_pole_filter_has_every_derivative(rng, order, signals, channels, by, method):
    """What torchlpc, the filter of linear predictive coding, checks of its own: both orders, modes, and batches."""
    torch = pytest.importorskip("torch")
    weight = torch.from_numpy(filters(rng, channels, 1, order + 1, ["left"] * channels))
    y = torch.from_numpy(rng.normal(size=(signals, channels, 12)))
    y.requires_grad_(by != "coefficients")
    weight.requires_grad_(by != "signal")

    def lfilter(y, weight):
        return invconv.inverse_conv1d(y, weight, ["left"] * channels, method)

    checks = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
    assert torch.autograd.gradcheck(lfilter, (y, weight), **checks, fast_mode=True)
    assert torch.autograd.gradgradcheck(lfilter, (y, weight), check_batched_grad=True, fast_mode=True)


@pytest.mark.parametrize("function", [invconv.conv1d, invconv.inverse_conv1d])
@pytest.mark.parametrize(
    ("shape", "weight_shape", "side", "error", "message"),
    [
        ((2, 3, 4, 4), (3, 3, 2), "left", ValueError, r"expected signals \[B, C, L\], got shape \(2, 3, 4, 4\)"),
        ((2, 3, 4), (3, 3), "left", ValueError, r"weight: expected a kernel \[C, C/groups, k\], got shape \(3, 3\)"),
        ((2, 3, 4), (3, 3, 2), "tl", ValueError, "side: 'tl' is none of left, right"),
        ((2, 3, 4), (3, 3, 2), ("left", "up"), ValueError, "side: 'up' is none of left, right"),
        ((2, 3, 4), (3, 3, 2), ("left", "right"), ValueError, "got 2 for the 1 channel groups"),
        ((2, 4, 4), (3, 3, 2), "left", ValueError, "has 4 channels"),
    ],
)
def test_arguments_that_do_not_fit(function, shape, weight_shape, side, error, message):
    with pytest.raises(error, match=message):
        function(np.zeros(shape), np.zeros(weight_shape), side)


def test_lists_are_refused():
    with pytest.raises(TypeError, match="y: expected a NumPy array or a torch tensor, got a list"):
        invconv.inverse_conv1d([[[1.0]]], np.ones((1, 1, 1)))
