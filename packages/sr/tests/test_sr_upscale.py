from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.pictures.options import READ
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.testing import call_command, kill_at_call
from nflows_sr.cli import sr
from nflows_sr.degradations import resize_bicubic
from nflows_sr.engines import Bicubic

BICUBIC = ("--model", "bicubic")


def pixels(height: int, width: int, channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    most = int(np.iinfo(dtype).max)
    return np.random.default_rng(0).integers(0, most + 1, (height, width, channels), dtype)


def upscaled(source: Path, target: Path, *options: object) -> Picture:
    assert call_command(sr, "upscale", source, "-o", target, *BICUBIC, *options) == 0
    return read_picture(target)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_that_of_its_engine(tmp_path: Path, channels: int, dtype: Any) -> None:
    source = pixels(9, 7, channels, dtype)
    write_picture(tmp_path / "a.png", Picture(source, dpi=(72, 72)))
    result = upscaled(tmp_path / "a.png", tmp_path / "b.png", "--scale", 3)
    expected = to_pixels(Bicubic(3)(to_tensor(source)), dtype)
    np.testing.assert_array_equal(result.pixels, expected)
    assert result.dpi == pytest.approx((216, 216), abs=0.1)


def test_colours_under_transparent_pixels_do_not_bleed(tmp_path: Path) -> None:
    source = np.full((12, 12, 4), 200, np.uint8)
    source[..., 3] = 255
    source[:, 6:] = (0, 255, 0, 0)
    write_picture(tmp_path / "a.png", Picture(source))
    result = upscaled(tmp_path / "a.png", tmp_path / "b.png").pixels
    assert (result[..., 3] > 0).sum() > 24 * 12
    assert abs(result[result[..., 3] > 0][:, :3].astype(int) - 200).max() <= 1


def test_a_bad_file_stops_nothing_and_is_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "in" / "a.png", Picture(pixels(5, 6)))
    (tmp_path / "in" / "b.png").write_bytes(b"")
    Image.new("RGB", (4, 4)).save(tmp_path / "in" / "c.bmp")
    assert call_command(sr, "upscale", tmp_path / "in", "-o", tmp_path / "out", *BICUBIC, "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "report.json").read_text())
    assert (printed["pictures"], printed["failed"]) == (3, 1)
    assert [row["new_size"] for row in printed["tables"]["Pictures"]] == ["12 x 10", "8 x 8"]
    assert [row["picture"] for row in printed["tables"]["Failures"]] == [str(tmp_path / "in" / "b.png")]


def test_the_report_has_the_psnr_of_the_picture_and_the_result_made_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = pixels(50, 30)
    write_picture(tmp_path / "a.png", Picture(source))
    options = ("--scale", 3, "--tile", 48, "--json")
    small = resize_bicubic(to_tensor(upscaled(tmp_path / "a.png", tmp_path / "b.png", *options).pixels), (50, 30))
    expected = -10 * (small - to_tensor(source)).square().mean().log10()
    (row,) = json.loads(capsys.readouterr().out)["tables"]["Pictures"]
    assert row["lr_psnr_db"] == pytest.approx(float(expected), abs=1e-4)


def kinds(folder: Path) -> None:
    """A file of every kind that has gone wrong for somebody."""
    folder.mkdir()
    colours = Image.fromarray(pixels(20, 12))
    exif = Image.Exif()
    exif[0x112] = 6  # stands on its side
    colours.save(folder / "turned.jpg", exif=exif, dpi=(72, 72))
    colours.convert("CMYK").save(folder / "inks.jpg")
    colours.convert("P").save(folder / "palette.png")
    colours.convert("1").save(folder / "bits.png")
    colours.save(folder / "animated.gif", save_all=True, append_images=[colours.transpose(Image.Transpose.ROTATE_180)])
    Image.fromarray(pixels(1, 1)).save(folder / "one.png")
    Image.fromarray(pixels(3, 5000)).save(folder / "long.png")
    (folder / "cut.png").write_bytes((folder / "long.png").read_bytes()[:9000])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_picture(folder / "profile.tif", Picture(pixels(8, 8, 4, np.uint16), srgb, (300, 300)))


def test_every_kind_of_file_is_right_or_told(tmp_path: Path) -> None:
    kinds(tmp_path / "in")
    assert call_command(sr, "upscale", tmp_path / "in", "-o", tmp_path / "out", *BICUBIC) == 1
    made = {path.name: read_picture(path) for path in (tmp_path / "out").glob("*.*") if path.suffix in READ}
    assert {name: picture.pixels.shape for name, picture in made.items()} == {
        "turned.jpg": (24, 40, 3),
        "inks.jpg": (40, 24, 3),
        "palette.png": (40, 24, 3),
        "bits.png": (40, 24, 1),
        "one.png": (2, 2, 3),
        "long.png": (6, 10000, 3),
        "profile.tif": (16, 16, 4),
    }
    turned, deep, before = made["turned.jpg"], made["profile.tif"], read_picture(tmp_path / "in" / "profile.tif")
    assert (turned.dpi, deep.dpi, deep.icc, deep.bits) == ((144, 144), (600, 600), before.icc, 16)
    upright = read_picture(tmp_path / "in" / "turned.jpg").pixels.astype(int)
    means = turned.pixels.reshape(12, 2, 20, 2, 3).mean((1, 3))
    assert abs(means - upright).mean() < abs(means[::-1] - upright).mean() / 2
    failed = json.loads((tmp_path / "out" / "report.json").read_text())["tables"]["Failures"]
    reasons = {Path(row["picture"]).name: row["reason"] for row in failed}
    assert reasons["animated.gif"] == "holds several pictures; save each in a file of its own"
    assert reasons["cut.png"].startswith("damaged, or not read: ")
    assert len(reasons) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for seed, name in enumerate("abc"):
        values = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        write_picture(Path("in", f"{name}.png"), Picture(values))
    # When the second picture is written, and its line of the log is not.
    kill_at_call(
        "nflows_core.runtime.status.to_json", 2, "nflows_core.cli", "sr", "upscale", "in", "-o", "out", *BICUBIC
    )
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["a.png", "b.png"]
    assert call_command(sr, "upscale", "in", "-o", "out", *BICUBIC, "--skip-existing") == 0
    assert call_command(sr, "upscale", "in", "-o", "whole", *BICUBIC) == 0
    killed, whole = (json.loads(Path(name, "report.json").read_text()) for name in ("out", "whole"))
    for report in (killed, whole):
        del report["seconds"]
        for row in report["tables"]["Pictures"]:
            del row["seconds"]
    assert killed == whole
    for name in "abc":
        assert Path("out", f"{name}.png").read_bytes() == Path("whole", f"{name}.png").read_bytes()


def test_a_tile_that_is_too_small_is_told_before_any_picture_with_one_that_will_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(5, 6, 4)))
    arguments = ("upscale", tmp_path / "a.png", "-o", tmp_path / "out", *BICUBIC, "--tile")
    assert call_command(sr, *arguments, 9) == 2
    told = re.search(r"error: --tile 9: this model sees 2 pixels around; give more than (\d+)", capsys.readouterr().err)
    assert told is not None
    assert not (tmp_path / "out").exists()
    assert call_command(sr, *arguments, int(told[1]) + 1) == 0


