"""Picture files: what is written is read again, by us and by others, and nothing else is."""

from __future__ import annotations

import io
import itertools
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import Metadata, Picture, PictureError, decode_picture, read_picture, write_picture

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

MAKE, ORIENTATION, DATE, MAKER_NOTE, WIDTH = 271, 274, 36867, 37500, 40962
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 exif:GPSLatitude="47,3N" photoshop:City="Chur" dc:format="image/png">
<dc:creator>Ann</dc:creator><exif:GPSLongitude>9,5E</exif:GPSLongitude></rdf:Description></rdf:RDF></x:xmpmeta>"""


def dataset(number: int, text: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text


IPTC = dataset(80, b"Ann") + dataset(90, b"Chur") + dataset(120, b"A picture")


def exif_block(orientation: int | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE] = "Maker"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    exif.get_ifd(0x8769).update({DATE: "2020:01:02 03:04:05", MAKER_NOTE: b"secret\0note", WIDTH: 1})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 3.0, 0.5)})
    return exif


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(shape: tuple[int, ...], bits: int = 8) -> NDArray[Any]:
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(0).integers(0, 2**bits, shape, dtype)


def full_picture(bits: int = 8, channels: int = 3) -> Picture:
    exif = exif_block().tobytes()
    icc = srgb() if channels >= 3 else None
    return Picture(noise((5, 7, channels), bits), icc, (300.0, 150.0), Metadata(exif, XMP, IPTC, {"Comment": "Größe"}))


def tags_of(metadata: Metadata) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    top = {tag: value for tag, value in exif.items() if tag not in (0x8769, 0x8825)}
    return top, exif.get_ifd(0x8769), exif.get_ifd(0x8825)


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
    assert again.dpi == (None if "dpi" in lost else pytest.approx(picture.dpi, rel=1e-4))
    top, made, place = tags_of(again.metadata)
    assert top == {MAKE: "Maker"}
    assert made == {DATE: "2020:01:02 03:04:05", MAKER_NOTE: b"secret\0note", WIDTH: 7}  # that of the pixels
    assert place == {1: "N", 2: (47.0, 3.0, 0.5)}
    assert lost == {".png": ["iptc"], ".tif": ["text"], ".webp": ["iptc", "text", "dpi"]}[suffix]
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
    assert ORIENTATION not in tags_of(picture.metadata)[0]
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
    assert without.iptc == dataset(80, b"Ann") + dataset(120, b"A picture")
    assert without.xmp is not None
    for word in (b"GPS", b"Chur", b"9,5E"):
        assert word not in without.xmp
    assert b"<dc:creator>Ann</dc:creator>" in without.xmp
    assert b'dc:format="image/png"' in without.xmp
    with pytest.raises(ValueError, match="expected keep, strip-gps or strip, got 'drop'"):
        metadata.under("drop")  # type: ignore[arg-type]


def test_what_may_hold_a_place_and_cannot_be_read_goes() -> None:
    assert Metadata(xmp=b"GPS 47,3N").under("strip-gps") == Metadata()
    assert Metadata(iptc=b"Chur").under("strip-gps") == Metadata()
    assert Metadata(text={"Raw profile type exif": "4578"}).under("strip-gps") == Metadata()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", 1), ("L", 1), ("LA", 2), ("P", 3), ("RGB", 3), ("RGBA", 4)],
)
def test_modes(tmp_path: Path, mode: str, expected: int) -> None:
    image = Image.fromarray(noise((6, 5, 4 if mode[-1] == "A" else 3))).convert(mode)
    image.save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.channels == expected
    as_read = np.array(image.convert({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[expected]))
    assert np.array_equal(picture.pixels.reshape(as_read.shape), as_read)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_is_alpha(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (2, 1))
    image.putpixel((1, 0), 255 if mode != "RGB" else (255, 255, 255))
    image.save(tmp_path / "a.png", transparency=0 if mode != "RGB" else (0, 0, 0))
    assert read_picture(tmp_path / "a.png").pixels[0, :, -1].tolist() == [0, 255]


def cmyk_profile() -> bytes:
    """An ICC profile of version 2, with a table of the lightness that each of the sixteen solid inks leaves."""
    table = itertools.product([0, 1], repeat=4)
    corners = bytes(
        value for c, m, y, k in table for value in (round(255 * max(0, 1 - k) * (1 - (c + m + y) / 3)), 128, 128)
    )
    identity = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * entry for entry in identity))
    lut += bytes(range(256)) * 4 + corners + bytes(range(256)) * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * value) for value in (0.9642, 1, 0.8249)))
    tags = {b"A2B0": lut + bytes(-len(lut) % 4), b"wtpt": white}
    header = bytearray(128)
    header[8:12], header[12:24], header[36:40] = b"\2\x40\0\0", b"prtrCMYKLab ", b"acsp"
    header[68:80] = white[8:]
    start, directory, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(data), len(content))
        data += content
    profile = bytes(header) + directory + data
    return struct.pack(">I", len(profile)) + profile[4:]


def test_cmyk_becomes_srgb_by_its_profile(tmp_path: Path) -> None:
    # Half of the lightness is left where one and a half of the three inks are; L* = 50 is 119 in sRGB.
    for name, inks, expected in (
        ("paper", (0, 0, 0, 0), 255),
        ("black", (0, 0, 0, 255), 0),
        ("half", (128, 128, 128, 0), 119),
    ):
        Image.new("CMYK", (16, 16), inks).save(tmp_path / f"{name}.jpg", icc_profile=cmyk_profile(), quality=100)
        picture = read_picture(tmp_path / f"{name}.jpg")
        assert picture.channels == 3
        assert picture.icc is None
        assert np.abs(picture.pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("profile", [srgb(), b"short"])
def test_a_profile_for_other_channels_is_left_out(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(noise((4, 5))).save(tmp_path / "a.jpg", icc_profile=profile)
    assert read_picture(tmp_path / "a.jpg").icc is None


def test_cmyk_without_a_profile(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(tmp_path / "a.jpg", quality=100)
    assert np.abs(read_picture(tmp_path / "a.jpg").pixels.astype(int) - [0, 255, 255]).max() <= 2


def test_lab(tmp_path: Path) -> None:
    Image.new("LAB", (3, 2), (128, 128, 128)).save(tmp_path / "a.tif")
    assert np.abs(read_picture(tmp_path / "a.tif").pixels.astype(int) - 119).max() <= 1


def test_white_is_zero_where_a_tiff_says_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 5), 16), photometric="miniswhite", metadata=None)
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels[..., 0], 65535 - noise((4, 5), 16))


def test_planes_and_big_endian(tmp_path: Path) -> None:
    pixels = noise((4, 5, 3), 16)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", byteorder=">"
    )
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels, pixels)


def test_colours_multiplied_by_alpha_are_divided_by_it(tmp_path: Path) -> None:
    stored = np.array([[[100, 200, 300, 400], [7, 8, 9, 65535], [5, 5, 5, 0]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    straight = [[16384, 32768, 49151, 400], [7, 8, 9, 65535], [0, 0, 0, 0]]
    assert read_picture(tmp_path / "a.tif").pixels.tolist() == [straight]


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_datasets_that_a_tiff_holds_as_numbers(tmp_path: Path, byteorder: str) -> None:
    padded = IPTC + bytes(-len(IPTC) % 4)
    numbers = struct.unpack(f"{byteorder}{len(padded) // 4}I", padded)
    tag = (33723, 4, len(numbers), numbers, True)
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 5)), byteorder=byteorder, extratags=[tag], metadata=None)
    assert read_picture(tmp_path / "a.tif").metadata.iptc == padded


def test_resolution_by_the_centimetre(tmp_path: Path) -> None:
    options = {"resolution": (100, 50), "resolutionunit": "centimeter"}
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 5)), metadata=None, **options)
    assert read_picture(tmp_path / "a.tif").dpi == (254.0, 127.0)


def test_a_grid_on_the_ground_is_not_kept(tmp_path: Path) -> None:
    scale = (33550, 12, 3, (30.0, 30.0, 0.0), True)
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 5)), extratags=[scale], metadata=None, software=False)
    assert read_picture(tmp_path / "a.tif").metadata == Metadata()


def test_smaller_copies_are_not_other_pictures(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(noise((8, 8, 3)), photometric="rgb", metadata=None)
        file.write(noise((4, 4, 3)), photometric="rgb", metadata=None, subfiletype=1)
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels, noise((8, 8, 3)))


def test_previews_are_not_the_picture(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.dng") as file:
        file.write(noise((4, 4, 3)), photometric="rgb", metadata=None, subfiletype=1)
        file.write(noise((8, 8, 3)), photometric="rgb", metadata=None)
    with pytest.raises(PictureError, match="begins with a preview, as the raw files of cameras do; develop it first"):
        read_picture(tmp_path / "a.dng")


def test_a_tiff_without_pages() -> None:
    with pytest.raises(PictureError, match="holds no picture"):
        decode_picture(io.BytesIO(b"II*\0" + bytes(4)))


def several(path: Path) -> None:
    frames = [Image.fromarray(noise((4, 4, 3))), Image.new("RGB", (4, 4))]
    frames[0].save(path, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_several_pictures_are_refused(tmp_path: Path, name: str) -> None:
    several(tmp_path / name)
    with pytest.raises(PictureError, match=rf"{name}: holds several pictures; save each in a file of its own"):
        read_picture(tmp_path / name)


def test_the_first_of_an_mpo(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black")]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.jpg").pixels.min() >= 254


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_no_part_of_a_file_is_taken_for_the_whole(tmp_path: Path, suffix: str, bits: int) -> None:
    if bits == 16 and suffix in (".webp", ".jpg"):
        pytest.skip("8 bits only")
    picture = Picture(noise((24, 32, 3), bits))
    write_picture(tmp_path / f"a{suffix}", picture)
    whole, expected = (tmp_path / f"a{suffix}").read_bytes(), read_picture(tmp_path / f"a{suffix}").pixels
    for size in range(0, len(whole), max(1, len(whole) // 40)):
        try:
            pixels = decode_picture(io.BytesIO(whole[:size])).pixels
        except PictureError:
            continue
        assert np.array_equal(pixels, expected), size


@pytest.mark.parametrize(
    ("pixels", "options", "message"),
    [
        (np.zeros((4, 5, 3), np.float32), {"photometric": "rgb"}, "neither 8-bit nor 16-bit pixels"),
        (np.zeros((4, 5), np.float32), {}, "neither 8-bit nor 16-bit pixels"),
        (np.zeros((4, 5), np.int16), {}, "neither 8-bit nor 16-bit pixels"),
        (np.zeros((4, 5, 4), np.uint16), {"photometric": "separated"}, "16-bit pixels that are neither grey nor RGB"),
        (
            np.zeros((4, 5, 5), np.uint16),
            {"photometric": "rgb", "planarconfig": "contig"},
            "channels beside its colours",
        ),
    ],
)
def test_tiffs_that_are_not_read(tmp_path: Path, pixels: NDArray[Any], options: dict[str, Any], message: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=None, **{"photometric": "minisblack", **options})
    with pytest.raises(PictureError, match=message):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("second", [[0], []], ids=["as GDAL leaves out a strip", "no second strip"])
def test_missing_parts_are_not_black(tmp_path: Path, second: list[int], bits: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((16, 16), bits), rowsperstrip=8, compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as content:
        for name in ("StripByteCounts", "StripOffsets"):
            tag = content.pages[0].tags[name]
            tag.overwrite([tag.value[0], *second])
    with pytest.raises(PictureError, match=r"parts of its pixels are missing|damaged"):
        read_picture(tmp_path / "a.tif")


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(PictureError, match=r"a\.png: not a picture that is read: PNG, JPEG"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "b.png")


def test_a_claim_of_too_many_pixels(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    with io.BytesIO() as file:
        Image.new("RGB", (1, 1)).save(file, "PNG")
        encoded = file.getvalue()
    (tmp_path / "a.png").write_bytes(encoded[:12] + header + struct.pack(">I", zlib.crc32(header)) + encoded[33:])
    with pytest.raises(PictureError, match=r"100000 x 100000 pixels are more than 1,000,000,000; cut it into parts"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_scans_that_pillow_refuses_are_read(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / f"a{suffix}", Picture(noise((60, 50, 3))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(read_picture, [tmp_path / f"a{suffix}"] * 16))
    assert {picture.pixels.shape for picture in pictures} == {(60, 50, 3)}
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize(
    ("name", "picture", "message"),
    [
        ("a.jpg", Picture(noise((4, 4, 4))), "JPEG has no transparency; write PNG, TIFF or WebP"),
        ("a.jpg", Picture(noise((4, 4, 3), 16)), "JPEG has no 16-bit pixels; write PNG or TIFF"),
        ("a.webp", Picture(noise((4, 4, 3), 16)), "WebP has no 16-bit pixels; write PNG or TIFF"),
        ("a.webp", Picture(noise((1, 16384, 3))), "a.webp: .*16383 pixels"),
        ("a.jpg", Picture(noise((1, 65536, 3))), "takes no picture of 65536 x 1 pixels"),
        ("a.jpg", Picture(noise((4, 4, 3)), metadata=Metadata(iptc=b"x" * 70_000)), "a.jpg"),
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
