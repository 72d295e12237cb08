"""Torch tensors: every method, gradients of both orders, and the torch.library contracts."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import invconv.torch_ops  # noqa: E402  # registers the operators, whichever test comes first
from invconv import CORNERS, cuda_ops  # noqa: E402
from random_kernels import dense_matrix, random_kernel  # noqa: E402
from random_problems import problems  # noqa: E402

METHODS = ("wavefront", "impulse", "fixed_point", "dense")
KERNELS = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (2, 3)]


def tensors(problem):
    return torch.from_numpy(problem.x), torch.from_numpy(problem.weight)


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(METHODS))
def test_every_method_inverts(problem, method):
    x, weight = tensors(problem)
    y = invconv.conv2d(x, weight, problem.corner)
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight, problem.corner, method), x, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_tensors_and_arrays_agree(problem):
    x, weight = tensors(problem)
    np.testing.assert_allclose(
        invconv.conv2d(x, weight, problem.corner),
        invconv.conv2d(problem.x, problem.weight, problem.corner),
        atol=1e-12,
    )
    np.testing.assert_array_equal(
        invconv.inverse_conv2d(x, weight, problem.corner),
        invconv.inverse_conv2d(problem.x, problem.weight, problem.corner),
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("corner", [*CORNERS, ("tl", "br"), ("tr", "tr")])
@pytest.mark.parametrize("kernel_size", KERNELS)
def test_gradients_of_both_orders(rng, method, corner, kernel_size):
    corners = (corner,) if isinstance(corner, str) else corner
    weight = torch.from_numpy(random_kernel(rng, corners, 2 // len(corners), kernel_size)).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(2, 2, 3, 2))).requires_grad_()

    def inverse(y, weight):
        return invconv.inverse_conv2d(y, weight, corners, method)

    assert torch.autograd.gradcheck(inverse, (y, weight))
    assert torch.autograd.gradgradcheck(inverse, (y, weight), fast_mode=kernel_size[0] > 3)


@settings(max_examples=40, deadline=None)
@given(problems(max_batch=4))
def test_gradients_are_those_of_the_dense_solve(problem):
    y, weight = (tensor.requires_grad_() for tensor in tensors(problem))
    g = torch.from_numpy(np.random.default_rng(1).normal(size=y.shape))
    invconv.inverse_conv2d(y, weight, problem.corner).backward(g)
    expected_y, expected_weight = (tensor.clone().requires_grad_() for tensor in tensors(problem))
    invconv.inverse_conv2d(expected_y, expected_weight, problem.corner, "dense").backward(g)
    torch.testing.assert_close(y.grad, expected_y.grad, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(weight.grad, expected_weight.grad, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("corners", [("tl",), ("br", "tr")])
def test_the_log_determinant_is_that_of_the_jacobian(rng, corners):
    weight = torch.from_numpy(random_kernel(rng, corners, 2, (3, 2)))
    y = torch.from_numpy(rng.normal(size=(1, 2 * len(corners), 3, 4)))
    jacobian = torch.autograd.functional.jacobian(lambda y: invconv.inverse_conv2d(y, weight, corners), y)
    expected = torch.linalg.slogdet(jacobian.reshape(y.numel(), y.numel())).logabsdet
    torch.testing.assert_close(-invconv.logabsdet(weight, (3, 4), corners), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [0, 5])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # opcheck's own doing
def test_the_operator_keeps_the_contracts_of_torch_library(rng, method, memory_format, batch, transposed):
    weight = torch.from_numpy(random_kernel(rng, ("tl", "br"), 2, (3, 2))).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(batch, 4, 3, 5))).contiguous(memory_format=memory_format).requires_grad_()
    torch.library.opcheck(torch.ops.invconv.inverse_conv2d.default, (y, weight, [0, 3], method, transposed))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # opcheck's own doing
def test_the_operator_of_the_gradient_keeps_them_too(rng):
    v, x = (torch.from_numpy(rng.normal(size=(3, 4, 5, 2))).requires_grad_() for _ in range(2))
    torch.library.opcheck(torch.ops.invconv.weight_gradient.default, (v, x, [4, 2, 3, 2], [0, 3]))


def test_layouts_and_strides_of_tensors(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tr",), 3, (3, 3)))
    y = torch.from_numpy(rng.normal(size=(4, 3, 6, 8)))
    expected = invconv.inverse_conv2d(y, weight, "tr")
    last = invconv.inverse_conv2d(y.contiguous(memory_format=torch.channels_last), weight, "tr")
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, expected)
    wide = torch.zeros(4, 3, 6, 16, dtype=torch.float64)
    wide[..., ::2] = y
    torch.testing.assert_close(invconv.inverse_conv2d(wide[..., ::2], weight, "tr"), expected)
    flipped = weight.flip(3).contiguous().flip(3)
    torch.testing.assert_close(invconv.inverse_conv2d(y, flipped, "tr"), expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torch_compile_without_graph_breaks(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 3, (3, 3)))

    def step(y, weight):
        return invconv.conv2d(torch.tanh(invconv.inverse_conv2d(y, weight)), weight).sum()

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    grads = []
    for function in (step, compiled):
        y = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 3, 5, 5))).requires_grad_()
        function(y, weight).backward()
        grads.append(y.grad)
    torch.testing.assert_close(*grads)


def test_autocast_solves_in_float32(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 3, (3, 3))).float().requires_grad_()
    y = torch.from_numpy(rng.normal(size=(2, 3, 5, 5))).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = invconv.inverse_conv2d(y.bfloat16(), weight)
        assert x.dtype == torch.float32
        x.sum().backward()
    torch.testing.assert_close(x, invconv.inverse_conv2d(y.bfloat16().float(), weight))
    assert weight.grad.dtype == torch.float32


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_autocast_rounds_nothing(rng, dtype, method):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 3, (3, 3))).to(dtype).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(2, 3, 5, 5))).to(dtype)

    def results():
        x = invconv.inverse_conv2d(y, weight, method=method)
        (gradient,) = torch.autograd.grad(x.square().sum(), weight, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), weight)
        return x, gradient, second, invconv.conv2d(x, weight), invconv.impulse_response(weight, (5, 5))

    expected = results()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = results()
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_autocast_takes_the_wider_of_two_dtypes():
    weight = torch.eye(2)[:, :, None, None]
    narrow, wide = torch.randn(1, 2, 3, 3).bfloat16(), torch.randn(1, 2, 3, 3).double()
    with torch.autocast("cpu"):
        for function in (invconv.conv2d, invconv.inverse_conv2d):
            assert function(narrow, weight).dtype == torch.float32
            assert function(wide, weight).dtype == torch.float64
            assert function(narrow, weight.bfloat16()).dtype == torch.float32
            with pytest.raises(TypeError, match=r"expected float32, float64, float16 or bfloat16, got torch\.int32"):
                function(narrow.int(), weight)
            with pytest.raises(TypeError, match=r"weight: expected the dtype of"):
                function(narrow, weight.int())


@pytest.mark.parametrize("method", METHODS)
def test_bad_kernels_are_refused_by_every_method(rng, method):
    y = torch.zeros(1, 2, 3, 3)
    weight = torch.zeros(2, 2, 2, 2)
    with pytest.raises(ValueError, match="anchor tap of channel group 0 is singular"):
        invconv.inverse_conv2d(y, weight, method=method)
    weight[0, 1, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"weight: not finite at \[0, 1, 0, 0\]"):
        invconv.inverse_conv2d(y, weight, method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(2, 3, 0, 4), (2, 3, 4, 0), (2, 3, 0, 0), (0, 3, 4, 4)])
def test_images_without_pixels_have_inverses_and_gradients(rng, shape, method):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 3, (3, 2))).requires_grad_()
    y = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    x = invconv.inverse_conv2d(invconv.conv2d(y, weight), weight, method=method)
    assert x.shape == shape
    of_y, of_weight = torch.autograd.grad(x.sum(), (y, weight), create_graph=True)
    assert of_y.shape == shape
    assert not of_weight.any()
    with pytest.raises(ValueError, match="is singular"):
        invconv.inverse_conv2d(y, torch.zeros_like(weight), method=method)


def inverted(anchor, method):
    """The inverse of an anchor as a 1 x 1 convolution does it to the basis, in float64."""
    weight = torch.as_tensor(anchor, dtype=torch.float64)[:, :, None, None]
    basis = torch.eye(len(weight), dtype=torch.float64)[:, :, None, None]
    return invconv.inverse_conv2d(basis, weight, method=method)[:, :, 0, 0].mT


@pytest.mark.parametrize("method", [method for method in METHODS if method != "dense"])
def test_singular_does_not_depend_on_scale(method):
    anchor, singular = torch.tensor([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 2.0], [3.0, 6.0 + 1e-15]]], dtype=torch.float64)
    for rows in ([1.0, 1e-15], [1e-120, 1e120], [1e20, 1.0]):
        for columns in ([1.0, 1.0], [1e100, 1e-100], [1e-15, 1.0]):
            scale = torch.tensor(rows, dtype=torch.float64)[:, None] * torch.tensor(columns, dtype=torch.float64)
            torch.testing.assert_close(inverted(anchor * scale, method) * scale.mT, torch.linalg.inv(anchor))
            with pytest.raises(ValueError, match="anchor tap of channel group 0 is singular"):
                inverted(singular * scale, method)


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("dense", "impulse")])
@pytest.mark.parametrize("upper", [False, True])
def test_triangular_anchors_are_inverted_by_substitution_however_large(method, upper):
    torch.manual_seed(0)
    anchor = torch.eye(12).double() + 30 * torch.randn(12, 12).double().tril(-1)
    anchor = anchor.mT if upper else anchor
    expected = torch.linalg.solve_triangular(anchor, torch.eye(12).double(), upper=upper, unitriangular=True)
    assert torch.linalg.cond(anchor) * 12 * torch.finfo(torch.float64).eps > 0.1
    scale = expected.abs().amax()
    torch.testing.assert_close(inverted(anchor, method) / scale, expected / scale, rtol=0, atol=1e-9)
    anchor[5, 5] = 0
    with pytest.raises(ValueError, match="group 0 is singular, so the convolution has no inverse"):
        inverted(anchor, method)


def test_singular_to_working_precision_is_told_apart():
    hilbert = 1 / (torch.arange(14.0).double()[:, None] + torch.arange(1.0, 15))
    for method in ("wavefront", "fixed_point"):
        with pytest.raises(ValueError, match="group 0 is singular, so the convolution has no inverse"):
            inverted(torch.ones(2, 2), method)
        with pytest.raises(ValueError, match="singular to working precision: rounding would leave no digit"):
            inverted(hilbert, method)


def test_tensors_that_do_not_fit():
    y, weight = torch.zeros(1, 2, 3, 3), torch.eye(2)[:, :, None, None]
    with pytest.raises(TypeError, match=r"y: expected float32, float64, float16 or bfloat16, got torch\.int32"):
        invconv.inverse_conv2d(y.int(), weight.int())
    with pytest.raises(TypeError, match=r"weight: expected the dtype of y, torch.float32, got torch.float64"):
        invconv.inverse_conv2d(y, weight.double())
    with pytest.raises(ValueError, match="weight: on meta, but y on cpu"):
        invconv.inverse_conv2d(y, weight.to("meta"))
    with pytest.raises(TypeError, match="weight: expected a torch tensor like y, got a NumPy array"):
        invconv.inverse_conv2d(y, weight.numpy())


def test_without_the_extension_tensors_still_work(monkeypatch, rng):
    weight = torch.from_numpy(random_kernel(rng, ("bl",), 3, (3, 3)))
    y = torch.from_numpy(rng.normal(size=(2, 3, 5, 5)))
    expected = invconv.inverse_conv2d(y, weight, "bl")
    monkeypatch.setattr("invconv.numpy_ops._core", None)
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight, "bl"), expected)


def test_fixed_point_is_exact_where_the_inverse_explodes():
    """Nothing converges when the inverse has entries of 1e5, yet H + W - 2 steps are enough."""
    weight = torch.tensor([-3.0, -2.0, 1.0], dtype=torch.float64).reshape(1, 1, 1, 3)
    x = torch.arange(12, dtype=torch.float64).reshape(1, 1, 1, 12)
    y = invconv.conv2d(x, weight)
    matrix = torch.from_numpy(dense_matrix(weight.numpy(), (1, 12), ("tl",)))
    assert torch.linalg.inv(matrix).abs().max() > 1e5
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight, method="fixed_point"), x, rtol=0, atol=1e-8)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_on_a_gpu(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tl", "br"), 3, (3, 3))).cuda()
    x = torch.from_numpy(rng.normal(size=(2, 6, 5, 5))).cuda()
    y = invconv.conv2d(x, weight, ("tl", "br"))
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight, ("tl", "br")), x)
    if not cuda_ops.has_solver():
        with pytest.raises(ValueError, match="'wavefront' is not compiled for cuda"):
            invconv.inverse_conv2d(y, weight, ("tl", "br"), "wavefront")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_solved_in_float32_and_rounded(rng, dtype):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 4, (3, 3))).to(dtype).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(3, 4, 12, 12))).to(dtype).requires_grad_()
    x = invconv.inverse_conv2d(y, weight)
    assert x.dtype == dtype
    exact_y, exact_weight = (tensor.detach().float().requires_grad_() for tensor in (y, weight))
    exact = invconv.inverse_conv2d(exact_y, exact_weight)
    torch.testing.assert_close(x, exact.to(dtype), rtol=0, atol=0)
    x.sum().backward()
    exact.sum().backward()
    torch.testing.assert_close(y.grad, exact_y.grad.to(dtype), rtol=0, atol=0)
    torch.testing.assert_close(weight.grad, exact_weight.grad.to(dtype), rtol=0, atol=0)


def test_a_tensor_whose_signs_are_lazy(rng):
    """The imaginary part of a conjugate keeps its signs in a bit of the tensor, which memory does not show."""
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 2, (2, 2)))
    y = torch.imag(torch.randn(2, 2, 3, 3, dtype=torch.complex128).conj())
    assert y.is_neg()
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight), invconv.inverse_conv2d(y.clone(), weight))


@pytest.mark.parametrize("method", invconv.METHODS)
def test_tensors_without_memory_have_the_shapes_of_the_results(method):
    y, weight = torch.ones(2, 4, 5, 3, device="meta"), torch.ones(4, 2, 2, 3, device="meta")
    for leaf in (y, weight):
        leaf.requires_grad_()
    x = invconv.inverse_conv2d(y, weight, method=method)
    assert (x.device.type, x.shape, x.dtype) == ("meta", y.shape, y.dtype)
    assert [grad.shape for grad in torch.autograd.grad(x.sum(), (y, weight))] == [y.shape, weight.shape]
    assert invconv.conv2d(y, weight).shape == y.shape
    assert invconv.inverse_conv1d(y[:, :, 0], weight[:, :, 0], method=method).shape == y[:, :, 0].shape
    assert invconv.impulse_response(weight, (5, 3)).shape == (4, 2, 5, 3)
    assert invconv.logabsdet(weight, (5, 3)).shape == ()
    with pytest.raises(ValueError, match="weight: on the meta device, where it has no numbers"):
        invconv.amplification(weight, (5, 3))
