"""The model that says which crops to label: what it takes features for, what it learns, and what it wants."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_agri.labelling.acquisition import Acquisition
from nflows_agri.labelling.head import TOGETHER, Head, normalized, train_head, wanted


def blobs(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes in turn, far apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    return centres[labels] + 0.3 * torch.randn(count, 64, generator=generator), labels


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(2, 9), st.integers(1, 6))
def test_features_get_one_length_whatever_their_units(seed: int, count: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(count, width, generator=generator, dtype=torch.float64)
    found = normalized(features)
    torch.testing.assert_close(found.norm(dim=1), torch.full((count,), math.sqrt(width), dtype=torch.float64))
    scale, shift = torch.rand(2, width, generator=generator, dtype=torch.float64) + 0.1
    torch.testing.assert_close(normalized(features * scale + shift), found)
    order = torch.randperm(count, generator=generator)
    torch.testing.assert_close(normalized(features[order]), found[order])


def test_a_constant_feature_says_nothing() -> None:
    features = torch.stack([torch.arange(4.0), torch.full((4,), 3.0)], 1)
    assert normalized(features)[:, 1].tolist() == [0.0] * 4
    assert normalized(torch.ones(3, 2)).tolist() == [[0.0, 0.0]] * 3


@pytest.fixture(scope="module")
def head() -> Head:
    features, labels = blobs(30)
    return train_head(features, labels, 4)


def test_it_learns_from_few_labels_and_the_same_seed_gives_the_same(head: Head) -> None:
    features, labels = blobs(60, seed=1)
    assert (head(features).argmax(1) == labels).all()
    again = train_head(*blobs(30), 4)
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), again.parameters(), strict=True))


def test_a_draw_is_one_network_for_all_points_and_draws_are_probabilities(head: Head) -> None:
    features, _ = blobs(12, seed=2)
    log_probs = head.log_probs(features, draws=7)
    assert log_probs.shape == (12, 7, 4)
    torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(12, 7))
    torch.testing.assert_close(head.log_probs(features[5:], draws=7), log_probs[5:], rtol=1e-4, atol=1e-4)
    assert log_probs.std(1).max() > 0.01


@pytest.mark.parametrize("by", ["batchbald", "bald", "entropy"])
def test_between_two_classes_it_wants_to_know_more_than_within_one(head: Head, by: Acquisition) -> None:
    features, _ = blobs(30)
    between = (features[0] + features[1]) / 2
    pool = torch.cat([features, between[None]])
    assert wanted(head, pool, [3, 4, 30, 5], 1, by) == [30]
    assert sorted(wanted(head, pool, [3, 30], 9, by)) == [3, 30], "fewer than asked for"


def test_a_large_batch_is_chosen_a_few_at_a_time_each_once_and_the_same_for_the_same_seed(head: Head) -> None:
    features, _ = blobs(30)
    candidates = list(range(2, 29))
    chosen = wanted(head, features, candidates, 2 * TOGETHER + 1, "batchbald", seed=4)
    assert len(set(chosen)) == 2 * TOGETHER + 1
    assert set(chosen) <= set(candidates)
    assert chosen == wanted(head, features, candidates, 2 * TOGETHER + 1, "batchbald", seed=4)
    assert chosen[:TOGETHER] == wanted(head, features, candidates, TOGETHER, "batchbald", seed=4)
    assert sorted(wanted(head, features, candidates, 40, "batchbald")) == candidates
