from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nflows_core.testing.tiny_diffusion import SCHEDULE
from nflows_sr.diffusion.colour import corrected, low_frequencies, with_statistics
from nflows_sr.diffusion.sampling import NoiseSchedule
from nflows_sr.diffusion.settings import Sampling

PREDICTIONS = ["epsilon", "v_prediction"]
SHAPE = (1, 4, 6, 5)


def schedule(prediction: str = "epsilon", **entries: Any) -> NoiseSchedule:
    return NoiseSchedule({**SCHEDULE, "prediction_type": prediction, **entries})


def kept(time: int) -> float:
    """The share of the signal's variance at a time: betas whose square roots are equally far from each other."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return float((1 - betas).cumprod(0)[time])


@pytest.mark.parametrize("time", [0, 500, 999])
def test_noise_is_that_of_the_forward_process(time: int) -> None:
    latent, noise = torch.randn(SHAPE), torch.randn(SHAPE)
    expected = math.sqrt(kept(time)) * latent + math.sqrt(1 - kept(time)) * noise
    torch.testing.assert_close(schedule().noised(latent, noise, torch.tensor([time])), expected)


@pytest.mark.parametrize("time", [0, 500, 999])
def test_latent_is_recovered_of_what_is_predicted(time: int) -> None:
    latent, noise, times = torch.randn(SHAPE), torch.randn(SHAPE), torch.tensor([time])
    signal, spread = math.sqrt(kept(time)), math.sqrt(1 - kept(time))
    noisy = schedule().noised(latent, noise, times)
    assert torch.equal(schedule().target(latent, noise, times), noise)
    velocity = schedule("v_prediction").target(latent, noise, times)
    torch.testing.assert_close(signal * noisy - spread * velocity, latent)
    torch.testing.assert_close(spread * noisy + signal * velocity, noise)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize(("sampler", "steps"), [("ddpm", 200), ("ddim", 20), ("dpm++", 20), ("ddpm", 7), ("dpm++", 1)])
def test_perfect_predictor_recovers_the_latent(sampler: Any, steps: int, prediction: str) -> None:
    noise, latent = schedule(prediction), torch.randn(SHAPE)

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        signal, spread = math.sqrt(kept(int(time))), math.sqrt(1 - kept(int(time)))
        added = (noisy - signal * latent) / spread
        return noise.target(latent, added, time[None])

    made = noise.sample(predict, torch.randn(SHAPE), torch.randn(SHAPE), torch.Generator(), sampler, steps)
    torch.testing.assert_close(made, latent, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("sampler", "draws"), [("ddpm", True), ("ddim", False), ("dpm++", False)])
def test_seed_decides_what_is_drawn_on_the_way(sampler: Any, draws: bool) -> None:
    start, noise = torch.randn(SHAPE), torch.randn(SHAPE)

    def sample(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return schedule().sample(lambda noisy, time: 0.1 * noisy, start, noise, generator, sampler, 5)

    assert torch.equal(sample(3), sample(3))
    assert torch.equal(sample(3), sample(4)) != draws


def test_first_noisy_latent_is_the_low_one_with_the_noise_of_the_last_time() -> None:
    start, noise, seen = torch.randn(SHAPE), torch.randn(SHAPE), list[tuple[Tensor, int]]()

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        seen.append((noisy.clone(), int(time)))
        return noisy

    schedule().sample(predict, start, noise, torch.Generator(), "ddim", 2)
    assert [time for _, time in seen] == [999, 499]
    torch.testing.assert_close(seen[0][0], schedule().noised(start, noise, torch.tensor([999])))


@pytest.mark.parametrize(
    ("name", "sampler"), [("DDIMScheduler", "ddim"), ("PNDMScheduler", "dpm++"), ("EulerDiscreteScheduler", "dpm++")]
)
def test_few_steps_are_those_of_the_folder(name: str, sampler: str) -> None:
    assert schedule(_class_name=name).few_steps == sampler


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "euler"}, "`sampler` 'euler': give one of ddpm, ddim, dpm++"),
        ({"colour": "sepia"}, "`colour` 'sepia': give one of adain, wavelet, none"),
        ({"steps": 0}, "`steps` 0: give 1 or more"),
        ({"fidelity": -0.1}, "`fidelity` -0.1: give 0 to 1"),
        ({"fidelity": math.nan}, "`fidelity` nan: give 0 to 1"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Sampling(**settings)


def test_no_more_steps_than_there_are_times() -> None:
    with pytest.raises(ValueError, match="`steps` 1001: give 1 to 1000"):
        schedule().sample(lambda noisy, time: noisy, *torch.zeros(2, *SHAPE), torch.Generator(), "ddim", 1001)


@st.composite
def pictures(draw: st.DrawFn) -> Tensor:
    channels, height, width = (draw(st.integers(1, most)) for most in (3, 40, 40))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    return torch.rand(channels, height, width, generator=generator)


def test_statistics_are_exactly_the_reference_s() -> None:
    picture, reference = (torch.rand(3, *size, dtype=torch.float64) for size in ((40, 50), (20, 30)))
    made = with_statistics(picture, 0.3 * reference)
    for got, wanted in zip(torch.std_mean(made, (1, 2)), torch.std_mean(0.3 * reference, (1, 2)), strict=True):
        torch.testing.assert_close(got, wanted)


def test_channel_without_contrast_gets_the_mean_alone() -> None:
    reference = torch.rand(3, 8, 8)
    made = with_statistics(torch.full((3, 8, 8), 0.7), reference)
    torch.testing.assert_close(made, reference.mean((1, 2), keepdim=True).expand(3, 8, 8))


@given(pictures())
def test_low_frequencies_of_a_picture_keep_to_its_range(picture: Tensor) -> None:
    low = low_frequencies(picture)
    assert low.shape == picture.shape
    assert picture.amin() - 1e-6 <= low.amin()
    assert low.amax() <= picture.amax() + 1e-6


@given(pictures())
def test_frequencies_add_up_to_the_picture(picture: Tensor) -> None:
    kept = picture.clone()
    torch.testing.assert_close(corrected(picture, kept, "wavelet"), kept, atol=1e-6, rtol=0)


def test_low_frequencies_convolve_by_binomials() -> None:
    impulse = torch.zeros(1, 201, 201, dtype=torch.float64)
    impulse[0, 100, 100] = 1
    low = low_frequencies(impulse)[0]
    frequency = torch.fft.rfft(low.sum(0)).abs()
    angle = 2 * math.pi * torch.arange(len(frequency), dtype=torch.float64) / 201
    expected = torch.stack([torch.cos(2**level * angle / 2) ** 2 for level in range(5)]).prod(0)
    torch.testing.assert_close(frequency, expected)


def test_wavelet_takes_a_cast_away_and_leaves_the_details() -> None:
    picture = torch.rand(3, 30, 30)
    cast = torch.tensor([0.1, -0.2, 0.05])[:, None, None]
    torch.testing.assert_close(corrected(picture + cast, picture, "wavelet"), picture)


def test_no_correction_is_none() -> None:
    picture = torch.rand(3, 5, 5)
    assert torch.equal(corrected(picture, torch.zeros(3, 5, 5), "none"), picture)
