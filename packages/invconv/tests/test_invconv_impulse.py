"""The impulse response of the inverse, and the method that keeps it for frozen kernels."""

from __future__ import annotations

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402

import invconv  # noqa: E402
from invconv import CORNERS, impulse_ops, series  # noqa: E402
from random_kernels import dense_matrix, random_kernel  # noqa: E402
from random_problems import problems  # noqa: E402

RESPONSES = [
    (invconv.impulse_response, np.asarray),
    (invconv.impulse_response, torch.from_numpy),
    (series.impulse_response, torch.from_numpy),
]


def frozen_kernel(rng, corners=("tl",), channels=3, kernel_size=(3, 3)):
    return torch.from_numpy(random_kernel(rng, corners, channels, kernel_size))


@pytest.fixture
def transformed(monkeypatch):
    """The sizes for which an impulse response was computed, and nothing kept from other tests."""
    impulse_ops._kernels.clear()
    sizes, transform = [], impulse_ops._transform

    def spy(weight, size, corners):
        sizes.append(size)
        return transform(weight, size, corners)

    monkeypatch.setattr(impulse_ops, "_transform", spy)
    return sizes


@settings(max_examples=100, deadline=None)
@given(problems())
def test_impulse_is_back_substitution(problem):
    y, weight = torch.from_numpy(problem.x), torch.from_numpy(problem.weight)
    expected = invconv.inverse_conv2d(y, weight, problem.corner, "wavefront")
    x = invconv.inverse_conv2d(y, weight, problem.corner, "impulse")
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-11)


@settings(max_examples=60, deadline=None)
@given(problems(max_batch=1))
def test_the_response_holds_the_columns_of_the_dense_inverse(problem):
    C, n = problem.weight.shape[:2]
    H, W = problem.x.shape[2:]
    inverse = np.linalg.inv(dense_matrix(problem.weight, (H, W), problem.corner)).reshape(C, H, W, C, H, W)
    for compute, kind in RESPONSES:
        response = np.asarray(compute(kind(problem.weight), (H, W), problem.corner))
        assert response.shape == (C, n, H, W)
        for c in range(C):
            top, left = problem.corner[c // n][0] == "t", problem.corner[c // n][1] == "l"
            group = slice(c // n * n, (c // n + 1) * n)
            # The pixel that sees the whole image; a kernel meets the image in the order of its entries.
            row = inverse[c, H - 1 if top else 0, W - 1 if left else 0, group]
            np.testing.assert_allclose(response[c], row, atol=1e-10)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (16, 16), (13, 31)])
@pytest.mark.parametrize("kernel_size", [(1, 1), (1, 4), (4, 1), (3, 3), (5, 2)])
def test_the_convolution_with_the_response_is_the_inverse(rng, size, kernel_size):
    weight, y = random_kernel(rng, CORNERS, 2, kernel_size), rng.normal(size=(2, 8, *size))
    response = invconv.impulse_response(weight, size, CORNERS)
    expected = invconv.inverse_conv2d(y, weight, CORNERS)
    np.testing.assert_allclose(invconv.conv2d(y, response, CORNERS), expected, atol=1e-11)
    np.testing.assert_allclose(invconv.inverse_conv2d(expected, response, CORNERS), y, atol=1e-11)
    doubled = series.impulse_response(torch.from_numpy(weight), size, CORNERS)
    np.testing.assert_allclose(doubled, response, atol=1e-12)


@pytest.mark.parametrize(("scale", "largest", "tolerance"), [(1, 1e0, 1e-14), (3, 1e7, 1e-6), (5, 1e11, 1)])
def test_the_response_of_an_unstable_kernel(rng, scale, largest, tolerance):
    """Doubling loses as many digits as the response grows by; substitution has no such limit."""
    weight = random_kernel(rng, ("tl",), 3, (3, 3), scale=scale)
    exact = invconv.impulse_response(weight, (12, 20), "tl")
    assert np.abs(exact).max() > largest
    np.testing.assert_array_equal(invconv.impulse_response(torch.from_numpy(weight), (12, 20), "tl"), exact)
    doubled = series.impulse_response(torch.from_numpy(weight), (12, 20), ("tl",))
    np.testing.assert_allclose(doubled, exact, rtol=0, atol=tolerance * np.abs(exact).max())


