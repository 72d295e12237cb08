"""Single pictures for a model; what a file may hold is tested with folders of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nflows_core.data import DataError
from nflows_core.data.pictures import read_pictures


def save(path: Path, shape: tuple[int, ...]) -> Path:
    Image.fromarray(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)).save(path)
    return path


def test_pictures_keep_their_pixels_and_names(tmp_path: Path) -> None:
    paths = [save(tmp_path / name, (4, 6)) for name in ("b.png", "a.png")]
    images = read_pictures(paths, (1, 4, 6), 256, None)
    assert images.pixels.tolist() == [np.arange(24).reshape(1, 4, 6).tolist()] * 2
    assert images.names == tuple(map(str, paths))


def test_grey_becomes_rgb_where_the_model_takes_that(tmp_path: Path) -> None:
    images = read_pictures([save(tmp_path / "a.png", (4, 4))], (3, 4, 4), 256, None)
    assert (images.pixels == images.pixels[:, :1]).all()


def test_values_are_those_of_the_data(tmp_path: Path) -> None:
    images = read_pictures([save(tmp_path / "a.png", (16, 16))], (1, 16, 16), 17, None)
    assert images.quantization == 17
    assert images.pixels.flatten().tolist() == [value * 17 // 256 for value in range(256)]


def test_size_scales_and_crops(tmp_path: Path) -> None:
    assert read_pictures([save(tmp_path / "a.png", (9, 20))], (1, 4, 4), 256, 4).shape == (1, 4, 4)


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((6, 4), None, "a.png: 4x6 pixels, but the flow takes 4x4; give size 4$"),
        ((6, 4), 8, "a.png: 8x8 pixels, but the flow takes 4x4$"),
        ((4, 4, 3), None, "a.png: is in colour, but the flow takes greyscale"),
    ],
)
def test_pictures_that_do_not_fit(tmp_path: Path, shape: tuple[int, ...], size: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_pictures([save(tmp_path / "a.png", shape)], (1, 4, 4), 256, size)


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(DataError, match=r"a.png: not a picture that is read"):
        read_pictures([tmp_path / "a.png"], (1, 4, 4), 256, None)
