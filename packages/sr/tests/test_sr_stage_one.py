"""The training of autoencoders that enlarge."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nflows_core.runtime.tensors import read_tensors
from nflows_core.testing import one_thread
from nflows_core.training import EngineConfig, Place, StepMetrics, Trainer
from nflows_core.training.curve import read_curve
from nflows_sr.autoencoders import Reconstructor, Shape, build_autoencoder, choose_trained
from nflows_sr.data.crops import Pair
from nflows_sr.losses import PatchDiscriminator
from nflows_sr.training.autoencoder import Adversaries, Batch, LossWeights, StageOne

SHAPE = Shape(coupled=True, widths=(8, 16), layers=1, groups=4, latent_channels=2)
MEASURES = ("rec", "ae", "nll", "total")
CPU = Place(0, 1, torch.device("cpu"))


class Gradients:
    """Pictures that grow brighter to the right, each by as much as its number says."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def read(self, index: int, seed: int) -> Pair:
        large = torch.linspace(0, 1, 16).expand(3, 16, 16) * (1 + index) / self.n
        return large[:, ::2, ::2].contiguous(), large.contiguous()


def task(shape: Shape = SHAPE, start: int = 2, batch_size: int = 4) -> StageOne:
    torch.manual_seed(0)
    model = Adversaries(build_autoencoder(shape), PatchDiscriminator(width=2, layers=1))
    config = EngineConfig(epochs=3, batch_size=batch_size, learning_rate=1e-3, checkpoint_steps=2, log_steps=1)
    weights = LossWeights(latent=1.0 if shape.codes else 1e-6, start=start)
    return StageOne(model, Gradients(12), config, Gradients(4), weights=weights, perceptual=None)


def a_batch(of: StageOne, step: int = 0) -> Batch:
    return next(iter(of.training_batches(CPU).training(step)))


def measured(of: StageOne) -> Mapping[str, Tensor]:
    with torch.no_grad():
        return of.measure(of.model.eval(), next(iter(of.test_batches(CPU))))


def test_a_latent_that_is_standard_normal_costs_nothing_and_another_what_the_formula_says() -> None:
    reconstructor = Reconstructor(build_autoencoder(SHAPE))
    with torch.no_grad():
        for parameter in reconstructor.autoencoder.quant_conv.parameters():
            parameter.zero_()
        x = torch.randn(2, 3, 8, 8)
        assert reconstructor(x)[1].tolist() == [0, 0]
        mean, log_variance = 0.5, -1.0
        reconstructor.autoencoder.quant_conv.bias.copy_(torch.tensor([mean, mean, log_variance, log_variance]))
        entries = 2 * 4 * 4
        expected = entries / 2 * (mean**2 + math.exp(log_variance) - 1 - log_variance)
        assert reconstructor(x)[1].tolist() == pytest.approx([expected] * 2)


def test_codes_pass_gradients_straight_through_and_commit_by_a_quarter() -> None:
    quantize = build_autoencoder(replace(SHAPE, codes=4)).quantize
    quantize.embedding.weight.data = torch.tensor([[0.0, 0], [1, 1], [9, 9], [9, 9]])
    z = torch.tensor([0.8, 1.1]).reshape(1, 2, 1, 1).requires_grad_()
    code, cost, _ = quantize(z)
    assert code.flatten().tolist() == [1, 1]
    assert cost.item() == pytest.approx(1.25 * (0.2**2 + 0.1**2) / 2)
    (straight,) = torch.autograd.grad((code * torch.tensor([3.0, 5]).reshape(1, 2, 1, 1)).sum(), z, retain_graph=True)
    assert straight.flatten().tolist() == [3, 5]
    cost.backward()
    assert z.grad is not None
    torch.testing.assert_close(z.grad.flatten(), 0.25 * torch.tensor([-0.2, 0.1]))
    torch.testing.assert_close(quantize.embedding.weight.grad[1], torch.tensor([0.2, -0.1]))


@pytest.mark.parametrize("shape", [(1, 3, 8, 7), (1, 1, 8, 8), (3, 8, 8)])
def test_pictures_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes pictures \(B, 3, H, W\) whose height and width are multiples of 2"):
        Reconstructor(build_autoencoder(SHAPE))(torch.zeros(shape))


