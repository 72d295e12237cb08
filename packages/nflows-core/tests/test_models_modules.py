"""Every preset is an ordinary module: pickled, copied, sent to workers, replicated, moved, exported and compiled."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from likelihoods import Likelihoods
from nflows_core.flow import Flow
from nflows_core.models import MODELS, argument_names, build
from nflows_core.runs import load_run
from nflows_core.shipped import find_run

SHAPE = (1, 8, 8)
models = pytest.mark.parametrize("model", MODELS)
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # a compiler's own doing


def make(model: str, levels: int = 2) -> Flow:
    """A small preset, each parameter away from where it starts."""
    arguments = {"levels": levels, "depth": levels, "width": 4}
    flow = build(model, {"shape": SHAPE, **{k: v for k, v in arguments.items() if k in argument_names(model)}})
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1 / parameter[0].numel() ** 0.5)
    return flow.eval()


def assert_same(flow: Flow, other: Flow) -> None:
    x = torch.rand(3, *SHAPE)
    assert torch.equal(other.log_prob(x), flow.log_prob(x))
    assert torch.equal(other.sample(2, generator=other.generator(0)), flow.sample(2, generator=flow.generator(0)))


def saved(flow: Flow) -> Flow:
    file = io.BytesIO()
    torch.save(flow, file)
    file.seek(0)
    return torch.load(file, weights_only=False)  # type: ignore[no-any-return]


@models
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda flow: pickle.loads(pickle.dumps(flow)), saved])
def test_a_copy_is_the_same_and_its_own(model: str, copied: Callable[[Flow], Flow]) -> None:
    flow = make(model)
    other = copied(flow)
    assert (type(other), other.summary(), other.training) == (type(flow), flow.summary(), False)
    assert_same(flow, other)
    kept = copy.deepcopy(flow.state_dict())
    with torch.no_grad():
        for tensor in other.parameters():
            tensor.zero_()
    assert all(torch.equal(flow.state_dict()[name], tensor) for name, tensor in kept.items())


def test_the_shipped_model_is_pickled_to_the_same_bits() -> None:
    flow = load_run(find_run("mnist-inverse-flow"))
    other = pickle.loads(pickle.dumps(flow))
    x = torch.rand(2, *flow.shape)
    assert torch.equal(flow.log_prob(x), other.log_prob(x))
    assert list(flow.state_dict()) == list(other.state_dict())


@models
def test_built_without_memory_and_filled_by_a_state_dict(model: str) -> None:
    flow = make(model)
    with torch.device("meta"):
        other = make(model)
    other.to_empty(device="cpu")
    other.load_state_dict(flow.state_dict())
    assert_same(flow, other)
    assert {tensor.device.type for tensor in other.to("meta").state_dict().values()} == {"meta"}


def test_workers_get_it() -> None:
    data = Likelihoods(make("inverse-flow"))
    loaded = DataLoader(data, batch_size=2, num_workers=1, multiprocessing_context="spawn")
    torch.testing.assert_close(torch.cat(list(loaded)), torch.stack([data[index] for index in range(4)]))


@models
def test_replicas_are_the_flow(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What DataParallel makes for each GPU, with copies on the CPU: plain tensors in the place of parameters."""
    replicate = import_module("torch.nn.parallel.replicate")
    monkeypatch.setattr(replicate, "_get_device_index", lambda device, optional: 0)
    monkeypatch.setattr(
        replicate,
        "_broadcast_coalesced_reshape",
        lambda tensors, devices, detach=False: [[tensor.clone() for tensor in tensors] for _ in devices],
    )
    flow, x = make(model).double(), torch.rand(4, *SHAPE, dtype=torch.float64)
    whole: dict[str, bool] = {"allow_unused": True, "materialize_grads": True}
    expected = torch.autograd.grad(flow.log_prob(x).sum(), list(flow.parameters()), **whole)
    replicas = replicate.replicate(flow, [0, 1])
    parts = [replica.log_prob(part) for replica, part in zip(replicas, x.chunk(2), strict=True)]
    torch.testing.assert_close(torch.autograd.grad(torch.cat(parts).sum(), list(flow.parameters()), **whole), expected)


@models
def test_no_tensor_hides_from_moves(model: str) -> None:
    for name, module in make(model).named_modules():
        assert not [f"{name}.{key}" for key, value in vars(module).items() if isinstance(value, Tensor)]


@quiet
@models
def test_an_exported_graph_is_the_flow_for_every_batch(model: str) -> None:
    flow = make(model, levels=1)
    x, more = torch.rand(3, *SHAPE), torch.rand(5, *SHAPE)
    batch = torch.export.Dim("batch", min=2)
    graph = torch.export.export(flow, (x,), dynamic_shapes={"x": {0: batch}}).module()
    for actual, expected in zip(gradients(graph, more), gradients(flow, more), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    latents, logdet = module(x)
    density = logdet - 0.5 * sum(latent.square().flatten(1).sum(1) for latent in latents)
    parameters = dict(module.named_parameters())
    inputs = [parameters[name] for name in sorted(parameters)]
    # What is learned only in a training has no gradient here.
    return [density, *torch.autograd.grad(density.sum(), inputs, allow_unused=True, materialize_grads=True)]


@quiet
@pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning")  # torch 2.10 of its own archive
def test_an_exported_decoder_draws_samples(tmp_path: Path) -> None:
    flow = make("inverse-flow", levels=1)

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flow = flow

        def forward(self, latents: list[Tensor]) -> Tensor:
            return self.flow.decode(latents)

    with torch.no_grad():
        program = torch.export.export(Decoder(), (flow.draw_latents(3),))
        torch.export.save(program, tmp_path / "decoder.pt2")
        decode = torch.export.load(tmp_path / "decoder.pt2").module()
        latents = flow.draw_latents(3)
        torch.testing.assert_close(decode(latents), flow.decode(latents))


@quiet
def test_one_compiled_graph_is_the_density_of_every_batch() -> None:
    torch.compiler.reset()
    flow = make("inverse-flow", levels=1)
    compiled = torch.compile(flow.log_prob, backend="aot_eager", fullgraph=True, dynamic=True)
    with torch.compiler.set_stance("default"):
        compiled(torch.rand(2, *SHAPE))
    with torch.compiler.set_stance("fail_on_recompile"):
        for n in (3, 8):
            x = torch.rand(n, *SHAPE)
            torch.testing.assert_close(compiled(x), flow.log_prob(x))
