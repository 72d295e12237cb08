"""A context in space: what layers take of a map, and that it works wherever a vector does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bijection_cases import perturbed
from nflows_core.bijections import AffineCoupling, Composition, ContextNetwork, Squeeze
from nflows_core.bijections.context import ContextLinear, resized
from nflows_core.bijections.reversible import recomputed_activations
from nflows_core.data import DataError, Images, read_images
from nflows_core.evaluation import bits_of_images, bits_per_dim, log_probs, reconstruction_errors
from nflows_core.flow import Flow
from nflows_core.models import Glow, InverseFlow, build, describe
from nflows_core.testing import check_second_derivatives, check_transforms, one_thread
from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig

SHAPE = (1, 8, 8)
maps = st.tuples(st.integers(1, 4), st.integers(1, 4))


def away_from_start(flow: Flow) -> Flow:
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return flow


@pytest.fixture(params=[0, 5], ids=["as-it-is", "network"])
def flow(request: pytest.FixtureRequest) -> Flow:
    torch.manual_seed(0)
    made = InverseFlow(SHAPE, levels=2, depth=1, width=4, context_features=3, context_width=request.param)
    return away_from_start(made.double())


def double(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64)


# What a pixel takes of a map


@given(size=maps, factors=maps, seed=st.integers(0, 99))
def test_whole_factors_are_exact(size: tuple[int, int], factors: tuple[int, int], seed: int) -> None:
    """A pixel has the mean of the places that it covers, and the value of the one place that it lies in."""
    torch.manual_seed(seed)
    small, large = size, (size[0] * factors[0], size[1] * factors[1])
    one, other = torch.randn(2, 3, *small), torch.randn(2, 3, *large)
    repeated = one.repeat_interleave(factors[0], 2).repeat_interleave(factors[1], 3)
    torch.testing.assert_close(resized(one, large), repeated, rtol=0, atol=0)
    blocks = other.unflatten(3, (size[1], factors[1])).unflatten(2, (size[0], factors[0]))
    torch.testing.assert_close(resized(other, small), blocks.mean((3, 5)))


@settings(max_examples=20, deadline=None)
@given(size=maps, target=maps, seed=st.integers(0, 99))
def test_any_size_is_a_mean_within_the_bounds_of_the_map(
    size: tuple[int, int], target: tuple[int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    given_map = torch.randn(2, 3, *size)
    found = resized(given_map, target)
    assert found.shape == (2, 3, *target)
    assert (found >= given_map.amin((2, 3), keepdim=True) - 1e-6).all()
    assert (found <= given_map.amax((2, 3), keepdim=True) + 1e-6).all()


def test_known_values() -> None:
    layer = ContextLinear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 10.0]]))
    given_map = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, 1.0]]]])
    found = layer(torch.zeros(1, 5, 1, 2), given_map)
    torch.testing.assert_close(found, torch.tensor([[[[2.0, 13.0]]]]))  # columns: means (2, 0) and (3, 1)


def test_what_a_map_says_of_a_place_stays_near_it() -> None:
    coupling, x, _, _ = perturbed_coupling()
    given_map = double(4, 3, 12, 12).requires_grad_()
    z, _ = coupling(x, given_map)
    (gradient,) = torch.autograd.grad(z[0, :, 0, 0].sum(), given_map)
    reached = gradient[0].abs().sum(0) > 0
    assert reached[:4, :4].all()  # two pixels each way, by the last convolution 3 x 3, of two places each
    assert not reached[4:].any()
    assert not reached[:, 4:].any()


def perturbed_coupling() -> tuple[Any, Tensor, Tensor, Tensor | None]:
    from bijection_cases import Case

    torch.manual_seed(0)
    return perturbed(Case(lambda: AffineCoupling((4, 6, 6), width=8, context_features=3), 3))


# Flows


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (8, 8), (16, 24), (5, 3)])
def test_decode_undoes_encode_in_a_map_of_any_size(flow: Flow, size: tuple[int, int]) -> None:
    x, context = double(3, *SHAPE), double(3, 3, *size)
    torch.testing.assert_close(flow.decode(flow.encode(x, context), context), x, rtol=0, atol=1e-9)
    assert not torch.allclose(flow.log_prob(x, context), flow.log_prob(x, -context))


def test_a_flow_takes_a_map_that_is_everywhere_the_same_for_a_vector(flow: Flow) -> None:
    x, vectors = double(3, *SHAPE), double(3, 3)
    even = vectors[:, :, None, None].expand(-1, -1, 8, 8)
    torch.testing.assert_close(flow.log_prob(x, even), flow.log_prob(x, vectors))
    one = flow.sample(2, context=even[:1], generator=flow.generator(0))
    torch.testing.assert_close(one, flow.sample(2, context=vectors[:1], generator=flow.generator(0)))


def test_one_map_for_all_samples(flow: Flow) -> None:
    context = double(1, 3, 8, 8)
    samples = [flow.sample(3, context=c, generator=flow.generator(0)) for c in (context, context.expand(3, -1, -1, -1))]
    assert torch.equal(*samples)
    with pytest.raises(ValueError, match="3 samples need a context of 3 rows, or of one for all of them"):
        flow.sample(3, context=double(2, 3, 8, 8))


def test_the_log_density_is_the_change_of_variables(flow: Flow) -> None:
    x, context = double(1, *SHAPE), double(1, 3, 4, 4)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: torch.cat([z.flatten() for z in flow.encode(x, context)]), x
    ).reshape(64, 64)
    z = torch.cat([latent.flatten() for latent in flow.encode(x, context)])
    expected = torch.distributions.Normal(0, 1).log_prob(z).sum() + torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(flow.log_prob(x, context)[0], expected)


def test_gradients_reach_every_parameter_and_the_map(flow: Flow) -> None:
    context = double(3, 3, 8, 8).requires_grad_()
    flow.log_prob(double(3, *SHAPE), context).sum().backward()
    assert (context.grad.abs().sum((0, 1)) > 0).all()  # type: ignore[union-attr]
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_recomputed_activations_have_the_same_gradients(flow: Flow) -> None:
    x, context = double(3, *SHAPE), double(3, 3, 8, 8).requires_grad_()
    inputs = [context, *flow.parameters()]
    expected = torch.autograd.grad(flow(x, context)[1].sum(), inputs, allow_unused=True, materialize_grads=True)
    with recomputed_activations(flow):
        logdet = flow(x, context)[1].sum()
    actual = torch.autograd.grad(logdet, inputs, allow_unused=True, materialize_grads=True)
    torch.testing.assert_close(actual, expected)


def test_derivatives_and_transforms_are_right() -> None:
    torch.manual_seed(0)
    flow = away_from_start(Glow((1, 4, 4), levels=1, depth=1, width=3, context_features=2, context_width=3).double())
    x, context = double(2, 1, 4, 4), double(2, 2, 4, 4)
    check_second_derivatives(flow, x, context, method="log_prob")
    check_transforms(flow, x, context, method="log_prob")


def test_the_measures_take_maps(flow: Flow) -> None:
    images = Images(torch.randint(256, (20, *SHAPE), dtype=torch.uint8), maps=double(20, 3, 16, 16))
    expected = flow.bits_per_dim(images.pixels, images.context.double(), flow.generator(0)).mean()  # type: ignore[union-attr]
    assert bits_per_dim(flow, images, context=images.context).mean == pytest.approx(expected.item())
    assert reconstruction_errors(flow, images, context=images.context).max() < 1e-9
    assert log_probs(flow, images, context=images.context, batch_size=7).shape == (20,)


# The network


def test_features_of_a_place_depend_on_what_is_near() -> None:
    torch.manual_seed(0)
    network, context = ContextNetwork(2, 4, depth=1).double(), double(1, 2, 9, 9)
    (gradient,) = torch.autograd.grad(network(context.requires_grad_())[0, :, 0, 0].sum(), context)
    reached = gradient[0].abs().sum(0) > 0
    assert not reached[4:].any()
    assert not reached[:, 4:].any()


def test_features_are_no_larger_than_they_need_be() -> None:
    network = ContextNetwork(2, 4, largest=(3, 5)).double()
    for size, expected in (((6, 10), (3, 5)), ((2, 10), (2, 5)), ((1, 1), (1, 1))):
        assert network(double(2, 2, *size)).shape == (2, 4, *expected)


@pytest.mark.parametrize("wrong", [{"context_features": 0}, {"width": 0}, {"depth": -1}])
def test_sizes_that_are_none_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected a whole number"):
        ContextNetwork(**{"context_features": 2, "width": 3, **wrong})


def test_a_flow_says_what_its_network_takes_and_lists_it(flow: Flow) -> None:
    assert flow.context_features == 3
    lines = flow.summary().splitlines()
    counts = [int(line.split()[-1].replace(",", "")) for line in lines[1:]]
    assert sum(counts[:-1]) == counts[-1] == sum(parameter.numel() for parameter in flow.parameters())
    assert ("ContextNetwork" in flow.summary()) == (flow.context_network is not None)


def test_it_is_built_again_from_its_arguments(flow: Flow) -> None:
    described = json.loads(json.dumps(describe(flow)))
    again = build(described["model"], described["arguments"] | {"shape": SHAPE}).double()
    again.load_state_dict(flow.state_dict())
    x, context = double(2, *SHAPE), double(2, 3, 8, 8)
    assert torch.equal(again.log_prob(x, context), flow.log_prob(x, context))


def test_any_module_may_be_the_network() -> None:
    class Colours(nn.Conv2d):
        context_features = 3

    torch.manual_seed(0)
    chain = Composition([Squeeze(SHAPE), AffineCoupling((4, 4, 4), 4, context_features=2)])
    flow = away_from_start(Flow([chain], context_network=Colours(3, 2, 1)))
    x, context = torch.rand(2, *SHAPE), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(flow.decode(flow.encode(x, context), context), x)
    assert flow.context_features == 3
    with pytest.raises(ValueError, match=r"context of shape \(2, 3\)"):
        flow.log_prob(x, context[:, :2])


# Graphs of others

quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@quiet
@pytest.mark.parametrize("width", [0, 4])
def test_compiled_and_exported_graphs_take_maps(width: int) -> None:
    torch.manual_seed(0)
    flow = away_from_start(Glow(SHAPE, levels=1, depth=1, width=4, context_features=2, context_width=width))
    x, context = torch.rand(3, *SHAPE), torch.rand(3, 2, 8, 8)
    torch.compiler.reset()
    compiled = torch.compile(flow.log_prob, backend="aot_eager", fullgraph=True)
    with torch.compiler.set_stance("default"):
        torch.testing.assert_close(compiled(x, context), flow.log_prob(x, context))
    graph = torch.export.export(flow, (x, context)).module()
    torch.testing.assert_close(graph(x, context)[1], flow(x, context)[1])


@quiet
@pytest.mark.parametrize("side", [4, 8, 2])
def test_an_onnx_runtime_takes_maps(side: int, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    flow = away_from_start(Glow(SHAPE, levels=1, depth=1, width=4, context_features=2, context_width=3)).eval()
    x, context = torch.rand(3, *SHAPE), torch.rand(3, 2, side, side)
    with torch.no_grad():
        torch.onnx.export(flow, (x, context), dynamo=True, verbose=False).save(tmp_path / "flow.onnx")  # type: ignore[union-attr]
        latents, logdet = flow(x, context)
    session = runtime.InferenceSession(tmp_path / "flow.onnx")
    names = [given.name for given in session.get_inputs()]
    found = session.run(None, dict(zip(names, (x.numpy(), context.numpy()), strict=True)))
    torch.testing.assert_close(torch.from_numpy(found[-1]), logdet, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.from_numpy(found[0]), latents[0], rtol=1e-4, atol=1e-4)


# Images


def test_the_context_of_images_is_their_map() -> None:
    pixels = torch.zeros(3, *SHAPE, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 0])
    images = Images(pixels, labels=labels, classes=("a", "b"), maps=torch.full((3, 2, 5, 4), 51, dtype=torch.uint8))
    assert images.context_features == 2
    torch.testing.assert_close(images[1:].context, torch.full((2, 2, 5, 4), 0.2))
    floats = replace(images, maps=torch.randn(3, 1, 2, 2, dtype=torch.float64).numpy())  # type: ignore[arg-type]
    torch.testing.assert_close(floats.context, floats.maps.float())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(2, 1, 4, 4), r"of shape \(3, D, H, W\), got torch.float32 \(2, 1, 4, 4\)"),
        (torch.zeros(3, 4, 4), r"got torch.float32 \(3, 4, 4\)"),
        (torch.zeros(3, 0, 4, 4), r"got torch.float32 \(3, 0, 4, 4\)"),
        (torch.zeros(3, 1, 4, 4, dtype=torch.int64), r"uint8 or floats of shape .*, got torch.int64"),
        (torch.tensor([0.0, 1.0, torch.inf]).reshape(3, 1, 1, 1), "the map of image 2 has values that are not finite"),
    ],
)
def test_bad_maps_are_refused(wrong: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Images(torch.zeros(3, *SHAPE, dtype=torch.uint8), maps=wrong)


# What it is good for


@one_thread()
def test_a_flow_learns_where_a_map_says_that_it_is_bright(tmp_path: Path) -> None:
    """The map is the brightness of each quarter of the image, which an unconditional flow cannot know."""
    generator = torch.Generator().manual_seed(0)
    quarters = torch.rand(600, 1, 2, 2, generator=generator)
    noise = torch.rand(600, 1, 8, 8, generator=generator)
    pixels = (200 * quarters.repeat_interleave(4, 2).repeat_interleave(4, 3) + 50 * noise).to(torch.uint8)
    images = Images(pixels, maps=quarters)
    flow = Glow(images.shape, levels=1, depth=2, width=16, context_features=1)
    config = TrainingConfig(epochs=10, batch_size=50, learning_rate=1e-2, ema_decay=0.9, conditional=True)
    flow = Trainer(FlowLikelihood(flow, images, config), tmp_path / "run").fit()
    samples = flow.sample(100, context=quarters[:100], generator=flow.generator(0))
    means = samples.unflatten(3, (2, 4)).unflatten(2, (2, 4)).mean((3, 5))
    assert torch.corrcoef(torch.stack([means.flatten(), quarters[:100].flatten()]))[0, 1] > 0.9


def halves(data: Path, split: str, n: int) -> Images:
    """The lower halves of digits of 32 x 32, and their upper halves as maps, mirrored so that neighbours meet."""
    digits = read_images(data / "mnist", split)[:n]  # type: ignore[arg-type]
    pixels = torch.nn.functional.pad(digits.pixels, (0, 0, 2, 2))
    return Images(pixels[:, :, 16:].contiguous(), maps=pixels[:, :, :16].flip(2).contiguous())


@pytest.mark.real_data
@pytest.mark.slow
@one_thread()
def test_the_upper_half_of_a_digit_saves_bits_of_its_lower_half(data_folder: Path) -> None:
    train, test = halves(data_folder, "train", 3000), halves(data_folder, "test", 500)
    config = TrainingConfig(epochs=3, batch_size=50, learning_rate=3e-3, warmup_steps=50, ema_decay=0.98)
    bits = []
    for conditional in (False, True):
        torch.manual_seed(0)
        more = {"context_features": 1, "context_width": 32} if conditional else {}
        flow = Glow(train.shape, levels=2, depth=4, width=32, **more)
        flow = Trainer(FlowLikelihood(flow, train, replace(config, conditional=conditional))).fit()
        bits.append(bits_of_images(flow, test, context=test.context if conditional else None))
    saved = bits[0] - bits[1]
    # With the noise of both the same, the digits differ little in what is saved: it is far beyond chance.
    assert saved.mean() > 0.02  # 1.478 and 1.440 bits per dimension
    assert saved.mean() > 5 * saved.std() / len(saved) ** 0.5
