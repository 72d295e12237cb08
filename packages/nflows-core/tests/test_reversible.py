"""Recomputed activations: the same gradients, less memory, and no layer whose inverse is approximate."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from bijection_cases import APPROXIMATE_CASES, CASES, perturbed
from nflows_core.bijections import ActNorm, AffineCoupling, Bijection, Composition, Conv1x1
from nflows_core.bijections.reversible import recomputed_activations
from nflows_core.flow import Flow
from nflows_core.models import Glow, InverseFlow
from nflows_core.training.guard import locate_non_finite
from nflows_core.training.numerics import network_precision

SHAPE = (4, 4, 2)
DIMENSIONS = 3


def gradients(
    flow: nn.Module, x: Tensor, context: Tensor | None = None, *, reversible: bool, inputs: tuple[Tensor, ...] = ()
) -> list[Tensor | None]:
    """Of every parameter and of ``inputs``, for the density of the images ``x``."""
    tensors = [*flow.parameters(), *inputs]
    for tensor in tensors:
        tensor.grad = None
    with recomputed_activations(flow) if reversible else nullcontext():
        z, logdet = flow(x, context)
    latents = z if isinstance(z, list) else [z]
    # Weights that differ from entry to entry: no gradient vanishes by symmetry.
    weights = torch.linspace(0.5, 1.5, len(logdet), dtype=logdet.dtype)
    loss = sum(((latent**2).flatten(1).sum(1) * weights).sum() for latent in latents) - (weights * logdet).sum()
    loss.backward()  # type: ignore[union-attr]
    return [None if tensor.grad is None else tensor.grad.clone() for tensor in tensors]


def assert_same(actual: list[Tensor | None], expected: list[Tensor | None], tolerance: float) -> None:
    for one, other in zip(actual, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one - other).norm() <= tolerance * other.norm() + 1e-12


def initialized(flow: Flow, dtype: torch.dtype, n: int = 6) -> tuple[Flow, Tensor, Tensor]:
    """A flow away from where it starts, images and their contexts."""
    flow = flow.to(dtype)
    x, context = torch.rand(n, *flow.shape, dtype=dtype), torch.randn(n, DIMENSIONS, dtype=dtype)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    flow.initialize(x, context if flow.context_features else None)
    return flow, x, context


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_every_bijection_are_the_ordinary_ones(name: str) -> None:
    torch.manual_seed(0)
    bijection, x, _, context = perturbed(CASES[name])
    chain = Composition([bijection])
    inputs = (x.requires_grad_(), *(() if context is None else (context.requires_grad_(),)))
    expected = gradients(chain, x, context, reversible=False, inputs=inputs)
    assert_same(gradients(chain, x, context, reversible=True, inputs=inputs), expected, 1e-8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-3)], ids=str)
@pytest.mark.parametrize("model", [Glow, InverseFlow])
def test_gradients_of_a_flow_are_the_ordinary_ones(
    model: Callable[..., Flow], dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    flow = model((2, 8, 8), levels=2, depth=4, width=8, context_features=DIMENSIONS)
    flow, x, context = initialized(flow, dtype)
    expected = gradients(flow, x, context, reversible=False)
    assert_same(gradients(flow, x, context, reversible=True), expected, tolerance)


def test_gradients_accumulate_and_shared_and_frozen_parameters_are_right() -> None:
    torch.manual_seed(0)
    shared = AffineCoupling(SHAPE, width=4)
    frozen = Conv1x1(SHAPE).requires_grad_(False)
    inner = Composition([Conv1x1(SHAPE), shared])
    flow = Composition([shared, frozen, ActNorm(SHAPE), inner, shared]).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    expected = gradients(flow, x, reversible=False)
    assert_same(gradients(flow, x, reversible=True), expected, 1e-8)
    assert frozen.factors.grad is None
    with recomputed_activations(flow):
        z, logdet = flow(x)
    (z.sum() + logdet.sum()).backward()
    accumulated = [parameter.grad for parameter in flow.parameters()]
    z, logdet = flow(x)
    flow.zero_grad()
    (z.sum() + logdet.sum()).backward()
    terms = [parameter.grad for parameter in flow.parameters()]
    sums = [None if a is None or b is None else a + b for a, b in zip(expected, terms, strict=True)]
    assert_same(accumulated, sums, 1e-8)


def test_networks_in_bfloat16_are_recomputed_in_bfloat16() -> None:
    torch.manual_seed(0)
    flow, x, _ = initialized(Glow((2, 8, 8), levels=1, depth=4, width=16), torch.float32)
    full = gradients(flow, x, reversible=False)
    with network_precision(flow, "bf16", torch.device("cpu")):
        expected = gradients(flow, x, reversible=False)
        actual = gradients(flow, x, reversible=True)
    assert distance(actual, expected) < 0.1 * distance(full, expected)


def test_autocast_around_the_forward_pass_holds_in_the_backward_pass() -> None:
    torch.manual_seed(0)
    flow, x, _ = initialized(Glow((2, 8, 8), levels=1, depth=2, width=16), torch.float32)
    full = gradients(flow, x, reversible=False)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16)
    plain = flow.forward
    flow.forward = autocast(plain)  # type: ignore[method-assign]
    expected = gradients(flow, x, reversible=False)
    actual = gradients(flow, x, reversible=True)
    assert distance(actual, expected) < 0.1 * distance(full, expected)


def distance(one: list[Tensor | None], other: list[Tensor | None]) -> float:
    differences = [a - b for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return torch.cat([difference.flatten() for difference in differences]).norm().item()


def saved_bytes(flow: nn.Module, x: Tensor) -> int:
    """What a forward pass keeps for the backward pass, the parameters themselves left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in flow.state_dict().values()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        z, _ = flow(x)
    assert z[0].requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("model", [Glow, InverseFlow])
