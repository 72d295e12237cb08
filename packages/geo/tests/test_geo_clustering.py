from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from nflows_geo.clustering import CLUSTERINGS, Centroids, Criterion, elbow, gaussian_mixture, k_means
from nflows_geo.clustering.centroids import by_size
from nflows_geo.clustering.elbow import knee
from nflows_geo.clustering.expectation_maximization import Gaussians, monomials

SIZES = (150, 500, 300, 50)


def blobs(seed: int = 0, sizes: tuple[int, ...] = SIZES) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Round groups at the corners of a simplex, far apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    points = 20 * np.eye(len(sizes))[labels] + rng.normal(size=(len(labels), len(sizes)))
    order = rng.permutation(len(labels))
    return points[order].astype(np.float32), labels[order]


@pytest.mark.parametrize("name", CLUSTERINGS)
def test_separate_groups_are_found_the_largest_first(name: str) -> None:
    points, labels = blobs()
    clustering = CLUSTERINGS[name].fit(points, 4, 0)
    classes = clustering.predict(points)
    assert classes.dtype == np.uint8
    assert clustering.classes == 4
    assert adjusted_rand_score(labels, classes) == 1
    assert np.bincount(classes).tolist() == [0, *sorted(SIZES, reverse=True)]


@pytest.mark.parametrize("name", CLUSTERINGS)
def test_the_same_seed_gives_the_same_classes(name: str) -> None:
    points = np.random.default_rng(0).normal(size=(800, 3)).astype(np.float32)
    first, again = (CLUSTERINGS[name].fit(points, 5, 1).predict(points) for _ in range(2))
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("name", CLUSTERINGS)
def test_more_classes_than_distinct_spectra_are_refused(name: str) -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    with pytest.raises(ValueError, match="4 classes are asked for, but the sample has 3 distinct"):
        CLUSTERINGS[name].fit(points, 4, 0)


@pytest.mark.parametrize("k", [0, 256])
def test_numbers_of_classes_that_a_map_can_not_hold_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 255"):
        k_means(blobs()[0], k, 0)


def test_the_class_is_that_of_the_nearest_centroid() -> None:
    rng = np.random.default_rng(0)
    centroids = Centroids(rng.normal(size=(7, 4)).astype(np.float32))
    points = rng.normal(size=(40_000, 4)).astype(np.float32)
    distances = np.linalg.norm(points[:, None] - centroids.centers, axis=2)
    np.testing.assert_array_equal(centroids.predict(points), distances.argmin(1) + 1)


def test_no_points_have_no_classes() -> None:
    assert k_means(blobs()[0], 4, 0).predict(np.empty((0, 4), np.float32)).shape == (0,)


def two_gaussians() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(700, 2)) * [5, 0.5], rng.normal(size=(300, 2)) * [0.5, 5] + 3])
    return points.astype(np.float32)


def test_a_mixture_is_scikit_learns_in_classes_and_in_density() -> None:
    points = two_gaussians()
    scaled = (points - points.mean(0)) / points.std(0)
    peer = GaussianMixture(2, n_init=3, reg_covar=1e-3, max_iter=500, random_state=0).fit(scaled)
    mixture = gaussian_mixture(points, 2, 0)
    labels = peer.predict(scaled)
    agreement = (mixture.predict(points) == by_size(labels).argsort()[labels] + 1).mean()
    assert agreement >= 0.998
    likelihood = peer.score(scaled) - np.log(points.std(0)).sum()
    assert mixture.mean_log_density(points) == pytest.approx(likelihood, abs=2e-3)


