"""Which points are labelled next: known values, enumeration by hand, and what holds for any model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nflows_agri.labelling.acquisition import (
    Acquisition,
    batchbald,
    choose,
    mutual_information,
    predictive_entropy,
)
from nflows_agri.labelling.joint import Joint, systematic

SURE, OTHER = (0.0, -math.inf), (-math.inf, 0.0)


@st.composite
def answers(draw: st.DrawFn, most: int = 6) -> Tensor:
    """Log-probabilities of a few points, some of them sure of one class."""
    shape = tuple(draw(st.integers(low, high)) for low, high in ((2, most), (1, 5), (2, 3)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([0.1, 1.0, 5.0, 60.0]))
    return torch.from_numpy(generator.normal(0, scale, shape)).log_softmax(-1)


def enumerated(log_probs: Tensor, points: Sequence[int]) -> tuple[float, float]:
    """The joint entropy of the points' labels, and their information on the weights, by the definitions."""
    probs = log_probs.exp().double().numpy()
    draws, classes = probs.shape[1:]
    joint = 0.0
    for labels in itertools.product(range(classes), repeat=len(points)):
        each = [math.prod(probs[n, k, c] for n, c in zip(points, labels, strict=True)) for k in range(draws)]
        joint -= _x_log_x(sum(each) / draws)
    known = -sum(_x_log_x(p) for n in points for p in probs[n].flatten()) / draws
    return joint, joint - known


def _x_log_x(p: float) -> float:
    return float(p * math.log(p)) if p > 0 else 0.0


@settings(deadline=None, max_examples=50)
@given(answers())
def test_entropies_of_all_labels_one_after_the_other_are_the_joint_entropy(log_probs: Tensor) -> None:
    joint, generator = Joint.of_nothing(log_probs.shape[1], log_probs), torch.Generator()
    entropy = information = 0.0
    for point in log_probs:
        entropy += float(joint.entropy(point[None]))
        information += float(joint.information(point[None]))
        joint = joint.extended(point, 3**6, generator)
    assert (entropy, information) == pytest.approx(enumerated(log_probs, range(len(log_probs))), abs=1e-9)
    assert float(joint.log_probabilities.logsumexp(0)) == pytest.approx(0, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(answers(), st.data())
def test_what_a_batch_tells_is_what_enumeration_says_and_each_choice_adds_less(
    log_probs: Tensor, data: st.DataObject
) -> None:
    batch = data.draw(st.integers(1, len(log_probs)))
    indices, information = batchbald(log_probs, batch)
    assert len(set(indices)) == batch
    for count, told in enumerate(information, 1):
        assert told == pytest.approx(enumerated(log_probs, indices[:count])[1], abs=1e-9)
    gains = np.diff([0.0, *information])
    assert (gains >= -1e-9).all(), "monotone"
    assert (np.diff(gains) <= 1e-9).all(), "submodular"
    assert information[-1] <= math.log(log_probs.shape[1]) + 1e-9, "no more than which of the draws it is"


@settings(deadline=None, max_examples=50)
@given(answers())
def test_greedy_has_the_promised_share_of_the_best_batch(log_probs: Tensor) -> None:
    best = max(enumerated(log_probs, pair)[1] for pair in itertools.combinations(range(len(log_probs)), 2))
    assert batchbald(log_probs, 2).information[-1] >= (1 - 1 / math.e) * best - 1e-9


@settings(deadline=None, max_examples=50)
@given(answers())
def test_a_batch_of_one_is_the_choice_of_bald(log_probs: Tensor) -> None:
    scores = mutual_information(log_probs)
    assert scores.tolist() == pytest.approx([enumerated(log_probs, [n])[1] for n in range(len(log_probs))], abs=1e-9)
    assert batchbald(log_probs, 1).indices == choose(log_probs, 1, "bald")
    assert (scores <= predictive_entropy(log_probs) + 1e-9).all()


@settings(deadline=None, max_examples=50)
@given(answers(), st.integers(0, 2**32))
def test_the_order_of_points_draws_and_classes_changes_no_score(log_probs: Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points, draws, classes = (torch.randperm(size, generator=generator) for size in log_probs.shape)
    other = log_probs[points][:, draws][:, :, classes]
    for score in (predictive_entropy, mutual_information):
        torch.testing.assert_close(score(other), score(log_probs)[points], rtol=0, atol=1e-9)
    assert batchbald(other, 1).information == pytest.approx(batchbald(log_probs, 1).information, abs=1e-9)
    whole = len(log_probs)
    assert batchbald(other, whole).information[-1] == pytest.approx(
        batchbald(log_probs, whole).information[-1], abs=1e-9
    )


@settings(deadline=None, max_examples=50)
@given(answers())
def test_draws_told_twice_change_no_score(log_probs: Tensor) -> None:
    twice = log_probs.repeat(1, 2, 1)
    torch.testing.assert_close(mutual_information(twice), mutual_information(log_probs), rtol=0, atol=1e-9)
    whole = len(log_probs)
    assert batchbald(twice, whole).information == pytest.approx(batchbald(log_probs, whole).information, abs=1e-9)


def test_of_points_that_say_the_same_one_is_chosen_where_bald_takes_all() -> None:
    doubted = torch.tensor([SURE, SURE, OTHER, OTHER])  # one bit
    other = torch.tensor([SURE, OTHER, SURE, SURE])  # less, but another one
    log_probs = torch.stack([doubted, doubted, doubted, other])
    assert choose(log_probs, 2, "bald") == [0, 1]
    indices, information = batchbald(log_probs, 3)
    assert indices[:2] == [0, 3]
    assert information == pytest.approx([math.log(2), 1.5 * math.log(2), 1.5 * math.log(2)], abs=1e-6)


def test_entropy_wants_noise_and_bald_wants_what_the_model_does_not_know() -> None:
    noise = torch.tensor([[0.5, 0.5]] * 2).log()
    log_probs = torch.stack([noise, torch.tensor([SURE, OTHER]).clamp(min=math.log(0.05)).log_softmax(-1)])
    assert predictive_entropy(log_probs)[0] == pytest.approx(math.log(2))
    assert mutual_information(log_probs)[0] == pytest.approx(0, abs=1e-6)
    assert choose(log_probs, 1, "bald") == choose(log_probs, 1, "batchbald") == [1]


def test_drawn_configurations_tell_what_enumeration_does() -> None:
    generator = torch.Generator().manual_seed(3)
    log_probs = torch.randn(8, 6, 3, generator=generator, dtype=torch.float64).mul(2).log_softmax(-1)
    exact = batchbald(log_probs, 6, configurations=3**6)
    for seed in range(3):
        drawn = batchbald(log_probs, 6, configurations=200, seed=seed)
        assert drawn.information[-1] == pytest.approx(exact.information[-1], abs=0.03)
        assert drawn == batchbald(log_probs, 6, configurations=200, seed=seed)
    assert exact.information[-1] == pytest.approx(enumerated(log_probs, exact.indices)[1], abs=1e-9)


def test_means_over_drawn_configurations_are_unbiased() -> None:
    log_probs = torch.randn(4, 5, 3, dtype=torch.float64).log_softmax(-1)
    exact = Joint.of_nothing(5, log_probs)
    for point in log_probs[:3]:
        exact = exact.extended(point, 27, torch.Generator())
    found = []
    for seed in range(400):
        generator, joint = torch.Generator().manual_seed(seed), Joint.of_nothing(5, log_probs)
        for point in log_probs[:3]:
            joint = joint.extended(point, 4, generator)
        found.append(float(joint.information(log_probs[3:])))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - float(exact.information(log_probs[3:]))) < 4 * error


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20).filter(lambda weights: sum(weights) > 0.01), st.integers(1, 50)
)
def test_a_systematic_draw_takes_each_as_often_as_its_share_rounded(weights: list[float], count: int) -> None:
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    drawn = systematic(shares.log(), count, torch.Generator().manual_seed(0)).bincount(minlength=len(weights))
    assert int(drawn.sum()) == count
    assert ((drawn - shares * count).abs() < 1 + 1e-9).all()
    assert (drawn[shares == 0] == 0).all()


