"""The presets: exact at every number of levels, for any shape that can be squeezed, and finite in their samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nflows_core.bijections import QuadCoupling
from nflows_core.flow import Flow, log_density
from nflows_core.models import MODELS, CInCFlow, Glow, InverseFlow, PlanarStack, argument_names, build
from nflows_core.models.presets import LAYERS
from nflows_core.testing import check_second_derivatives, check_transforms

EXACT = [name for name in MODELS if name != "self-normalizing"]


def make(name: str, shape: tuple[int, int, int], context_features: int = 0, **arguments: object) -> Flow:
    """A preset of little width, each parameter away from where it starts."""
    arguments = {"depth": 3, "width": 4, "context_features": context_features, **arguments}
    known = {key: value for key, value in arguments.items() if key in argument_names(name)}
    flow = build(name, {"shape": shape, **known}).double()
    context = torch.randn(16, context_features, dtype=torch.float64) if context_features else None
    flow.initialize(torch.rand(16, *shape, dtype=torch.float64), context)
    with torch.no_grad():
        for parameter in flow.parameters():
            # By the fan-in, or else the inverses of large kernels and matrices would amplify the rounding.
            parameter.add_(torch.randn_like(parameter), alpha=0.1 / parameter[0].numel() ** 0.5)
    return flow


def images(flow: Flow, n: int = 3) -> Tensor:
    return 0.05 + 0.9 * torch.rand(n, *flow.shape, dtype=torch.float64)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=8, deadline=None)
@given(
    channels=st.integers(1, 5),
    levels=st.integers(1, 3),
    ratio=st.sampled_from([(1, 1), (1, 2), (3, 1)]),
    data=st.data(),
)
def test_decode_undoes_encode(
    name: str, channels: int, levels: int, ratio: tuple[int, int], data: st.DataObject
) -> None:
    torch.manual_seed(data.draw(st.integers(0, 2**16)))
    flow = make(name, (channels, ratio[0] * 2**levels, ratio[1] * 2**levels), levels=levels)
    x = images(flow)
    latents = flow.encode(x)
    assert sum(latent[0].numel() for latent in latents) == x[0].numel()
    # A wrong inverse misses by percents; the recursions of a hundred layers amplify rounding.
    torch.testing.assert_close(flow.decode(latents), x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_log_prob_is_the_change_of_variables(name: str) -> None:
    torch.manual_seed(0)
    flow = make(name, (1, 4, 8), levels=2)
    x = images(flow, 1)

    def encode(x: Tensor) -> Tensor:
        return torch.cat([latent.flatten() for latent in flow.encode(x)])

    jacobian = torch.autograd.functional.jacobian(encode, x).flatten(1)
    expected = log_density([encode(x)[None]], torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(flow.log_prob(x), expected)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    flow = make(name, (1, 8, 8), levels=2)
    flow.log_prob(images(flow)).sum().backward()
    for parameter_name, parameter in flow.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def smallest(name: str) -> tuple[Flow, Tensor, Tensor | None]:
    """A preset as small as it has all of its parts, two images, and contexts if it takes them."""
    context_features = 2 if "context_features" in argument_names(name) else 0
    flow = make(name, (1, 4, 8), context_features, levels=2, depth=2 if name == "planar-stack" else 1)
    context = torch.randn(2, context_features, dtype=torch.float64) if context_features else None
    return flow, images(flow, 2), context


@pytest.mark.parametrize("name", EXACT)
def test_second_derivatives_by_every_input_are_right(name: str) -> None:
    torch.manual_seed(0)
    flow, x, context = smallest(name)
    check_second_derivatives(flow, x, context, method="log_prob")


@pytest.mark.parametrize("name", MODELS)
def test_transforms_are_those_of_torch_func(name: str) -> None:
    torch.manual_seed(0)
    flow, x, context = smallest(name)
    check_transforms(flow, x, context, method="log_prob")


@pytest.mark.parametrize("name", [name for name in EXACT if "context_features" in argument_names(name)])
def test_context_changes_the_density(name: str) -> None:
    torch.manual_seed(0)
    flow = make(name, (1, 8, 8), levels=2, context_features=3)
    x, context = images(flow), torch.randn(3, 3, dtype=torch.float64)
    torch.testing.assert_close(flow.decode(flow.encode(x, context), context), x, rtol=0, atol=1e-8)
    assert not torch.allclose(flow.log_prob(x, context), flow.log_prob(x, -context))


@pytest.mark.parametrize("name", [name for name in MODELS if "max_amplification" in argument_names(name)])
@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.01, 1e6), seed=st.integers(0, 2**16))
def test_samples_are_finite_with_the_bound_on(name: str, scale: float, seed: int) -> None:
    """However large a training step made the kernels: their recursion cannot explode."""
    torch.manual_seed(seed)
    flow = make(name, (1, 32, 32), levels=2, depth=8, max_amplification=4.0).float()
    with torch.no_grad():
        for parameter_name, parameter in flow.named_parameters():
            if parameter_name.endswith("weight.original"):
                parameter.copy_(scale * torch.randn_like(parameter))
    assert flow.sample(4).isfinite().all()
    assert all(latent.isfinite().all() for latent in flow.encode(torch.rand(4, 1, 32, 32)))


def test_samples_explode_without_the_bound() -> None:
    """Or else the test above shows nothing."""
    torch.manual_seed(0)
    flow = CInCFlow((1, 32, 32), 2, 8, width=4, max_amplification=None)
    with torch.no_grad():
        for name, parameter in flow.named_parameters():
            if name.endswith("weight.original"):
                parameter.copy_(10 * torch.randn_like(parameter))
    assert not flow.sample(4).isfinite().all()


def test_quad_coupling_of_cinc() -> None:
    torch.manual_seed(0)
    flow = make("cinc", (1, 8, 8), levels=2, coupling="quad")
    assert sum(isinstance(module, QuadCoupling) for module in flow.modules()) == 2 * 3
    x = images(flow)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-8)
    with pytest.raises(ValueError, match="coupling must be one of affine, additive, quad, got 'octo'"):
        CInCFlow((1, 8, 8), coupling="octo")


@pytest.mark.parametrize("name", ["glow", "cinc"])
def test_additive_couplings_leave_volumes_alone(name: str) -> None:
    """All that the density of an image depends on beside the logit is then how far its latent is from zero."""
    torch.manual_seed(0)
    flow = make(name, (2, 8, 8), levels=1, coupling="additive")
    x = images(flow)
    logit = flow.levels[0].bijections[0]
    logdets = flow(x)[1] - logit(x)[1]
    torch.testing.assert_close(logdets, logdets[:1].expand(len(x)), rtol=1e-12, atol=0)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("layer", LAYERS)
def test_planar_stack_of_every_layer(layer: str) -> None:
    torch.manual_seed(0)
    flow = make("planar-stack", (1, 8, 8), layer=layer, depth=9, levels=2)
    names = [line.split()[1] for line in flow.summary().splitlines()[1:-1]]
    assert names.count("SplineActivation") == 9
    assert [i for i, name in enumerate(names) if name == "Squeeze"] == [1, 1 + 1 + 3 * 4]
    if layer != "self-normalizing":
        x = images(flow)
        torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_refuses_what_does_not_fit(name: str) -> None:
    with pytest.raises(ValueError, match="height and width must be even"):
        MODELS[name]((1, 6, 8), levels=2)
    with pytest.raises(ValueError, match="levels: expected a whole number"):
        MODELS[name]((1, 8, 8), levels=0)
    if name != "planar-stack":
        with pytest.raises(ValueError, match="depth: expected a whole number, at least 1, got 0"):
            MODELS[name]((1, 8, 8), depth=0)


def test_planar_stack_names_its_layers() -> None:
    with pytest.raises(ValueError, match=r"layer must be one of inverse-conv, .*, got 'conv'"):
        PlanarStack((1, 8, 8), layer="conv")


def test_width_doubles_at_each_level() -> None:
    for preset in (Glow, InverseFlow):
        hidden = [
            m.second.conv.out_channels for m in preset((1, 8, 8), 2, 1, width=6).modules() if hasattr(m, "second")
        ]
        assert hidden == [6, 12]


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # an older compiler's own doing
@pytest.mark.parametrize("name", ["inverse-flow", "finc", "glow"])
def test_a_compiler_sees_the_whole_density(name: str) -> None:
    torch.manual_seed(0)
    flow = make(name, (1, 8, 8), levels=2, depth=1)
    x = images(flow)
    compiled = torch.compile(flow.log_prob, backend="aot_eager", fullgraph=True)
    for actual, expected in zip(gradients(flow, compiled, x), gradients(flow, flow.log_prob, x), strict=True):
        torch.testing.assert_close(actual, expected)


def gradients(flow: Flow, density: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, ...]:
    values = density(x)
    return values, *torch.autograd.grad(values.sum(), list(flow.parameters()))
