"""Training of a tiny flow: what an update does, and what a whole run does."""

from __future__ import annotations

import csv
import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nflows_core.bijections import ActNorm, AffineCoupling, Composition, Conv1x1
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.training import FlowLikelihood, StepMetrics, Trainer, TrainingConfig
from nflows_core.training.config import Precision

SHAPE = (2, 4, 4)


def tiny_flow(context_features: int = 0) -> Flow:
    torch.manual_seed(0)
    layers = [
        layer
        for _ in range(2)
        for layer in (
            ActNorm(SHAPE),
            Conv1x1(SHAPE),
            AffineCoupling(SHAPE, width=8, context_features=context_features),
        )
    ]
    return Flow([Composition(layers)])


def gradients_of_gray(n: int = 64, seed: int = 0) -> Images:
    """Two classes of images: one dark, one bright, each with a slope."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    slope = torch.arange(4.0).expand(*SHAPE) * 8
    noise = 4 * torch.randn(n, *SHAPE, generator=generator)
    pixels = 60 + 100 * labels[:, None, None, None] + slope + noise
    return Images(pixels.clamp(0, 255).to(torch.uint8), labels=labels, classes=("dark", "bright"))


def rows(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


class Recorder:
    """What the progress callback saw: metrics, and the gradient that each update used."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.metrics: list[StepMetrics] = []
        self.gradients: list[Tensor] = []
        self.totals: set[int] = set()

    def __call__(self, metrics: StepMetrics, total: int) -> None:
        self.metrics.append(metrics)
        self.totals.add(total)
        used = [parameter.grad for parameter in self.flow.parameters() if parameter.grad is not None]
        self.gradients.append(torch.cat([gradient.flatten() for gradient in used]).clone())


def recorded(folder: Path, config: TrainingConfig) -> Recorder:
    flow = tiny_flow(2 if config.conditional else 0)
    recorder = Recorder(flow)
    Trainer(FlowLikelihood(flow, gradients_of_gray(), config), folder, recorder).fit()
    return recorder


def test_training_lowers_bits_per_dim_of_unseen_images(tmp_path: Path) -> None:
    flow = tiny_flow()
    test = gradients_of_gray(seed=1)
    config = TrainingConfig(epochs=20, batch_size=16, learning_rate=1e-2, warmup_steps=10, log_steps=1)
    averaged = Trainer(FlowLikelihood(flow, gradients_of_gray(), config, test), tmp_path).fit()
    curve = rows(tmp_path / "metrics_test.csv")
    assert [row["epoch"] for row in curve] == list(range(21))
    assert [row["step"] for row in curve] == [4 * row["epoch"] for row in curve]
    # The slope and the noise of standard deviation 4 have the entropy log2(4 sqrt(2 pi e)) = 4.05 bits.
    assert rows(tmp_path / "metrics.csv")[0]["bits_per_dim"] - curve[-1]["bits_per_dim"] > 1
    assert 4.05 < curve[-1]["bits_per_dim"] < 6
    noise = torch.Generator().manual_seed(0)
    measured = averaged.bits_per_dim(test.pixels, generator=noise).mean().item()
    assert measured == pytest.approx(curve[-1]["bits_per_dim"], abs=0.02)
    assert not averaged.training


def test_first_row_is_the_loss_of_the_initialized_flow(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=64, log_steps=1)
    recorder = recorded(tmp_path, config)
    # ActNorm makes the first batch standard normal, so its density is exact: mean square 1 by definition.
    first = recorder.metrics[0].loss
    flow = tiny_flow()
    images = gradients_of_gray()
    flow.initialize((images.pixels + 0.5) / 256)
    assert first == pytest.approx(flow.bits_per_dim(images.pixels).mean().item(), abs=0.02)


