"""Distances of made pictures from real ones: closed forms, limits, and what each must not notice."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nflows_core.evaluation import (
    frechet_distance,
    kernel_distance,
    mean_distance,
    precision_recall,
    vendi_score,
)


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(n: int, d: int) -> Tensor:
    """Features with mean 0 and covariance 1, exactly."""
    x = normal(n, d)
    x = x - x.mean(0)
    white: Tensor = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    return white


def test_frechet_distance_of_gaussians_is_its_closed_form() -> None:
    x = whitened(50, 3)
    scales, shift = torch.tensor([1.0, 2.0, 5.0]).double(), torch.tensor([1.0, 0.0, -2.0]).double()
    expected = (scales - 1).square().sum() + shift.square().sum()
    assert frechet_distance(x, x * scales + shift) == pytest.approx(float(expected))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_is_that_of_rotated_features_and_of_the_two_exchanged() -> None:
    x, y = normal(20, 4), normal(30, 4, seed=1) @ normal(4, 4, seed=2)
    turn = torch.linalg.qr(normal(4, 4, seed=3))[0]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y))
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y))


def test_fewer_pictures_than_features_have_a_distance() -> None:
    x = normal(5, 40)
    assert frechet_distance(x, x + 2) == pytest.approx(4 * 40)


def test_kernel_distance_of_two_pairs_is_what_it_is_by_hand() -> None:
    x, y = torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    # k(x1, x2) = 1, k(y1, y2) = 1; x.y is 2, 2, 2, -2, so that k is 8, 8, 8, 0.
    assert kernel_distance(x, y) == pytest.approx(1 + 1 - 2 * 24 / 4)


def test_kernel_distance_is_unbiased() -> None:
    values = torch.tensor([kernel_distance(normal(6, 2, seed), normal(6, 2, 1000 + seed)) for seed in range(400)])
    assert abs(values.mean()) < 3 * values.std() / 20


def test_precision_falls_with_what_is_odd_and_recall_with_what_is_missing() -> None:
    clusters = torch.tensor([[0.0, 0.0], [100.0, 0.0]]).double()
    real = normal(60, 2) + clusters.repeat(30, 1)
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real[::2])[0] == 1
    assert precision_recall(real, real[::2])[1] == pytest.approx(0.5, abs=0.05)
    odd = torch.cat([real[:30], real[:10] + 1e4])
    assert precision_recall(real, odd)[0] == 0.75


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 5))
def test_vendi_score_counts_pictures_that_have_nothing_in_common(kinds: int, repeated: int) -> None:
    features = 3 * torch.eye(8)[:kinds].repeat(repeated, 1)
    assert vendi_score(features) == pytest.approx(kinds)
    assert vendi_score(features.T[:kinds].T if kinds > 1 else features) == pytest.approx(kinds)


def test_collapse_shows_in_every_measure_of_variety() -> None:
    varied, collapsed = normal(40, 5), normal(1, 5).repeat(40, 1) + 1e-3 * normal(40, 5)
    assert mean_distance(collapsed) < 0.01 * mean_distance(varied)
    assert vendi_score(collapsed) == pytest.approx(1, abs=0.01)
    assert vendi_score(varied) > 4
    assert precision_recall(varied, collapsed)[1] < 0.1


def test_mean_distance_leaves_each_out_of_its_own() -> None:
    assert mean_distance(torch.tensor([[0.0], [3.0], [3.0]])) == pytest.approx((3 + 3 + 0) / 3)


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, precision_recall])
def test_features_that_do_not_fit_are_refused(measure: object) -> None:
    for pair in ((normal(1, 3), normal(9, 3)), (normal(9, 3), normal(9, 4))):
        with pytest.raises(ValueError, match="or more pictures, all of one length, got"):
            measure(*pair)  # type: ignore[operator]
    with pytest.raises(ValueError, match="none of them zero"):
        vendi_score(torch.zeros(2, 2))
