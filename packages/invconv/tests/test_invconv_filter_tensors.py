"""Recursive filters of torch tensors: every derivative, and the same numbers as of arrays."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch.func import jacfwd, jacrev, vmap  # noqa: E402

import invconv.filter_tensors  # noqa: E402  # registers the operator, whichever test comes first
from invconv import numpy_ops  # noqa: E402
from random_filters import coefficients  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
FORWARD = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}


def filter_and_signals(rng, zeros, poles, batch, length):
    """Leaves in float64: numerator, denominator, signals, state."""
    b, a = coefficients(rng, zeros, poles, *batch)
    arrays = (
        b,
        a,
        rng.normal(size=(2, *(batch or (1,)), length)),
        rng.normal(size=(2, *(batch or (1,)), max(zeros, poles))),
    )
    return [torch.from_numpy(array).requires_grad_() for array in arrays]


def with_state(b, a, x, zi):
    return invconv.lfilter(b, a, x, zi=zi)


@pytest.mark.parametrize(("zeros", "poles"), [(0, 1), (2, 2), (0, 3), (3, 1), (2, 0)])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("length", [1, 2, 7])
def test_every_argument_has_every_derivative(rng, zeros, poles, batch, length):
    arguments = filter_and_signals(rng, zeros, poles, batch, length)
    assert gradcheck(with_state, arguments, **FORWARD, fast_mode=True)
    assert gradgradcheck(with_state, arguments, check_batched_grad=True, fast_mode=True)
    assert gradcheck(invconv.lfilter, arguments[:3], **FORWARD, fast_mode=True)
    assert gradgradcheck(invconv.lfilter, arguments[:3], check_batched_grad=True, fast_mode=True)


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (3,), (0, 3), (1, 2)])
def test_some_arguments_have_their_derivatives_alone(rng, which):
    arguments = filter_and_signals(rng, 2, 3, (), 6)
    for i, argument in enumerate(arguments):
        argument.requires_grad_(i in which)
    assert gradcheck(with_state, arguments, fast_mode=True)
    assert gradgradcheck(with_state, arguments, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_tensors_give_the_numbers_of_arrays(rng, dtype, axis):
    b, a = (torch.from_numpy(taps).to(dtype) for taps in coefficients(rng, 3, 2))
    x = torch.from_numpy(rng.normal(size=(4, 5, 6))).to(dtype)
    zi = torch.from_numpy(rng.normal(size=[3 if i == axis % 3 else n for i, n in enumerate(x.shape)])).to(dtype)
    expected = invconv.lfilter(b.numpy(), a.numpy(), x.numpy(), axis, zi.numpy())
    for of_tensors, of_arrays in zip(invconv.lfilter(b, a, x, axis, zi), expected, strict=True):
        np.testing.assert_array_equal(of_tensors, of_arrays)
    for of_leaves, of_arrays in zip(invconv.lfilter(b, a, x.clone().requires_grad_(), axis, zi), expected, strict=True):
        np.testing.assert_allclose(of_leaves.detach(), of_arrays, rtol=1e-4, atol=1e-5)


def test_coefficients_may_be_numbers_and_arrays(rng):
    x = torch.from_numpy(rng.normal(size=(3, 20))).float()
    expected = invconv.lfilter(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.5]), x)
    torch.testing.assert_close(invconv.lfilter([1, 2], np.array([2, 0.5]), x), expected, rtol=0, atol=0)
    torch.testing.assert_close(invconv.lfilter(np.array([2.0, 1.0])[::-1], [2, 0.5], x), expected, rtol=0, atol=0)


def test_a_stream_in_blocks_has_the_gradients_of_one_call(rng):
    b, a, x, zi = filter_and_signals(rng, 2, 3, (), 30)
    y, final = invconv.lfilter(b, a, x, zi=zi)
    weight = torch.from_numpy(rng.normal(size=y.shape))
    expected = torch.autograd.grad((weight * y).sum() + final.sum(), (b, a, x, zi))
    state, blocks = zi, []
    for block in x.split([1, 12, 2, 15], -1):
        filtered, state = invconv.lfilter(b, a, block, zi=state)
        blocks.append(filtered)
    actual = torch.autograd.grad((weight * torch.cat(blocks, -1)).sum() + state.sum(), (b, a, x, zi))
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_transforms_agree(rng):
    b, a, x, zi = (leaf.detach() for leaf in filter_and_signals(rng, 1, 2, (3,), 9))
    expected = torch.stack([invconv.lfilter(*taps, x[:, i]) for i, taps in enumerate(zip(b, a, strict=True))], 1)
    torch.testing.assert_close(vmap(invconv.lfilter, (0, 0, 1), 1)(b, a, x), expected)
    torch.testing.assert_close(vmap(lambda x: invconv.lfilter(b, a, x))(x), expected)
    torch.testing.assert_close(vmap(with_state, (0, 0, 1, 1), 1)(b, a, x, zi)[0], with_state(b, a, x, zi)[0])
    for i in range(3):
        arguments = b[0], a[0], x[0, 0]
        torch.testing.assert_close(jacrev(invconv.lfilter, i)(*arguments), jacfwd(invconv.lfilter, i)(*arguments))


def test_sosfilt_has_its_derivatives(rng):
    sos = torch.from_numpy(np.stack([np.r_[coefficients(rng, 2, 2)] for _ in range(2)])).requires_grad_()
    x, zi = (torch.from_numpy(rng.normal(size=shape)).requires_grad_() for shape in ((2, 7), (2, 2, 2)))
    assert gradcheck(lambda sos, x, zi: invconv.sosfilt(sos, x, zi=zi), (sos, x, zi), fast_mode=True)
    assert gradgradcheck(invconv.sosfilt, (sos, x), fast_mode=True)


def test_without_the_compiled_solver_it_is_the_same(rng, monkeypatch):
    arguments = filter_and_signals(rng, 2, 3, (2,), 11)
    y, final = with_state(*arguments)
    grads = torch.autograd.grad(y.pow(2).sum() + final.sum(), arguments)
    monkeypatch.setattr(numpy_ops, "_core", None)
    y_without, final_without = with_state(*arguments)
    torch.testing.assert_close(y_without, y)
    torch.testing.assert_close(final_without, final)
    for mine, theirs in zip(
        torch.autograd.grad(y_without.pow(2).sum() + final_without.sum(), arguments), grads, strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("reversed", [False, True])
@pytest.mark.parametrize("poles", [0, 2])
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # opcheck's own doing
def test_the_operator_keeps_the_contracts_of_torch_library(rng, reversed, poles):
    b, a = (torch.from_numpy(taps).requires_grad_() for taps in coefficients(rng, 2, poles, 3))
    x = torch.from_numpy(rng.normal(size=(2, 3, 8))).requires_grad_()
    torch.library.opcheck(torch.ops.invconv.filter.default, (x, b, a, reversed))


@pytest.mark.slow
def test_it_is_compiled_whole(rng):
    b, a, x, zi = filter_and_signals(rng, 2, 3, (), 11)
    compiled = torch.compile(with_state, fullgraph=True, backend="aot_eager")
    for mine, theirs in zip(compiled(b, a, x, zi), with_state(b, a, x, zi), strict=True):
        torch.testing.assert_close(mine, theirs)
    loss = torch.compile(lambda b, a, x: invconv.lfilter(b, a, x).pow(2).sum(), fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(invconv.lfilter(b, a, x).pow(2).sum(), (b, a, x))
    for mine, theirs in zip(torch.autograd.grad(loss(b, a, x), (b, a, x)), expected, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist])
def test_coefficients_that_are_arrays_or_lists_are_compiled_whole(rng, kind):
    b, a = (kind(taps) for taps in coefficients(rng, 2, 3))
    sos, zi = kind(np.stack([np.r_[coefficients(rng, 2, 2)] for _ in range(2)])), rng.normal(size=(1, 3))
    x = torch.from_numpy(rng.normal(size=(2, 11))).float()
    for function in (
        lambda x: invconv.lfilter(b, a, x),
        lambda x: invconv.lfilter(b, a, x, zi=zi),
        lambda x: invconv.sosfilt(sos, x),
    ):
        torch._dynamo.reset()
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")(x)
        torch.testing.assert_close(compiled, function(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_filtered_in_float32(rng, dtype):
    b, a = (torch.from_numpy(taps).to(dtype) for taps in coefficients(rng, 2, 3))
    sos = torch.cat([b, torch.ones(1, dtype=dtype), a[1:3]])[None]
    x, zi = (torch.from_numpy(rng.normal(size=(2, n))).to(dtype) for n in (50, 3))
    exact, exact_state = invconv.lfilter(b.float(), a.float(), x.float(), zi=zi.float())
    for taps in ((b, a), (b.float(), a.float()), (b.float().numpy(), a.float().tolist())):
        for state in (zi, zi.float()):
            y, final = invconv.lfilter(*taps, x, zi=state)
            torch.testing.assert_close((y, final), (exact.to(dtype), exact_state), rtol=0, atol=0)
    cascaded = invconv.sosfilt(sos, x)
    torch.testing.assert_close(cascaded, invconv.sosfilt(sos.float(), x.float()).to(dtype), rtol=0, atol=0)
    as_kernel = invconv.inverse_conv1d(x[:, None], a.flip(0)[None, None])[:, 0]
    torch.testing.assert_close(invconv.lfilter([1], a, x), as_kernel)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_rounds_no_filter(rng, dtype):
    b, a = (torch.from_numpy(taps) for taps in coefficients(rng, 2, 2))
    x, zi = torch.from_numpy(rng.normal(size=(2, 50))).to(dtype), torch.zeros(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, final = invconv.lfilter(b.float(), a.to(dtype), x, zi=zi)
        cascaded = invconv.sosfilt(torch.cat([b, a])[None], x)
    expected = invconv.lfilter(b.float(), a.to(dtype).float(), x.float(), zi=zi)
    torch.testing.assert_close((y, final), expected, rtol=0, atol=0)
    torch.testing.assert_close(cascaded, invconv.sosfilt(torch.cat([b, a])[None], x.double()), rtol=0, atol=0)


def test_tensors_without_memory_have_the_shapes_of_the_results(rng):
    b, a, x, zi = (leaf.detach().to("meta").requires_grad_() for leaf in filter_and_signals(rng, 1, 2, (3,), 9))
    y, final = invconv.lfilter(b, a, x, zi=zi)
    assert (y.device.type, y.shape, y.dtype, final.shape) == ("meta", x.shape, x.dtype, zi.shape)
    grads = torch.autograd.grad(y.sum() + final.sum(), (b, a, x, zi))
    assert [grad.shape for grad in grads] == [leaf.shape for leaf in (b, a, x, zi)]
    assert invconv.sosfilt(np.eye(6)[:1] + np.eye(6)[3:4], x).shape == x.shape


@pytest.mark.parametrize("leaf", [False, True])
def test_the_section_without_a_first_coefficient_is_named(leaf):
    sos = torch.tensor([[1.0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0]], requires_grad=leaf)
    with pytest.raises(ValueError, match="sos: a_0 of section 1 is 0, by which its other coefficients are divided"):
        invconv.sosfilt(sos, X)


X = torch.ones(2, 5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1], [1], X.int()), TypeError, "x: expected float32, float64, float16 or bfloat16, got torch.int32"),
        ((torch.ones(1).double(), [1], X.half()), TypeError, "b: expected the dtype of x, torch.float16, got torch.fl"),
        (([1], [1], X.cfloat()), TypeError, "x: .* got torch.complex64; filter real and imaginary parts apart"),
        (([1j], [1], X), TypeError, "b: expected real numbers, got complex128"),
        (
            (torch.ones(1), torch.ones(1).double(), X),
            TypeError,
            "a: expected the dtype of x, torch.float32, got torch.fl",
        ),
        ((torch.ones(1), torch.ones(1, device="meta"), X), ValueError, "a: on meta, but x on cpu"),
        (([1], torch.zeros(2), X), ValueError, "a: the first coefficient of filter 0 is 0"),
        (([1], torch.zeros(2, requires_grad=True), X), ValueError, "a: the first coefficient of filter 0 is 0"),
        ((torch.ones(3, 1), [1], X), ValueError, r"x: its axes .* \(2,\), cannot be broadcast .* \(3,\)"),
        (([1, 1], [1], X, -1, torch.ones(2, 2)), ValueError, r"zi: expected the shape \(2, 1\)"),
        ((torch.ones(1), [1], X.numpy()), TypeError, "b: expected an array or numbers, as x is one, got a Tensor"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        invconv.lfilter(*arguments)