def test_steps_never_make_points_less_likely() -> None:
    points = two_gaussians().astype(float)
    points = (points - points.mean(0)) / points.std(0)
    terms = monomials(points)
    shares = np.eye(3)[np.random.default_rng(1).integers(0, 3, len(points))]
    likelihoods = []
    for _ in range(30):
        gaussians = Gaussians.of_moments(shares.T @ terms, 2)
        joint = terms @ gaussians.coefficients()
        parts = [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(points)
            for weight, mean, covariance in zip(gaussians.weights, gaussians.means, gaussians.covariances, strict=True)
        ]
        np.testing.assert_allclose(joint, np.stack(parts, axis=1), atol=1e-9)
        likelihoods.append(logsumexp(joint, axis=1).mean())
        shares = softmax(joint, axis=1)
    # What is added to the variances is no part of what the steps climb.
    assert np.diff(likelihoods).min() > -1e-4
    assert likelihoods[-1] > likelihoods[0] + 0.2


def test_a_mixture_of_many_dimensions_is_refused() -> None:
    points = np.random.default_rng(0).normal(size=(500, 49)).astype(np.float32)
    with pytest.raises(ValueError, match="48 dimensions at most, not 49; reduce them first"):
        gaussian_mixture(points, 2, 0)


def test_a_planted_elbow_is_found() -> None:
    ks = tuple(range(2, 21))
    assert knee(ks, [1000 - 180 * min(k - 2, 5) - 2 * k for k in ks]) == (7, True)


def test_a_gentle_elbow_is_where_the_curve_is_deepest_and_not_distinct() -> None:
    ks = tuple(range(2, 21))
    k, distinct = knee(ks, [-0.1 * min(k - 9, 0) - 0.11 * k + 0.02 * (-1) ** k for k in ks])
    assert (k, distinct) == (9, False)


CRITERIA = [
    CLUSTERINGS["k-means"].criterion(logarithmic=False),
    CLUSTERINGS["k-means"].criterion(logarithmic=True),
    CLUSTERINGS["gmm"].criterion(),
]


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda criterion: criterion.name)
def test_the_elbow_of_separate_groups_is_their_number(criterion: Criterion) -> None:
    points, _ = blobs(sizes=(200,) * 6)
    bend = elbow(points, 0, criterion)
    assert bend.k == 6
    assert bend.ks == tuple(range(2, 21))
    assert bend.values[0] > bend.values[4]
    assert bend.stability[4] > 0.95
    assert bend.of_parts == (6, 6, 6, 6)
    assert bend.doubts == []


def test_numbers_of_classes_that_a_sample_does_not_have_are_not_stable() -> None:
    points, _ = blobs(sizes=(400,) * 3)
    bend = elbow(points, 0, CLUSTERINGS["gmm"].criterion())
    assert bend.k == 3
    assert bend.stability[1] > 0.99
    assert max(bend.stability[6:]) < 0.8


def test_what_is_no_group_has_no_number_of_classes_that_is_sure() -> None:
    points = np.random.default_rng(0).uniform(size=(2000, 3)).astype(np.float32)
    bend = elbow(points, 0, CLUSTERINGS["k-means"].criterion())
    assert any("alike by 0." in doubt for doubt in bend.doubts)
    assert bend.describe()["sure"] is False


def test_few_distinct_spectra_shorten_the_curve() -> None:
    points = np.repeat(np.random.default_rng(0).normal(size=(9, 2)), 50, axis=0).astype(np.float32)
    assert elbow(points, 0, CLUSTERINGS["k-means"].criterion()).ks == tuple(range(2, 9))


def test_a_straight_curve_has_no_elbow() -> None:
    with pytest.raises(ValueError, match="no elbow; say how many there are: `units`"):
        knee(tuple(range(2, 21)), [float(100 - k) for k in range(2, 21)])


def test_a_level_curve_has_no_elbow() -> None:
    with pytest.raises(ValueError, match="more than 2 classes fit no better"):
        knee(tuple(range(2, 21)), [float(k) for k in range(2, 21)])


def test_too_few_distinct_spectra_have_no_elbow() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    with pytest.raises(ValueError, match="fewer than five features are distinct, so there is no elbow"):
        elbow(points, 0, CLUSTERINGS["gmm"].criterion())
