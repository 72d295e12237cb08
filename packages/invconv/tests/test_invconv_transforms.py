"""torch.func and forward mode: one call for a batch of kernels, and every derivative in either direction."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.autograd import forward_ad  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap  # noqa: E402

import invconv  # noqa: E402
from random_kernels import random_kernel  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
METHODS = ("wavefront", "impulse", "fixed_point", "auto")
CORNERS = ("tl", "br")


@pytest.fixture
def kernels(rng):
    return torch.from_numpy(np.stack([random_kernel(rng, CORNERS, 2, (3, 2)) for _ in range(3)]))


@pytest.fixture
def images(rng):
    return torch.from_numpy(rng.normal(size=(3, 2, 4, 4, 3)))


def inverse(method):
    return lambda y, weight: invconv.inverse_conv2d(y, weight, CORNERS, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("in_dims", [(0, None), (None, 0), (0, 0), (1, 0), (4, 2)])
def test_vmap_is_a_loop(kernels, images, method, in_dims):
    solve = inverse(method)
    y_dim, weight_dim = in_dims
    expected = [
        solve(images[0] if y_dim is None else images[i], kernels[0] if weight_dim is None else kernels[i])
        for i in range(3)
    ]
    y = images[0] if y_dim is None else images.movedim(0, y_dim)
    weight = kernels[0] if weight_dim is None else kernels.movedim(0, weight_dim)
    torch.testing.assert_close(vmap(solve, in_dims)(y, weight), torch.stack(expected))


def test_vmap_in_vmap(kernels, images):
    solve = inverse("auto")
    all_pairs = vmap(vmap(solve, (0, None)), (None, 0))(images, kernels)
    for i, weight in enumerate(kernels):
        for j, y in enumerate(images):
            torch.testing.assert_close(all_pairs[i, j], solve(y, weight))


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_each_sample(kernels, images, method):
    def loss(y, weight):
        return inverse(method)(y, weight).pow(3).sum()

    for_each = vmap(grad(loss, (0, 1)))(images, kernels)
    for i in range(3):
        y, weight = images[i].clone().requires_grad_(), kernels[i].clone().requires_grad_()
        loss(y, weight).backward()
        torch.testing.assert_close(for_each[0][i], y.grad)
        torch.testing.assert_close(for_each[1][i], weight.grad)


@pytest.mark.parametrize("method", METHODS)
def test_jacobians_of_both_modes(kernels, images, method):
    y, weight, solve = images[0, :1], kernels[0], inverse(method)
    expected = torch.autograd.functional.jacobian(solve, (y, weight))
    for jacobian in (jacrev, jacfwd):
        for computed, right in zip(jacobian(solve, (0, 1))(y, weight), expected, strict=True):
            torch.testing.assert_close(computed, right)


def test_hessian(kernels, images):
    def loss(weight):
        return inverse("auto")(images[0, :1], weight).pow(3).sum()

    torch.testing.assert_close(hessian(loss)(kernels[0]), torch.autograd.functional.hessian(loss, kernels[0]))


@pytest.mark.parametrize("method", METHODS)
def test_forward_mode(kernels, images, method):
    y, weight, solve = images[0], kernels[0], inverse(method)
    tangents = images[1], kernels[1]
    _, expected = jvp(solve, (y, weight), tangents)
    step = 1e-6
    ahead, behind = (solve(y + s * tangents[0], weight + s * tangents[1]) for s in (step, -step))
    torch.testing.assert_close(expected, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-5)
    with forward_ad.dual_level():
        dual = solve(forward_ad.make_dual(y, tangents[0]), forward_ad.make_dual(weight, tangents[1]))
        torch.testing.assert_close(forward_ad.unpack_dual(dual).tangent, expected)
    inputs = y[:1].clone().requires_grad_(), weight.clone().requires_grad_()
    assert torch.autograd.gradcheck(solve, inputs, check_forward_ad=True, check_batched_grad=True)
