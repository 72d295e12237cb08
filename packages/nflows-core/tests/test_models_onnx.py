"""Densities and samples of presets in an ONNX runtime, which knows nothing of us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nflows_core.flow import Flow
from nflows_core.models import build

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


class Part(nn.Module):
    """One method of a flow as a module, which is what torch exports."""

    def __init__(self, flow: Flow, method: str) -> None:
        super().__init__()
        self.flow = flow
        self.method = method

    def forward(self, *tensors: Tensor) -> Tensor:
        arguments = tensors if self.method == "log_prob" else [list(tensors)]
        return getattr(self.flow, self.method)(*arguments)  # type: ignore[no-any-return]


def make(model: str) -> Flow:
    flow = build(model, {"shape": (1, 8, 8), "levels": 1, "depth": 1, "width": 4})
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1 / parameter[0].numel() ** 0.5)
    return flow.eval()


@torch.no_grad()
def test_a_runtime_computes_a_density_that_solves_convolutions(tmp_path: Path) -> None:
    flow = make("inverse-flow")
    x = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(run(Part(flow, "log_prob"), [x], tmp_path), flow.log_prob(x), rtol=1e-5, atol=1e-3)


@torch.no_grad()
def test_a_runtime_draws_samples_that_solve_them(tmp_path: Path) -> None:
    flow = make("finc")
    latents = flow.draw_latents(3)
    torch.testing.assert_close(run(Part(flow, "decode"), latents, tmp_path), flow.decode(latents), rtol=0, atol=1e-5)


def run(module: nn.Module, tensors: list[Tensor], folder: Path) -> Tensor:
    path = folder / "part.onnx"
    program: Any = torch.onnx.export(module, tuple(tensors), dynamo=True, verbose=False)
    program.save(path)
    session = onnxruntime.InferenceSession(path)
    inputs = {given.name: tensor.numpy() for given, tensor in zip(session.get_inputs(), tensors, strict=True)}
    return torch.from_numpy(session.run(None, inputs)[0])
