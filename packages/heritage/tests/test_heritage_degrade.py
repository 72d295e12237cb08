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
from nflows_heritage.cli.degrade import KINDS
from nflows_heritage.distortions import DISTORTIONS


def pixels(channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    most = int(np.iinfo(dtype).max)
    return np.random.default_rng(0).integers(0, most + 1, (24, 32, channels), dtype)


def test_the_command_names_every_distortion() -> None:
    assert tuple(DISTORTIONS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "dtype"), [(4, np.uint8), (3, np.uint16), (2, np.uint8)])
def test_depth_alpha_and_size_stay(tmp_path: Path, kind: str, channels: int, dtype: Any) -> None:
    source = pixels(channels, dtype)
    write_picture(tmp_path / "a.png", Picture(source, dpi=(300, 300)))
    arguments = ("degrade", tmp_path / "a.png", "-o", tmp_path / "b.png", "--type", kind, "--level", 5)
    assert call_command(heritage, *arguments) == 0
    result = read_picture(tmp_path / "b.png")
    assert result.pixels.shape == source.shape
    assert result.pixels.dtype == dtype
    assert (result.pixels[..., :-1] != source[..., :-1]).any()
    assert result.dpi == pytest.approx((300, 300), abs=0.1)
    if channels != 3:
        np.testing.assert_array_equal(result.pixels[..., -1], source[..., -1])


def test_a_folder_is_damaged_and_by_how_much_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        write_picture(tmp_path / "in" / f"{name}.png", Picture(pixels()))
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    arguments = (tmp_path / "in", "-o", tmp_path / "out", "--type", "gaussian", "--level", 1, "--json")
    assert call_command(heritage, "degrade", *arguments) == 1
    report = json.loads(capsys.readouterr().out)
    assert [row["psnr_db"] for row in report["tables"]["Pictures"]] == pytest.approx([28.3, 28.3], abs=1)
    assert "broken.png" in report["tables"]["Failures"][0]["picture"]


@pytest.mark.parametrize("arguments", [("--type", "smoke"), ("--type", "blur", "--level", 6), ()])
def test_wrong_usage_writes_nothing(tmp_path: Path, arguments: tuple[object, ...]) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels()))
    assert call_command(heritage, "degrade", tmp_path / "a.png", "-o", tmp_path / "out", *arguments) == 2
    assert not (tmp_path / "out").exists()
