from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from made_up_pictures import made_up_picture, save_pictures
from nflows_core.data import DataError
from nflows_sr.data import CropPairs, Pictures, WholePairs, luma_channel, read_pictures
from nflows_sr.data.crops import turned
from nflows_sr.data.pictures import stored
from nflows_sr.degradations import imresize
from nflows_sr.metrics import luma

_REACH = 2
"""Pixels of the small picture beyond which bicubic shrinking sees nothing of the large one's edge."""


def pictures(*sizes: tuple[int, int]) -> Pictures:
    made = [made_up_picture(seed, *size) for seed, size in enumerate(sizes)]
    return Pictures([str(seed) for seed in range(len(made))], made)


def pixels(tensor: torch.Tensor) -> np.ndarray:
    return (255 * tensor).round().byte().permute(1, 2, 0).numpy()


@given(scale=st.sampled_from([2, 3, 4]), size=st.integers(6, 9), seed=st.integers(0, 2**63), index=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_a_small_crop_is_its_large_one_made_smaller(scale: int, size: int, seed: int, index: int) -> None:
    crops = CropPairs(WholePairs.of(pictures((40, 52), (41, 43)), scale), size)
    pair = crops.read(index % len(crops), seed)
    # imresize rounds between rows and columns, so that it is the same to the byte in one of the eight turns only.
    views = [[turned(pixels(crop), turn) for crop in pair] for turn in range(8)]
    inner = np.s_[_REACH:-_REACH, _REACH:-_REACH]
    assert any(
        np.array_equal(imresize(np.ascontiguousarray(large), 1 / scale)[inner], small[inner]) for small, large in views
    )


@given(scale=st.sampled_from([2, 3, 4]), seed=st.integers(0, 2**63))
@settings(max_examples=20, deadline=None)
def test_small_and_large_crop_are_turned_alike(scale: int, seed: int) -> None:
    small = made_up_picture(0, 13, 17)
    large = small.repeat(scale, 0).repeat(scale, 1)
    small_crop, large_crop = CropPairs(WholePairs([small], [large], scale), 7).read(0, seed)
    assert torch.equal(large_crop, small_crop.repeat_interleave(scale, 1).repeat_interleave(scale, 2))


def test_crops_are_a_function_of_index_and_seed() -> None:
    crops = CropPairs(WholePairs.of(pictures((40, 52)), 2), 8)
    first, again, other = (crops.read(0, seed) for seed in (1, 1, 2))
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


def test_the_eight_turns_are_those_of_a_square() -> None:
    square = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert len({turned(square, turn).tobytes() for turn in range(8)}) == 8


def test_an_epoch_sees_of_each_picture_as_much_as_it_has() -> None:
    crops = CropPairs(WholePairs.of(pictures((16, 16), (32, 48), (15, 90)), 2), 8)
    assert len(crops) == 1 + 6
    sides = {tuple(crops.read(index, 0)[0].shape) for index in range(len(crops))}
    assert sides == {(3, 8, 8)}


def test_too_large_a_crop_is_refused() -> None:
    with pytest.raises(DataError, match=r"no picture is as large as a crop of 20 pixels at scale 2, 40 x 40"):
        CropPairs(WholePairs.of(pictures((30, 90)), 2), 20)


def test_a_picture_smaller_than_the_scale_is_named() -> None:
    with pytest.raises(DataError, match=r"0: has less than 4 x 4 pixels; remove it"):
        WholePairs.of(pictures((3, 90)), 4)


def test_whole_pictures_are_cut_to_whole_pixels_of_the_small_one() -> None:
    small, large = WholePairs.of(pictures((25, 34)), 3).read(0, 0)
    assert small.shape == (3, 8, 11)
    assert large.shape == (3, 24, 33)


def test_the_luma_of_a_crop_is_that_which_is_measured() -> None:
    picture = made_up_picture(0)
    np.testing.assert_allclose(255 * luma_channel(picture)[0].numpy(), luma(picture), atol=1e-4)


def test_parts_of_a_folder_are_all_of_it_once(tmp_path: Path) -> None:
    save_pictures(tmp_path / "some", 24, height=8, width=9)
    (tmp_path / "notes.txt").write_text("no picture")
    names = [read_pictures(tmp_path, part).names for part in ("train", "test")]
    assert sorted([*names[0], *names[1]]) == list(read_pictures(tmp_path).names)
    assert 0 < len(names[1]) < 8


def test_stored_pictures_are_those_given() -> None:
    given = [made_up_picture(seed, 5 + seed, 7) for seed in range(3)]
    for one, other in zip(stored(given), given, strict=True):
        np.testing.assert_array_equal(one, other)
    assert stored([]) == []


def test_grey_and_16_bits_become_rgb_of_8(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5), 0x1234, np.uint16)).save(tmp_path / "a.png")
    Image.new("L", (5, 4), 7).save(tmp_path / "b.png")
    first, second = read_pictures(tmp_path).pixels
    assert (first == 0x12).all()
    assert second.shape == (4, 5, 3)
    assert (second == 7).all()


def test_a_damaged_or_transparent_picture_is_named(tmp_path: Path) -> None:
    Image.new("RGBA", (5, 4)).save(tmp_path / "clear.png")
    with pytest.raises(DataError, match=r"clear\.png: has transparent pixels"):
        read_pictures(tmp_path)
    (tmp_path / "clear.png").write_bytes(b"no PNG")
    with pytest.raises(DataError, match=r"clear\.png: not a picture that is read.*; repair or remove it"):
        read_pictures(tmp_path)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures; give a folder that has some"):
        read_pictures(tmp_path)


def test_a_folder_knows_its_pictures_again(tmp_path: Path) -> None:
    save_pictures(tmp_path, 3, height=8, width=9)
    before = read_pictures(tmp_path).fingerprint
    assert before.difference(read_pictures(tmp_path).fingerprint) == ""
    save_pictures(tmp_path, 1, first_seed=0, height=8, width=10)
    assert before.difference(read_pictures(tmp_path).fingerprint) == "as many (3), but other ones"
