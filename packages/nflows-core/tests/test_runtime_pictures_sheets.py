from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import Picture, PictureFile, write_picture
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.sheets import before_and_after, contact_sheet, spread
from nflows_core.runtime.pictures.thumbnails import detail, thumbnail

LIGHT, DARK = 237, 204
"""The squares behind what is transparent."""


def small(path: Path, side: int) -> NDArray[np.uint8]:
    with PictureFile(path) as picture:
        return thumbnail(picture, side)


def written(folder: Path, pixels: NDArray[Any], icc: bytes | None = None, name: str = "a.png") -> Path:
    write_picture(folder / name, Picture(pixels, icc))
    return folder / name


def decoded(png: bytes | str) -> NDArray[np.uint8]:
    assert isinstance(png, bytes)
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(("height", "width"), [(400, 600), (64, 64), (401, 599), (1, 3000), (7, 5)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_each_pixel_is_the_mean_of_its_surroundings(tmp_path: Path, height: int, width: int, suffix: str) -> None:
    y, x = np.mgrid[:height, :width]
    pixels = np.dstack([255 * x // width, 255 * y // height, np.full_like(x, 77)]).astype(np.uint8)
    result = small(written(tmp_path, pixels, name=f"a{suffix}"), 64).astype(int)
    rows, columns = result.shape[:2]
    assert max(rows, columns) == min(64, max(height, width))
    middles = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    assert abs(result[..., 0] - 255 * middles[0]).max() <= 255 / min(width, columns * 2) + 3
    assert abs(result[..., 1] - 255 * middles[1][:, None]).max() <= 255 / min(height, rows * 2) + 3
    assert (result[..., 2] == 77).all()


@pytest.mark.parametrize(("dtype", "level"), [(np.uint8, 100), (np.uint16, 100 * 257)])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_sixteen_bits_look_as_they_are(tmp_path: Path, dtype: Any, level: int, channels: int) -> None:
    assert (small(written(tmp_path, np.full((90, 90, channels), level, dtype)), 30) == 100).all()


def test_what_is_transparent_shows_a_checkerboard_and_no_hidden_colour(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :8] = (255, 0, 0, 255)
    pixels[:, 8:] = (0, 255, 0, 0)
    result = small(written(tmp_path, pixels), 16)
    assert (result[:, :8] == (255, 0, 0)).all()
    assert {int(result[0, 8, 0]), int(result[8, 8, 0])} == {LIGHT, DARK}
    assert (result[:, 8:, 0] == result[:, 8:, 1]).all()
    half = small(written(tmp_path, pixels[:, 7:9].repeat(40, 0).copy()), 8)
    assert half.shape == (8, 1, 3) or (half[..., 0] > half[..., 1]).any()


def test_colours_are_shown_by_their_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    path = written(tmp_path, np.full((9, 9, 3), (255, 0, 0), np.uint8), swapped)
    assert abs(small(path, 9).astype(int) - (0, 0, 255)).max() <= 2


def test_a_profile_that_cannot_be_applied_is_left_out(tmp_path: Path) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[128:] = bytes(len(profile) - 128)
    path = written(tmp_path, np.full((9, 9, 3), (255, 0, 0), np.uint8), bytes(profile))
    assert (small(path, 9) == (255, 0, 0)).all()


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_detail_lies_inside(tmp_path: Path, place: tuple[float, float]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    with PictureFile(written(tmp_path, pixels)) as picture:
        part = detail(picture, place, (20, 30))
    top, left = round(place[0] * 30), round(place[1] * 30)
    np.testing.assert_array_equal(part, pixels[top : top + 20, left : left + 30])


def test_the_part_is_the_same_before_and_after(tmp_path: Path) -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[150:170, 30:50] = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
    before = written(tmp_path, pixels)
    after = written(tmp_path, pixels.repeat(2, 0).repeat(2, 1), name="b.png")
    sheet = before_and_after("Pairs", [("one", before, after)])
    whole_before, whole_after, part_before, part_after = map(decoded, sheet.rows["one"])
    np.testing.assert_array_equal(part_before, part_after)
    assert part_after.shape == (160, 160, 3)
    assert part_after.any()
    assert abs(whole_before.astype(int) - whole_after).mean() < 0.5


def test_pictures_of_other_proportions_are_shown_as_a_whole(tmp_path: Path) -> None:
    before = written(tmp_path, np.full((20, 20, 3), 10, np.uint8))
    after = written(tmp_path, np.full((40, 120, 3), 10, np.uint8), name="b.png")
    whole_before, whole_after, *parts = before_and_after("Pairs", [("one", before, after)]).rows["one"]
    assert (decoded(whole_before).shape, decoded(whole_after).shape) == ((20, 20, 3), (40, 120, 3))
    assert parts == ["", ""]


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, np.zeros((2, 2, 1), np.uint8))
    sheet = contact_sheet("All", [("there", path), ("gone", tmp_path / "b.png")])
    assert decoded(sheet.rows["there"][0]).shape == (2, 2, 3)
    assert "cannot be shown" in str(sheet.rows["gone"][0])
    assert "b.png" in str(before_and_after("Pairs", [("gone", path, tmp_path / "b.png")]).rows["gone"][0])


def test_a_sheet_has_rows_of_one_length() -> None:
    with pytest.raises(ValueError, match="the rows of the sheet 'All' must have 2 columns"):
        Sheet("All", ("a", "b"), {"one": ["x"]})


@given(st.lists(st.none() | st.floats(-10, 10)), st.integers(1, 30))
def test_extremes_come_first_and_no_picture_twice(values: list[float | None], most: int) -> None:
    chosen = spread(values, most)
    assert len(chosen) == len(set(chosen)) == min(most, len(values))
    assert all(0 <= index < len(values) for index in chosen)
    known = [value for value in values if value is not None]
    if most >= 6 and len(known) >= 2:
        assert values[chosen[0]] == min(known)
        assert max(known) in {values[index] for index in chosen}
    assert spread([None] * 9, 5) == [0, 2, 4, 6, 8]
