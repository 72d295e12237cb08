"""What is seen of scenes, and the ridge regression that reads it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from made_up_roads import KINDS, draw_road
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.looks import PLACE_BLOCKS, SIDES, Looks, sides_for
from nflows_privacy.missing.observing import largest_part, looks_of
from nflows_privacy.missing.ridge import ridge

SIDE = SIDES[0]
PLACES = sum(PLACE_BLOCKS)
CURVES = ("left-hand-curve", "right-hand-curve")


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


@pytest.fixture(scope="module")
def looks() -> Looks:
    return looks_of((SIDE,))


def scaled(features: torch.Tensor, blocks: Sequence[int]) -> np.ndarray:
    """Standardized features, each block of the same weight."""
    x = features.double().numpy()
    lengths = np.repeat(blocks, blocks)
    return (x - x.mean(0)) / x.std(0) / np.sqrt(len(blocks) * lengths)


@pytest.mark.parametrize("rows", [40, 9])  # solved as it stands, and in the dual
def test_ridge_is_that_of_scaled_features(rows: int) -> None:
    blocks = (3, 5, 7)
    features, targets = 3 + 2 * drawn(rows, 15), drawn(rows, 2, seed=1)
    z = scaled(features, blocks)
    expected = Ridge(alpha=0.3).fit(z, targets.numpy()).predict(z)
    assert ridge(features, targets, blocks, 0.3)(features).numpy() == pytest.approx(expected, abs=1e-4)


def test_ridge_has_the_minimum_of_what_it_minimizes() -> None:
    blocks, penalty = (4, 6), 0.5
    features, targets = drawn(20, 10), drawn(20, 1, seed=1)
    z = np.vstack([scaled(features, blocks), math.sqrt(penalty) * np.eye(10)])
    rest = np.vstack([targets.numpy() - targets.numpy().mean(0), np.zeros((10, 1))])
    weights = np.linalg.lstsq(z, rest, rcond=None)[0]
    expected = z[:20] @ weights + targets.numpy().mean(0)
    assert ridge(features, targets, blocks, penalty)(features).numpy() == pytest.approx(expected, abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(0, 2), st.integers(2, 4), st.floats(0.01, 10), st.integers(0, 99))
def test_a_block_counts_alike_however_often_its_features_are_there(
    rows: int, which: int, times: int, penalty: float, seed: int
) -> None:
    blocks = [2, 3, 4]
    parts = list(torch.split(drawn(rows, 9, seed=seed), blocks, 1))
    targets = drawn(rows, 2, seed=seed + 1)
    one = ridge(torch.cat(parts, 1), targets, blocks, penalty)(torch.cat(parts, 1))
    parts[which] = parts[which].repeat(1, times)
    blocks[which] *= times
    other = ridge(torch.cat(parts, 1), targets, blocks, penalty)(torch.cat(parts, 1))
    assert other.numpy() == pytest.approx(one.numpy(), abs=2e-3)


@pytest.mark.parametrize("rows", [30, 5])
def test_a_constant_feature_has_no_weight(rows: int) -> None:
    features = drawn(rows, 6)
    features[:, 2] = 0.1  # a number whose mean is another one, but for rounding
    found = ridge(features, drawn(rows, 2, seed=1), (6,), 0.1)
    assert not found.weight[2].any()
    assert found.weight[[0, 1, 3, 4, 5]].all()


@pytest.mark.parametrize(("rows", "targets", "blocks"), [(0, 0, (4,)), (3, 2, (4,)), (3, 3, (4, 1))])
def test_rows_and_blocks_that_do_not_fit_are_refused(rows: int, targets: int, blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="`features`: expected"):
        ridge(torch.zeros(rows, 4), torch.zeros(targets, 1), blocks, 1.0)


def test_pictures_are_looked_at_no_larger_than_they_are() -> None:
    assert sides_for([(1360, 800)]) == SIDES[: sum(side < 1150 for side in SIDES)]
    assert sides_for([(1360, 800), (448, 256)]) == (SIDE,)
    assert sides_for([(30, 20)]) == (SIDE,)


@pytest.mark.parametrize("size", [(256, 448), (131, 203), (300, 90)])
def test_the_shares_of_places_sum_to_what_a_road_says(size: tuple[int, int]) -> None:
    """At two sizes, whose grids do not divide each other."""
    looks = looks_of(SIDES[:2])
    pixels = np.random.default_rng(0).integers(256, size=(*size, 3), dtype=np.uint8)
    road, weight, mean = looks.road(pixels), drawn(looks.width, seed=3), drawn(looks.width, seed=4)
    shares = looks.shares(pixels, weight, mean).double()
    assert shares.ndim == 2
    scale = float(((road.abs() + mean.abs()) * weight.abs()).sum())
    assert float(shares.sum()) == pytest.approx(float((road - mean).double() @ weight.double()), abs=1e-5 * scale)


def test_a_road_is_looked_at_in_its_proportions_whatever_its_size(looks: Looks) -> None:
    road = draw_road(KINDS[0], np.random.default_rng(0)).pixels
    tall = np.ascontiguousarray(road.swapaxes(0, 1))
    for pixels in (road, road[:131, :203], tall, road[:3]):
        found = looks.road(pixels)
        assert found.shape == (looks.width,)
        assert sum(looks.blocks_of(looks.width)) == looks.width
        assert found.isfinite().all()


def test_a_place_is_seen_alike_alone_and_among_others_and_at_the_border(looks: Looks) -> None:
    pixels = draw_road(KINDS[1], np.random.default_rng(1)).pixels
    height, width = pixels.shape[:2]
    corners = [(0, 0), (0, width - 9), (height - 9, 0), (height - 9, width - 9), (100, 200)]
    holes = [Rectangle(top, left, top + 9, left + 9) for top, left in corners]
    together = looks.places(pixels, holes)
    assert together.shape == (5, sum(PLACE_BLOCKS))
    for hole, expected in zip(holes, together, strict=True):
        assert looks.places(pixels, [hole])[0].numpy() == pytest.approx(expected.numpy(), abs=1e-3)
    assert looks.places(pixels, []).shape == (0, sum(PLACE_BLOCKS))


def test_a_place_changes_with_what_is_beside_it_and_not_with_what_is_far(looks: Looks) -> None:
    pixels = draw_road(KINDS[1], np.random.default_rng(1)).pixels
    hole = Rectangle(60, 60, 70, 70)
    far, near = pixels.copy(), pixels.copy()
    far[:, 300:], near[75:80, 60:70] = 0, 0
    seen = looks.places(pixels, [hole])
    assert torch.equal(seen, looks.places(far, [hole]))
    assert not torch.allclose(seen, looks.places(near, [hole]), atol=1e-2)


boxes = st.tuples(st.integers(0, 240), st.integers(0, 400), st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None)
@given(st.lists(boxes, min_size=1, max_size=3))
def test_the_largest_part_holds_no_sign(found: list[tuple[int, int, int, int]]) -> None:
    signs = [Rectangle(top, left, min(256, top + down), left + across) for top, left, down, across in found]
    part = largest_part(signs, (448, 256))
    if part is not None:
        assert min(part.bottom - part.top, part.right - part.left) >= 64
        inside = [
            max(part.top, one.top) < min(part.bottom, one.bottom)
            and max(part.left, one.left) < min(part.right, one.right)
            for one in signs
        ]
        assert not any(inside)