def test_many_points_are_scored_in_blocks_as_all_at_once_and_bounds_leave_out_none_that_is_better() -> None:
    log_probs = torch.randn(1100, 4, 3, dtype=torch.float64).mul(3).log_softmax(-1)
    alone = Joint.of_nothing(4, log_probs).information(log_probs)
    torch.testing.assert_close(mutual_information(log_probs), alone)
    first, second = batchbald(log_probs, 2).indices
    after = Joint.of_nothing(4, log_probs).extended(log_probs[first], 9, torch.Generator()).information(log_probs)
    after[first] = -math.inf
    assert (first, second) == (int(alone.argmax()), int(after.argmax()))


@settings(deadline=None, max_examples=50)
@given(answers(), st.sampled_from(["batchbald", "bald", "entropy", "random"]), st.integers(0, 9))
def test_every_way_gives_so_many_points_once_and_the_same_for_the_same_seed(
    log_probs: Tensor, by: Acquisition, seed: int
) -> None:
    chosen = choose(log_probs, len(log_probs), by, seed)
    assert sorted(chosen) == list(range(len(log_probs)))
    assert chosen == choose(log_probs, len(log_probs), by, seed)


@pytest.mark.parametrize(
    ("log_probs", "batch", "by", "said"),
    [
        (torch.zeros(3, 2), 1, "entropy", "(N, K, C)"),
        (torch.zeros(0, 2, 2), 1, "random", "(N, K, C)"),
        (torch.ones(3, 2, 2), 1, "batchbald", "sum to 1"),
        (torch.full((3, 2, 2), math.nan), 1, "bald", "sum to 1"),
        (torch.full((3, 2, 2), 0.5).log(), 4, "batchbald", "1 to 3"),
        (torch.full((3, 2, 2), 0.5).log(), 0, "random", "1 to 3"),
        (torch.full((3, 2, 2), 0.5).log(), 1, "best", "batchbald, bald, entropy, random"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(log_probs: Tensor, batch: int, by: Acquisition, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        choose(log_probs, batch, by)