def test_float32_is_rounded_once(rng):
    weight = random_kernel(rng, ("tl",), 3, (3, 3)).astype(np.float32)
    exact = invconv.impulse_response(weight.astype(np.float64), (16, 16))
    for compute, kind in RESPONSES:
        np.testing.assert_allclose(compute(kind(weight), (16, 16), ("tl",)), exact, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("compute", [invconv.impulse_response, series.impulse_response])
@pytest.mark.parametrize("corners", [("tl",), ("br", "tr")])
def test_the_response_is_differentiable_twice(rng, compute, corners):
    weight = frozen_kernel(rng, corners, 2 // len(corners), (2, 3)).requires_grad_()

    def response(weight):
        return compute(weight, (3, 4), corners)

    assert torch.autograd.gradcheck(response, (weight,))
    assert torch.autograd.gradgradcheck(response, (weight,))


def test_the_response_without_the_extension(rng, monkeypatch):
    weight = frozen_kernel(rng, ("tl", "br"), 2)
    expected = invconv.impulse_response(weight, (6, 7), ("tl", "br"))
    monkeypatch.setattr("invconv.numpy_ops._core", None)
    torch.testing.assert_close(invconv.impulse_response(weight, (6, 7), ("tl", "br")), expected)


def test_a_frozen_kernel_is_transformed_once_for_a_size(rng, transformed):
    weight, y = frozen_kernel(rng), torch.from_numpy(rng.normal(size=(2, 3, 6, 7))).requires_grad_()
    for _ in range(3):
        x = invconv.inverse_conv2d(y, weight, method="impulse")
    x.square().sum().backward()
    assert transformed == [(6, 7)]
    torch.testing.assert_close(
        y.grad, torch.autograd.grad(invconv.inverse_conv2d(y, weight).square().sum(), y)[0], rtol=0, atol=1e-10
    )
    invconv.inverse_conv2d(y[..., :5], weight, method="impulse")
    invconv.inverse_conv2d(y, weight, "br", method="impulse")
    assert transformed == [(6, 7), (6, 5), (6, 7)]


def test_two_gradients_of_a_frozen_kernel(rng, transformed):
    weight, y = frozen_kernel(rng, ("tl", "br"), 1), torch.from_numpy(rng.normal(size=(1, 2, 3, 3))).requires_grad_()

    def inverse(y):
        return invconv.inverse_conv2d(y, weight, ("tl", "br"), "impulse").pow(3)

    assert torch.autograd.gradcheck(inverse, (y,))
    assert torch.autograd.gradgradcheck(inverse, (y,))
    assert len(transformed) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda weight: weight.mul_(0.5),
        lambda weight: weight.data.mul_(0.5),
        lambda weight: weight.detach().mul_(0.5),
        lambda weight: weight.numpy().__imul__(0.5),
        lambda weight: setattr(weight, "data", weight.data * 0.5),
        lambda weight: weight[0, 0, 0].fill_(0.25),
        lambda weight: torch._foreach_mul_([weight], 0.5),
    ],
)
def test_a_changed_kernel_is_noticed(rng, change):
    weight, y = frozen_kernel(rng), torch.from_numpy(rng.normal(size=(2, 3, 6, 6)))
    for _ in range(2):
        invconv.inverse_conv2d(y, weight, method="impulse")
        change(weight)
        x = invconv.inverse_conv2d(y, weight, method="impulse")
        torch.testing.assert_close(invconv.conv2d(x, weight), y, rtol=0, atol=1e-9)


def test_a_kernel_between_steps_of_an_optimizer(rng):
    weight, y = torch.nn.Parameter(frozen_kernel(rng)), torch.from_numpy(rng.normal(size=(2, 3, 6, 6)))
    optimizer = torch.optim.SGD([weight], lr=0.01)
    for _ in range(3):
        weight.requires_grad_()
        invconv.inverse_conv2d(y, weight, method="impulse").square().mean().backward()
        optimizer.step()
        weight.requires_grad_(False)
        for _ in range(2):
            x = invconv.inverse_conv2d(y, weight, method="impulse")
            torch.testing.assert_close(invconv.conv2d(x, weight), y, rtol=0, atol=1e-9)


def test_nothing_is_kept_of_kernels_that_train_or_are_gone(rng, transformed):
    y = torch.from_numpy(rng.normal(size=(2, 3, 6, 6)))
    trained, frozen = frozen_kernel(rng).requires_grad_(), frozen_kernel(rng)
    invconv.inverse_conv2d(y, trained, method="impulse").sum().backward()
    assert not impulse_ops._kernels
    invconv.inverse_conv2d(y, frozen, method="impulse")
    assert len(impulse_ops._kernels) == 1
    del frozen
    gc.collect()
    assert not impulse_ops._kernels


