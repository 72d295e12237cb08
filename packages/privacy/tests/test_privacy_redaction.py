"""Pictures redacted: what must stay, what must go, and what must not be written."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_privacy.detection import DetectorSettings, Look
from nflows_privacy.fills import HOW, FillSettings
from nflows_privacy.fills.settings import TRAINED
from nflows_privacy.masks import covers, mask_of
from nflows_privacy.redaction import Redaction, redact_still
from nflows_privacy.redaction.still import Redacted
from nflows_privacy.regions import Box, Region
from nflows_privacy.rgb import as_rgb
from square_detector import RED, Squares

CLASSICAL = [how for how in HOW if how not in TRAINED]


def settings(how: str = "solid", scale: float = 1.3) -> Redaction:
    return Redaction(("face",), DetectorSettings(("squares",)), FillSettings(how), scale)


def noise(channels: int = 3, dtype: type = np.uint8) -> NDArray[np.uint8 | np.uint16]:
    return np.random.default_rng(0).integers(1, 250, (60, 80, channels)).astype(dtype)


def with_squares(*places: tuple[int, int, int]) -> NDArray[np.uint8]:
    pixels = noise().astype(np.uint8)
    for top, left, side in places:
        pixels[top : top + side, left : left + side] = RED
    return pixels


def redacted(pixels: NDArray[np.uint8 | np.uint16], regions: list[Region], how: str, scale: float = 1.3) -> Redacted:
    return redact_still(pixels, regions, Squares(), settings(how, scale), 0, is_final=False)


def masks_of(result: Redacted, sides: tuple[int, int], scale: float = 1.3) -> NDArray[np.bool_]:
    grown = [Region(region.box.grown(scale), region.kind) for region in result.rungs]
    return mask_of(covers(grown, *sides), *sides)


@pytest.mark.parametrize("how", CLASSICAL)
@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (4, np.uint8), (3, np.uint16), (2, np.uint16)]
)
@hypothesis.settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(-10, 70), st.floats(-10, 50), st.floats(1, 40), st.floats(1, 40)), max_size=4))
def test_outside_of_the_masks_nothing_changes_to_the_bit(
    how: str, channels: int, dtype: type, corners: list[tuple[float, float, float, float]]
) -> None:
    pixels = noise(channels=channels, dtype=dtype)
    before = pixels.copy()
    regions = [Region(Box(left, top, left + width, top + height), "face") for left, top, width, height in corners]
    result = redacted(pixels, regions, how)
    outside = ~masks_of(result, (60, 80))
    assert np.array_equal(result.pixels[outside], before[outside])
    assert np.array_equal(pixels, before)
    assert result.pixels.dtype == dtype
    assert result.masked == pytest.approx(1 - outside.mean())


@pytest.mark.parametrize("how", CLASSICAL)
def test_nothing_is_found_any_more(how: str) -> None:
    pixels = with_squares((5, 5, 8), (30, 40, 20), (50, 70, 3))
    result = redacted(pixels, Squares()(pixels), how)
    assert Squares()(as_rgb(result.pixels), Look.CHECK) == []
    assert len(result.rungs) == 3


def test_what_only_the_second_look_finds_is_filled_too() -> None:
    pixels = with_squares((5, 5, 8), (40, 60, 1))
    assert len(Squares()(pixels)) == 1
    result = redacted(pixels, Squares()(pixels), "blur")
    assert (len(result.rungs), result.seen_again) == (2, 1)
    assert Squares()(as_rgb(result.pixels), Look.CHECK) == []


def test_a_fill_that_leaves_something_is_followed_by_a_stronger_one() -> None:
    pixels = with_squares((5, 5, 8))
    pixels[:30, :30] = RED  # what a blur of red makes is red
    result = redacted(pixels, [Region(Box(5, 5, 13, 13), "face")], "blur", scale=1)
    assert max(result.rungs.values()) == 2
    assert Squares()(as_rgb(result.pixels), Look.CHECK) == []


def test_what_a_person_has_decided_is_final_but_for_what_shows_in_the_masks() -> None:
    pixels = with_squares((5, 5, 8), (40, 60, 4))
    chosen = [Region(Box(5, 5, 13, 13), "face")]
    result = redact_still(pixels, chosen, Squares(), settings("solid"), 0, is_final=True)
    assert set(result.rungs) == set(chosen)
    assert (result.pixels[40:44, 60:64] == RED).all()


def test_what_nothing_hides_is_an_error_and_no_picture() -> None:
    class Sure(Squares):
        def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
            return [Region(Box(10, 10, 20, 20), "face")]

    with pytest.raises(ValueError, match="a face is still found"):
        redact_still(noise(), [], Sure(), settings(), 0, is_final=False)


def test_a_mask_as_large_as_the_picture_is_filled_whole() -> None:
    pixels = with_squares((0, 0, 60))
    result = redacted(pixels, [Region(Box(-100, -100, 500, 500), "face")], "solid")
    assert result.masked == 1
    assert len(np.unique(result.pixels)) == 1


def test_numbers_count_kinds_that_were_looked_for_and_not_there() -> None:
    result = redacted(with_squares((5, 5, 8)), [Region(Box(5, 5, 13, 13), "face")], "solid")
    assert result.numbers(["face", "plate"]) == {
        "faces": 1,
        "plates": 0,
        "masked_percent": pytest.approx(100 * 12 * 12 / (60 * 80), abs=1),
        "filled_more": 0,
        "seen_again": 0,
    }


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (2, np.uint16), (3, np.uint16), (4, np.uint8)])
def test_a_detector_sees_eight_bits_of_rgb(channels: int, dtype: type) -> None:
    pixels = (
        np.full((2, 3, channels), 200, dtype) if dtype == np.uint8 else np.full((2, 3, channels), 200 << 8 | 7, dtype)
    )
    assert (as_rgb(pixels) == 200).all()
    assert as_rgb(pixels).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("name", "value"), [("mask_scale", 0.9), ("mask_scale", 11), ("left_score", 0), ("left_score", 1.1)]
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        Redaction(("face",), DetectorSettings(("squares",)), FillSettings("solid"), **{name: value})
