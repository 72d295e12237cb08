"""The perceptual distance in rings around masks, by VGG16's kernels and strides with few channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from narrow_judge import narrow_judge
from nflows_core.evaluation import PerceptualDistance
from nflows_core.evaluation.perceptual import Vgg16
from nflows_privacy.evaluation.rings import ring_distances
from nflows_privacy.masks import Rectangle
from nflows_privacy.regions import Box

Pixels = NDArray[np.uint8]
FACE = Box(210, 150, 230, 170)
"""Its mask at a scale of 1.2 goes from 208 to 232 and 148 to 172, its ring from 202 to 238 and 142 to 178."""
SCALE = 1.2
MASK, RING = Rectangle(148, 208, 172, 232), Rectangle(142, 202, 178, 238)


@pytest.fixture(scope="module")
def judge() -> PerceptualDistance:
    return narrow_judge()


def street(height: int = 330, width: int = 500) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def changed(pixels: Pixels, *places: Rectangle, by: int = 100) -> Pixels:
    pixels = pixels.copy()
    for place in places:
        pixels[place.slices] += np.uint8(by)
    return pixels


def of_whole(judge: PerceptualDistance, before: Pixels, after: Pixels) -> Tensor:
    x, y = (torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1 for pixels in (before, after))
    return judge.map(x, y)[0].double()


def test_equal_pictures_have_no_distance(judge: PerceptualDistance) -> None:
    assert ring_distances(judge, street(), street(), [FACE, Box(0, 0, 9, 9)], SCALE) == [0, 0]


def test_what_no_pixel_of_the_ring_sees_does_not_count_and_what_one_sees_does(judge: PerceptualDistance) -> None:
    far = Rectangle(0, RING.right + Vgg16.reach, 330, 500)
    assert ring_distances(judge, street(), changed(street(), far), [FACE], SCALE) == [0]
    near = Rectangle(0, RING.right + Vgg16.reach - 40, 330, 500)
    assert ring_distances(judge, street(), changed(street(), near), [FACE], SCALE)[0] > 0


def test_a_filled_mask_shows_in_its_ring_and_a_changed_ring_shows_more(judge: PerceptualDistance) -> None:
    filled = changed(street(), MASK)
    distances = [
        ring_distances(judge, street(), after, [FACE], SCALE)[0]
        for after in (filled, changed(filled, Rectangle(142, 202, 148, 238)), changed(changed(street(), RING), MASK))
    ]
    assert 0 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("side", [512, 32])
def test_it_is_the_mean_of_the_whole_pictures_map_over_the_ring(
    judge: PerceptualDistance, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By torch, by hand: a crop with its surroundings, and a ring in parts, give what the whole picture gives."""
    monkeypatch.setattr("nflows_privacy.evaluation.rings._SIDE", side)
    before = street(336, 496)
    after = changed(before, MASK, Rectangle(100, 216, 150, 300))
    ring = torch.zeros(336, 496, dtype=torch.bool)
    ring[RING.slices] = True
    ring[MASK.slices] = False
    expected = of_whole(judge, before, after)[ring].mean().item()
    assert ring_distances(judge, before, after, [FACE], SCALE) == pytest.approx([expected], rel=1e-4)


def test_a_ring_is_cut_off_at_the_picture_and_at_every_mask(judge: PerceptualDistance) -> None:
    before, corner, beside = street(64, 64), Box(-10, -10, 20, 20), Box(24, 4, 34, 14)
    after = changed(before, Rectangle(0, 0, 40, 40))
    ring = torch.zeros(64, 64, dtype=torch.bool)
    ring[:28, :28] = True  # 5 + 1.5 * 15 * 1 = 27.5
    ring[:20, :20] = False
    ring[4:14, 24:34] = False
    expected = of_whole(judge, before, after)[ring].mean().item()
    assert ring_distances(judge, before, after, [corner, beside], 1)[0] == pytest.approx(expected, rel=1e-5)


def test_where_there_is_no_ring_there_is_no_distance(judge: PerceptualDistance) -> None:
    outside, covered, whole = Box(600, 0, 610, 10), Box(40, 40, 50, 50), Box(0, 0, 100, 100)
    assert ring_distances(judge, street(64, 64), street(64, 64), [outside, covered, whole], 1) == [None] * 3
    assert ring_distances(judge, street(15, 64), street(15, 64), [Box(4, 4, 8, 8)], 1) == [None]
