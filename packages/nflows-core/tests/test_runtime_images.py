"""Picture files: what is written is read again, by us and by others."""

from __future__ import annotations

import io
import itertools
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import Metadata, Picture, read_picture, write_picture
from nflows_core.runtime.images.about import about
from nflows_core.runtime.images.tiff_writing import write_tiff
from picture_samples import (
    DATE,
    IPTC,
    MAKE,
    MAKER_NOTE,
    ORIENTATION,
    RESOLUTION,
    WIDTH,
    XMP,
    dataset,
    exif_block,
    full_picture,
    noise,
    srgb,
    tags_of,
)

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

LOSSLESS = [
    *itertools.product([".png", ".tif"], [8, 16], [1, 2, 3, 4]),
    *itertools.product([".webp"], [8], [3, 4]),
]


@pytest.mark.parametrize(("suffix", "bits", "channels"), LOSSLESS)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, bits: int, channels: int) -> None:
    picture = full_picture(bits, channels)
    lost = write_picture(tmp_path / f"a{suffix}", picture)
    again = read_picture(tmp_path / f"a{suffix}")
    assert again.pixels.dtype == picture.pixels.dtype
    assert np.array_equal(again.pixels, picture.pixels)
    assert again.icc == picture.icc
    assert again.metadata.xmp == XMP
    assert again.metadata.iptc == (None if "iptc" in lost else IPTC)
    assert again.metadata.text == ({} if "text" in lost else picture.metadata.text)
    assert again.dpi == pytest.approx(picture.dpi, rel=1e-4)
    top, made, place = tags_of(again.metadata)
    assert {tag: top[tag] for tag in top if tag not in RESOLUTION} == {MAKE: "Maker"}
    assert made == {DATE: "2020:01:02 03:04:05", MAKER_NOTE: b"secret\0note", WIDTH: 7}  # that of the pixels
    assert place == {1: "N", 2: (47.0, 3.0, 0.5)}
    assert lost == {".png": [], ".tif": ["text"], ".webp": ["iptc", "text"]}[suffix]
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_keeps_all_but_roundings(tmp_path: Path, channels: int) -> None:
    smooth = np.linspace(0, 255, 64 * 48 * channels).reshape(64, 48, channels).astype(np.uint8)
    picture = replace(full_picture(8, channels), pixels=smooth)
    assert write_picture(tmp_path / "a.jpg", picture) == []
    again = read_picture(tmp_path / "a.jpg")
    assert np.abs(again.pixels.astype(int) - smooth).max() <= 4
    assert (again.icc, again.dpi, again.metadata.xmp) == (picture.icc, picture.dpi, XMP)
    assert (again.metadata.iptc, again.metadata.text) == (IPTC, {"Comment": "Größe"})
    assert tags_of(again.metadata)[1][DATE] == "2020:01:02 03:04:05"


@settings(deadline=None, max_examples=30)
@given(
    bits=st.sampled_from([8, 16]),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4)),
    suffix=st.sampled_from([".png", ".tiff"]),
)
def test_any_size_is_kept(
    tmp_path_factory: pytest.TempPathFactory, bits: int, shape: tuple[int, ...], suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    write_picture(path, Picture(noise(shape, bits)))
    again = read_picture(path)
    assert np.array_equal(again.pixels, noise(shape, bits))
    assert (again.icc, again.dpi, again.metadata) == (None, None, Metadata())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_others_read_what_is_written(tmp_path: Path, suffix: str) -> None:
    picture = full_picture()
    write_picture(tmp_path / f"a{suffix}", picture)
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.getexif()[MAKE] == "Maker"
        assert image.getexif().get_ifd(0x8769)[DATE] == "2020:01:02 03:04:05"
        assert image.getexif().get_ifd(0x8825)[2] == (47.0, 3.0, 0.5)
        assert image.info["icc_profile"] == picture.icc
        if suffix != ".jpg":
            assert np.array_equal(np.array(image), picture.pixels)


def test_others_read_sixteen_bits(tmp_path: Path) -> None:
    picture = full_picture(16, 4)
    write_picture(tmp_path / "a.tif", picture)
    with tifffile.TiffFile(tmp_path / "a.tif") as content:
        page = content.pages[0]
        assert np.array_equal(page.asarray(), picture.pixels)
        assert (page.photometric, page.extrasamples) == (2, (tifffile.EXTRASAMPLE.UNASSALPHA,))
        assert page.tags[33723].value == IPTC
    write_picture(tmp_path / "a.png", picture)
    assert np.array_equal(imagecodecs.png_decode((tmp_path / "a.png").read_bytes()), picture.pixels)


# EXIF 3.0, section 4.6.5: where the first row and the first column of the file are in the picture.
TURNS = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: np.rot90(stored, 2),
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def turned_file(folder: Path, kind: str, stored: NDArray[Any], orientation: int) -> Path:
    path = folder / kind.replace("16", "")
    exif = exif_block(orientation)
    if kind == "a16.tif":
        tifffile.imwrite(
            path, stored, photometric="rgb", extratags=[(ORIENTATION, 3, 1, orientation, True)], metadata=None
        )
    elif kind == "a16.png":
        plain = io.BytesIO()
        Image.new("RGB", (1, 1)).save(plain, "PNG", exif=exif)
        chunk = plain.getvalue()[plain.getvalue().index(b"eXIf") - 4 :]
        size = struct.unpack(">I", chunk[:4])[0] + 12
        encoded = imagecodecs.png_encode(stored)
        path.write_bytes(encoded[:33] + chunk[:size] + encoded[33:])
    else:
        exact = {"a.webp": {"lossless": True}, "a.jpg": {"quality": 100, "subsampling": 0}}
        Image.fromarray(stored).save(path, exif=exif, **exact.get(kind, {}))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["a.png", "a16.png", "a.tif", "a16.tif", "a.webp", "a.jpg"])
