"""What every bijection promises, checked on one list of instances."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bijection_cases import APPROXIMATE_CASES, CASES, CONTEXT, Case, perturbed
from nflows_core.bijections import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    Bijection,
    Composition,
    Conv1x1,
    FInCUnit,
    InverseConv2d,
    InvertibleConv2d,
    Logit,
    Permutation,
    QuadCoupling,
    SplineActivation,
    SplineCoupling,
    Split,
    Squeeze,
)
from nflows_core.bijections.baselines import (
    ConvExponential,
    EmergingConv2d,
    MaCowUnit,
    PeriodicConv2d,
    WoodburyConv2d,
)
from nflows_core.testing import check_magnitudes, check_second_derivatives, check_transforms

EVERY = CASES | APPROXIMATE_CASES
TOLERANCES = {torch.float32: 2e-5, torch.float64: 1e-11}
SQUARE = (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    Conv1x1,
    FInCUnit,
    ConvExponential,
    EmergingConv2d,
    InverseConv2d,
    InvertibleConv2d,
    Logit,
    MaCowUnit,
    PeriodicConv2d,
    Permutation,
    QuadCoupling,
    Split,
    SplineActivation,
    WoodburyConv2d,
)


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    return request.param


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def exact(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    return request.param


def close(actual: Tensor, expected: Tensor) -> None:
    tolerance = TOLERANCES[expected.dtype]
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_shapes_and_dtypes(case: Case, dtype: torch.dtype) -> None:
    bijection, x, _, context = perturbed(case, dtype)
    z, logdet = bijection(x, context)
    assert (z.shape, z.dtype) == ((4, *bijection.output_shape), dtype)
    assert (logdet.shape, logdet.dtype) == ((4,), dtype)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_inverse_is_exact(exact: Case, dtype: torch.dtype) -> None:
    bijection, x, z, context = perturbed(exact, dtype)
    close(bijection.inverse(bijection(x, context)[0], context), x)
    close(bijection(bijection.inverse(z, context), context)[0], z)


def test_logdet_is_that_of_the_jacobian(case: Case) -> None:
    bijection, x, _, context = perturbed(case)
    size = x[0].numel()
    for i in range(len(x)):
        one = None if context is None else context[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(lambda xi, one=one: bijection(xi[None], one)[0], x[i])
        close(bijection(x[i : i + 1], one)[1][0], torch.linalg.slogdet(jacobian.reshape(size, size)).logabsdet)


def test_gradients_reach_every_parameter(exact: Case) -> None:
    bijection, x, z, context = perturbed(exact)
    for output in (bijection(x.requires_grad_(), context)[0], bijection.inverse(z.requires_grad_(), context)):
        bijection.zero_grad()
        # Weights that differ from entry to entry: no gradient vanishes by symmetry.
        (output.square() * torch.rand_like(output)).sum().backward()
        for name, parameter in bijection.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name


def test_gradients_are_right(exact: Case) -> None:
    bijection, x, _, context = perturbed(exact)
    parameters = dict(bijection.named_parameters())

    def forward(x: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        named = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(bijection, named, (x, context[:1] if context is not None else None))

    # fast_mode checks one random projection of the Jacobian instead of each of its entries.
    inputs = [x[:1].clone().requires_grad_(), *(p.detach().clone().requires_grad_() for p in parameters.values())]
    assert torch.autograd.gradcheck(forward, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(forward, inputs, fast_mode=True)


@pytest.mark.parametrize("method", ["forward", "inverse"])
def test_second_derivatives_by_every_input_are_right(exact: Case, method: str) -> None:
    bijection, x, z, context = perturbed(exact)
    images = (x if method == "forward" else z)[:2]
    check_second_derivatives(bijection, images, None if context is None else context[:2], method=method)


@pytest.mark.parametrize("method", ["forward", "inverse"])
def test_transforms_are_those_of_torch_func(case: Case, method: str) -> None:
    bijection, x, z, context = perturbed(case)
    images = (x if method == "forward" else z)[:2]
    check_transforms(bijection, images, None if context is None else context[:2], method=method)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("name", [name for name in CASES if name != "logit"])  # it takes the unit interval
def test_numbers_of_every_magnitude(name: str, dtype: torch.dtype) -> None:
    bijection, _, _, context = perturbed(CASES[name], dtype)
    check_magnitudes(bijection, None if context is None else context[:2])


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_autocast_costs_no_precision(exact: Case, dtype: torch.dtype) -> None:
    bijection, x, z, context = perturbed(exact, dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        latent, logdet = bijection(x, context)
        back, image = bijection.inverse(latent, context), bijection.inverse(z, context)
    assert {tensor.dtype for tensor in (latent, logdet, back, image)} == {dtype}
    close(back, x)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_derivatives_and_magnitudes_on_a_gpu(exact: Case) -> None:
    bijection, x, _, context = perturbed(exact)
    bijection, x = bijection.cuda(), x[:2].cuda()
    context = None if context is None else context[:2].cuda()
    check_second_derivatives(bijection, x, context)
    check_transforms(bijection, x, context)
    if not isinstance(bijection, Logit):
        check_magnitudes(bijection, context)


def test_state_dict_carries_the_function(case: Case) -> None:
    bijection, x, _, context = perturbed(case)
    other = case.make().double()
    other.load_state_dict(bijection.state_dict())
    for actual, expected in zip(other(x, context), bijection(x, context), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_initialize_returns_the_latent(case: Case) -> None:
    bijection, x, _, context = perturbed(case)
    z = bijection.initialize(x, context)
    assert not z.requires_grad
    close(z, bijection(x, context)[0])


def test_empty_batch(case: Case) -> None:
    bijection, x, z, context = perturbed(case)
    empty = None if context is None else context[:0]
    latent, logdet = bijection(x[:0].requires_grad_(), empty)
    assert latent.shape == (0, *bijection.output_shape)
    assert logdet.shape == (0,)
    assert bijection.inverse(z[:0], empty).shape == (0, *bijection.shape)
    (latent.sum() + logdet.sum() + sum(p.sum() for p in bijection.parameters())).backward()
    for parameter in bijection.parameters():
        torch.testing.assert_close(parameter.grad, torch.ones_like(parameter), rtol=0, atol=0)


def test_wrong_shape_is_refused(case: Case) -> None:
    bijection, x, z, context = perturbed(case)
    name = type(bijection).__name__
    for wrong in (x[0], x[:, :, :-1], torch.cat([x, x], 1), x.flatten(1)):
        with pytest.raises(ValueError, match=f"{name}: expected a batch of images of shape"):
            bijection(wrong, context)
        with pytest.raises(ValueError, match="expected a batch of images of shape"):
            bijection.initialize(wrong, context)
    with pytest.raises(ValueError, match=f"{name}: expected a batch of images of shape"):
        bijection.inverse(z[:, :, :, :-1], context)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.context_features])
def test_context_changes_the_function(name: str) -> None:
    bijection, x, _, context = perturbed(CASES[name])
    assert context is not None
    z, logdet = bijection(x, context)
    other_z, other_logdet = bijection(x, -context)
    assert not torch.allclose(z, other_z)
    assert not logdet.any() or not torch.allclose(logdet, other_logdet)
    close(bijection(x[:2], context[:2])[0], z[:2])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.context_features])
def test_wrong_context_is_refused(name: str) -> None:
    bijection, x, _, context = perturbed(CASES[name])
    assert context is not None
    strangers = (context[0], context[..., None], torch.ones(4, 3, 2), torch.ones(4, 3, 0, 2), torch.ones(4, 3, 1, 1, 1))
    for wrong in (None, context[:1], context[:, :1], *strangers):
        with pytest.raises(ValueError, match=r"context of shape \(4, 3\), or on maps, \(4, 3, H, W\), got"):
            bijection(x, wrong)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.context_features])
@pytest.mark.parametrize("size", [(1, 1), (2, 7), (12, 12)])
def test_a_map_that_is_everywhere_the_same_is_a_vector(name: str, size: tuple[int, int]) -> None:
    bijection, x, z, _ = perturbed(CASES[name])
    vectors = torch.randn(4, CONTEXT, dtype=torch.float64)
    maps = vectors[:, :, None, None].expand(-1, -1, *size)
    for actual, expected in zip(bijection(x, maps), bijection(x, vectors), strict=True):
        close(actual, expected)
    close(bijection.inverse(z, maps), bijection.inverse(z, vectors))


@pytest.mark.parametrize("kind", SQUARE)
@settings(max_examples=10, deadline=None)
@given(channels=st.integers(0, 3), size=st.tuples(st.integers(1, 4), st.integers(1, 4)), seed=st.integers(0, 2**16))
def test_inverse_is_exact_for_any_shape(kind: type[Bijection], channels: int, size: tuple[int, int], seed: int) -> None:
    shape = (channels + (4 if kind is QuadCoupling else 2), *size)
    torch.manual_seed(seed)
    bijection, x, z, _ = perturbed(Case(lambda: kind(shape)))
    close(bijection.inverse(bijection(x)[0]), x)
    close(bijection(bijection.inverse(z))[0], z)


OF_NO_SIZE = ("actnorm", "conv1x1", "coupling-map", "additive-coupling-context", "split-map", "context-affine-map")


@pytest.mark.parametrize("name", OF_NO_SIZE)
def test_layers_of_no_size_take_every_size_if_they_are_let(name: str) -> None:
    bijection, x, _, context = perturbed(CASES[name])
    one = None if context is None else context[:1]
    chain = Composition([bijection])
    chain.has_fixed_size = bijection.has_fixed_size = False
    other = torch.randn(1, bijection.shape[0], 2, 3, dtype=torch.float64)
    close(chain(x, context)[0], bijection(x, context)[0])
    close(chain.inverse(chain(other, one)[0], one), other)
    jacobian = torch.autograd.functional.jacobian(lambda x: chain(x, one)[0], other).reshape([other.numel()] * 2)
    close(chain(other, one)[1][0], torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize("kind", [*SQUARE, Squeeze])
def test_a_shape_may_be_a_list_but_nothing_else_than_three_sizes(kind: type[Bijection]) -> None:
    bijection = kind([4, 2, 6])  # type: ignore[arg-type]
    assert bijection.shape == (4, 2, 6)
    x = torch.rand(2, 4, 2, 6)
    torch.testing.assert_close(bijection.inverse(bijection(x)[0]), x, rtol=1e-4, atol=1e-4)
    for wrong in ((4, 2), (4, 2, 6, 1), (4.0, 2, 6), (0, 2, 6), (4, 2, -6), None, 4, "426"):
        with pytest.raises(ValueError, match="shape: expected channels, height and width of an image, three whole"):
            kind(wrong)


@pytest.mark.parametrize("kind", [AffineCoupling, AdditiveCoupling, SplineCoupling, QuadCoupling])
def test_couplings_refuse_networks_of_no_width(kind: type[Bijection]) -> None:
    for width in (0, -1, 2.5, "8"):
        with pytest.raises(ValueError, match="width: expected a whole number, at least 1, got"):
            kind((4, 2, 2), width=width)
    for features in (-1, 1.5):
        with pytest.raises(ValueError, match="context_features: expected a whole number, at least 0, got"):
            kind((4, 2, 2), context_features=features)


@pytest.mark.parametrize("kind", [InverseConv2d, InvertibleConv2d, FInCUnit])
def test_kernels_of_convolutions_may_be_lists_but_no_other_sizes(kind: type[Bijection]) -> None:
    assert kind((4, 2, 3), kernel_size=[3, 2]).state_dict().keys() == kind((4, 2, 3)).state_dict().keys()
    for wrong in (0, -1, 2.5, "3", (3,), [3, 3, 3], None):
        with pytest.raises(ValueError, match="kernel_size: expected one whole number above 0, or two, got"):
            kind((4, 2, 3), kernel_size=wrong)


def test_composition_refuses_nothing_and_strangers() -> None:
    with pytest.raises(ValueError, match="Composition: needs at least one bijection, got none"):
        Composition([])
    with pytest.raises(TypeError, match="Composition: expected bijections, got a ReLU among them"):
        Composition([ActNorm((1, 2, 2)), torch.nn.ReLU()])


def test_composition_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"Squeeze gives \(4, 2, 3\), but ActNorm after it takes \(4, 3, 2\)"):
        Composition([Squeeze((1, 4, 6)), ActNorm((4, 3, 2))])


def test_composition_adds_the_logdets() -> None:
    torch.manual_seed(0)
    bijection, x, _, _ = perturbed(CASES["composition"])
    assert isinstance(bijection, Composition)
    z, logdet = bijection(x)
    terms = []
    for part in bijection.bijections:
        x, term = part(x)
        terms.append(term)
    close(x, z)
    close(torch.stack(terms).sum(0), logdet)
