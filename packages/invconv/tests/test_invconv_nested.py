"""Derivatives of derivatives in every order of the modes, by hand, by ``vmap`` and compiled; and batches of nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.autograd import forward_ad  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap  # noqa: E402

import invconv  # noqa: E402
from random_filters import coefficients  # noqa: E402
from random_kernels import random_kernel  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
SIZE = 3, 2


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def kernel():
    return torch.from_numpy(random_kernel(np.random.default_rng(0), ("tl", "br"), 1, (2, 2)))


def denominator():
    return torch.from_numpy(coefficients(np.random.default_rng(0), 1, 2)[1])


def sections():
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.stack([np.r_[coefficients(rng, 2, 2)] for _ in range(2)]))


def solved(method):
    y = random(1, 2, *SIZE)
    return lambda weight: invconv.inverse_conv2d(y * weight.sum(), weight, ("tl", "br"), method).pow(2).sum()


def amplified(weight):
    taps = torch.stack([torch.zeros(2, 2), torch.eye(2)], -1)[..., None]
    return sum(invconv.amplification(0.1 * weight + taps, SIZE))


FUNCTIONS = {
    **{f"inverse_conv2d {name}": (lambda name=name: solved(name), kernel) for name in invconv.METHODS},
    "inverse_conv1d": (lambda: lambda w: invconv.inverse_conv1d(w.sum() * X[None], w[:, :, 0]).pow(2).sum(), kernel),
    "logabsdet": (lambda: lambda w: invconv.logabsdet(w, SIZE, ("tl", "br")), kernel),
    "impulse_response": (lambda: lambda w: invconv.impulse_response(w, SIZE, ("tl", "br")).pow(2).sum(), kernel),
    "amplification": (lambda: amplified, lambda: random(2, 2, 2, 1)),
    "lfilter": (lambda: lambda a: invconv.lfilter(a[:2], a, X * a[1], zi=ZI)[0].pow(2).sum(), denominator),
    "final state": (lambda: lambda a: invconv.lfilter(a[:2], a, X, zi=ZI * a[1])[1].pow(2).sum(), denominator),
    "sosfilt": (lambda: lambda sos: invconv.sosfilt(sos, X).pow(2).sum(), sections),
}
X = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 6)))
ZI = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 2)))


@pytest.fixture(params=FUNCTIONS)
def function_and_point(request):
    torch.manual_seed(0)
    function, point = FUNCTIONS[request.param]
    return function(), point()


def forward(function, tangent):
    return lambda point: jvp(function, (point,), (tangent,))[1]


def reverse(function, tangent):
    return lambda point: (grad(function)(point) * tangent).sum()


def test_the_second_derivative_is_a_difference_quotient_in_both_modes(function_and_point):
    function, point = function_and_point
    tangent, step = torch.randn_like(point), 1e-4
    ahead, here, behind = (function(point + s * tangent) for s in (step, 0, -step))
    expected = (ahead - 2 * here + behind) / step**2
    for outer, inner in product((forward, reverse), repeat=2):
        actual = outer(inner(function, tangent), tangent)(point)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_third_derivatives_are_the_same_in_every_order_of_the_modes(function_and_point):
    function, point = function_and_point
    tangents = [torch.randn_like(point) for _ in range(3)]
    values = []
    for modes in product((forward, reverse), repeat=3):
        derivative = function
        for mode, tangent in zip(modes, tangents, strict=True):
            derivative = mode(derivative, tangent)
        values.append(derivative(point))
    torch.testing.assert_close(torch.stack(values), values[-1].expand(8))
    assert values[-1].abs() > 1e-6


def test_jacobians_of_jacobians(function_and_point):
    function, point = function_and_point
    expected = jacrev(jacrev(function))(point)
    torch.testing.assert_close(jacfwd(jacfwd(function))(point), expected)
    torch.testing.assert_close(hessian(function)(point), expected)
    torch.testing.assert_close(jacrev(jacfwd(function))(point), expected)


def nothing(tensor):
    return tensor.expand(3, *tensor.shape)[:0]


@pytest.mark.parametrize("method", invconv.METHODS)
@pytest.mark.parametrize("in_dims", [(0, None), (None, 0), (0, 0)])
def test_a_batch_of_nothing_is_solved_and_has_gradients(method, in_dims):
    def solve(y, weight):
        return invconv.inverse_conv2d(y, weight, ("tl", "br"), method)

    whole = random(1, 2, *SIZE), kernel()
    arguments = [tensor if dim is None else nothing(tensor) for tensor, dim in zip(whole, in_dims, strict=True)]
    assert vmap(solve, in_dims)(*arguments).shape == (0, 1, 2, *SIZE)
    of_each = vmap(grad(lambda y, weight: solve(y, weight).sum(), (0, 1)), in_dims)(*arguments)
    assert [tuple(t.shape) for t in of_each] == [(0, *t.shape) for t in whole]
    of_all = grad(lambda y, weight: vmap(solve, in_dims)(y, weight).sum(), (0, 1))(*arguments)
    for gradient, argument in zip(of_all, arguments, strict=True):
        torch.testing.assert_close(gradient, torch.zeros_like(argument))


@pytest.mark.parametrize("in_dims", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, 0)])
def test_a_batch_of_nothing_is_filtered_and_has_gradients(in_dims):
    whole = denominator()[:2], denominator(), X[0]
    arguments = [tensor if dim is None else nothing(tensor) for tensor, dim in zip(whole, in_dims, strict=True)]
    assert vmap(invconv.lfilter, in_dims)(*arguments).shape == (0, 6)
    of_each = vmap(grad(lambda b, a, x: invconv.lfilter(b, a, x).sum(), (0, 1, 2)), in_dims)(*arguments)
    assert [tuple(t.shape) for t in of_each] == [(0, *t.shape) for t in whole]
    of_all = grad(lambda b, a, x: vmap(invconv.lfilter, in_dims)(b, a, x).sum(), (0, 1, 2))(*arguments)
    for gradient, argument in zip(of_all, arguments, strict=True):
        torch.testing.assert_close(gradient, torch.zeros_like(argument))


def test_a_batch_of_no_sections_is_filtered():
    assert vmap(invconv.sosfilt, (0, None))(nothing(sections()), X).shape == (0, 2, 6)
    assert vmap(invconv.sosfilt, (None, 0))(sections(), nothing(X)).shape == (0, 2, 6)


def compiled(function):
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager")


TRANSFORMS = {
    "grad": grad,
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "hessian": hessian,
    "jacrev of jacrev": lambda f: jacrev(jacrev(f)),
    "jacfwd of jacfwd": lambda f: jacfwd(jacfwd(f)),
    "vmap of grad": lambda f: lambda point: vmap(grad(f))(torch.stack([point, 1.1 * point])),
    "jvp": lambda f: lambda point: jvp(f, (point,), (point.cos(),))[1],
}


@pytest.mark.slow
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ["inverse_conv2d wavefront", "inverse_conv2d auto", "lfilter", "sosfilt", "logabsdet"])
def test_transforms_are_compiled_whole(transform, name):
    function, point = (make() for make in FUNCTIONS[name])
    derivative = TRANSFORMS[transform](function)
    torch.testing.assert_close(compiled(derivative)(point), derivative(point))


@pytest.mark.slow
def test_dual_numbers_outside_of_transforms_are_not_compiled_rather_than_lost():
    def slope(a):
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(invconv.lfilter([1.0], forward_ad.make_dual(a, a), X)).tangent

    a = denominator()
    with pytest.raises(Exception, match=r"use torch\.func\.jvp"):
        compiled(slope)(a)
    torch._dynamo.reset()
    expected = jvp(lambda a: invconv.lfilter([1.0], a, X), (a,), (a,))[1]
    torch.testing.assert_close(torch.compile(slope, backend="aot_eager")(a), expected)