def test_what_is_kept_does_not_grow_with_depth(model: Callable[..., Flow]) -> None:
    kept = {}
    for depth in (2, 8):
        torch.manual_seed(0)
        flow, x, _ = initialized(model((2, 8, 8), levels=2, depth=depth, width=8), torch.float32)
        ordinary = saved_bytes(flow, x)
        with recomputed_activations(flow):
            kept[depth] = saved_bytes(flow, x)
        assert kept[depth] < ordinary / 4
    assert kept[2] == kept[8]


def test_a_flow_is_given_back_as_it_was() -> None:
    flow = Composition([ActNorm(SHAPE), Conv1x1(SHAPE)])
    before = copy.copy(vars(flow))
    with recomputed_activations(flow):
        assert vars(flow) != before
    assert vars(flow) == before


def test_without_gradients_nothing_is_kept_or_changed() -> None:
    torch.manual_seed(0)
    flow, x, _ = initialized(Glow((2, 8, 8), levels=1, depth=2, width=8), torch.float32)
    with torch.no_grad(), recomputed_activations(flow):
        z, logdet = flow(x)
    assert not z[0].requires_grad
    assert torch.equal(logdet, flow(x)[1])


class Approximate(Conv1x1):
    is_exact = False


def test_an_approximate_inverse_is_refused_by_name() -> None:
    flow = Flow([Composition([ActNorm(SHAPE), Approximate(SHAPE)])])
    with pytest.raises(ValueError, match=r"inverse of layer levels\.0\.bijections\.1 \(Approximate\) is approximate"):  # noqa: SIM117
        with recomputed_activations(flow):
            pass


def test_bijections_with_a_learned_inverse_say_so() -> None:
    for case in APPROXIMATE_CASES.values():
        flow = Composition([case.make()])
        with pytest.raises(ValueError, match=r"inverse of layer bijections\.0 \(.*\) is approximate"):  # noqa: SIM117
            with recomputed_activations(flow):
                pass


