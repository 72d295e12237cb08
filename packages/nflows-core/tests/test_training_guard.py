"""Which layer is blamed when a training step is not finite."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nflows_core.bijections import ActNorm, AffineCoupling, Bijection, Composition, Conv1x1
from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.runs import load_run, read_run
from nflows_core.runtime.cli import run
from nflows_core.training import DivergedError, FlowLikelihood, Trainer, TrainingConfig
from nflows_core.training.guard import locate_non_finite

SHAPE = (2, 4, 4)


class _BadGradient(torch.autograd.Function):
    @staticmethod
    def forward(context: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(context: object, gradient: Tensor) -> Tensor:
        return gradient * torch.nan


class Faulty(Bijection):
    """The identity, until it is told to break."""

    def __init__(self) -> None:
        super().__init__(SHAPE)
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.fault = ""

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        logdet = x.new_zeros(len(x))
        if self.fault == "output":
            x = torch.where(x == x.max(), torch.nan, x)
        if self.fault == "logdet":
            logdet = logdet + torch.inf
        if self.fault == "input gradient":
            x = _BadGradient.apply(x)
        if self.fault == "parameter gradient":
            x = x + _BadGradient.apply(self.weight)
        if self.fault == "huge":
            x = x * 1e30
        return x, logdet


def stack(position: int) -> tuple[Flow, Faulty]:
    """A faulty layer in one of seven places."""
    faulty = Faulty()
    layers = [layer for _ in range(2) for layer in (ActNorm(SHAPE), Conv1x1(SHAPE), AffineCoupling(SHAPE, width=4))]
    return Flow([Composition([*layers[:position], faulty, *layers[position:]])]), faulty


@pytest.mark.parametrize("position", [0, 3, 6])
@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("output", "output of layer {} (Faulty)"),
        ("logdet", "log-determinant of layer {} (Faulty)"),
        ("input gradient", "gradient of the input in layer {} (Faulty)"),
        ("parameter gradient", "gradient of weight in layer {} (Faulty)"),
    ],
)
def test_the_first_bad_layer_is_named(position: int, fault: str, where: str) -> None:
    flow, faulty = stack(position)
    faulty.fault = fault
    x = torch.rand(3, *SHAPE, requires_grad=True)
    found = locate_non_finite(flow, (-flow.log_prob(x).mean() for _ in range(1)))
    assert found == where.format(f"levels.0.bijections.{position}")


def test_latents_too_large_for_the_density_are_told_from_layers() -> None:
    flow, faulty = stack(6)
    faulty.fault = "huge"
    found = locate_non_finite(flow, (-flow.log_prob(torch.rand(3, *SHAPE)).mean() for _ in range(1)))
    assert found.startswith("the loss alone")


def test_finite_gradients_whose_norm_overflows_name_the_layer_of_the_largest() -> None:
    flow, faulty = stack(3)
    with torch.no_grad():
        faulty.weight.fill_(1.0)
    # Squares of each gradient fit into float32, the sum over all layers does not.
    found = locate_non_finite(flow, (1e19 * sum(p.sum() for p in flow.parameters()) for _ in range(1)))
    assert found is not None
    assert found.startswith("norm of the gradient, the most of it in layer levels.0.bijections.")


def test_a_finite_step_has_nothing_to_name() -> None:
    flow, _ = stack(3)
    assert locate_non_finite(flow, (-flow.log_prob(torch.rand(3, *SHAPE)).mean() for _ in range(1))) is None


def test_the_search_leaves_no_hooks() -> None:
    flow, faulty = stack(3)
    faulty.fault = "output"
    locate_non_finite(flow, (-flow.log_prob(torch.rand(3, *SHAPE)).mean() for _ in range(1)))
    assert not any(module._forward_hooks for module in flow.modules())


@pytest.mark.parametrize("fault", ["output", "logdet", "parameter gradient"])
def test_training_stops_before_the_bad_update(tmp_path: Path, fault: str) -> None:
    flow, faulty = stack(3)
    weights: dict[str, Tensor] = {}

    def break_after_five(metrics: object, total: int) -> None:
        if metrics.step == 5:  # type: ignore[attr-defined]
            weights.update({name: value.clone() for name, value in flow.state_dict().items()})
            faulty.fault = fault

    images = Images(torch.randint(256, (32, *SHAPE), dtype=torch.uint8))
    config = TrainingConfig(epochs=5, batch_size=8, accumulation_steps=2, checkpoint_steps=4, learning_rate=1e-3)
    with pytest.raises(DivergedError) as caught:
        Trainer(FlowLikelihood(flow, images, replace(config, warmup_steps=0)), tmp_path, break_after_five).fit()
    message = str(caught.value)
    assert "layer levels.0.bijections.3 (Faulty)" in message
    assert "after 5 updates, at learning rate 0.0005" in message
    assert f"the last good checkpoint is {tmp_path / 'checkpoint.safetensors'}" in message
    assert caught.value.step == 5
    for name, value in flow.state_dict().items():
        assert torch.equal(value, weights[name])


def test_an_absurd_learning_rate_is_stopped_and_its_checkpoint_is_good(tmp_path: Path) -> None:
    flow, _ = stack(3)
    images = Images(torch.randint(256, (32, *SHAPE), dtype=torch.uint8))
    config = TrainingConfig(epochs=50, batch_size=8, learning_rate=1e4, checkpoint_steps=1)
    with pytest.raises(DivergedError, match=r"learning rate \d+.*layer levels\.0\.bijections\.\d \("):
        Trainer(FlowLikelihood(flow, images, config), tmp_path).fit()
    assert all(parameter.isfinite().all() for parameter in flow.parameters())
    resumed, _ = stack(3)
    config = TrainingConfig(epochs=50, batch_size=8, learning_rate=1e-9)
    Trainer(FlowLikelihood(resumed, images, config), tmp_path).fit(resume=True)


def test_no_checkpoint_yet_is_said(tmp_path: Path) -> None:
    flow, faulty = stack(3)
    faulty.fault = "logdet"
    images = Images(torch.randint(256, (32, *SHAPE), dtype=torch.uint8))
    with pytest.raises(DivergedError, match=r"after 0 updates.*no checkpoint was written yet"):
        Trainer(FlowLikelihood(flow, images, TrainingConfig(epochs=1, batch_size=8)), tmp_path).fit()


@pytest.mark.real_data
def test_ten_times_the_learning_rate_stops_a_run_on_mnist(
    tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = read_images(data_folder / "mnist", "train").pixels[:1100, 0]
    np.save(tmp_path / "mnist.npy", pixels.numpy())
    command = ["train", str(tmp_path / "mnist.npy"), "--depth", "2", "--width", "32", "--batch-size", "50"]
    command += ["--warmup-steps", "0", "--clip-norm", "1e9", "--schedule", "constant", "--epochs", "1"]
    command += ["--checkpoint-steps", "1", "--ema-decay", "0"]
    assert run(nflows, [*command, "-o", str(tmp_path / "sane"), "--learning-rate", "0.03"]) == 0
    assert run(nflows, [*command, "-o", str(tmp_path / "fast"), "--learning-rate", "0.3"]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"diverged after \d+ updates, at learning rate 0\.3: [\d,]+ bits per dim;", message)
    assert re.search(r" layer levels\.\d\.\w+\.\d+ \(\w+\)", message)
    assert f"the last good checkpoint is {tmp_path / 'fast' / 'checkpoint.safetensors'}" in message
    with pytest.warns(RuntimeWarning, match="its training has not finished"):
        flow = load_run(tmp_path / "fast")
    images = read_images(tmp_path / "mnist.npy", "train")
    assert all(parameter.isfinite().all() for parameter in flow.parameters())
    config = replace(read_run(tmp_path / "fast").training, learning_rate=1e-9)
    Trainer(FlowLikelihood(flow, images, config), tmp_path / "fast").fit(resume=True)
