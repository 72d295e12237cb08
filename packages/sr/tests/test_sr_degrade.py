from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, PictureFile, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_sr.cli import sr
from nflows_sr.cli.degrade import KINDS
from nflows_sr.degradations import imresize
from nflows_sr.degradations.pictures import Degrade, Kind


def pixels(height: int, width: int, channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    most = int(np.iinfo(dtype).max)
    return np.random.default_rng(0).integers(0, most + 1, (height, width, channels), dtype)


def degraded(folder: Path, *options: object) -> NDArray[Any]:
    assert call_command(sr, "degrade", folder / "a.png", "-o", folder / "b.png", *options) == 0
    return read_picture(folder / "b.png").pixels


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (3, np.uint16)])
def test_bicubic_is_imresize_of_what_divides(tmp_path: Path, channels: int, dtype: Any) -> None:
    source = pixels(20, 17, channels, dtype)
    write_picture(tmp_path / "a.png", Picture(source, dpi=(300, 300)))
    small = degraded(tmp_path, "--scale", 3)
    np.testing.assert_array_equal(small, imresize(np.ascontiguousarray(source[:18, :15]), 1 / 3))
    assert read_picture(tmp_path / "b.png").dpi == pytest.approx((100, 100), abs=0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_seed_decides_a_real_degradation(tmp_path: Path, dtype: Any) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(32, 24, dtype=dtype)))
    first, again, other = (degraded(tmp_path, "--kind", "real", "--scale", 2, "--seed", seed) for seed in (1, 1, 2))
    assert first.shape == (16, 12, 3)
    assert first.dtype == dtype
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_was_cut_off_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(9, 10)))
    assert call_command(sr, "degrade", tmp_path / "a.png", "-o", tmp_path / "out", "--scale", 4, "--json") == 0
    row = json.loads(capsys.readouterr().out)["tables"]["Pictures"][0]
    assert (row["rows_cut_off"], row["columns_cut_off"], row["new_size"]) == (1, 2, "2 x 2")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_becomes_small_and_what_it_hides_does_not_count(tmp_path: Path, kind: Kind, dtype: Any) -> None:
    source = pixels(24, 32, 4, dtype)
    source[:, :20, 3] = np.iinfo(dtype).max
    source[:, 20:, 3] = 0
    results = []
    for hidden in (0, 77):
        source[:, 20:, :3] = hidden
        write_picture(tmp_path / "a.png", Picture(source))
        with PictureFile(tmp_path / "a.png") as picture:
            results.append(Degrade(kind, 2)(picture, seed=1).picture.pixels)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0][..., 3:], imresize(np.ascontiguousarray(source[..., 3:]), 0.5))
    if kind == "bicubic":
        assert degraded(tmp_path).shape == (12, 16, 4)
        seen = imresize(np.ascontiguousarray(source[..., :3]), 0.5)
        np.testing.assert_array_equal(results[0][:, :8, :3], seen[:, :8])


def test_the_command_names_every_kind() -> None:
    assert get_args(Kind) == KINDS


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pixels(8, 3), "a picture of 3 x 8 pixels is too small for the scale 4"),
    ],
)
def test_what_cannot_be_degraded_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: NDArray[Any], message: str
) -> None:
    write_picture(tmp_path / "a.png", Picture(source))
    assert call_command(sr, "degrade", tmp_path / "a.png", "-o", tmp_path / "out", "--scale", 4) == 1
    assert message in capsys.readouterr().err
