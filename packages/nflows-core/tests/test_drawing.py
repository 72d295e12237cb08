from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nflows_core.drawing import Polygon, Stroke, bezier, drawn, wandering


@given(st.floats(4, 28), st.floats(4, 28), st.floats(0.5, 6), st.floats(0.5, 6))
def test_a_rectangle_covers_its_area(x: float, y: float, half_width: float, half_height: float) -> None:
    corners = np.array([[x - half_width, y - half_height], [x + half_width, y - half_height]])
    corners = np.concatenate([corners, 2 * np.array([x, y]) - corners])
    shares = drawn([Polygon(corners)], 40, 40)
    inside = np.clip(corners, 0, None)
    height = inside[:, 1].max() - inside[:, 1].min()
    width = inside[:, 0].max() - inside[:, 0].min()
    assert float(shares.sum()) == pytest.approx(width * height, abs=width / 8 + 1e-3)  # lines are an eighth apart
    assert 0 <= shares.min() <= shares.max() <= 1


@given(st.floats(0, 2 * math.pi), st.floats(0.5, 10), st.integers(3, 9))
def test_a_polygon_covers_its_area_whichever_way_it_goes_around(turn: float, radius: float, corners: int) -> None:
    angles = turn + np.arange(corners) * 2 * math.pi / corners
    points = np.array([20.3, 19.6]) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    area = corners / 2 * math.sin(2 * math.pi / corners) * radius**2
    shares = drawn([Polygon(points)], 40, 40)
    assert float(shares.sum()) == pytest.approx(area, abs=0.02 + radius / 8)
    np.testing.assert_allclose(drawn([Polygon(points[::-1])], 40, 40), shares, atol=1e-6)


@given(st.floats(0, 2 * math.pi), st.floats(0.2, 8))
def test_a_stroke_is_as_wide_as_it_says_in_every_direction(angle: float, width: float) -> None:
    middle, way = np.array([30.0, 30.0]), 20 * np.array([math.cos(angle), math.sin(angle)])
    points = np.array([middle - way / 2, middle, middle + way / 2])
    shares = drawn([Stroke(points, np.full(3, width))], 60, 60)
    ends = math.pi * width**2 / 4
    longer = 2 * 0.5 * width + 0.05  # half a pixel at each end, at most
    assert float(shares.sum()) == pytest.approx(20 * width + ends, rel=0.03, abs=longer)
    y, x = np.mgrid[:60, :60] + 0.5
    assert (shares * x).sum() / shares.sum() == pytest.approx(30, abs=0.1)
    assert (shares * y).sum() / shares.sum() == pytest.approx(30, abs=0.1)


def test_a_stroke_of_known_pixels() -> None:
    line = drawn([Stroke(np.array([[-5.0, 2.0], [9.0, 2.0]]), np.full(2, 1.5))], 4, 5)
    np.testing.assert_allclose(line, np.repeat([[0], [0.75], [0.75], [0]], 5, axis=1), atol=1e-3)
    dot = drawn([Stroke(np.array([[3.5, 3.5]]), np.array([5.0]))], 7, 7)
    assert float(dot.sum()) == pytest.approx(math.pi * 2.5**2, rel=0.02)
    wedge = drawn([Stroke(np.array([[0.0, 10.0], [40.0, 10.0]]), np.array([0.0, 8.0]))], 20, 40)
    np.testing.assert_allclose(wedge[:, 5:35].sum(0), (np.arange(5, 35) + 0.5) / 5, rtol=0.1)


def test_what_lies_outside_is_cut_off_and_nothing_is_nothing() -> None:
    assert not drawn([], 5, 7).any()
    assert drawn([], 5, 7).shape == (5, 7)
    whole = np.array([[-9.0, -9], [99, -9], [99, 99], [-9, 99]])
    assert (drawn([Polygon(whole)], 5, 7) == 1).all()


def test_a_curve_begins_and_ends_at_its_control_points() -> None:
    controls = np.array([[0.0, 0], [4, 8], [8, 0]])
    points = bezier(controls, 9)
    np.testing.assert_allclose(points[[0, -1]], controls[[0, -1]])
    np.testing.assert_allclose(points[4], [4, 4])  # of a parabola: half the height of its control
    np.testing.assert_allclose(bezier(controls[:2], 3), [[0, 0], [2, 4], [4, 8]])


def test_a_way_without_turns_is_straight_and_each_step_is_a_pixel() -> None:
    straight = wandering(np.array([3.0, 4.0]), math.pi / 2, 10, 0, np.random.default_rng(0))
    np.testing.assert_allclose(straight, np.stack([np.full(11, 3.0), 4 + np.arange(11.0)], axis=1))
    turning = wandering(np.array([3.0, 4.0]), 0, 50, 0.2, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(np.diff(turning, axis=0), axis=1), 1)


def test_what_is_no_curve_is_told() -> None:
    with pytest.raises(ValueError, match="two control points"):
        bezier(np.zeros((1, 2)), 5)
    with pytest.raises(ValueError, match="a width at each point"):
        Stroke(np.zeros((3, 2)), np.ones(2))