def test_before_its_start_the_discriminator_has_no_part() -> None:
    stage = task(start=2)
    before, after = (stage.objectives()[1].loss(stage.model.discriminator, a_batch(stage, step)) for step in (1, 2))
    before.backward()  # type: ignore[no-untyped-call]
    assert before == 0
    assert not any(p.grad.any() for p in stage.model.discriminator.parameters() if p.grad is not None)
    assert after > 0
    stage.objectives()[0].loss(stage.model.reconstructor, a_batch(stage, 1))
    assert stage.model.adversarial_weight == 0
    assert torch.equal(measured(stage)["ae"], measured(stage)["total"])
    stage.objectives()[0].loss(stage.model.reconstructor, a_batch(stage, 2))
    assert stage.model.adversarial_weight > 0


def test_measures_are_parts_of_one_sum() -> None:
    stage = task()
    stage.model.adversarial_weight.fill_(0.3)
    batch = next(iter(stage.test_batches(CPU)))
    values = measured(stage)
    with torch.no_grad():
        made, cost = stage.model.reconstructor(batch.blurred, mode=True)
        absolute = (made - batch.sharp).abs().mean((1, 2, 3))
    torch.testing.assert_close(values["rec"], absolute)
    torch.testing.assert_close(values["total"] - values["nll"], 1e-6 * cost)
    assert not torch.equal(values["nll"], values["rec"])
    assert all(value.shape == (4,) for value in values.values())


def test_what_is_measured_is_the_same_each_time() -> None:
    stage = task()
    first, second = measured(stage), measured(stage)
    assert all(torch.equal(first[name], second[name]) for name in MEASURES)


def test_codes_are_not_drawn() -> None:
    values = measured(task(replace(SHAPE, codes=8)))
    assert torch.equal(values["rec"], values["nll"])


def test_codes_begin_where_the_latents_are() -> None:
    stage = task(replace(SHAPE, codes=4096))
    stage.initialize(CPU)
    autoencoder = stage.model.reconstructor.autoencoder
    with torch.no_grad():
        latents = autoencoder.encode(a_batch(stage).blurred).latents
    codes = autoencoder.quantize.embedding.weight.detach()
    torch.testing.assert_close(codes.std(0), latents.std((0, 2, 3)), rtol=0.05, atol=0)
    assert ((codes.mean(0) - latents.mean((0, 2, 3))).abs() < 0.1 * latents.std((0, 2, 3))).all()


def test_small_pictures_come_in_enlarged_and_both_between_minus_one_and_one() -> None:
    batch = a_batch(task())
    assert batch.blurred.shape == batch.sharp.shape == (4, 3, 16, 16)
    assert -1 <= batch.blurred.min() < batch.sharp.max() <= 1


@pytest.mark.parametrize(("coupled", "codes"), [(True, 0), (False, 8)])
def test_training_lowers_what_is_measured(coupled: bool, codes: int) -> None:
    stage = task(replace(SHAPE, coupled=coupled, codes=codes), start=4)
    before = measured(stage)["rec"].mean()
    trained = Trainer(stage).fit()
    stage.model.load_state_dict(trained.state_dict())
    assert measured(stage)["rec"].mean() < before


def test_couplings_alone_learn_and_the_losses_meet_at_the_last_of_them() -> None:
    stage = task(start=0)
    choose_trained(stage.model.reconstructor.autoencoder, "couplings")
    before = {name: one.clone() for name, one in stage.model.reconstructor.named_parameters()}
    assert stage.model.reconstructor.last_layer.shape == (8, 4, 3, 3)
    Trainer(stage).fit()
    changed = {name for name, one in stage.model.reconstructor.named_parameters() if not torch.equal(one, before[name])}
    assert changed
    assert all(".coupling." in name for name in changed)


@pytest.mark.parametrize("name", ["perceptual", "latent", "adversarial", "start"])
def test_weights_below_zero_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`: expected a finite number, 0 or more, got -1"):
        LossWeights(**{name: -1})


def train(folder: Path, killed_after: int = -1) -> None:
    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step == killed_after:
            os.kill(os.getpid(), signal.SIGKILL)

    with one_thread():
        Trainer(task(), folder, progress).fit(resume=True)


def test_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    program = f"from {Path(__file__).stem} import train; from pathlib import Path; train(Path({str(killed)!r}), 5)"
    ended = subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parent)
    assert ended.returncode == -signal.SIGKILL
    train(killed)
    train(whole)
    for file, columns in (("metrics.csv", ["autoencoder_loss", "discriminator_loss"]), ("metrics_test.csv", MEASURES)):
        for column in columns:
            assert read_curve(whole / file, column) == read_curve(killed / file, column)
    weights = [read_tensors(folder / "checkpoint.safetensors", "checkpoint")[0] for folder in (whole, killed)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