def test_orientation_is_applied_once(tmp_path: Path, kind: str, orientation: int) -> None:
    stored = np.repeat(np.repeat(noise((3, 2, 3), 16 if "16" in kind else 8), 8, 0), 8, 1)
    picture = read_picture(turned_file(tmp_path, kind, stored, orientation))
    expected = TURNS[orientation](stored)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).max() <= (3 if kind == "a.jpg" else 0)
    assert tags_of(picture.metadata)[0][ORIENTATION] == 1
    write_picture(tmp_path / "again.png", picture)
    assert np.array_equal(read_picture(tmp_path / "again.png").pixels, picture.pixels)


def test_an_orientation_in_xmp_goes_too(tmp_path: Path) -> None:
    xmp = XMP.replace(
        b"<dc:creator>",
        b'<tiff:Orientation xmlns:tiff="http://ns.adobe.com/tiff/1.0/">6</tiff:Orientation><dc:creator>',
    )
    Image.fromarray(noise((4, 6, 3))).save(tmp_path / "a.jpg", xmp=xmp, exif=exif_block(6))
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (6, 4, 3)
    assert b"Orientation" not in (picture.metadata.xmp or b"")
    assert b"<dc:creator>Ann</dc:creator>" in (picture.metadata.xmp or b"")


def test_previews_are_not_kept(tmp_path: Path) -> None:
    image = Image.fromarray(noise((4, 6, 3)))
    preview = io.BytesIO()
    image.save(preview, "JPEG")
    # A second directory with an offset (0x0201) and a size (0x0202), and the preview behind it.
    second = struct.pack("<HHHIIHHIIIH", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(preview.getvalue()), 0, 0)
    first = struct.pack("<HHHII", 1, MAKE, 2, 4, int.from_bytes(b"abc\0", "little")) + struct.pack("<I", 26)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + preview.getvalue()
    image.save(tmp_path / "a.jpg", exif=block)
    assert preview.getvalue() in (tmp_path / "a.jpg").read_bytes()
    picture = read_picture(tmp_path / "a.jpg")
    assert tags_of(picture.metadata)[0] == {MAKE: "abc"}
    write_picture(tmp_path / "b.jpg", picture)
    assert preview.getvalue() not in (tmp_path / "b.jpg").read_bytes()


def test_policies() -> None:
    metadata = full_picture().metadata
    assert metadata.under("keep") is metadata
    assert metadata.under("strip") == Metadata()
    without = metadata.under("strip-gps")
    assert tags_of(without) == ({MAKE: "Maker"}, {DATE: "2020:01:02 03:04:05", WIDTH: 1}, {})
    assert without.iptc == dataset(80, b"Ann")  # and no caption, in which a place may stand
    assert without.xmp is not None
    for word in (b"GPS", b"Chur", b"9,5E"):
        assert word not in without.xmp
    assert b"<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator>" in without.xmp
    assert b"<dc:format>image/png</dc:format>" in without.xmp
    with pytest.raises(ValueError, match="expected keep, strip-gps, strip-private or strip, got 'drop'"):
        metadata.under("drop")  # type: ignore[arg-type]


def test_what_may_hold_a_place_and_cannot_be_read_goes() -> None:
    assert Metadata(xmp=b"GPS 47,3N").under("strip-gps") == Metadata()
    assert Metadata(iptc=b"Chur").under("strip-gps") == Metadata()
    assert Metadata(text={"Raw profile type exif": "4578"}).under("strip-gps") == Metadata()


