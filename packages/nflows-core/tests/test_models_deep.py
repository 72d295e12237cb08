"""Flows of Glow's own depth: what bounds their layers, and that they invert and sample however little they learned."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from invconv import nn as invconv_nn
from nflows_core.bijections import Bijection
from nflows_core.bijections.coupling import Scaling
from nflows_core.cli import nflows
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.models import MODELS, MultiScaleFlow, build
from nflows_core.runs import load_run, read_run
from nflows_core.runs.experiment import usual_learning_rate
from nflows_core.testing import call_command
from nflows_core.training import DivergedError, FlowLikelihood, Trainer, TrainingConfig
from run_folders import untrained_run

DEEP = [name for name, preset in MODELS.items() if issubclass(preset, MultiScaleFlow)]
WITH_INVERSES = ["cinc", "finc", "inverse-flow"]


def flow_of(model: str, depth: int, side: int = 4, levels: int = 1, **own: float) -> Flow:
    torch.manual_seed(0)
    return build(model, {"shape": (2, side, side), "levels": levels, "depth": depth, "width": 4, **own})


def scaling(flow: Flow) -> list[Scaling]:
    return [module for module in flow.levels.modules() if isinstance(module, Scaling)]


@pytest.mark.parametrize("model", DEEP)
@pytest.mark.parametrize(("depth", "bound"), [(1, 2.0), (16, 2.0), (32, 1.0), (64, 0.5)])
def test_couplings_share_what_a_level_may_scale(model: str, depth: int, bound: float) -> None:
    assert {module.max_log_scale for module in scaling(flow_of(model, depth))} == {bound}


@given(raw=st.floats(-1e30, 1e30), depth=st.integers(1, 128))
def test_no_log_scale_is_beyond_its_bound(raw: float, depth: int) -> None:
    (step,) = scaling(flow_of("glow", 1, level_log_scale=32.0 / depth))
    bound = min(2.0, 32.0 / depth)
    log_scale = step._bounded(torch.tensor(raw)).item()
    assert abs(log_scale) <= bound * (1 + 1e-6)
    if abs(raw) < 1e-3 * bound:
        assert log_scale == pytest.approx(raw, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("model", WITH_INVERSES)
@pytest.mark.parametrize(("depth", "each"), [(1, 10.0), (16, 10.0), (32, 10**0.5), (48, 10 ** (1 / 3))])
def test_inverse_convolutions_share_what_a_level_may_amplify(model: str, depth: int, each: float) -> None:
    flow = flow_of(model, depth)
    kinds = (invconv_nn.InvertibleConv2d, invconv_nn.InverseConv2d)
    bounds = [module.max_amplification for module in flow.modules() if isinstance(module, kinds)]
    assert len(bounds) >= depth
    assert bounds == pytest.approx([each] * len(bounds))


@pytest.mark.parametrize("name", ["level_log_scale", "level_amplification"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_level_has_a_bound(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a number above [01], got"):
        flow_of("inverse-flow", 1, **{name: value})


def test_a_run_of_before_the_bounds_keeps_its_function(tmp_path: Path) -> None:
    """Each layer had a bound alone, at any depth."""
    folder = untrained_run(tmp_path)
    configuration = json.loads((folder / "config.json").read_text())
    assert "level_log_scale" not in configuration["arguments"]
    configuration["arguments"] |= {"depth": 20, "kernel_size": 3, "max_amplification": 7.0}
    (folder / "config.json").write_text(json.dumps(configuration | {"model": "inverse-flow"}))
    earlier = build("inverse-flow", read_run(folder).arguments)
    assert {module.max_log_scale for module in scaling(earlier)} == {2.0}
    convolutions = [module for module in earlier.modules() if isinstance(module, invconv_nn.InverseConv2d)]
    assert [module.max_amplification for module in convolutions] == [7.0] * 20


@pytest.mark.parametrize("model", DEEP)
def test_samples_are_finite_whatever_the_parameters_are(model: str) -> None:
    """As far from a trained flow as a first few large updates can lead."""
    flow = flow_of(model, 32, side=8, levels=2).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    for temperature in (0.7, 1.0, 1.2):
        assert flow.sample(8, temperature, generator=generator).isfinite().all()


def test_deep_flows_learn_more_slowly() -> None:
    """What all steps change together in an update stays the same from 32 steps on."""
    rates = [usual_learning_rate("glow", {"levels": 2, "depth": depth}) for depth in (1, 4, 16, 32, 64)]
    assert rates == pytest.approx([3e-3, 3e-3, 3e-3, 1.5e-3, 0.75e-3])
    assert usual_learning_rate("planar-stack", {"levels": 2, "depth": 32}) == 3e-3, "its depth is of all levels"


class WronglyInverted(Bijection):
    """Doubles, and undoes it but for a part."""

    def __init__(self, error: float, is_exact: bool = True) -> None:
        super().__init__((1, 2, 2))
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.error, self.is_exact = error, is_exact

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return 2 * x + self.weight, x.new_full((len(x),), 4 * math.log(2.0))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return (z - self.weight) / 2 + self.error


def trained(error: float, is_exact: bool, folder: Path | None = None) -> Flow:
    images = Images(torch.arange(16, dtype=torch.uint8).reshape(4, 1, 2, 2), quantization=16)
    config = TrainingConfig(epochs=2, batch_size=2)
    return Trainer(
        FlowLikelihood(Flow([WronglyInverted(error, is_exact)], quantization=16), images, config), folder
    ).fit()


@pytest.mark.parametrize("error", [2e-3, math.nan])
def test_a_flow_that_does_not_invert_is_given_up_before_its_checkpoint(error: float, tmp_path: Path) -> None:
    words = (
        r"inverts in float32: decode\(encode\(x\)\) is off by .* more than 0.001.* no checkpoint .*Lower learning_rate"
    )
    with pytest.raises(DivergedError, match=words):
        trained(error, is_exact=True, folder=tmp_path)
    assert not list(tmp_path.glob("checkpoint*"))


@pytest.mark.parametrize(("error", "is_exact"), [(5e-4, True), (2e-3, False)])
def test_rounding_and_approximate_inverses_are_no_fault(error: float, is_exact: bool) -> None:
    assert trained(error, is_exact).levels[0].error == error


def pictures(folder: Path, count: int = 32, side: int = 16) -> Path:
    """Soft blobs of colour, with grain."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / side
    for number in range(count):
        place, colour = random.uniform(0, 1, 2), random.uniform(40, 215, 3)
        blob = np.exp(-8 * ((rows - place[0]) ** 2 + (columns - place[1]) ** 2))
        pixels = blob[..., None] * colour + random.normal(20, 4, (side, side, 3))
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("model", ["inverse-flow", "glow"])
def test_a_flow_of_96_steps_inverts_and_samples_after_a_few_updates(model: str, tmp_path: Path) -> None:
    """The command as it stands, with hardly a warm-up."""
    data, run = pictures(tmp_path / "data"), tmp_path / "run"
    options = ["--levels", "3", "--depth", "32", "--width", "8", "--batch-size", "8", "--epochs", "2"]
    call = partial(call_command, nflows)
    assert call("train", data, "-o", run, "--model", model, *options, "--warmup-steps", "5") == 0
    report = json.loads((run / "report.json").read_text())
    assert report["max_reconstruction_error"] < 1e-3
    assert report["bits_per_dim"] < report["bits_per_dim_before_training"]
    flow = load_run(run)
    for temperature in (0.7, 1.0, 1.2):
        assert flow.sample(16, temperature, generator=flow.generator(0)).isfinite().all()


@pytest.mark.parametrize(
    "model", ["glow:depth=0", "glow:depth=deep", "glow:levels=none", "cinc:level_amplification=none"]
)
@pytest.mark.parametrize("command", ["train", "bench"])
def test_arguments_that_make_no_sense_are_named(
    command: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the learning rate of their steps is asked for."""
    assert call_command(nflows, command, "digits", "-o", tmp_path / "run", "--model", model) == 2
    assert f"{model.partition(':')[2].partition('=')[0]}" in capsys.readouterr().err
