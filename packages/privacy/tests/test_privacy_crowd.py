"""The crowds that detectors are measured on: every face is where it is said to be, and nothing else is changed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from nflows_privacy.masks import covers, mask_of
from nflows_privacy.regions import FACE, Box, Region, boxes_array, iou


@pytest.fixture(scope="module")
def crowd():  # type: ignore[no-untyped-def]
    """The module of the benchmarks, whose folder is no package."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    import crowd

    sys.path.pop(0)
    return crowd


def test_heads_lie_where_their_faces_are_said_to_be_and_do_not_cover_each_other(crowd) -> None:  # type: ignore[no-untyped-def]
    head = crowd.Head(np.full((120, 96, 3), 255, np.uint8), Box(18, 20, 78, 100))
    street = np.zeros((400, 500, 3), np.uint8)
    pixels, boxes = crowd.crowd(street, [head], np.random.default_rng(1))
    assert len(boxes) >= 4
    table = iou(boxes_array([Region(box, FACE) for box in boxes]), boxes_array([Region(box, FACE) for box in boxes]))
    assert (table - np.eye(len(boxes)) < 1e-9).all()
    for box in boxes:
        assert 7.9 < box.width < 160.1
        assert pixels[round((box.top + box.bottom) / 2), round((box.left + box.right) / 2)].min() > 100
    around = mask_of(covers([Region(box.grown(2.2), FACE) for box in boxes], 400, 500), 400, 500)
    assert pixels[~around].max() < 60


def test_the_same_seed_draws_the_same_crowd(crowd) -> None:  # type: ignore[no-untyped-def]
    head = crowd.Head(np.full((120, 96, 3), 200, np.uint8), Box(18, 20, 78, 100))
    drawn = [crowd.crowd(np.zeros((200, 300, 3), np.uint8), [head], np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert np.array_equal(drawn[0][0], drawn[1][0])
    assert drawn[0][1] == drawn[1][1] != drawn[2][1]
