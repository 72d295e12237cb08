"""Pictures written strip by strip are the pictures written whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, PictureFile, blank_pixels, read_picture, write_picture
from nflows_core.runtime.images.strips import regrouped
from nflows_core.runtime.tiles import Tiling
from picture_samples import full_picture, noise

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")


def cut(pixels: NDArray[Any], ends: list[int]) -> list[NDArray[Any]]:
    return np.split(pixels, sorted(ends))


def blank(picture: Picture) -> Picture:
    return replace(picture, pixels=blank_pixels(*picture.pixels.shape, picture.pixels.dtype))


@settings(deadline=None, max_examples=40)
@given(
    suffix=st.sampled_from([".png", ".tif"]),
    bits=st.sampled_from([8, 16]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 30), st.integers(1, 4)),
    is_smooth=st.booleans(),
    data=st.data(),
)
def test_any_strips_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    suffix: str,
    bits: int,
    shape: tuple[int, int, int],
    is_smooth: bool,
    data: st.DataObject,
) -> None:
    pixels = noise(shape, bits)
    if is_smooth:  # which other filters of PNG suit
        pixels = (np.cumsum(np.cumsum(pixels % 3, 0), 1) % 2**bits).astype(pixels.dtype)
    path = tmp_path_factory.mktemp("strips") / f"a{suffix}"
    strips = cut(pixels, data.draw(st.lists(st.integers(0, shape[0]), max_size=5)))
    assert write_picture(path, blank(Picture(pixels)), strips=iter(strips)) == []
    assert np.array_equal(read_picture(path).pixels, pixels)
    by_another = tifffile.imread(path) if suffix == ".tif" else imagecodecs.png_decode(path.read_bytes())
    assert np.array_equal(by_another.reshape(shape), pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_all_that_is_beside_the_pixels_is_the_same(tmp_path: Path, suffix: str) -> None:
    picture = full_picture()
    lost = write_picture(tmp_path / f"whole{suffix}", picture)
    assert write_picture(tmp_path / f"a{suffix}", blank(picture), strips=cut(picture.pixels, [2, 3])) == lost
    whole, by_strips = (read_picture(tmp_path / f"{name}{suffix}") for name in ("whole", "a"))
    assert np.array_equal(whole.pixels, by_strips.pixels)
    assert (whole.icc, whole.dpi, whole.metadata) == (by_strips.icc, by_strips.dpi, by_strips.metadata)


def test_strips_are_packed_as_well_as_the_whole(tmp_path: Path) -> None:
    y, x = np.mgrid[:300, :400]
    pixels = np.dstack([x // 3 + y, x + y // 2, x * y // 500]).astype(np.uint8)
    write_picture(tmp_path / "whole.png", Picture(pixels))
    write_picture(tmp_path / "a.png", blank(Picture(pixels)), strips=cut(pixels, [100, 200]))
    assert (tmp_path / "a.png").stat().st_size < 1.3 * (tmp_path / "whole.png").stat().st_size
    assert np.array_equal(imagecodecs.png_decode((tmp_path / "a.png").read_bytes()), pixels)


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 7))
def test_rows_in_other_strips_are_the_same_rows(heights: list[int], rows: int) -> None:
    whole = np.arange(2 * sum(heights), dtype=np.uint16).reshape(sum(heights), 2, 1)
    strips = list(regrouped(np.split(whole, np.cumsum(heights)), rows))
    assert all(len(strip) == rows for strip in strips[:-1])
    assert all(0 < len(strip) <= rows for strip in strips[-1:])
    assert np.array_equal(np.concatenate([whole[:0], *strips]), whole)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize(
    ("strips", "message"),
    [
        ([noise((3, 5, 3))], "strips of 3 rows for a picture of 6"),
        ([noise((4, 5, 3))] * 2, "strips of 8 rows or more for a picture of 6"),
        ([noise((6, 4, 3))], r"a strip of \(6, 4, 3\), uint8: expected \(h, 5, 3\), uint8"),
        ([noise((6, 5, 3), 16)], r"a strip of \(6, 5, 3\), uint16: expected \(h, 5, 3\), uint8"),
        ([], "strips of 0 rows"),
    ],
)
def test_strips_that_do_not_fit_leave_no_file(tmp_path: Path, suffix: str, strips: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"a\{suffix}: {message}"):
        write_picture(tmp_path / f"a{suffix}", Picture(blank_pixels(6, 5, 3)), strips=strips)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_network_stays_and_leaves_no_file(tmp_path: Path) -> None:
    def strips() -> Iterator[NDArray[np.uint8]]:
        yield noise((3, 5, 3))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        write_picture(tmp_path / "a.tif", Picture(blank_pixels(6, 5, 3)), strips=strips())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_from_file_through_a_network_to_file(tmp_path: Path, suffix: str) -> None:
    picture = replace(full_picture(), pixels=noise((50, 40, 3)))
    write_picture(tmp_path / f"a{suffix}", picture)

    def double(tile: torch.Tensor) -> torch.Tensor:
        return tile.float().repeat_interleave(2, 1).repeat_interleave(2, 2)

    with PictureFile(tmp_path / f"a{suffix}") as file:
        about = replace(file.about, pixels=blank_pixels(100, 80, 3))
        strips = Tiling(16, 4, 2).strips(double, file)
        rows = (strip.permute(1, 2, 0).round().to(torch.uint8).numpy() for strip in strips)
        write_picture(tmp_path / f"b{suffix}", about, strips=rows)
    result = read_picture(tmp_path / f"b{suffix}")
    assert np.array_equal(result.pixels, picture.pixels.repeat(2, 0).repeat(2, 1))
    assert result.icc == picture.icc


@pytest.mark.parametrize("strip", [[[[0, 0, 0]]], None])
def test_a_strip_that_is_no_array_is_refused(tmp_path: Path, strip: Any) -> None:
    about = Picture(blank_pixels(1, 1, 3))
    with pytest.raises(TypeError, match=r"a strip of type \w+: expected an array \(h, 1, 3\), uint8"):
        write_picture(tmp_path / "a.png", about, strips=[strip])
    assert list(tmp_path.iterdir()) == []
