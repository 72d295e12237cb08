"""The density of spectra."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import kstest

from made_up_spectra import made_up_spectra
from nflows_core.runtime.tensors import CheckpointError, write_tensors
from nflows_core.training.guard import DivergedError
from nflows_geo.spectra.density import TRAINING, SpectralFlow

fit = partial(SpectralFlow.fit, training=replace(TRAINING, epochs=2, batch_size=256))
"""Makes 50 updates only."""


@pytest.fixture(scope="module")
def model() -> SpectralFlow:
    return SpectralFlow.fit(made_up_spectra(10_000, 0), training=replace(TRAINING, epochs=6, batch_size=512))


def crescent(count: int, bands: int, seed: int = 0) -> NDArray[np.float32]:
    """Two clusters and a curve, in the range of reflectances."""
    x = np.random.default_rng(seed).normal(size=(count, bands))
    x[:, -1] += 0.5 * x[:, 0] ** 2
    x[: count // 3] -= 4
    return (0.3 + 0.02 * x).astype(np.float32)


def test_integrates_to_one_over_one_band() -> None:
    flow = fit(crescent(3000, 1))
    x = np.linspace(-0.5, 1.5, 40_001, dtype=np.float32)
    assert trapezoid(np.exp(flow.log_prob(x[:, None])), x) == pytest.approx(1, abs=1e-3)


def test_integrates_to_one_over_two_bands() -> None:
    flow = fit(crescent(3000, 2))
    axis = np.linspace(0.05, 0.65, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    total = np.exp(flow.log_prob(grid).astype(np.float64)).sum() * np.diff(axis).mean() ** 2
    assert total == pytest.approx(1, abs=0.01)


def test_log_determinant_is_that_of_the_jacobian(model: SpectralFlow) -> None:
    x = torch.from_numpy(made_up_spectra(3, 1)).double()
    exact = copy.deepcopy(model.flow).double()
    mean, matrix = (torch.from_numpy(part).double() for part in (model.whitening.mean, model.whitening.matrix))

    def latent(spectrum: torch.Tensor) -> torch.Tensor:
        return exact.encode(((spectrum - mean) @ matrix)[None, :, None, None])[0].flatten()

    for spectrum, log_prob in zip(x, model.log_prob(x.float().numpy()), strict=True):
        jacobian = torch.autograd.functional.jacobian(latent, spectrum)
        base = torch.distributions.Normal(0, 1).log_prob(latent(spectrum)).sum()
        assert log_prob == pytest.approx((base + torch.linalg.slogdet(jacobian)[1]).item(), abs=2e-3)


def test_latents_of_unseen_spectra_are_standard_normal(model: SpectralFlow) -> None:
    latents = model.transform(made_up_spectra(5000, 1))
    assert latents.shape == (5000, 10)
    assert max(kstest(band, "norm").statistic for band in latents.T) < 0.05
    np.testing.assert_allclose(np.cov(latents, rowvar=False), np.eye(10), atol=0.25)


def test_is_likelier_than_a_gaussian(model: SpectralFlow) -> None:
    unseen = made_up_spectra(5000, 1)
    z = model.whitening.apply(unseen)
    gaussian = model.whitening.log_det - 0.5 * (np.square(z).sum(1).mean() + 10 * np.log(2 * np.pi))
    assert model.log_prob(unseen).mean() > gaussian + 3


def test_a_few_spectra_are_not_learned_by_heart() -> None:
    few, unseen = np.split(0.3 + 0.02 * np.random.default_rng(0).normal(size=(5200, 4)).astype(np.float32), [200])
    truth = -4 * np.log(0.02 * np.sqrt(2 * np.pi)) - 0.5 * 4
    assert fit(few).log_prob(unseen).mean() > truth - 0.5


def test_log_prob_follows_the_unit() -> None:
    x = crescent(2000, 3)
    reflectance, percent = fit(x).log_prob(x), fit(100 * x).log_prob(100 * x)
    np.testing.assert_allclose(percent.mean(), reflectance.mean() - 3 * np.log(100), atol=0.05)


def test_batches_change_nothing(model: SpectralFlow) -> None:
    x = made_up_spectra(1000, 2)
    np.testing.assert_allclose(model.log_prob(x, batch_size=300), model.log_prob(x), atol=1e-3)
    assert model.log_prob(x[:0]).shape == (0,)


def many_bands(count: int, seed: int = 0) -> NDArray[np.float32]:
    """40 bands on a curve in a plane, with noise; some values below zero."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, 2))
    x[:, 1] += x[:, 0] ** 2
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(40, 2)))[0]
    return (x @ directions.T + generator.normal(0, 0.02, (count, 40))).astype(np.float32)


def test_more_bands_than_the_flow_bends_have_a_density_of_all_bands() -> None:
    x = many_bands(4000)
    flow = fit(x)
    z = flow.whitening.apply(x)
    rest, bent = z[:, :-16], torch.from_numpy(z[:, -16:].copy())[:, :, None, None]
    with torch.inference_mode():
        expected = flow.flow.log_prob(bent).numpy() - 0.5 * np.square(rest).sum(1) - 12 * np.log(2 * np.pi)
    np.testing.assert_allclose(flow.log_prob(x), expected + flow.whitening.log_det, rtol=1e-5)
    latents = flow.transform(x)
    assert latents.shape == (4000, 40)
    np.testing.assert_array_equal(latents[:, :-16], rest)


def test_what_is_odd_in_a_small_component_is_less_likely() -> None:
    x = many_bands(4000)
    flow = fit(x)
    odd = x[:200] + 0.2 * flow.whitening.matrix[:, 0] / np.linalg.norm(flow.whitening.matrix[:, 0])
    assert (flow.log_prob(odd) < flow.log_prob(x[:200]) - 10).mean() > 0.95


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    x = crescent(1000, 3)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.randn(3)
        fit(x, seed).save(tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_fit_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.randn(1)
    torch.manual_seed(5)
    fit(crescent(500, 2))
    assert torch.randn(1) == expected


def test_a_saved_density_is_the_same(model: SpectralFlow, tmp_path: Path) -> None:
    model.save(tmp_path / "flow.safetensors")
    x = made_up_spectra(100, 2)
    np.testing.assert_array_equal(SpectralFlow.load(tmp_path / "flow.safetensors").log_prob(x), model.log_prob(x))


def test_a_saved_density_of_many_bands_is_the_same(tmp_path: Path) -> None:
    x = many_bands(1000)
    flow = fit(x)
    flow.save(tmp_path / "flow.safetensors")
    np.testing.assert_array_equal(SpectralFlow.load(tmp_path / "flow.safetensors").log_prob(x), flow.log_prob(x))


def test_another_file_is_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "other", {"x": torch.zeros(1)}, "weights")
    with pytest.raises(CheckpointError, match="kind 'weights', expected 'spectral flow'"):
        SpectralFlow.load(tmp_path / "other")


def test_spectra_that_do_not_fit_are_refused(model: SpectralFlow) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, 10\), got \(5, 6\)"):
        model.log_prob(np.zeros((5, 6), np.float32))
    with pytest.raises(ValueError, match="1 of 5 spectra are not finite"):
        model.transform(np.where(np.arange(50).reshape(5, 10) == 7, np.nan, 0.1).astype(np.float32))


def test_training_that_diverges_names_the_layer() -> None:
    with pytest.raises(DivergedError, match=r"after 1 updates.*layer levels\.0\.bijections\."):
        SpectralFlow.fit(crescent(500, 3), training=replace(TRAINING, learning_rate=1e30))