def test_another_tile_makes_no_other_picture(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(60, 50)))
    arguments = ("upscale", tmp_path / "a.png", "-o", tmp_path / "out", *BICUBIC, "--skip-existing", "--tile")
    for tile, status in ((40, "done"), (48, "skipped")):
        assert call_command(sr, *arguments, tile) == 0
        assert json.loads((tmp_path / "out" / "status.jsonl").read_text().splitlines()[-1])["status"] == status
    assert json.loads((tmp_path / "out" / "report.json").read_text())["settings"]["tile"] == 48


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (["--model", "gone.pth"], 3, "gone.pth: no such model; give one of bicubic"),
        (["--device", "abacus"], 2, "--device: torch knows none called 'abacus'; give auto, cpu or cuda"),
    ],
)
def test_what_cannot_be_had_is_told_before_any_picture(
    tmp_path: Path, options: list[str], code: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(5, 6)))
    assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "out", *options) == code
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_colours_that_are_not_seen_do_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = (np.indices((24, 24)) - 11.5).__pow__(2).sum(0) < 64
    white = np.full((24, 24, 3), 250)
    numbers = []
    for hidden in ((0, 0, 0), (255, 0, 255)):
        colours = np.where(seen[..., None], white, hidden)
        write_picture(tmp_path / "a.png", Picture(np.dstack([colours, 255 * seen]).astype(np.uint8)))
        assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", *BICUBIC, "--json") == 0
        [row] = json.loads(capsys.readouterr().out)["tables"]["Pictures"]
        numbers.append(row["lr_psnr_db"])
    assert numbers[0] == numbers[1]
    assert numbers[0] is None or numbers[0] > 40
