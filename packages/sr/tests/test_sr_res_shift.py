from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_core.testing.tiny_diffusion import autoencoder
from nflows_core.training import EngineConfig, Trainer
from nflows_sr.cli import sr
from nflows_sr.data.crops import Pair
from nflows_sr.diffusion.res_shift import ResShift, restored_latents, shifting_network
from nflows_sr.diffusion.shifting import ShiftSchedule
from nflows_sr.training.res_shift import ResidualShifting, ShiftSettings

SETTINGS = "res-shift:autoencoder={},scale=1,crop=32,width=8,steps=4,degradation=bicubic"


class Bright:
    """Pictures of one light; the bad ones are half as bright."""

    def __len__(self) -> int:
        return 8

    def read(self, index: int, seed: int) -> Pair:
        large = torch.full((3, 32, 32), 0.2 + 0.1 * index)
        return large / 2, large


def test_the_chain_begins_at_the_good_and_ends_at_the_bad() -> None:
    schedule = ShiftSchedule()
    shifts = schedule.shifts
    assert len(shifts) == 16
    assert shifts[0] == 0
    assert float(shifts[1]) == pytest.approx(0.02**2)  # (.04 / 2)²
    assert float(shifts[-1]) == pytest.approx(0.999)
    assert (shifts.diff() > 0).all()
    good, bad = torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3)
    none = torch.zeros_like(good)
    for time in (1, 8, 15):
        on_the_way = schedule.shifted(good, bad, none, torch.tensor([time]))
        torch.testing.assert_close(on_the_way, shifts[time].float().expand_as(good))


def test_noise_grows_as_the_formula_says() -> None:
    schedule, noise = ShiftSchedule(kappa=1.5), torch.ones(1, 1, 1, 1)
    at = schedule.shifted(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), noise, torch.tensor([7]))
    assert float(at) == pytest.approx(1.5 * float(schedule.shifts[7]) ** 0.5)
    assert float(schedule.scaled(at, torch.tensor([7]))) < float(at)


def test_whoever_knows_the_good_latent_gets_it() -> None:
    good, bad = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4)
    made = ShiftSchedule(steps=5).sample(lambda latents, time: good, bad, torch.Generator().manual_seed(0))
    torch.testing.assert_close(made, good)


def test_what_is_made_step_by_step_has_the_law_of_one_shift() -> None:
    """One step back from step t with the truth is distributed as step t - 1 forward."""
    schedule = ShiftSchedule(steps=2, kappa=1.0)
    good, bad = torch.zeros(40_000, 1, 1, 1), torch.ones(40_000, 1, 1, 1)
    seen: list[Tensor] = []

    def truth(latents: Tensor, time: int) -> Tensor:
        seen.append(latents)
        return good

    schedule.sample(truth, bad, torch.Generator().manual_seed(0))
    forward = schedule.shifted(good, bad, torch.randn(good.shape), torch.ones(40_000, dtype=torch.long))
    assert float(seen[1].mean()) == pytest.approx(float(forward.mean()), abs=0.01)
    assert float(seen[1].std()) == pytest.approx(float(forward.std()), abs=0.01)


def test_training_learns_and_repeats() -> None:
    errors = []
    for _ in range(2):
        torch.manual_seed(0)
        network = shifting_network(4, 8)
        config = EngineConfig(epochs=6, batch_size=4, learning_rate=3e-3, ema_decay=0.0, log_steps=1)
        task = ResidualShifting(network, autoencoder(), ShiftSchedule(4), Bright(), config, Bright())
        batch = next(iter(task.test_batches(_cpu())))
        before = _error(task, network, batch)
        errors.append((before, _error(task, Trainer(task).fit(), batch)))
    assert errors[0] == errors[1]
    assert errors[0][1] < 0.7 * errors[0][0]


def test_tiles_together_are_one_picture_of_any_size() -> None:
    torch.manual_seed(0)
    model = ResShift(shifting_network(4, 8), autoencoder(), ShiftSchedule(2), 32)
    for height, width in ((5, 70), (33, 31)):
        made = model.enlarge(torch.rand(3, height, width), 1)
        assert made.shape == (3, height, width)
        assert 0 <= made.min() <= made.max() <= 1
    picture = torch.rand(3, 20, 20)
    torch.testing.assert_close(model.enlarge(picture, 2, seed=3), model.enlarge(picture, 2, seed=3))
    assert not torch.equal(model.enlarge(picture, 2, seed=3), model.enlarge(picture, 2, seed=4))


def test_a_network_sees_the_step_and_the_bad_latent() -> None:
    torch.manual_seed(0)
    network, schedule = shifting_network(4, 8).eval(), ShiftSchedule(4)
    latents, bad = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        first, later = (restored_latents(network, schedule, latents, bad, torch.tensor([time])) for time in (1, 4))
        other = restored_latents(network, schedule, latents, -bad, torch.tensor([1]))
    assert not torch.allclose(first, later)
    assert not torch.allclose(first, other)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on tiny pictures with a tiny autoencoder from a folder."""
    folder = tmp_path_factory.mktemp("res-shift")
    autoencoder().save_pretrained(folder / "vae")
    (folder / "good").mkdir()
    random = np.random.default_rng(0)
    for number in range(12):
        write_picture(folder / "good" / f"{number}.png", Picture(random.integers(0, 256, (33, 40, 3), np.uint8)))
    arguments = ("--model", SETTINGS.format(folder / "vae"), "--epochs", 1, "--batch-size", 4)
    assert call_command(sr, "train", folder / "good", "-o", folder / "run", *arguments) == 0
    return folder / "run"


def test_a_run_restores_pictures_by_a_seed(tmp_path: Path, run: Path) -> None:
    source: Any = np.random.default_rng(1).integers(0, 256, (20, 37, 3), np.uint8)
    write_picture(tmp_path / "a.png", Picture(source))
    made = []
    for name, seed in (("b", 1), ("c", 1), ("d", 2)):
        arguments = (tmp_path / "a.png", "-o", tmp_path / f"{name}.png", "--model", run, "--seed", seed)
        assert call_command(sr, "upscale", *arguments, "--device", "cpu") == 0
        made.append(read_picture(tmp_path / f"{name}.png").pixels)
    assert made[0].shape == source.shape
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


def test_what_does_not_fit_is_told(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", Picture(np.zeros((8, 8, 3), np.uint8)))
    arguments = ("upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", run, "--steps", 3)
    assert call_command(sr, *arguments) == 2
    assert "in the steps that it was trained with" in capsys.readouterr().err
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "in" / "a.png", Picture(np.zeros((32, 32, 3), np.uint8)))
    model = SETTINGS.format(tmp_path / "nowhere")
    arguments = ("train", tmp_path / "in", "-o", tmp_path / "run", "--test", tmp_path / "test", "--model", model)
    (tmp_path / "test").mkdir()
    write_picture(tmp_path / "test" / "b.png", Picture(np.full((32, 32, 3), 9, np.uint8)))
    assert call_command(sr, *arguments) == 3
    assert "no such weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"width": 12}, "multiple of 8"), ({"steps": 0}, "positive"), ({"kappa": -1.0}, "positive")],
)
def test_settings_out_of_range_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShiftSettings("vae", **settings)


@torch.no_grad()
def _error(task: ResidualShifting, network: torch.nn.Module, batch: Any) -> float:
    return float(task.measure(network.eval(), batch)["latent_error"].mean())


def _cpu() -> Any:
    from nflows_core.training import Place

    return Place(0, 1, torch.device("cpu"))
