"""Boxes, and the pixels that they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nflows_privacy.masks import cover, covers, mask_of
from nflows_privacy.regions import Box, Region, areas, boxes_array, iou

number = st.floats(-50, 150, allow_nan=False)
boxes = st.tuples(number, number, st.floats(0.02, 80), st.floats(0.02, 80)).map(
    lambda corner: Box(corner[0], corner[1], corner[0] + corner[2], corner[1] + corner[3])
)


@given(boxes, st.integers(1, 4))
def test_a_cover_holds_every_pixel_that_the_box_touches(box: Box, block: int) -> None:
    found = cover(box, 100, 120, block)
    rows, columns = np.arange(100), np.arange(120)
    touched = np.outer((rows + 1 > box.top) & (rows < box.bottom), (columns + 1 > box.left) & (columns < box.right))
    mask = mask_of([found] if found else [], 100, 120)
    assert mask[touched].all()
    if found:
        assert found.top % block == 0
        assert found.left % block == 0


@given(boxes, st.floats(1, 3))
def test_a_grown_box_holds_the_box_and_keeps_its_middle(box: Box, factor: float) -> None:
    grown = box.grown(factor)
    assert grown.left <= box.left + 1e-9
    assert grown.top <= box.top + 1e-9
    assert grown.right >= box.right - 1e-9
    assert grown.bottom >= box.bottom - 1e-9
    assert grown.left + grown.right == pytest.approx(box.left + box.right, abs=1e-9)
    assert grown.width == pytest.approx(factor * box.width)


@given(boxes, st.floats(0, 1))
def test_written_and_read_again_a_box_never_shrinks(box: Box, score: float) -> None:
    region = Region(box, "face", score)
    again = Region.from_json(region.to_json())
    assert again.box.left <= box.left
    assert again.box.top <= box.top
    assert again.box.right >= box.right
    assert again.box.bottom >= box.bottom
    assert np.abs(np.subtract(again.box, box)).max() <= 0.0101


@given(st.lists(boxes, min_size=1, max_size=5))
def test_intersection_over_union_is_symmetric_and_one_of_a_box_with_itself(found: list[Box]) -> None:
    array = boxes_array([Region(box, "face") for box in found])
    table = iou(array, array)
    assert np.allclose(table, table.T)
    assert np.allclose(np.diag(table), 1)
    assert (table <= 1 + 1e-9).all()


def test_known_values() -> None:
    first = np.array([[0, 0, 10, 10.0]])
    second = np.array([[5, 0, 15, 10.0], [20, 20, 30, 30], [0, 0, 10, 5]])
    assert iou(first, second).tolist() == [[1 / 3, 0, 0.5]]
    assert areas(second).tolist() == [100, 100, 50]
    assert covers([Region(Box(-5, -5, -1, -1), "face")], 10, 10) == []


@pytest.mark.parametrize(
    "box", [Box(0, 0, 0, 5), Box(3, 0, 2, 5), Box(0, 0, float("nan"), 1), Box(0, 0, float("inf"), 1)]
)
def test_a_box_without_an_area_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="left < right"):
        Region(box, "face")


@pytest.mark.parametrize(
    "value", [{}, {"kind": "face", "box": [1, 2, 3], "score": 1}, {"kind": 1, "box": [1] * 4, "score": 1}]
)
def test_what_is_no_region_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no region"):
        Region.from_json(value)
