"""What a flow would compute a meaningless number of is an error, which says what and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nflows_core.bijections import ActNorm, AffineCoupling, Bijection, Composition, Logit, Squeeze
from nflows_core.flow import Flow
from nflows_core.models import MODELS, Glow, InverseFlow, argument_names, build

SHAPE = (3, 8, 8)
X = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0))
PIXELS = (X * 256).to(torch.uint8)
DENSITIES = ("log_prob", "encode", "initialize", "forward")
BY_PERSONS = DENSITIES[:3]


@pytest.fixture(scope="module")
def flow() -> Flow:
    torch.manual_seed(0)
    return InverseFlow(SHAPE, levels=1, depth=1, width=4)


@pytest.fixture(scope="module")
def conditional() -> Flow:
    torch.manual_seed(0)
    return Glow(SHAPE, levels=2, depth=1, width=4, context_features=2)


@pytest.mark.parametrize("method", DENSITIES)
@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            PIXELS,
            TypeError,
            "expected torch.float32 with values in .0, 1., got torch.uint8; bits_per_dim takes integers",
        ),
        (PIXELS.long(), TypeError, "got torch.int64"),
        (X > 0, TypeError, "got torch.bool"),
        (X.double(), TypeError, "the flow is of torch.float32, these are of torch.float64"),
        (X.half(), TypeError, "these are of torch.float16"),
        (X.numpy(), TypeError, "expected a torch tensor of images, got ndarray; torch.from_numpy makes"),
        (X.tolist(), TypeError, "got list"),
        (X[0], ValueError, r"shape \(B, 3, 8, 8\), got \(3, 8, 8\); one image x is the batch x\[None\]"),
        (X[:, :1], ValueError, r"got \(2, 1, 8, 8\)"),
        (X[..., :6], ValueError, r"got \(2, 3, 8, 6\)"),
        (X.movedim(1, 3), ValueError, r"got \(2, 8, 8, 3\)"),
    ],
)
def test_what_are_no_images(flow: Flow, method: str, images: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        getattr(flow, method)(images)


@pytest.mark.parametrize("method", BY_PERSONS)
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            PIXELS.float(),
            "expected values in .0, 1., got .* to 25.; divide pixels by 256, or give them to bits_per_dim",
        ),
        (2 * X - 1, "got -0.9"),
        (X.where(X < 0.5, math.inf), "got .* to inf"),
        (X.where(X < 0.5, math.nan), "not a number"),
    ],
)
def test_values_without_a_latent(flow: Flow, method: str, images: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(flow, method)(images)


@pytest.mark.parametrize(
    ("pixels", "error", "message"),
    [
        (X, TypeError, "expected integers from 0 to 255, got torch.float32; log_prob takes floats"),
        (PIXELS.float(), TypeError, "got torch.float32"),
        (PIXELS > 0, TypeError, "got torch.bool"),
        (PIXELS.numpy(), TypeError, "got ndarray"),
        (PIXELS[0], ValueError, r"got \(3, 8, 8\)"),
        (PIXELS.long() + 200, ValueError, "with 256 values a pixel, from 0 to 255, these have .* to 4"),
        (PIXELS.long() - 200, ValueError, "these have -[0-9]+ to"),
    ],
)
def test_what_are_no_pixels(flow: Flow, pixels: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        flow.bits_per_dim(pixels)  # type: ignore[arg-type]


def test_pixels_of_another_quantization() -> None:
    flow = Glow((1, 8, 8), levels=1, depth=1, width=4, quantization=17)
    with pytest.raises(ValueError, match="17 values a pixel, from 0 to 16, these have 0 to 17"):
        flow.bits_per_dim(torch.arange(18).repeat(64).view(18, 1, 8, 8))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_integers_of_every_type_have_the_same_bits(flow: Flow, dtype: torch.dtype) -> None:
    bits = flow.bits_per_dim(PIXELS.to(dtype), generator=flow.generator(1))
    assert torch.equal(bits, flow.bits_per_dim(PIXELS, generator=flow.generator(1)))


@pytest.mark.parametrize("model", MODELS)
def test_a_context_for_nobody(model: str) -> None:
    arguments = {name: 1 for name in ("levels", "depth", "width") if name in argument_names(model)}
    flow = build(model, {"shape": (1, 4, 4), **arguments})
    assert flow.context_features == 0
    context, x = torch.zeros(2, 3), torch.rand(2, 1, 4, 4)
    calls: list[Callable[[], object]] = [
        lambda: flow(x, context),
        lambda: flow.log_prob(x, context),
        lambda: flow.bits_per_dim((x * 256).long(), context),
        lambda: flow.decode(flow.encode(x), context),
        lambda: flow.sample(2, context=context),
        lambda: flow.initialize(x, context),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="this flow takes no context"):
            call()


def test_a_context_that_does_not_fit(conditional: Flow) -> None:
    assert conditional.context_features == 2
    for context, message in [
        (None, r"conditioned on a context of shape \(2, 2\), or on maps, \(2, 2, H, W\), got none"),
        (torch.zeros(2, 3), r"shape \(2, 2\), .* got \(2, 3\)"),
        (torch.zeros(1, 2), r"shape \(2, 2\), .* got \(1, 2\)"),
        (torch.zeros(2), r"got \(2,\)"),
        (torch.zeros(2, 3, 4, 4), r"got \(2, 3, 4, 4\)"),
        (torch.zeros(2, 2, 0, 4), r"got \(2, 2, 0, 4\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            conditional.log_prob(X, context)
        with pytest.raises(ValueError, match=r"context of (shape|2 rows)"):
            conditional.sample(2, context=context.flatten() if context is not None else None)
    for context, got in [(torch.eye(2).long(), "torch.int64"), (np.eye(2), "ndarray"), ([[1, 0], [0, 1]], "list")]:
        with pytest.raises(TypeError, match=f"expected a tensor of torch.float32, got {got}; labels become one"):
            conditional.log_prob(X, context)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"the flow is of torch.float32, this is of torch.float64"):
        conditional.log_prob(X, torch.eye(2).double())


def test_a_bijection_says_that_it_takes_a_context() -> None:
    class Shift(Bijection):
        context_features = 1

        def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
            assert context is not None
            return x + context[..., None, None], x.new_zeros(x.shape[0])

    flow = Flow([Composition([ActNorm((1, 2, 2)), Shift((1, 2, 2))])])
    assert flow.context_features == 1
    torch.testing.assert_close(flow.encode(torch.zeros(2, 1, 2, 2), torch.ones(2, 1)), [torch.ones(2, 1, 2, 2)])


def test_latents_that_are_none(conditional: Flow) -> None:
    context = torch.eye(2)
    first, second = latents = conditional.encode(X, context)
    with pytest.raises(TypeError, match="expected a list of tensors, as encode gives it, got Tensor"):
        conditional.decode(first, context)
    with pytest.raises(TypeError, match=r"expected torch tensors, got ndarray; torch\.from_numpy makes one"):
        conditional.decode([latent.detach().numpy() for latent in latents], context)  # type: ignore[misc]
    for wrong in ([second, first], [first[:1], second], [first, second[..., 0]]):
        with pytest.raises(ValueError, match=r"latents: expected tensors of shapes .*, got"):
            conditional.decode(wrong, context)
    torch.testing.assert_close(conditional.decode(tuple(latents), context), X, atol=1e-5, rtol=0)


def test_no_images_have_no_densities(flow: Flow, conditional: Flow) -> None:
    assert flow.log_prob(X[:0]).shape == flow.bits_per_dim(PIXELS[:0]).shape == (0,)
    assert flow.decode(flow.encode(X[:0])).shape == flow.sample(0).shape == (0, *SHAPE)
    assert conditional.log_prob(X[:0], torch.zeros(0, 2)).shape == (0,)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_a_temperature_that_is_none(flow: Flow, temperature: float) -> None:
    with pytest.raises(ValueError, match=f"temperature must not be negative, and must be finite, got {temperature}"):
        flow.sample(1, temperature)


def test_fewer_images_than_none(flow: Flow) -> None:
    with pytest.raises(ValueError, match="n must not be negative, got -1"):
        flow.sample(-1)


@pytest.mark.parametrize("seed", [-1, 2**64, 10**30])
def test_a_seed_that_no_generator_takes(flow: Flow, seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed must be from 0 to 2\^64 - 1, got {seed}"):
        flow.generator(seed)


def test_only_images_of_a_logit_have_a_range() -> None:
    plain = Flow([ActNorm((1, 2, 2))])
    assert plain.domain == (-math.inf, math.inf)
    assert plain.log_prob(torch.full((1, 1, 2, 2), 100.0)).isfinite()
    logit = Flow([Composition([Composition([Logit((1, 2, 2), alpha=0.1)]), ActNorm((1, 2, 2))])])
    assert logit.domain == (-0.125, 1.125)
    assert logit.log_prob(torch.full((1, 1, 2, 2), 1.1)).isfinite()
    with pytest.raises(ValueError, match=r"got 1.2 to 1.2"):
        logit.log_prob(torch.full((1, 1, 2, 2), 1.2))


def test_values_are_not_read_where_transforms_look_on() -> None:
    flow = Flow([Composition([Logit((1, 2, 2)), ActNorm((1, 2, 2))])])
    x = torch.rand(3, 1, 2, 2)
    each = torch.func.vmap(lambda image: flow.log_prob(image[None])[0])
    torch.testing.assert_close(each(x), flow.log_prob(x))
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(lambda i: flow.log_prob(i[None])[0]))(x), score(flow, x))


def score(flow: Flow, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(flow.log_prob(x).sum(), x)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_flow_without_parameters(dtype: torch.dtype) -> None:
    flow = Flow([Squeeze((1, 4, 4))]).to(dtype)
    assert not list(flow.parameters())
    assert (flow.dtype, flow.device.type, flow.state_dict()) == (dtype, "cpu", {})
    assert flow.sample(3).dtype == flow.bits_per_dim(torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).dtype == dtype
    assert str(flow.to("meta").device) == "meta"


@pytest.mark.parametrize("shape", [[3, 8, 8], torch.Size([3, 8, 8]), np.array([3, 8, 8]), (np.int64(3), 8, 8)])
def test_a_shape_is_any_three_numbers(shape: tuple[int, int, int]) -> None:
    flow = Glow(shape, levels=2, depth=1, width=4)
    assert flow.shape == SHAPE
    assert all(type(size) is int for size in flow.shape)
    assert ActNorm(shape).shape == Squeeze(shape).shape == SHAPE
    assert flow.sample(1).shape == (1, *SHAPE)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8, 8), (0, 8, 8), (1, -8, 8), (1, 8.0, 8), "abc", 8, None])
@pytest.mark.parametrize("kind", [ActNorm, Squeeze, Logit, Glow, MODELS["planar-stack"]])
def test_what_is_no_shape(kind: type[nn.Module], shape: object) -> None:
    with pytest.raises(ValueError, match="shape: expected channels, height and width of an image, three whole"):
        kind(shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": 2.0}, "levels: expected a whole number, at least 1, got 2.0"),
        ({"levels": "two"}, "levels: expected a whole number, at least 1, got 'two'"),
        ({"levels": -1}, "levels: expected a whole number, at least 1, got -1"),
        ({"levels": 64}, "height and width must be even, got 1 x 1"),
        ({"depth": None}, "depth: expected a whole number, at least 1, got None"),
        ({"width": 0}, "width: expected a whole number, at least 1, got 0"),
        ({"width": 0.5}, "width: expected a whole number, at least 1, got 0.5"),
        ({"context_features": -1}, "context_features: expected a whole number, at least 0, got -1"),
        ({"quantization": 1}, "quantization: expected a whole number, at least 2, got 1"),
        ({"quantization": 25.6}, "quantization: expected a whole number, at least 2, got 25.6"),
    ],
)
def test_numbers_that_are_nonsense(arguments: dict[str, int], message: str) -> None:
    for preset in (Glow, InverseFlow):
        with pytest.raises((TypeError, ValueError), match=message):
            preset((1, 8, 8), **{"depth": 1, **arguments})


@pytest.mark.parametrize("kernel_size", [0, -3, 2.5, "3", (3,), (3, 0), None])
def test_a_kernel_size_that_is_none(kernel_size: int) -> None:
    with pytest.raises(ValueError, match="kernel_size: expected one whole number above 0, or two, got"):
        InverseFlow((1, 8, 8), kernel_size=kernel_size)


def test_nothing_is_no_chain_and_no_flow() -> None:
    with pytest.raises(ValueError, match="Composition: needs at least one bijection"):
        Composition([])
    with pytest.raises(ValueError, match="a flow has at least one level"):
        Flow([])
    with pytest.raises(ValueError, match="width: expected a whole number, at least 1, got 0"):
        AffineCoupling((2, 4, 4), width=0)