def test_parameters_changed_before_the_backward_pass_are_refused() -> None:
    flow = Composition([ActNorm(SHAPE), Conv1x1(SHAPE)])
    with recomputed_activations(flow):
        z, _ = flow(torch.randn(2, *SHAPE))
    with torch.no_grad():
        next(flow.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def second_derivatives(flow: nn.Module, x: Tensor, context: Tensor, *, reversible: bool) -> tuple[Tensor, ...]:
    """Of the density by images, context and parameters, times vectors."""
    inputs = [tensor.detach().requires_grad_() for tensor in (x, context)] + list(flow.parameters())
    with recomputed_activations(flow) if reversible else nullcontext():
        log_prob = flow.log_prob(*inputs[:2])
    gradients = torch.autograd.grad(log_prob.sum(), inputs, create_graph=True)
    product = sum((gradient.flatten() * torch.linspace(-1, 1, gradient.numel())).sum() for gradient in gradients)
    return torch.autograd.grad(product, inputs)


@pytest.mark.parametrize("model", [Glow, InverseFlow])
def test_second_derivatives_are_the_ordinary_ones(model: Callable[..., Flow]) -> None:
    torch.manual_seed(0)
    flow = model((2, 4, 4), levels=2, depth=2, width=4, context_features=DIMENSIONS)
    flow, x, context = initialized(flow, torch.float64, 2)
    expected = second_derivatives(flow, x, context, reversible=False)
    assert_same(list(second_derivatives(flow, x, context, reversible=True)), list(expected), 1e-8)


def test_second_derivatives_of_shared_and_frozen_parameters_are_the_ordinary_ones() -> None:
    torch.manual_seed(0)
    shared = AffineCoupling(SHAPE, width=4)
    frozen = Conv1x1(SHAPE).requires_grad_(False)
    flow = Composition([Composition([shared, ActNorm(SHAPE)]), frozen, Composition([shared, Conv1x1(SHAPE)])]).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    learned = [parameter for parameter in flow.parameters() if parameter.requires_grad]

    def products(reversible: bool) -> list[Tensor]:
        with recomputed_activations(flow) if reversible else nullcontext():
            z, logdet = flow(x)
        gradients = torch.autograd.grad(z.pow(3).sum() + logdet.sum(), learned, create_graph=True)
        return list(torch.autograd.grad(sum(gradient.square().sum() for gradient in gradients), learned))

    before = list(flow.parameters())
    assert_same(products(True), products(False), 1e-8)
    assert all(parameter is other for parameter, other in zip(flow.parameters(), before, strict=True))


def test_transforms_see_the_ordinary_function() -> None:
    torch.manual_seed(0)
    flow, x, context = initialized(InverseFlow((2, 4, 4), 1, 2, width=4, context_features=DIMENSIONS), torch.float64, 2)
    parameters = {name: parameter.detach() for name, parameter in flow.named_parameters()}

    def loss(parameters: dict[str, Tensor], image: Tensor, context: Tensor) -> Tensor:
        return torch.func.functional_call(flow, parameters, (image[None], context[None]))[1].sum()

    of_each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    expected = of_each(parameters, x, context)
    with recomputed_activations(flow):
        actual = of_each(parameters, x, context)
    for name, gradient in expected.items():
        torch.testing.assert_close(actual[name], gradient)


def test_parameters_of_the_forward_pass_alone_are_refused() -> None:
    torch.manual_seed(0)
    flow = Composition([ActNorm(SHAPE), Conv1x1(SHAPE)])
    others = {name: (parameter + 0.1).detach().requires_grad_() for name, parameter in flow.named_parameters()}
    with recomputed_activations(flow):
        z, _ = torch.func.functional_call(flow, others, (torch.randn(2, *SHAPE),))
    with pytest.raises(RuntimeError, match="parameters of the flow are others than in the forward pass"):
        z.sum().backward()


class Inaccurate(Bijection):
    """The identity with an inverse that loses a tenth."""

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return x, x.new_zeros(len(x))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return 0.9 * z


def test_gradients_of_a_spoilt_recomputation_are_refused() -> None:
    flow = Composition([Conv1x1(SHAPE), Inaccurate(SHAPE)])
    with recomputed_activations(flow):
        z, _ = flow(torch.randn(3, *SHAPE))
    with pytest.raises(FloatingPointError, match=r"with an error of 0\.1 of its largest value"):
        z.sum().backward()


def test_an_empty_batch_has_no_error() -> None:
    flow = Composition([Conv1x1(SHAPE), ActNorm(SHAPE)])
    with recomputed_activations(flow):
        z, logdet = flow(torch.randn(0, *SHAPE))
    (z.sum() + logdet.sum()).backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in flow.parameters())


class Bad(Bijection):
    """The identity with a weight whose gradient is not finite."""

    def __init__(self) -> None:
        super().__init__(SHAPE)
        self.weight = nn.Parameter(torch.zeros(()))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return x + self.weight.abs().sqrt(), x.new_zeros(len(x))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return z


@pytest.mark.parametrize("reversible", [False, True])
def test_the_layer_with_a_bad_gradient_is_named(reversible: bool) -> None:
    # The slope of a square root is infinite at zero.
    flow = Flow([Composition([Conv1x1(SHAPE), Bad(), AffineCoupling(SHAPE, width=4)])])
    x = torch.randn(2, *SHAPE)
    with recomputed_activations(flow) if reversible else nullcontext():
        found = locate_non_finite(flow, (-flow.log_prob(x).mean() for _ in range(1)))
    assert found == "gradient of weight in layer levels.0.bijections.1 (Bad)"
