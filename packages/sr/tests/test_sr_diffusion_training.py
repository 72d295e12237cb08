from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.tensors import read_header, read_tensors
from nflows_core.testing import call_command
from nflows_core.testing.tiny_diffusion import autoencoder, write_stable_diffusion
from nflows_core.training import EngineConfig, Place, StepMetrics, Trainer
from nflows_sr.autoencoders import couple
from nflows_sr.cli import sr
from nflows_sr.data.crops import enlarged
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.folder import StableDiffusion, load_stable_diffusion
from nflows_sr.diffusion.latents import encoded
from nflows_sr.diffusion.settings import Sampling
from nflows_sr.diffusion.stable_sr import StableSR
from nflows_sr.diffusion.wrapping import FeatureWrapping
from nflows_sr.training import load_model, read_run
from nflows_sr.training.autoencoder import Adversaries
from nflows_sr.training.diffusion import Guidance, GuidanceSettings, NoisyPairs
from nflows_sr.training.guided import load_guided
from nflows_sr.training.wrapping import Wrapping, WrappingSettings


class Ramps:
    """Large pictures that rise along some direction, beside the means of their blocks."""

    def __init__(self, count: int, side: int = 16) -> None:
        self.count, self.side = count, side

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        across, down = torch.rand(2, 3, 1, 1, generator=torch.Generator().manual_seed(index))
        x = torch.linspace(0, 1, self.side)
        large = (across * x + down * x[:, None]) / 2
        return nn.functional.avg_pool2d(large[None], 4)[0], large


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stable_diffusion(tmp_path_factory.mktemp("base"))


@pytest.fixture
def base(folder: Path) -> StableDiffusion:
    return load_stable_diffusion(folder)


def config(**changes: Any) -> EngineConfig:
    settings = {"epochs": 1, "batch_size": 2, "learning_rate": 1e-3, "ema_decay": 0.0, "schedule": "constant"}
    return EngineConfig(**{**settings, "checkpoint_steps": 1, "log_steps": 1, **changes})


def guidance(base: StableDiffusion, **changes: Any) -> Guidance:
    torch.manual_seed(0)
    return Guidance(Conditioning(base.unet, width=8), base, Ramps(6), config(**changes), Ramps(2))


def wrapping(base: StableDiffusion, **changes: Any) -> Wrapping:
    torch.manual_seed(0)
    guided = StableSR(base, Conditioning(base.unet, width=8))
    return Wrapping(FeatureWrapping(base.widths), guided, Ramps(6), config(**changes), Ramps(2), steps=1)


TASKS = {"guidance": guidance, "wrapping": wrapping}


def assert_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor], **tolerance: float) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, **{"rtol": 0.0, "atol": 0.0, **tolerance}, msg=name)


def test_error_is_that_of_the_noise(base: StableDiffusion) -> None:
    """Of an untrained conditioning, which changes nothing, by hand."""
    task = guidance(base)
    batch = tuple(torch.stack(tensors) for tensors in zip(*(task.pairs.read(n, n) for n in range(2)), strict=True))
    small, large, noise, times = batch
    assert small.shape == (2, 3, 4, 4)
    with torch.no_grad():
        noisy = base.schedule.noised(encoded(base.autoencoder, large), noise, times)
        predicted = base.unet(noisy, times, encoder_hidden_states=base.prompt.expand(2, -1, -1)).sample
        measured = task.measure(task.model, batch)["denoising_error"]  # type: ignore[arg-type]
    torch.testing.assert_close(measured, (predicted - noise).square().mean((1, 2, 3)))


@pytest.mark.parametrize("name", TASKS)
def test_mixed_precision_is_near(name: str, base: StableDiffusion) -> None:
    task = TASKS[name](base)
    (batch,) = task.test_batches(Place(0, 1, torch.device("cpu")))
    (whole,) = task.measure(task.model, batch).values()  # type: ignore[arg-type]
    with torch.autocast("cpu", torch.bfloat16):
        (mixed,) = task.measure(task.model, batch).values()  # type: ignore[arg-type]
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, whole, rtol=0.05, atol=0)


@pytest.mark.parametrize("name", TASKS)
def test_only_the_model_of_the_task_learns(name: str, base: StableDiffusion, tmp_path: Path) -> None:
    frozen = [copy.deepcopy(net.state_dict()) for net in (base.unet, base.autoencoder)]
    task = TASKS[name](base)
    before = copy.deepcopy(task.model.state_dict())
    trained = Trainer(task, tmp_path).fit()  # type: ignore[arg-type]
    for kept, net in zip(frozen, (base.unet, base.autoencoder), strict=True):
        assert_equal(kept, net.state_dict())
    assert [name for name, tensor in trained.state_dict().items() if torch.equal(before[name], tensor)] == []
    stored = read_tensors(tmp_path / "checkpoint.safetensors", "checkpoint")[0]
    assert {key for key in stored if key.startswith("model.")} == {f"model.{key}" for key in before}


