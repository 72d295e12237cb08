"""Measures of segmentation and detection against values that are known without them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_privacy.training.scoring import OVERLAPS, Judged
from nflows_privacy.utility.comparing import Compared
from nflows_privacy.utility.masks import IGNORED
from nflows_privacy.utility.overlap import Overlaps, confusion, dice_of_classes, iou_of_classes
from nflows_privacy.utility.precision import Detections, Matched
from nflows_privacy.utility.segmentation import binary_cross_entropy, loss_of

Array = NDArray[np.float64]


def test_iou_and_dice_are_those_of_sets() -> None:
    true = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    predicted = np.array([[0, 0, 0, 1], [0, 0, 0, 1]])
    counts = confusion(predicted, true, 3)
    assert counts.tolist() == [[4, 0, 0], [2, 2, 0], [0, 0, 0]]
    assert iou_of_classes(counts) == pytest.approx([4 / 6, 2 / 4, np.nan], nan_ok=True)
    assert dice_of_classes(counts) == pytest.approx([8 / 10, 4 / 6, np.nan], nan_ok=True)


def test_pixels_of_no_class_do_not_count() -> None:
    true = np.array([0, 1, IGNORED])
    assert confusion(np.array([0, 1, 1]), true, 2).tolist() == [[1, 0], [0, 1]]


@given(st.integers(0, 2**32 - 1))
def test_dice_is_twice_the_iou_over_one_more(seed: int) -> None:
    generator = np.random.default_rng(seed)
    counts = confusion(generator.integers(0, 3, 200), generator.integers(0, 3, 200), 3)
    iou = iou_of_classes(counts)
    assert dice_of_classes(counts) == pytest.approx(2 * iou / (1 + iou))


@given(st.integers(0, 2**32 - 1))
def test_measures_of_a_set_are_those_of_its_pictures_laid_side_by_side(seed: int) -> None:
    generator = np.random.default_rng(seed)
    true, predicted = generator.integers(0, 3, (2, 4, 50))
    counts = np.stack([confusion(one, other, 3) for one, other in zip(predicted, true, strict=True)])
    metrics = Overlaps(counts, np.arange(4.0)).metrics(np.array([0, 2]))
    together = confusion(predicted[[0, 2]], true[[0, 2]], 3)
    assert metrics["miou"] == pytest.approx(float(iou_of_classes(together).mean()))
    assert metrics["dice_of_all_pixels"] == pytest.approx((predicted == true)[[0, 2]].mean())
    assert metrics["loss"] == 1


def matched(found: Array, scores: Array, true: Array) -> Matched:
    return Matched.of(Judged(found, scores, true, np.zeros((0, 4))))


def of_hits(scores: Array, hits: NDArray[np.bool_], there: int) -> Detections:
    return Detections([[Matched([(scores, hits)] * len(OVERLAPS), there)]], {})


def test_a_box_of_which_seven_tenths_fit_counts_at_half_of_the_overlaps() -> None:
    one = matched(np.array([[0.0, 0, 10, 7.2]]), np.array([0.5]), np.array([[0.0, 0, 10, 10]]))
    assert Detections([[one]], {}).metrics(np.array([0])) == {
        "precision": 1,
        "recall": 1,
        "map50": 1,
        "map50_95": 0.5,
    }


def test_measures_of_a_ranking_that_is_known() -> None:
    """Right, wrong, right of two: precisions 1, 1/2, 2/3; 51 recalls up to .5 have 1, the other 50 have 2/3."""
    metrics = of_hits(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 2).metrics(np.array([0]))
    assert metrics["map50"] == metrics["map50_95"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((2 / 3, 1.0))


def test_average_precision_is_that_of_torchmetrics() -> None:
    """Of random boxes in several pictures; pycocotools, behind torchmetrics, counts them on its own.

    They are 41 in truth, so that no recall is one of the 101 at which it is read, which theirs rounds.
    """
    from torchmetrics.detection import MeanAveragePrecision

    generator = np.random.default_rng(0)
    metric = MeanAveragePrecision()
    pictures = []
    for number in (5, 5, 5, 5, 5, 5, 5, 6):
        true = np.sort(generator.uniform(0, 100, (number, 2, 2)), axis=1).reshape(number, 4)
        moved = true.reshape(number, 2, 2) + generator.normal(0, 4, (number, 2, 2))
        boxes, scores = np.sort(moved, axis=1).reshape(number, 4), generator.uniform(size=number)
        pictures.append([matched(boxes, scores, true)])
        labels = torch.zeros(number, dtype=torch.int64)
        found = {"boxes": torch.tensor(boxes), "scores": torch.tensor(scores), "labels": labels}
        metric.update([found], [{"boxes": torch.tensor(true), "labels": labels}])
    ours, theirs = Detections(pictures, {}).metrics(np.arange(8)), metric.compute()
    assert ours["map50"] == pytest.approx(float(theirs["map_50"]), abs=1e-6)
    assert ours["map50_95"] == pytest.approx(float(theirs["map"]), abs=1e-6)


def test_nothing_found_is_nothing_of_all_and_nothing_there_has_no_value() -> None:
    nothing = np.zeros((0, 4))
    blind = matched(nothing, np.zeros(0), np.array([[0.0, 0, 9, 9]]))
    assert set(Detections([[blind]], {}).metrics(np.array([0])).values()) == {0}
    empty = matched(nothing, np.zeros(0), nothing)
    assert all(np.isnan(value) for value in Detections([[empty]], {}).metrics(np.array([0])).values())


@given(st.integers(0, 2**32 - 1))
def test_a_surer_wrong_box_never_raises_the_precision(seed: int) -> None:
    generator = np.random.default_rng(seed)
    hits, scores = generator.uniform(size=6) < 0.6, generator.uniform(size=6)
    first = of_hits(scores, hits, 6).metrics(np.array([0]))
    worse = of_hits(np.array([2.0, *scores]), np.array([False, *hits]), 6).metrics(np.array([0]))
    assert worse["map50"] <= first["map50"] + 1e-12


def test_the_difference_of_equal_models_is_exactly_nothing_and_of_shifted_ones_exactly_the_shift() -> None:
    counts = np.random.default_rng(0).integers(1, 50, (12, 2, 2))
    losses = np.random.default_rng(1).uniform(size=12)
    real, worse = Overlaps(counts, losses), Overlaps(counts, losses + 0.5)
    rows = Compared("net", [real, real], {"blurred": [worse, worse]}).rows(seed=0, resamples=100)
    assert [row["trained_on"] for row in rows] == ["real", "blurred", "blurred - real"]
    assert rows[2]["miou"] == 0
    assert rows[2]["miou_interval_95"] == [0, 0]
    assert rows[2]["loss_interval_95"] == pytest.approx([0.5, 0.5])
    assert rows[0]["miou_interval_95"][0] < rows[0]["miou"] < rows[0]["miou_interval_95"][1]
    assert rows[0]["loss_over_seeds"] == 0


def test_the_deviation_over_seeds_is_that_of_their_values() -> None:
    counts = np.ones((3, 2, 2), np.int64)
    group = [Overlaps(counts, np.full(3, value)) for value in (1.0, 2.0, 4.5)]
    rows = Compared("net", group, {"blurred": group[::-1]}).rows(seed=0, resamples=20)
    assert rows[0]["loss"] == 2.5
    assert rows[0]["loss_over_seeds"] == pytest.approx(np.std([1, 2, 4.5], ddof=1))
    assert rows[2]["loss_over_seeds"] == pytest.approx(np.std([3.5, 0, -3.5], ddof=1))


def test_binary_cross_entropy_is_that_of_each_class_and_ignores_what_has_none() -> None:
    logits = torch.tensor([[[[0.0, 9.0]], [[0.0, -9.0]]]])
    masks = torch.tensor([[[0, IGNORED]]])
    assert float(binary_cross_entropy(logits, masks, 2)) == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", ["bce", "dice"])
def test_each_loss_is_small_for_the_truth_and_large_for_its_opposite(name: str) -> None:
    masks = torch.tensor([[[0, 1], [1, IGNORED]]])
    logits = torch.nn.functional.one_hot(masks.clamp(max=1), 2).permute(0, 3, 1, 2).float() * 40 - 20
    loss = loss_of(name, 2)
    assert float(loss(logits, masks)) < 1e-3
    assert float(loss(-logits, masks)) > 0.9