@pytest.mark.parametrize(
    ("name", "picture", "message"),
    [
        ("a.jpg", Picture(noise((4, 4, 4))), "JPEG has no transparency; write PNG, TIFF or WebP"),
        ("a.jpg", Picture(noise((4, 4, 3), 16)), "JPEG has no 16-bit pixels; write PNG or TIFF"),
        ("a.webp", Picture(noise((4, 4, 3), 16)), "WebP has no 16-bit pixels; write PNG or TIFF"),
        ("a.webp", Picture(noise((1, 16384, 3))), "a.webp: .*16383 pixels"),
        ("a.jpg", Picture(noise((1, 65536, 3))), "takes no picture of 65536 x 1 pixels"),
        ("a.gif", Picture(noise((4, 4, 3))), r"a.gif: no picture is written with the suffix '.gif'; use .png, .jpg"),
    ],
)
def test_pictures_that_a_format_cannot_hold(tmp_path: Path, name: str, picture: Picture, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_picture(tmp_path / name, picture)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_has_bounds(tmp_path: Path, quality: int) -> None:
    with pytest.raises(ValueError, match=f"quality: expected 1 to 100, got {quality}"):
        write_picture(tmp_path / "a.jpg", Picture(noise((4, 4, 3))), quality)


@pytest.mark.parametrize(
    ("pixels", "icc", "message"),
    [
        (np.zeros((4, 4, 3)), None, "expected uint8 or uint16, got float64"),
        (np.zeros((4, 4), np.uint8), None, r"expected a shape \(H, W, C\)"),
        (np.zeros((4, 4, 5), np.uint8), None, r"expected a shape \(H, W, C\)"),
        (np.zeros((0, 4, 3), np.uint8), None, r"expected a shape \(H, W, C\)"),
        (np.zeros((4, 4, 1), np.uint8), srgb(), "a profile for RGB pixels, but these are grey"),
        (np.zeros((4, 4, 3), np.uint8), b"short", "a profile for no pixels, but these are RGB"),
    ],
)
def test_pixels_that_are_no_picture(pixels: NDArray[Any], icc: bytes | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Picture(pixels, icc)


def test_without_the_codecs_of_sixteen_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in (".png", ".tif"):
        write_picture(tmp_path / f"a{suffix}", Picture(noise((4, 4, 3), 16)))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    for suffix in (".png", ".tif"):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'nflows-core\[images\]'"):
            read_picture(tmp_path / f"a{suffix}")
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'nflows-core\[images\]'"):
            write_picture(tmp_path / f"b{suffix}", Picture(noise((4, 4, 3), 16)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.tif"]
    write_picture(tmp_path / "c.png", Picture(noise((4, 4, 3))))
    assert np.array_equal(read_picture(tmp_path / "c.png").pixels, noise((4, 4, 3)))


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".jpe", ".jfif", ".JPG"])
def test_all_names_of_jpeg(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", Picture(noise((8, 8, 3))))
    assert (tmp_path / f"a{suffix}").read_bytes()[:3] == b"\xff\xd8\xff"
    assert read_picture(tmp_path / f"a{suffix}").pixels.shape == (8, 8, 3)


@pytest.mark.parametrize(("bits", "channels"), [*itertools.product([8, 16], [1, 2, 3, 4])])
def test_big_tiff_is_the_same_picture(tmp_path: Path, bits: int, channels: int) -> None:
    picture = full_picture(bits, channels)
    for name, most in (("small.tif", 10**6), ("big.tif", 1)):
        with (tmp_path / name).open("wb") as file:
            write_tiff(file, picture, about(picture), most_bytes=most)
    assert (tmp_path / "big.tif").read_bytes()[:4] == b"II+\0"
    small, big = (read_picture(tmp_path / name) for name in ("small.tif", "big.tif"))
    assert np.array_equal(big.pixels, picture.pixels)
    assert (big.icc, big.dpi, tags_of(big.metadata)) == (small.icc, small.dpi, tags_of(small.metadata))
    assert replace(big.metadata, exif=None) == replace(small.metadata, exif=None)
    with tifffile.TiffFile(tmp_path / "big.tif") as content:
        tags = content.pages[0].tags
        assert tags["ExifTag"].dtype == tifffile.DATATYPE.LONG8  # a place beyond 4 GiB fits
        assert tags["ExifTag"].value["DateTimeOriginal"] == "2020:01:02 03:04:05"
        assert np.array_equal(content.asarray().reshape(picture.pixels.shape), picture.pixels)


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
@pytest.mark.parametrize("channels", [3, 4])
def test_eight_bits_without_the_codecs_are_the_same(
    tmp_path: Path, suffix: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / f"a{suffix}", full_picture(8, channels))
    by_codecs = read_picture(tmp_path / f"a{suffix}")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    by_pillow = read_picture(tmp_path / f"a{suffix}")
    assert np.array_equal(by_codecs.pixels, by_pillow.pixels)
    assert (by_codecs.icc, by_codecs.dpi, by_codecs.metadata) == (by_pillow.icc, by_pillow.dpi, by_pillow.metadata)


def test_a_column_of_any_strides_is_written(tmp_path: Path) -> None:
    row = np.arange(33, dtype=np.uint16).reshape(1, 11, 3)
    pixels = row.swapaxes(0, 1)  # contiguous, by strides that no codec expects
    write_picture(tmp_path / "a.png", Picture(pixels))
    assert np.array_equal(read_picture(tmp_path / "a.png").pixels, pixels)