@pytest.mark.parametrize("name", TASKS)
def test_loss_falls(name: str, base: StableDiffusion) -> None:
    task = TASKS[name](base, epochs=2, learning_rate=3e-3)
    (batch,) = task.test_batches(Place(0, 1, torch.device("cpu")))
    (before,) = task.measure(task.model, batch).values()  # type: ignore[arg-type]
    (after,) = task.measure(Trainer(task).fit(), batch).values()  # type: ignore[arg-type]
    assert after.mean() < before.mean()


@pytest.mark.parametrize("name", TASKS)
def test_stopped_and_resumed_is_the_run_that_was_not(name: str, base: StableDiffusion, tmp_path: Path) -> None:
    checkpoint = tmp_path / "b" / "checkpoint.safetensors"

    def stop(metrics: StepMetrics, total: int) -> None:
        if metrics.step == 2:
            checkpoint.replace(tmp_path / "second")
            raise KeyboardInterrupt

    whole = Trainer(TASKS[name](base), tmp_path / "a").fit()  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        Trainer(TASKS[name](base), tmp_path / "b", stop).fit()  # type: ignore[arg-type]
    (tmp_path / "second").replace(checkpoint)  # what a kill would have left
    assert read_header(checkpoint, "checkpoint")["progress"]["step"] == 1
    resumed = Trainer(TASKS[name](base), tmp_path / "b").fit(resume=True)  # type: ignore[arg-type]
    assert_equal(whole.state_dict(), resumed.state_dict())