def test_another_kernel_in_the_same_memory_is_another_kernel(rng, transformed):
    memory, y = frozen_kernel(rng), torch.from_numpy(rng.normal(size=(2, 3, 6, 6)))
    for scale in (1.0, 0.5, 0.25):
        memory.numpy()[...] *= scale
        view = memory.view_as(memory)
        x = invconv.inverse_conv2d(y, view, method="impulse")
        torch.testing.assert_close(invconv.conv2d(x, view), y, rtol=0, atol=1e-8)


def test_memory_is_bounded_and_the_last_used_stay(rng, transformed, monkeypatch):
    y = torch.from_numpy(rng.normal(size=(1, 3, 6, 6)))
    kernels = [frozen_kernel(rng) for _ in range(4)]
    one = impulse_ops.spectrum_bytes(kernels[0], (6, 6))
    monkeypatch.setattr(impulse_ops, "MEMORY", 2 * one)
    for index in (0, 1, 0, 2, 0, 3, 0):
        invconv.inverse_conv2d(y, kernels[index], method="impulse")
        assert impulse_ops.kept_bytes() <= 2 * one
    assert len(transformed) == 4
    monkeypatch.setattr(impulse_ops, "MEMORY", one - 1)
    x = invconv.inverse_conv2d(y[..., :5], kernels[0], method="impulse")
    torch.testing.assert_close(invconv.conv2d(x, kernels[0]), y[..., :5])


def test_gradients_need_no_memory_of_their_own(rng, transformed, monkeypatch):
    weight, y = frozen_kernel(rng), torch.from_numpy(rng.normal(size=(1, 3, 6, 6))).requires_grad_()
    monkeypatch.setattr(impulse_ops, "MEMORY", impulse_ops.spectrum_bytes(weight, (6, 6)))
    for _ in range(3):
        invconv.inverse_conv2d(y, weight, method="impulse").square().sum().backward()
    assert len(transformed) == 1


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_frozen_kernel_on_a_gpu_and_its_streams(rng, transformed):
    weight = frozen_kernel(rng, ("tl", "br"), 2).cuda()
    y = torch.from_numpy(rng.normal(size=(2, 4, 9, 8))).cuda()
    for _ in range(3):
        x = invconv.inverse_conv2d(y, weight, ("tl", "br"), "impulse")
        torch.testing.assert_close(invconv.conv2d(x, weight, ("tl", "br")), y, rtol=0, atol=1e-9)
        with torch.cuda.stream(torch.cuda.Stream()):
            again = invconv.inverse_conv2d(y, weight, ("tl", "br"), "impulse")
        torch.cuda.synchronize()
        torch.testing.assert_close(again, x, rtol=0, atol=0)
        weight.mul_(0.9)
    assert len(transformed) == 3


def test_kernels_made_in_inference_mode(rng, transformed):
    y = torch.from_numpy(rng.normal(size=(1, 3, 5, 5)))
    with torch.inference_mode():
        weight = frozen_kernel(rng).clone()
        for _ in range(2):
            x = invconv.inverse_conv2d(y, weight, method="impulse")
            torch.testing.assert_close(invconv.conv2d(x, weight), y)
            weight.mul_(0.5)
    assert len(transformed) == 2


@pytest.mark.parametrize("size", [3, (3,), (3, 0), (3, 4.0), (1, 2, 3), None, "ab"])
@pytest.mark.parametrize("function", [invconv.impulse_response, invconv.amplification])
def test_sizes_that_do_not_fit(rng, function, size):
    with pytest.raises(ValueError, match="size: expected height and width, two whole numbers above 0, got"):
        function(frozen_kernel(rng), size)


@pytest.mark.parametrize("function", [invconv.impulse_response, invconv.amplification])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_kernels_without_a_response(rng, function, kind):
    weight = random_kernel(rng, ("tl", "br"), 2, (2, 2))
    with pytest.raises(ValueError, match="corner: got 1 for the 2 channel groups"):
        function(kind(weight), (4, 4), ("tl",))
    weight[2:, :, 0, 0] = 0
    with pytest.raises(ValueError, match="anchor tap of channel group 1 is singular"):
        function(kind(weight), (4, 4), ("tl", "br"))
    weight[0, 1, 0, 1] = np.inf
    with pytest.raises(ValueError, match=r"weight: not finite at \[0, 1, 0, 1\]"):
        function(kind(weight), (4, 4), ("tl", "br"))
    with pytest.raises(TypeError, match="weight: expected a NumPy array or a torch tensor, got a list"):
        function(weight.tolist(), (4, 4))
