"""Picture files of many kinds: read right, or refused."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import Metadata, Picture, PictureError, decode_picture, read_picture, write_picture
from nflows_core.runtime.images.containers.png import pack_chunk
from picture_samples import IPTC, noise, srgb

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")


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


@pytest.mark.parametrize(
    ("depth", "grey"), [(1, 0), (1, 1), *((depth, grey) for depth in (2, 4, 8, 16) for grey in (0, 1, 3, 10, 15, 18))]
)
def test_a_transparent_grey_of_few_bits_is_alpha(depth: int, grey: int) -> None:
    """Of a grey beyond the depth, the lower bits count (PNG 3, 11.3.1.1)."""
    header = struct.pack(">IIBBBBB", 16, 16, depth, 0, 0, 0, 0)
    rows = noise((16, 2 * depth, 1)).tobytes()
    data = b"".join(b"\0" + rows[start : start + 2 * depth] for start in range(0, len(rows), 2 * depth))
    chunks = ((b"IHDR", header), (b"tRNS", struct.pack(">H", grey)), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    file = b"\x89PNG\r\n\x1a\n" + b"".join(pack_chunk(*one) for one in chunks)
    pixels = decode_picture(io.BytesIO(file)).pixels
    assert np.array_equal(pixels, imagecodecs.png_decode(file))
    if depth < 8:
        assert np.array_equal(pixels[..., 1] == 0, pixels[..., 0] == grey % 2**depth * 255 // (2**depth - 1))


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


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_scans_that_pillow_refuses_are_read(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / f"a{suffix}", Picture(noise((60, 50, 3))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(read_picture, [tmp_path / f"a{suffix}"] * 16))
    assert {picture.pixels.shape for picture in pictures} == {(60, 50, 3)}
    assert Image.MAX_IMAGE_PIXELS == 10