def test_metrics_have_a_row_every_log_steps_and_at_the_end(tmp_path: Path) -> None:
    recorder = recorded(
        tmp_path, TrainingConfig(epochs=3, batch_size=8, learning_rate=1e-3, log_steps=5, warmup_steps=2)
    )
    curve = rows(tmp_path / "metrics.csv")
    assert [row["step"] for row in curve] == [5, 10, 15, 20, 24]
    assert [row["epoch"] for row in curve] == [1, 2, 2, 3, 3]
    assert [metrics.step for metrics in recorder.metrics] == list(range(1, 25))
    assert recorder.totals == {24}
    assert [metrics.learning_rate for metrics in recorder.metrics][:2] == [0.0005, 0.001]
    assert [recorder.metrics[step - 1].row() for step in (5, 10, 15, 20, 24)] == curve
    assert all(first["seconds"] < second["seconds"] for first, second in itertools.pairwise(curve))


def test_clipping_bounds_the_gradient(tmp_path: Path) -> None:
    recorder = recorded(tmp_path, TrainingConfig(epochs=2, batch_size=16, clip_norm=0.01))
    for metrics, gradient in zip(recorder.metrics, recorder.gradients, strict=True):
        assert metrics.gradient_norms["bits_per_dim"] > 0.01
        assert gradient.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_a_small_gradient_is_not_clipped(tmp_path: Path) -> None:
    recorder = recorded(tmp_path, TrainingConfig(epochs=1, batch_size=16, clip_norm=1e6))
    for metrics, gradient in zip(recorder.metrics, recorder.gradients, strict=True):
        assert gradient.norm().item() == pytest.approx(metrics.gradient_norms["bits_per_dim"], rel=1e-5)


def test_accumulation_is_the_larger_batch(tmp_path: Path) -> None:
    whole = recorded(tmp_path / "whole", TrainingConfig(epochs=2, batch_size=16))
    parts = recorded(tmp_path / "parts", TrainingConfig(epochs=2, batch_size=8, accumulation_steps=2))
    torch.testing.assert_close(parts.gradients[0], whole.gradients[0], rtol=1e-4, atol=1e-6)
    curves = [[metrics.loss for metrics in run.metrics] for run in (parts, whole)]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)  # the order of sums differs


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_recomputed_activations_draw_the_same_curve(tmp_path: Path, precision: Precision) -> None:
    config = TrainingConfig(epochs=2, batch_size=16, mixed_precision=precision)
    ordinary = recorded(tmp_path / "ordinary", config)
    reversible = recorded(tmp_path / "reversible", replace(config, reversible=True))
    torch.testing.assert_close(reversible.gradients[0], ordinary.gradients[0], rtol=1e-4, atol=1e-6)
    curves = [[metrics.loss for metrics in run.metrics] for run in (reversible, ordinary)]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_same_seed_same_curve_other_seed_other_curve(tmp_path: Path) -> None:
    curves = [
        [metrics.loss for metrics in recorded(tmp_path / name, config).metrics]
        for name, config in (
            ("a", TrainingConfig(epochs=2, batch_size=16, seed=1)),
            ("b", TrainingConfig(epochs=2, batch_size=16, seed=1)),
            ("c", TrainingConfig(epochs=2, batch_size=16, seed=2)),
        )
    ]
    assert curves[0] == curves[1]
    assert set(curves[0]).isdisjoint(curves[2])


