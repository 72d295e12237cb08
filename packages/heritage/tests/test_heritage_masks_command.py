from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_heritage.cli import heritage
from nflows_heritage.masks import read_brush
from nflows_heritage.masks.pictures import overlaid

COLOUR = ("--find", "colour", "--colour", "white", "--grow", 0)
BRUSH = ("--find", "nothing", "--brush")


def damaged(channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    """A grey picture with a white spot of 6 x 8 pixels."""
    most = int(np.iinfo(dtype).max)
    pixels = np.full((30, 40, channels), most // 4, dtype)
    pixels[10:16, 20:28] = most
    if channels in (2, 4):
        pixels[..., -1] = most // 2
    return pixels


def expected() -> NDArray[np.uint8]:
    mask = np.zeros((30, 40, 1), np.uint8)
    mask[10:16, 20:28] = 255
    return mask


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (2, np.uint8), (3, np.uint16), (4, np.uint8)])
def test_a_mask_is_black_and_white_and_as_large_as_its_picture(tmp_path: Path, channels: int, dtype: Any) -> None:
    write_picture(tmp_path / "a.png", Picture(damaged(channels, dtype), dpi=(300, 300)))
    assert call_command(heritage, "mask", tmp_path / "a.png", "-o", tmp_path / "m.png", *COLOUR) == 0
    mask = read_picture(tmp_path / "m.png")
    np.testing.assert_array_equal(mask.pixels, expected())
    assert mask.dpi == pytest.approx((300, 300), abs=0.1)


def test_a_folder_has_a_mask_for_each_picture_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for name, pixels in (("a", damaged()), ("b", np.full((8, 9, 3), 70, np.uint8))):
        write_picture(tmp_path / "in" / f"{name}.png", Picture(pixels))
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert call_command(heritage, "mask", tmp_path / "in", "-o", tmp_path / "out", *COLOUR, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [row["marked_percent"] for row in report["tables"]["Pictures"]] == [4.0, 0.0]
    assert "broken.png" in report["tables"]["Failures"][0]["picture"]
    assert "What is marked: 2 of 2" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_what_jpeg_leaves_of_black_is_black(tmp_path: Path) -> None:
    mask = np.zeros((64, 80, 1), np.uint8)
    mask[20:40, 30:60] = 255
    write_picture(tmp_path / "m.jpg", Picture(mask), quality=70)
    assert (read_picture(tmp_path / "m.jpg").pixels[mask == 0] > 0).any()
    marked = read_brush(tmp_path / "m.jpg", 64, 80)
    assert marked[mask[..., 0] > 0].all()
    near = np.zeros((64, 80), bool)
    near[16:44, 26:66] = True
    assert not marked[~near].any()


def test_what_was_painted_is_marked_besides_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "masks").mkdir()
    painted = np.zeros((30, 40, 3), np.uint8)
    painted[2, 3] = 0, 7, 0
    write_picture(tmp_path / "in" / "a.png", Picture(damaged()))
    write_picture(tmp_path / "masks" / "a.png", Picture(painted))
    target = tmp_path / "out" / "a.png"
    assert call_command(heritage, "mask", tmp_path / "in", "-o", target.parent, *BRUSH, tmp_path / "masks") == 0
    assert np.argwhere(read_picture(target).pixels[..., 0]).tolist() == [[2, 3]]
    both = (*COLOUR, "--brush", tmp_path / "masks" / "a.png")
    assert call_command(heritage, "mask", tmp_path / "in", "-o", tmp_path / "both", *both) == 0
    assert (read_picture(tmp_path / "both" / "a.png").pixels > 0).sum() == 49


def test_another_mask_makes_another_result(tmp_path: Path) -> None:
    brush = tmp_path / "brush.png"
    write_picture(tmp_path / "a.png", Picture(damaged()))
    for marked in (1, 3):
        write_picture(brush, Picture((np.arange(1200).reshape(30, 40, 1) < marked).astype(np.uint8)))
        arguments = (tmp_path / "a.png", "-o", tmp_path / "out", *BRUSH, brush, "--skip-existing")
        assert call_command(heritage, "mask", *arguments) == 0
        assert (read_picture(tmp_path / "out" / "a.png").pixels > 0).sum() == marked


def test_a_mask_of_another_size_or_none_is_an_error_of_its_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masks").mkdir()
    for name in ("a", "b"):
        write_picture(tmp_path / f"{name}.png", Picture(damaged()))
    write_picture(tmp_path / "masks" / "a.png", Picture(np.ones((40, 30, 1), np.uint8)))
    pictures = (tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out")
    assert call_command(heritage, "mask", *pictures, *BRUSH, tmp_path / "masks", "--json") == 1
    failures = json.loads(capsys.readouterr().out)["tables"]["Failures"]
    told = " ".join(str(row) for row in failures)
    assert "the mask has 30 x 40 pixels, and the picture has 40 x 30" in told
    assert "no mask is named b" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--find", "colour"), "give it with --find colour or all"),
        (("--find", "cracks", "--colour", "white"), "give it with --find colour or all"),
        (("--find", "nothing"), "give --brush"),
        ((*COLOUR, "--format", "jpeg"), "give --format png or tiff"),
        (("--find", "colour", "--colour", "pinkish"), "expected white or black, or red"),
        (("--find", "rust"), "Invalid value for '--find'"),
    ],
)
def test_wrong_usage_writes_nothing(
    tmp_path: Path, arguments: tuple[object, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", Picture(damaged()))
    assert call_command(heritage, "mask", tmp_path / "a.png", "-o", tmp_path / "out", *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_what_is_marked_is_laid_over_by_half() -> None:
    picture = np.full((1, 2, 3), 100, np.uint8)
    marks = np.array([[[0] * 3, [255] * 3]], np.uint8)
    np.testing.assert_array_equal(overlaid(picture, marks), [[[100] * 3, [178, 50, 150]]])
