from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn import decomposition
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from made_up_scenes import shaded_scene
from nflows_geo.reductions import (
    DEFAULT,
    ICA,
    PCA,
    REDUCTIONS,
    LeadingPCA,
    LocalWhitening,
    NoiseFractions,
    WhitenedPCA,
)
from nflows_geo.spectra import Sample, with_surroundings
from short_trainings import shorten_trainings


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_trainings(monkeypatch)


def sample_of(scene: NDArray[np.float32], sigma: float = 1.0) -> Sample:
    stacked = with_surroundings(scene, sigma)
    return Sample.split(stacked.reshape(len(stacked), -1).T)


def changed(sample: Sample, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Sample:
    return Sample(change(sample.spectra), change(sample.surroundings), change(sample.neighbours))


def part_of(sample: Sample) -> Sample:
    return changed(sample, lambda spectra: spectra[:600])


@pytest.fixture(scope="module")
def sample() -> Sample:
    return sample_of(shaded_scene(0)[0])


def test_pca_keeps_the_first_components_that_hold_90_percent_of_the_variance(sample: Sample) -> None:
    reduction = PCA.fit(sample, 0)
    scaled = reduction.scaling.transform(sample.spectra)
    peer = decomposition.PCA(0.9, svd_solver="full").fit(scaled)
    components = reduction.transform(sample.spectra)
    assert components.shape[1] == peer.n_components_
    np.testing.assert_allclose(np.abs(components), np.abs(peer.transform(scaled)), atol=1e-4)
    np.testing.assert_allclose(reduction.variance_fractions, peer.explained_variance_ratio_, rtol=1e-4)


def test_whitened_components_have_unit_covariance(sample: Sample) -> None:
    components = WhitenedPCA.fit(sample, 0).transform(sample.spectra)
    np.testing.assert_allclose(np.cov(components.T), np.eye(4), atol=1e-3)


def test_differences_to_the_surroundings_are_whitened(sample: Sample) -> None:
    reduction = LocalWhitening.fit(sample, 0)
    root = np.sqrt(sample.spectra.astype(float))
    differences = (root - np.sqrt(sample.surroundings.astype(float))) @ reduction.matrix
    np.testing.assert_allclose(differences.T @ differences / len(differences), np.eye(4), atol=1e-3)
    covariance = np.cov((root @ reduction.matrix).T)
    np.testing.assert_allclose(covariance, np.diag(reduction.variance_ratios), atol=1e-3 * covariance.max())
    assert (np.diff(reduction.variance_ratios) <= 0).all()


def test_components_end_at_two_standard_deviations(sample: Sample) -> None:
    reduction = LocalWhitening.fit(sample, 0)
    components = reduction.transform(sample.spectra)
    deviations = (np.sqrt(sample.spectra) @ reduction.matrix).std(0)
    assert (np.abs(components) <= 2.0001 * deviations).all()
    assert np.isclose(np.abs(components) / deviations, 2, atol=1e-3).any()


def test_the_gain_of_a_band_has_no_influence(sample: Sample) -> None:
    gains = np.array([1, 10, 0.1, 3], np.float32)
    scaled = changed(sample, lambda spectra: spectra * gains)
    components = LocalWhitening.fit(sample, 0).transform(sample.spectra)
    again = LocalWhitening.fit(scaled, 0).transform(scaled.spectra)
    # A component's sign is that of its largest loading, which another gain may change.
    np.testing.assert_allclose(np.abs(components), np.abs(again), atol=0.02)


def test_a_band_that_repeats_another_adds_no_component(sample: Sample) -> None:
    repeated = changed(sample, lambda spectra: spectra[:, [0, 1, 2, 3, 3]])
    assert LocalWhitening.fit(repeated, 0).transform(repeated.spectra).shape[1] == 4
    assert WhitenedPCA.fit(repeated, 0).transform(repeated.spectra).shape[1] == 4


def test_shaded_units_are_told_apart_by_what_varies_little_between_neighbours() -> None:
    scene, units = shaded_scene(1)
    sample = sample_of(scene)

    def agreement(reduction: PCA | LocalWhitening) -> float:
        features = reduction.transform(sample.spectra)
        return float(adjusted_rand_score(units.ravel(), KMeans(3, n_init=3, random_state=0).fit_predict(features)))

    assert agreement(LocalWhitening.fit(sample, 0)) > 0.9
    assert agreement(PCA.fit(sample, 0)) < 0.2


@pytest.mark.parametrize("name", REDUCTIONS)
def test_each_is_finite_reproducible_and_describes_itself(name: str, sample: Sample) -> None:
    part = part_of(sample)
    first, again = (REDUCTIONS[name].fit(part, 3) for _ in range(2))
    features = first.transform(part.spectra)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert features.tobytes() == again.transform(part.spectra).tobytes()
    assert features.shape[1] == first.describe()["components"]
    assert json.loads(json.dumps(first.describe(), allow_nan=False)) == first.describe()


def test_the_latent_of_the_flow_is_nearer_to_noise_than_the_whitened_bands(sample: Sample) -> None:
    skewed = changed(sample, lambda spectra: spectra**4)
    latent = REDUCTIONS["flow"].fit(skewed, 0).transform(skewed.spectra)
    whitened = WhitenedPCA.fit(skewed, 0).transform(skewed.spectra)
    assert latent.shape == whitened.shape
    assert np.abs(skew(latent)).max() < np.abs(skew(whitened)).max()


@pytest.mark.parametrize("name", REDUCTIONS)
def test_each_can_be_sent_to_another_process(name: str, sample: Sample) -> None:
    part = part_of(sample)
    reduction = REDUCTIONS[name].fit(part, 0)
    sent = pickle.loads(pickle.dumps(reduction))
    assert sent.transform(part.spectra).tobytes() == reduction.transform(part.spectra).tobytes()


@pytest.mark.parametrize("name", ["flow", "stacked-notebook"])
def test_the_number_of_threads_does_not_matter(name: str, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: threads.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        REDUCTIONS[name].fit(part_of(sample), 0)
    finally:
        torch.set_num_threads(before)
    assert set(threads) == {1}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_constant_band_is_named(name: str, sample: Sample) -> None:
    constant = changed(sample, lambda spectra: np.where(np.arange(4) == 2, np.float32(0.5), spectra))
    with pytest.raises(ValueError, match="band 3 is constant"):
        REDUCTIONS[name].fit(constant, 0)


def test_leading_components_are_white_and_hold_99_percent_of_the_variance() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(5000, 4)) @ (rng.normal(size=(4, 30)) * np.array([8, 4, 2, 1])[:, None])
    spectra = (signal + 0.05 * rng.normal(size=signal.shape)).astype(np.float32)
    reduction = LeadingPCA.fit(Sample(spectra, spectra, spectra), 0)
    components = reduction.transform(spectra)
    np.testing.assert_allclose(np.cov(components.T), np.eye(components.shape[1]), atol=1e-3)
    assert components.shape[1] == 4
    assert reduction.variance_fractions.sum() > 0.99 > reduction.variance_fractions[:-1].sum()


def test_leading_components_are_three_at_least_where_brightness_is_nearly_all() -> None:
    rng = np.random.default_rng(0)
    light = rng.uniform(0.2, 1, size=(5000, 1))
    spectra = (light * [0.2, 0.3, 0.4, 0.5] + 1e-3 * rng.normal(size=(5000, 4))).astype(np.float32)
    reduction = LeadingPCA.fit(Sample(spectra, spectra, spectra), 0)
    assert reduction.variance_fractions[0] > 0.99
    assert reduction.transform(spectra).shape[1] == 3


def test_values_below_zero_count_in_leading_components() -> None:
    spectra = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32)
    shifted = (spectra + 10).astype(np.float32)
    components = LeadingPCA.fit(Sample(spectra, spectra, spectra), 0).transform(spectra)
    same = LeadingPCA.fit(Sample(shifted, shifted, shifted), 0).transform(shifted)
    np.testing.assert_allclose(np.abs(components), np.abs(same), atol=1e-3)