def test_an_epoch_sees_every_image_once(tmp_path: Path) -> None:
    flow = tiny_flow()
    seen: list[Tensor] = []

    def see(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if torch.is_grad_enabled():  # and not where the trainer looks whether the flow still inverts
            seen.append(inputs[0].detach())

    flow.register_forward_pre_hook(see)
    pixels = torch.arange(64, dtype=torch.uint8)[:, None, None, None].expand(64, *SHAPE)
    config = TrainingConfig(epochs=2, batch_size=16)
    Trainer(FlowLikelihood(flow, Images(pixels.clone()), config), tmp_path).fit()
    orders = [(torch.cat(batches)[:, 0, 0, 0] * 256).long().tolist() for batches in (seen[:4], seen[4:8])]
    assert [sorted(order) for order in orders] == [list(range(64))] * 2
    assert orders[0] != orders[1]


def test_labels_reach_a_conditional_flow(tmp_path: Path) -> None:
    flow = tiny_flow(context_features=2)
    seen: list[tuple[Tensor, Tensor]] = []
    flow.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    config = TrainingConfig(epochs=1, batch_size=16, conditional=True)
    Trainer(FlowLikelihood(flow, gradients_of_gray(), config), tmp_path).fit()
    for x, context in seen:
        bright = x.mean(dim=(1, 2, 3)) > 0.5
        assert torch.equal(context, torch.stack([~bright, bright], dim=1).float())


def test_bfloat16_is_for_the_networks_alone(tmp_path: Path) -> None:
    flow = tiny_flow()
    types: dict[str, set[torch.dtype]] = {"flow": set(), "network": set()}

    def record(name: str, output: Tensor) -> None:
        if output.requires_grad:  # not while ActNorm is initialized, nor in evaluation
            types[name].add(output.dtype)

    for module in flow.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: record("network", output))
        if isinstance(module, AffineCoupling):
            module.register_forward_hook(lambda module, inputs, output: record("flow", output[0]))
    config = TrainingConfig(epochs=1, batch_size=16, mixed_precision="bf16")
    Trainer(FlowLikelihood(flow, gradients_of_gray(), config), tmp_path).fit()
    assert types == {"flow": {torch.float32}, "network": {torch.bfloat16}}
    flow(torch.rand(1, *SHAPE))
    assert types["network"] == {torch.bfloat16, torch.float32}  # the flow is given back as it was


def test_interrupt_leaves_a_checkpoint_of_its_step(tmp_path: Path) -> None:
    uninterrupted = recorded(tmp_path / "whole", TrainingConfig(epochs=3, batch_size=16))

    def interrupt(metrics: StepMetrics, total: int) -> None:
        if metrics.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    config = TrainingConfig(epochs=3, batch_size=16, log_steps=1)
    with pytest.raises(KeyboardInterrupt):
        Trainer(FlowLikelihood(tiny_flow(), gradients_of_gray(), config), tmp_path, interrupt).fit()
    flow = tiny_flow()
    recorder = Recorder(flow)
    Trainer(FlowLikelihood(flow, gradients_of_gray(), config), tmp_path, recorder).fit(resume=True)
    assert [metrics.step for metrics in recorder.metrics] == [8, 9, 10, 11, 12]
    assert [row["bits_per_dim"] for row in rows(tmp_path / "metrics.csv")] == [
        metrics.loss for metrics in uninterrupted.metrics
    ]


def test_images_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=100)
    flow, images = tiny_flow(), gradients_of_gray()
    small = Images(torch.zeros(9, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"takes images of shape \(2, 4, 4\), the training images have \(1, 4, 4\)"):
        FlowLikelihood(flow, small, config)
    with pytest.raises(ValueError, match="256 values a pixel, the test images have 16"):
        FlowLikelihood(flow, images, config, Images(images.pixels // 16, quantization=16))
    with pytest.raises(ValueError, match=r"64 training images do not fill one update of 100 .* lower batch_size"):
        Trainer(FlowLikelihood(flow, images, config), tmp_path / "run").fit()
    assert not (tmp_path / "run").exists()
    flow.levels[0].bijections[1].is_exact = False  # type: ignore[union-attr, index]
    with pytest.raises(ValueError, match=r"layer levels\.0\.bijections\.1 \(Conv1x1\) is approximate"):
        FlowLikelihood(flow, images, TrainingConfig(epochs=1, reversible=True))
    unlabelled = Images(images.pixels)
    with pytest.raises(ValueError, match="conditional training needs labelled images"):
        Trainer(FlowLikelihood(flow, unlabelled, TrainingConfig(epochs=1, conditional=True))).fit()


def test_missing_tensorboard_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = TrainingConfig(epochs=1, tensorboard=True)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nflows-core\[tensorboard\]'"):
        Trainer(FlowLikelihood(tiny_flow(), gradients_of_gray(), config), tmp_path)
