"""Resolutions: never invented, and never rounded where they can be exact."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from nflows_core.runtime.images import Metadata, Picture, decode_picture, read_picture, write_picture
from nflows_core.runtime.images.resolution import exact
from picture_samples import exif_block

pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

FORMATS = [".png", ".jpg", ".tif", ".webp"]
BLANK = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize("suffix", FORMATS)
@settings(deadline=None, max_examples=8)
@example((25.4, 25.4))
@example((299.72, 299.72))  # 118 a centimetre
@example((0.4, 0.4))
@example((70_000.0, 70_000.0))
@example((4294967295.0, 1.0))
@example((72.009, 96.0))
@given(st.tuples(*[st.floats(0.01, 1e9)] * 2))
def test_a_resolution_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, dpi: tuple[float, float]
) -> None:
    path = tmp_path_factory.mktemp("dpi") / f"a{suffix}"
    assert write_picture(path, Picture(BLANK, dpi=dpi)) == []
    tolerance = 2e-4 if suffix == ".png" else 1e-6  # of whole numbers a metre; what they miss by more is in EXIF
    assert read_picture(path).dpi == pytest.approx(dpi, rel=tolerance)
    write_picture(path, Picture(BLANK, dpi=dpi).under("strip"))
    assert read_picture(path).dpi == pytest.approx(dpi, rel=tolerance)


@pytest.mark.parametrize("dpi", [(1e-9, 1e-9), (1e300, 1e300), (1e-9, 300.0)])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_resolution_that_no_format_holds_is_named(tmp_path: Path, suffix: str, dpi: tuple[float, float]) -> None:
    assert write_picture(tmp_path / f"a{suffix}", Picture(BLANK, dpi=dpi)) == ["dpi"]
    assert read_picture(tmp_path / f"a{suffix}").dpi is None


@pytest.mark.parametrize(
    ("dpi", "expected"),
    [
        (300.0, (1, 300)),
        (25.4, (2, 10)),
        (299.72, (2, 118)),
        (72.009, (1, 72)),  # close enough for programs that read no EXIF
        (26.1, (0, 1)),
        (70_000.0, (0, 1)),
    ],
)
def test_what_stands_in_jfif(tmp_path: Path, dpi: float, expected: tuple[int, int]) -> None:
    write_picture(tmp_path / "a.jpg", Picture(BLANK, dpi=(dpi, dpi)))
    unit, across, down = struct.unpack_from(">BHH", (tmp_path / "a.jpg").read_bytes(), 13)
    assert (unit, across) == expected
    assert across == down
    with Image.open(tmp_path / "a.jpg") as image:
        assert (282 in image.getexif()) == (dpi not in (300.0, 25.4, 299.72))


@pytest.mark.parametrize(
    ("density", "expected"),
    [((0, 1, 1), None), ((0, 2, 1), None), ((1, 0, 0), None), ((1, 96, 96), (96, 96)), ((2, 118, 100), (299.72, 254))],
)
def test_what_jfif_says(density: tuple[int, int, int], expected: tuple[float, float] | None) -> None:
    buffer = io.BytesIO()
    Image.fromarray(BLANK).save(buffer, "JPEG", dpi=(72, 72))
    data = bytearray(buffer.getvalue())
    data[13:18] = struct.pack(">BHH", *density)
    picture = decode_picture(io.BytesIO(data))
    assert picture.dpi == expected
    assert picture.metadata.left == (("aspect ratio",) if density == (0, 2, 1) else ())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_exif_without_a_resolution_has_none(tmp_path: Path, suffix: str) -> None:
    exif = exif_block()
    Image.fromarray(BLANK).save(tmp_path / f"a{suffix}", exif=exif)
    assert read_picture(tmp_path / f"a{suffix}").dpi is None
    exif[282] = exif[283] = Fraction(72)  # of no unit
    Image.fromarray(BLANK).save(tmp_path / f"a{suffix}", exif=exif)
    assert read_picture(tmp_path / f"a{suffix}").dpi is None


@pytest.mark.parametrize("suffix", FORMATS)
def test_exif_says_what_the_picture_says(tmp_path: Path, suffix: str) -> None:
    exif = exif_block()
    exif[282] = exif[283] = Fraction(72)
    exif[296] = 2
    block = exif.tobytes()
    write_picture(tmp_path / f"a{suffix}", Picture(BLANK, dpi=(600.0, 600.0), metadata=Metadata(exif=block)))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert (image.getexif()[282], image.getexif()[296]) == (600, 2)
    assert read_picture(tmp_path / f"a{suffix}").dpi == pytest.approx((600, 600), rel=1e-9)
    write_picture(tmp_path / f"b{suffix}", Picture(BLANK, metadata=Metadata(exif=block)))
    assert read_picture(tmp_path / f"b{suffix}").dpi is None


def test_the_finer_of_two_that_agree_counts_and_one_that_does_not_is_named() -> None:
    exif = exif_block()
    exif[282] = exif[283] = Fraction(29972, 100)
    exif[296] = 2
    buffer = io.BytesIO()
    Image.fromarray(BLANK).save(buffer, "JPEG", exif=exif, dpi=(300, 300))
    assert decode_picture(buffer).dpi == (299.72, 299.72)
    Image.fromarray(BLANK).save(buffer, "JPEG", exif=exif, dpi=(96, 96))
    buffer.seek(0)
    picture = decode_picture(buffer)
    assert picture.dpi in ((96.0, 96.0), (299.72, 299.72))
    assert ("exif resolution" in picture.metadata.left) == (picture.dpi == (96.0, 96.0))


@pytest.mark.parametrize("dpi", [25.4, 300.0, 299.72, 72.009, 1 / 3])
def test_ratios_are_those_that_were_meant(dpi: float) -> None:
    expected = {
        25.4: Fraction(254, 10),
        299.72: Fraction(29972, 100),
        72.009: Fraction(72009, 1000),
        1 / 3: Fraction(1, 3),
    }
    assert exact((dpi, dpi)) == (expected.get(dpi, Fraction(300)),) * 2
