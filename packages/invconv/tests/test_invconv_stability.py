"""How much the inverse amplifies, what follows for the choice of a method, and modules that cannot amplify more."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import invconv  # noqa: E402
from invconv import CORNERS, impulse_ops, numpy_ops, torch_ops  # noqa: E402
from invconv.nn import BoundedTaps, InverseConv2d, InvertibleConv2d  # noqa: E402
from random_kernels import dense_matrix, random_kernel  # noqa: E402
from random_problems import problems  # noqa: E402


@settings(max_examples=80, deadline=None)
@given(problems(max_batch=1), st.sampled_from([1.0, 0.1, 0.01]))
def test_exact_is_the_norm_of_the_dense_inverse_and_the_bound_holds(problem, scale):
    weight, size = problem.weight * scale, problem.x.shape[2:]
    norm = np.abs(np.linalg.inv(dense_matrix(weight, size, problem.corner))).sum(1).max()
    for kernel in (weight, torch.from_numpy(weight)):
        bound, exact = invconv.amplification(kernel, size, problem.corner)
        np.testing.assert_allclose(exact, norm, rtol=1e-9)
        assert exact <= bound * (1 + 1e-12)


@pytest.mark.parametrize("corner", CORNERS)
def test_the_bound_is_its_formula(rng, corner):
    weight = np.zeros((2, 2, 2, 2))
    anchor = (-1 if corner[0] == "t" else 0, -1 if corner[1] == "l" else 0)
    weight[(slice(None), slice(None), *anchor)] = [[2, 0], [0, 4]]
    weight[0, 1, :, 0 if corner[1] == "l" else -1] = 0.25, -0.5
    bound, exact = invconv.amplification(weight, (9, 9), corner)
    assert bound == 0.5 / (1 - 0.375)
    assert exact == 0.5 * (1 + 0.25 * 0.75)  # the second channel is divided by 4, and feeds the first


def test_the_bound_of_the_unstable_is_infinite_and_so_is_what_overflows():
    weight = torch.zeros(1, 1, 1, 2)
    weight[..., 0], weight[..., 1] = -1e6, 1
    bound, exact = invconv.amplification(weight, (1, 4))
    assert bound == torch.inf
    np.testing.assert_allclose(exact, 1 + 1e6 + 1e12 + 1e18)
    assert invconv.amplification(weight, (1, 100)).exact == torch.inf
    assert invconv.amplification(weight.numpy(), (1, 100)).exact == np.inf


def test_some_image_attains_the_exact_amplification(rng):
    weight = random_kernel(rng, ("tl",), 3, (3, 3))
    response = invconv.impulse_response(weight, (6, 7))
    c = np.abs(response).sum((1, 2, 3)).argmax()
    x = invconv.inverse_conv2d(np.sign(response[c])[None], weight)
    np.testing.assert_allclose(np.abs(x).max(), invconv.amplification(weight, (6, 7)).exact)


def test_amplification_can_be_penalized(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tl", "br"), 2, (3, 3), scale=0.1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda weight: tuple(invconv.amplification(weight, (4, 4), ("tl", "br"))), weight)


# The choice of a method.


def error(x, exact):
    return (x.double() - exact).abs().max().item() / exact.abs().max().item()


@pytest.mark.parametrize("solver", [True, False])
@pytest.mark.parametrize(
    ("channels", "kernel_size", "size"), [(1, 3, 24), (3, 3, 24), (12, 3, 24), (1, 5, 24), (3, 5, 24), (1, 21, 64)]
)
@pytest.mark.parametrize("scale", [0.01, 0.03, 0.1, 0.3, 1.0, 3.0])
def test_auto_is_as_accurate_as_back_substitution(monkeypatch, solver, channels, kernel_size, size, scale):
    for seed in range(3):
        torch.manual_seed(seed)
        weight = torch.randn(channels, channels, kernel_size, kernel_size) * scale
        weight[:, :, -1, -1] = torch.eye(channels)
        y = torch.randn(1, channels, size, size)
        exact = invconv.inverse_conv2d(y.double(), weight.double())
        substituted = invconv.inverse_conv2d(y, weight, method="wavefront")
        if not substituted.isfinite().all():
            continue
        with monkeypatch.context() as patch:
            if not solver:
                patch.setattr(numpy_ops, "_core", None)
            for _ in range(3):
                x = invconv.inverse_conv2d(y, weight)
                assert error(x, exact) <= 10 * error(substituted, exact)


def test_a_direction_that_grows_from_nearly_nothing(monkeypatch):
    """The largest pixel settles at once; what decides is 1e-9 as large and far from it."""
    weight = torch.tensor([-4.0, 1.0]).reshape(1, 1, 1, 2)
    y = torch.zeros(1, 1, 1, 40)
    y[..., 0], y[..., -1] = 1e-9, 1.0
    expected = invconv.inverse_conv2d(y, weight, method="wavefront")
    assert expected.max() > 1e13
    monkeypatch.setattr(numpy_ops, "_core", None)
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight), expected)


def test_fixed_point_stops_where_nothing_can_change(monkeypatch):
    convolutions, conv2d = [], torch_ops.conv2d
    monkeypatch.setattr(torch_ops, "conv2d", lambda *args: convolutions.append(1) or conv2d(*args))
    torch.manual_seed(0)
    weight = torch.randn(12, 12, 3, 3) * 0.01
    weight[:, :, -1, -1] = torch.eye(12)
    y = torch.randn(4, 12, 64, 64)
    x = invconv.inverse_conv2d(y, weight, method="fixed_point")
    assert len(convolutions) < 16
    assert error(x, invconv.inverse_conv2d(y.double(), weight.double())) < 1e-6


def test_transients_leave_no_rounding_behind():
    """Powers of N reach 1e15 before they cancel, although the inverse amplifies 8 times only."""
    torch.manual_seed(11)
    weight = torch.tensor([0.64, 1.6, 1.0]).reshape(1, 1, 1, 3)
    y = torch.randn(2, 1, 1, 120)
    exact = invconv.inverse_conv2d(y.double(), weight.double())
    assert exact.abs().max() < 20
    assert error(invconv.inverse_conv2d(y, weight, method="fixed_point"), exact) < 1e-5


def test_the_choice_and_its_reason(rng, monkeypatch):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 3, (3, 3), scale=0.3))
    y = torch.from_numpy(rng.normal(size=(2, 3, 16, 16)))
    assert invconv.choose_method(y, weight) == ("wavefront", "the compiled solver is the fastest on a CPU")
    assert invconv.choose_method(y.numpy(), weight.numpy()).method == "wavefront"
    monkeypatch.setattr(numpy_ops, "_core", None)
    choices = [invconv.choose_method(y, weight) for _ in range(3)]
    assert [choice.method for choice in choices] == ["fixed_point", "impulse", "impulse"]
    assert "second use" in choices[0].reason
    weight.mul_(2)
    assert invconv.choose_method(y, weight).method == "fixed_point"
    assert "not frozen" in invconv.choose_method(y, weight.clone().requires_grad_()).reason
    unstable = weight * 30
    unstable[:, :, -1, -1] = torch.eye(3)
    assert "amplifies" in [invconv.choose_method(y, unstable).reason for _ in range(2)][1]
    monkeypatch.setattr(impulse_ops, "MEMORY", 1000)
    assert "no response of this size" in invconv.choose_method(y, weight).reason


def test_a_choice_needs_arguments_that_fit(rng):
    weight, y = random_kernel(rng, ("tl",), 3, (3, 3)), rng.normal(size=(2, 3, 16, 16))
    with pytest.raises(ValueError, match=r"y: expected images \[B, C, H, W\], got shape \(3, 16, 16\)"):
        invconv.choose_method(y[0], weight)
    with pytest.raises(ValueError, match="corner: 'left' is none of tl, tr, bl, br"):
        invconv.choose_method(y, weight, "left")
    with pytest.raises(TypeError, match="weight: expected a torch tensor like y, got a NumPy array"):
        invconv.choose_method(torch.from_numpy(y), weight)


def test_one_image_and_a_wide_kernel_go_by_fft(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 1, (21, 21), scale=0.3))
    image = torch.from_numpy(rng.normal(size=(1, 1, 64, 64)))
    assert [invconv.choose_method(image, weight).method for _ in range(2)] == ["wavefront", "impulse"]
    assert invconv.choose_method(image.expand(16, 1, 64, 64), weight).method == "wavefront"


def test_a_module_is_frozen_as_the_manual_says(monkeypatch):
    layer, x = InverseConv2d(4, 3), torch.randn(1, 4, 8, 8)
    expected = layer(x).detach()
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    layer.requires_grad_(False)
    monkeypatch.setattr(numpy_ops, "_core", None)
    for method in ("fixed_point", "impulse"):
        assert invconv.choose_method(x, layer.weight).method == method
        torch.testing.assert_close(layer(x), expected)


# Modules with a bound.

MODULES = [
    (module, corner, kernel_size)
    for module in (InverseConv2d, InvertibleConv2d)
    for corner in ("tr", ("tl", "tr", "bl", "br"))
    for kernel_size in (1, 3, (2, 3))
]


@pytest.mark.parametrize("limit", [1.001, 2.0, 50])
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 3), (2, 5)])
def test_no_parameters_amplify_more_than_the_bound(rng, limit, kernel_size):
    """Ten thousand settings, 1e-30 to 1e30: each channel group is one."""
    groups, n, size = 200, 2, (7, 6)
    corners = tuple(CORNERS[g % 4] for g in range(groups))
    parametrization = BoundedTaps((groups * n, n, *kernel_size), corners, limit)
    magnitudes = [1e-30, 1e-2, 0.3, 1.0, 1e4, 1e30, None]
    for magnitude in magnitudes:
        parameters = rng.normal(size=(groups * n, n, *kernel_size))
        parameters *= 10.0 ** rng.uniform(-30, 30, parameters.shape) if magnitude is None else magnitude
        weight = parametrization(torch.from_numpy(parameters).float())
        bound, exact = invconv.amplification(weight, size, corners)
        assert exact <= bound <= limit
        y = torch.from_numpy(rng.choice([-1.0, 1.0], size=(2, groups * n, *size))).float()
        for method in ("wavefront", "impulse"):
            x = invconv.inverse_conv2d(y, weight, corners, method)
            assert x.abs().max() <= limit * (1 + 1e-5)


@pytest.mark.parametrize(("module", "corner", "kernel_size"), MODULES)
def test_bounded_modules_train_reload_and_invert(module, corner, kernel_size):
    torch.manual_seed(0)
    layer = module(8, kernel_size, corner, max_amplification=5).double()
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    x = torch.randn(3, 8, 5, 6, dtype=torch.float64)
    for _ in range(10):
        optimizer.zero_grad()
        layer(x).square().sum().neg().backward()
        optimizer.step()
    bound, exact = layer.amplification((5, 6))
    assert exact <= bound * (1 + 1e-12)
    assert bound <= 5
    assert layer.logabsdet((5, 6)) == 0
    assert abs(invconv.logabsdet(layer.weight, (5, 6), layer.corner).item()) < 1e-9
    reloaded = module(8, kernel_size, corner, max_amplification=5).double()
    reloaded.load_state_dict(layer.state_dict())
    torch.testing.assert_close(reloaded.weight, layer.weight, rtol=0, atol=0)
    torch.testing.assert_close(reloaded.inverse(layer(x)), x)


def test_the_bound_is_differentiable_and_reaches_every_free_tap(rng):
    parametrization = BoundedTaps((4, 2, 2, 3), ("tl", "br"), 4.0)
    for scale in (0.01, 3.0):
        parameters = torch.from_numpy(rng.normal(size=(4, 2, 2, 3)) * scale).requires_grad_()
        assert torch.autograd.gradcheck(parametrization, parameters)
    layer = InverseConv2d(3, 3, max_amplification=4.0)
    layer(torch.randn(2, 3, 4, 4)).square().sum().backward()
    assert (layer.parametrizations.weight.original.grad != 0).sum() == 9 * 9 - 6


def test_small_taps_are_left_alone(rng):
    parameters = torch.from_numpy(rng.normal(size=(4, 4, 3, 3)) * 1e-4)
    bounded = InverseConv2d(4, 3, max_amplification=10).double()
    free = InverseConv2d(4, 3).double()
    for layer in (bounded, free):
        layer.load_state_dict({"parametrizations.weight.original": parameters})
    torch.testing.assert_close(bounded.weight, free.weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_parameters_that_are_not_finite_are_refused(value):
    layer = InverseConv2d(2, 3, max_amplification=10)
    with torch.no_grad():
        layer.parametrizations.weight.original[1, 0, 1, 1] = value
    with pytest.raises(ValueError, match="weight: not finite at"):
        layer(torch.zeros(1, 2, 4, 4))


@pytest.mark.parametrize("value", [1, 0.5, -3.0, torch.inf, torch.nan, "10"])
def test_bounds_that_do_not_fit(value):
    with pytest.raises(ValueError, match="max_amplification: expected a number above 1, got"):
        InvertibleConv2d(4, max_amplification=value)


def test_repr_names_the_bound():
    assert "corner=tl, max_amplification=10" in repr(InverseConv2d(4, 3, max_amplification=10))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("module", [InverseConv2d, InvertibleConv2d])
def test_bounded_modules_compile_without_graph_breaks(module):
    torch.manual_seed(0)
    layer = module(4, 3, ("tl", "br"), max_amplification=10)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x, grads = torch.randn(2, 4, 5, 5), []
    for function in (layer, compiled):
        layer.zero_grad()
        function(x).square().sum().backward()
        grads.append(layer.parametrizations.weight.original.grad.clone())
    torch.testing.assert_close(*grads)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_frozen_kernel_compiles_with_every_method(rng):
    weight = torch.from_numpy(random_kernel(rng, ("tl",), 3, (3, 3)))
    y = torch.from_numpy(rng.normal(size=(2, 3, 5, 5))).requires_grad_()
    for method in ("impulse", "fixed_point", "auto"):
        compiled = torch.compile(
            lambda y, weight, method=method: invconv.inverse_conv2d(y, weight, method=method),
            fullgraph=True,
            backend="aot_eager",
        )
        for _ in range(2):
            torch.testing.assert_close(compiled(y, weight), invconv.inverse_conv2d(y, weight), rtol=0, atol=1e-10)
            weight.mul_(0.9)
        (grad,) = torch.autograd.grad(compiled(y, weight).sum(), y)
        expected = torch.autograd.grad(invconv.inverse_conv2d(y, weight).sum(), y)[0]
        torch.testing.assert_close(grad, expected, rtol=0, atol=1e-10)
