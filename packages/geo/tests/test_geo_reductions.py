from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn import decomposition
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from made_up_scenes import shaded_scene
from nflows_geo.reductions import DEFAULT, PCA, REDUCTIONS, LocalWhitening, WhitenedPCA
from nflows_geo.spectra import Sample, with_surroundings
from short_trainings import shorten_trainings


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_trainings(monkeypatch)


def sample_of(scene: NDArray[np.float32], sigma: float = 1.0) -> Sample:
    stacked = with_surroundings(scene, sigma)
    return Sample.split(stacked.reshape(len(stacked), -1).T)


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
    scaled = Sample(sample.spectra * gains, sample.surroundings * gains)
    components = LocalWhitening.fit(sample, 0).transform(sample.spectra)
    again = LocalWhitening.fit(scaled, 0).transform(scaled.spectra)
    # A component's sign is that of its largest loading, which another gain may change.
    np.testing.assert_allclose(np.abs(components), np.abs(again), atol=0.02)


def test_a_band_that_repeats_another_adds_no_component(sample: Sample) -> None:
    repeated = Sample(sample.spectra[:, [0, 1, 2, 3, 3]], sample.surroundings[:, [0, 1, 2, 3, 3]])
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
    part = Sample(sample.spectra[:600], sample.surroundings[:600])
    first, again = (REDUCTIONS[name].fit(part, 3) for _ in range(2))
    features = first.transform(part.spectra)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert features.tobytes() == again.transform(part.spectra).tobytes()
    assert features.shape[1] == first.describe()["components"]
    assert json.loads(json.dumps(first.describe(), allow_nan=False)) == first.describe()


def test_the_latent_of_the_flow_is_nearer_to_noise_than_the_whitened_bands(sample: Sample) -> None:
    skewed = Sample(sample.spectra**4, sample.surroundings**4)
    latent = REDUCTIONS["flow"].fit(skewed, 0).transform(skewed.spectra)
    whitened = WhitenedPCA.fit(skewed, 0).transform(skewed.spectra)
    assert latent.shape == whitened.shape
    assert np.abs(skew(latent)).max() < np.abs(skew(whitened)).max()


@pytest.mark.parametrize("name", REDUCTIONS)
def test_each_can_be_sent_to_another_process(name: str, sample: Sample) -> None:
    part = Sample(sample.spectra[:600], sample.surroundings[:600])
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
        REDUCTIONS[name].fit(Sample(sample.spectra[:600], sample.surroundings[:600]), 0)
    finally:
        torch.set_num_threads(before)
    assert set(threads) == {1}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_constant_band_is_named(name: str, sample: Sample) -> None:
    spectra, surroundings = sample.spectra.copy(), sample.surroundings.copy()
    spectra[:, 2] = surroundings[:, 2] = 0.5
    with pytest.raises(ValueError, match="band 3 is constant"):
        REDUCTIONS[name].fit(Sample(spectra, surroundings), 0)


def test_the_default_is_one_of_them() -> None:
    assert DEFAULT in REDUCTIONS
