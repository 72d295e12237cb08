"""Average precision: known values, and torchmetrics on the same boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nflows_privacy.training.scoring import OVERLAPS, Judged, average_precision, matched, precision_recall

NONE = np.empty((0, 4))


def judged(
    found: list[tuple[float, ...]],
    scores: list[float],
    true: list[tuple[float, ...]],
    ignored: NDArray[np.float64] = NONE,
) -> Judged:
    boxes = (np.array(one, dtype=np.float64).reshape(-1, 4) for one in (found, true))
    return Judged(next(boxes), np.array(scores), next(boxes), ignored)


def random_pictures(seed: int, count: int = 12) -> list[Judged]:
    """Boxes, most of them found a little beside their place, some twice, some nowhere."""
    generator = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        corners = generator.uniform(0, 80, (int(generator.integers(0, 6)), 2))
        true = np.hstack([corners, corners + generator.uniform(10, 30, corners.shape)])
        near = np.repeat(true, 2, axis=0)[: int(generator.integers(0, 11))]
        false = generator.uniform(0, 10, (2, 4)) + np.array([0, 0, 40, 40])
        found = np.vstack([near + generator.normal(0, 1.5, near.shape), false])
        pictures.append(Judged(found, generator.random(len(found)), true, NONE))
    return pictures


def test_what_is_found_exactly_has_an_average_precision_of_one() -> None:
    one = judged([(0, 0, 9, 9), (20, 20, 40, 40)], [0.9, 0.3], [(20, 20, 40, 40), (0, 0, 9, 9)])
    assert [average_precision([one], overlap) for overlap in OVERLAPS] == [1] * 10


def test_a_surer_false_box_halves_the_precision_and_one_less_sure_costs_nothing() -> None:
    true = [(0.0, 0, 10, 10)]
    before = judged([(50, 50, 60, 60), (0, 0, 10, 10)], [0.9, 0.5], true)
    after = judged([(50, 50, 60, 60), (0, 0, 10, 10)], [0.4, 0.5], true)
    assert average_precision([before], 0.5) == 0.5
    assert average_precision([after], 0.5) == 1


def test_a_thing_that_is_found_twice_is_false_once() -> None:
    twice = judged([(0, 0, 10, 10), (0, 0, 10, 9)], [0.5, 0.9], [(0, 0, 10, 10)])
    assert matched(twice).tolist() == [-1, 0]
    assert precision_recall([twice], 0.4) == (1, 1, 1)
    assert precision_recall([twice], 0.6) == (1, 0, 1)


def test_boxes_in_what_does_not_count_are_neither_right_nor_false() -> None:
    crowd = np.array([[0.0, 0, 50, 50]])
    one = judged([(10, 10, 20, 20), (60, 60, 70, 70), (12, 12, 30, 30)], [0.9, 0.8, 0.7], [(12, 12, 30, 30)], crowd)
    assert precision_recall([one], 0.1) == (1, 1, 1)


def test_nothing_there_has_no_average_precision() -> None:
    assert average_precision([judged([(0, 0, 9, 9)], [0.9], [])], 0.5) is None
    assert average_precision([judged([], [], [(0, 0, 9, 9)])], 0.5) == 0


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_torchmetrics_says(seed: int) -> None:
    pytest.importorskip("pycocotools")
    metrics = pytest.importorskip("torchmetrics.detection")
    pictures = random_pictures(seed)
    metric = metrics.MeanAveragePrecision()
    for one in pictures:
        labels = [torch.zeros(len(boxes), dtype=torch.int64) for boxes in (one.found, one.true)]
        boxes = [torch.from_numpy(found).float() for found in (one.found, one.true)]
        found = {"boxes": boxes[0], "scores": torch.from_numpy(one.scores).float(), "labels": labels[0]}
        metric.update([found], [{"boxes": boxes[1], "labels": labels[1]}])
    told = metric.compute()
    own = [average_precision(pictures, overlap) for overlap in OVERLAPS]
    assert own[0] == pytest.approx(float(told["map_50"]), abs=1e-4)
    assert np.mean([one for one in own if one is not None]) == pytest.approx(float(told["map"]), abs=1e-4)