def test_accumulation_draws_what_a_large_batch_does(base: StableDiffusion) -> None:
    large, several = (Trainer(guidance(base, batch_size=size, accumulation_steps=4 // size)).fit() for size in (4, 1))
    assert_equal(large.state_dict(), several.state_dict(), atol=1e-4)


def test_noise_and_time_are_functions_of_the_seed(base: StableDiffusion) -> None:
    pairs = NoisyPairs(Ramps(4), base)
    first, again, other = (pairs.read(0, seed) for seed in (7, 7, 8))
    assert first[2].shape == (4, 4, 4)
    assert torch.equal(first[2], again[2])
    assert first[3] == again[3]
    assert not torch.equal(first[2], other[2])
    times = torch.stack([pairs.read(0, seed)[3] for seed in range(400)])
    assert times.min() >= 0
    assert times.max() < 1000
    assert abs(times.double().mean() - 499.5) < 60  # four standard errors


def test_crops_that_do_not_divide_are_refused(base: StableDiffusion) -> None:
    with pytest.raises(ValueError, match="`crop`: a large crop has 20 pixels, and this model needs a multiple of 8"):
        NoisyPairs(Ramps(4, side=20), base)


def test_small_pictures_are_encoded_at_the_size_of_large_ones() -> None:
    small, large = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 16, 16)
    assert enlarged(small, large).shape == large.shape


def test_affine_autoencoder_takes_the_place_of_its_own(base: StableDiffusion) -> None:
    coupled = autoencoder()
    couple(coupled)
    affine = base.with_autoencoder(coupled)
    model = StableSR(affine, Conditioning(affine.unet, width=8), FeatureWrapping(affine.widths))
    made = [model.enlarge(torch.rand(3, 8, 8), 2, Sampling(steps=1, fidelity=w)) for w in (0.0, 1.0)]
    assert not torch.equal(*made)
    assert Trainer(wrapping(affine, epochs=1)).fit() is not None


def test_autoencoder_of_another_shape_is_refused(base: StableDiffusion) -> None:
    from diffusers import AutoencoderKL

    with pytest.raises(ValueError, match="`autoencoder`: its latents or levels are not those"):
        base.with_autoencoder(AutoencoderKL(block_out_channels=(32,), norm_num_groups=4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degradation": "rain"}, "`degradation`: expected one of real, bicubic.*, got 'rain'"),
        ({"crop": 0}, "`crop`: expected a number above 0, got 0"),
        ({"width": 12}, "`width`: expected a multiple of 8, got 12"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GuidanceSettings("base", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "`steps`: expected a number above 0, got 0"),
        ({"perceptual": "eye"}, "`perceptual`: expected vgg, efficientnet-lite0 or none, got 'eye'"),
    ],
)
def test_bad_settings_of_a_wrapping_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WrappingSettings("guide", **settings)


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of all three stages by the command: ``affine``, ``guide`` and ``wrap``."""
    place = tmp_path_factory.mktemp("runs")
    generator = np.random.default_rng(0)
    for part, count in (("train", 3), ("test", 1)):
        (place / part).mkdir()
        for index in range(count):
            pixels = generator.integers(0, 256, (16, 16, 3), np.uint8)
            write_picture(place / part / f"{index}.png", Picture(pixels))
    common = ("--test", place / "test", "--epochs", 1, "--batch-size", 2, "--accumulation-steps", 1)
    discriminator = "discriminator_width=2,discriminator_layers=1"
    affine = f"affine-ae:crop=4,width=8,levels=3,layers=1,groups=4,perceptual=none,{discriminator}"
    guide = f"stable-sr:base={folder},autoencoder={place / 'affine'},crop=4,width=8"
    wrap = f"stable-sr-wrapping:guide={place / 'guide'},steps=1,perceptual=none"
    for name, model in (("affine", affine), ("guide", guide), ("wrap", wrap)):
        assert call_command(sr, "train", place / "train", "-o", place / name, "--model", model, *common) == 0
    return place


def test_run_is_a_model_that_enlarges(runs: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(np.full((6, 9, 3), 99, np.uint8)))
    common = ("upscale", tmp_path / "a.png", "--steps", 1, "--device", "cpu", "--model")
    assert call_command(sr, *common, runs / "guide", "-o", tmp_path / "b.png") == 0
    assert call_command(sr, *common, runs / "wrap", "-o", tmp_path / "c.png", "--fidelity", 1) == 0
    plain, wrapped = (read_picture(tmp_path / name).pixels for name in ("b.png", "c.png"))
    assert plain.shape == wrapped.shape == (24, 36, 3)
    assert not np.array_equal(plain, wrapped)


def test_run_of_a_wrapping_has_what_it_builds_on(runs: Path) -> None:
    guided, wrapped = load_guided(runs / "guide"), load_guided(runs / "wrap")
    assert guided.wrapping is None
    assert wrapped.wrapping is not None
    assert_equal(guided.conditioning.state_dict(), wrapped.conditioning.state_dict())
    affine = load_model(runs / "affine", read_run(runs / "affine"))
    assert isinstance(affine, Adversaries)
    assert_equal(affine.reconstructor.autoencoder.state_dict(), wrapped.base.autoencoder.state_dict())


def test_fidelity_of_a_run_without_wrapping_is_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", Picture(np.zeros((5, 5, 3), np.uint8)))
    command = ("upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--fidelity", 0.5, "--model", runs / "guide")
    assert call_command(sr, *command) == 2
    assert "--fidelity 0.5: this model has no feature wrapping" in capsys.readouterr().err


def test_another_base_than_the_run_had_is_told(runs: Path, tmp_path: Path) -> None:
    guide = tmp_path / "guide"
    shutil.copytree(runs / "guide", guide)
    assert read_run(guide).base == load_guided(guide).base.digest
    stored = json.loads((guide / "config.json").read_text())
    copied = shutil.copytree(stored["settings"]["base"], tmp_path / "base")
    (weights,) = (copied / "unet").glob("*.safetensors")
    state = load_file(weights)
    state["conv_in.bias"] += 1
    save_file(state, weights, {"format": "pt"})
    stored["settings"]["base"] = str(copied)
    (guide / "config.json").write_text(json.dumps(stored))
    with pytest.warns(RuntimeWarning, match="guide was trained to guide another diffusion than the one that is at its"):
        load_guided(guide)


def test_missing_base_exits_3(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = "stable-sr:base=nowhere"
    command = ("train", runs / "train", "-o", tmp_path / "run", "--test", runs / "test", "--model", model)
    assert call_command(sr, *command) == 3
    assert "nowhere: no such folder. Download stabilityai/stable-diffusion-2-1-base" in capsys.readouterr().err


def test_guide_must_be_one(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = f"stable-sr-wrapping:guide={runs / 'wrap'}"
    command = ("train", runs / "train", "-o", tmp_path / "run", "--test", runs / "test", "--model", model)
    assert call_command(sr, *command) == 2
    assert "is a run of stable-sr-wrapping; give one of stable-sr" in capsys.readouterr().err


def test_autoencoder_must_be_one(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    model = f"stable-sr:base={folder},autoencoder={runs / 'guide'},crop=4,width=8"
    command = ("train", runs / "train", "-o", tmp_path / "run", "--test", runs / "test", "--model", model)
    assert call_command(sr, *command) == 2
    assert "is no run of an autoencoder" in capsys.readouterr().err


def test_info_counts_all_and_what_learns(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "info", runs / "wrap", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    model = load_guided(runs / "wrap")
    assert model.wrapping is not None
    assert report["learnable_parameters"] == sum(p.numel() for p in model.wrapping.parameters())
    assert report["parameters"] == sum(p.numel() for p in model.networks.parameters())