def test_roots_of_values_below_zero_are_refused_and_a_few_are_told(sample: Sample) -> None:
    few = sample.spectra.copy()
    few[: len(few) // 200, 1] = -0.01
    reduction = LocalWhitening.fit(Sample(few, sample.surroundings, sample.neighbours), 0)
    assert reduction.describe()["part_of_values_below_zero"] == pytest.approx([0, 0.005, 0, 0], abs=1e-4)
    with pytest.raises(ValueError, match="of band 1 is below zero, and local-whitening takes roots"):
        LocalWhitening.fit(changed(sample, lambda spectra: spectra - np.float32(0.2)), 0)


def test_noise_fractions_find_the_signal_under_noise_that_neighbours_do_not_share() -> None:
    rng = np.random.default_rng(0)
    ground = np.repeat(rng.normal(size=(1, 200, 2)), 100, 2)
    ground /= ground.std()
    weights, noise = np.array([1.0, 0.5, -0.7, 0.3]), np.array([3.0, 0.2, 1.0, 2.0])
    scene = weights[:, None, None] * ground + noise[:, None, None] * rng.normal(size=(4, 200, 200))
    reduction = NoiseFractions.fit(sample_of(scene.astype(np.float32), sigma=0), 0)
    # The best signal-to-noise ratio of any weighted sum of the bands, for noise that is independent of band to band.
    expected = float(np.square(weights / noise).sum())
    assert reduction.variance_ratios[0] - 1 == pytest.approx(expected, rel=0.15)
    np.testing.assert_allclose(reduction.variance_ratios[1:], 1, atol=0.05)
    first = reduction.transform(scene.reshape(4, -1).T.astype(np.float32))[:, 0]
    assert abs(np.corrcoef(first, ground.ravel())[0, 1]) > 0.9


def test_noise_fractions_do_not_depend_on_the_gain_of_bands(sample: Sample) -> None:
    gains = np.array([1, 10, 0.1, 3], np.float32)
    scaled = changed(sample, lambda spectra: spectra * gains)
    ratios = NoiseFractions.fit(sample, 0).variance_ratios
    np.testing.assert_allclose(NoiseFractions.fit(scaled, 0).variance_ratios, ratios, rtol=1e-3)


def test_independent_components_are_the_sources_of_a_mixture() -> None:
    rng = np.random.default_rng(0)
    sources = np.stack([rng.exponential(size=20_000), rng.uniform(size=20_000), rng.laplace(size=20_000)], axis=1)
    spectra = (sources / sources.std(0) @ rng.normal(size=(3, 4))).astype(np.float32)
    components = ICA.fit(Sample(spectra, spectra, spectra), 0).transform(spectra)
    likeness = np.abs(np.corrcoef(components.T, sources.T)[:3, 3:])
    assert sorted(likeness.argmax(1)) == [0, 1, 2]
    assert likeness.max(1).min() > 0.95


def test_independent_components_turn_the_leading_ones(sample: Sample) -> None:
    turned = ICA.fit(sample, 0).transform(sample.spectra)
    leading = LeadingPCA.fit(sample, 0).transform(sample.spectra)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(leading, axis=1), rtol=1e-3, atol=1e-4)


def test_the_default_is_one_of_them() -> None:
    assert DEFAULT in REDUCTIONS
