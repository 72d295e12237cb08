"""Small files that claim large pictures: refused before anything is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nflows_core.runtime.images import Picture, PictureError, PictureFile, decode_picture, read_picture, write_picture
from nflows_core.runtime.images.containers.jpeg import pack_segment
from nflows_core.runtime.images.decoding import open_image
from picture_samples import noise

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

NAMES = ["a.png", "deep.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.tif", "deep.tif", "tiled.tif"]
GIF = b"GIF89a%s\x80\0\0\0\0\0\xff\xff\xff"
FRAME = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 62, 40, 9000, 9000, 1, 8, 1, 0, 0, 0, 2, 0) + bytes(10)


def save(path: Path) -> Path:
    """A picture of 60 x 50 pixels in a format that the name says."""
    pixels = noise((50, 60, 3), 16 if path.stem == "deep" else 8)
    if path.suffix in (".gif", ".bmp"):
        Image.fromarray(pixels).convert("P").save(path)
    elif path.stem == "tiled":
        tifffile.imwrite(path, pixels, photometric="rgb", tile=(16, 32), compression="lzw")
    else:
        write_picture(path, Picture(pixels))
    return path


class Watched(io.BytesIO):
    """A file that knows how much of it was read."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def gif(width: int, height: int, rest: bytes = FRAME + b";") -> bytes:
    return GIF % struct.pack("<HH", width, height) + rest


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def webp(kind: bytes, head: bytes) -> bytes:
    data = kind + struct.pack("<I", len(head)) + head
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


@pytest.mark.parametrize("name", NAMES)
def test_as_many_pixels_as_are_allowed_and_no_more(tmp_path: Path, name: str) -> None:
    path, message = save(tmp_path / name), f"{name}: 60 x 50 pixels are more than 2,999; .* NFLOWS_MAX_PIXELS=3000"
    with PictureFile(path, max_pixels=3000) as file:
        assert np.array_equal(read_picture(path, max_pixels=3000).pixels, file.rows(0, 50))
    with pytest.raises(PictureError, match=message):
        read_picture(path, max_pixels=2999)
    with pytest.raises(PictureError, match=message):
        PictureFile(path, max_pixels=2999)


def test_the_environment_sets_the_limit_and_an_argument_is_stronger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png")
    monkeypatch.setenv("NFLOWS_MAX_PIXELS", "2999")
    with pytest.raises(PictureError, match="more than 2,999"):
        read_picture(path)
    assert read_picture(path, max_pixels=3000)
    monkeypatch.setenv("NFLOWS_MAX_PIXELS", "many")
    with pytest.raises(ValueError, match=r"NFLOWS_MAX_PIXELS: expected a number of pixels, such as .*, got 'many'"):
        read_picture(path)
    with pytest.raises(ValueError, match="max_pixels: expected a number of pixels"):
        read_picture(path, max_pixels=0)


@pytest.mark.parametrize(
    "content",
    [
        webp(b"VP8L", b"\x2f" + struct.pack("<I", 16383 | 16383 << 14)),
        webp(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383)),
        webp(b"VP8X", bytes(4) + (16382).to_bytes(3, "little") * 2),
        gif(16383, 16383),
        gif(1, 1, b"\x21\xf9\x04\x08\0\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 16383, 16383, 0)),
    ],
    ids=["lossless", "lossy", "extended", "canvas", "frame"],
)
def test_what_pillow_takes_memory_for_is_checked_before(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(PictureError, match=r"1638[34] x 1638[34] pixels are more than 200,000,000"):
        decode_picture(io.BytesIO(content), 200_000_000)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gif(12000, 12000), "GIF"),
        (png(12000, 12000, 1, b"\0" * 99), "PNG"),
        (png(5000, 5000, 16, b"\0" * 99), "PNG"),
        (
            b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 62, 40, 9000, 9000, 1, 8, 1, 0, 0, 0, 2, 0) + bytes(10),
            "BMP",
        ),
    ],
)
def test_more_pixels_than_a_file_can_hold(content: bytes, kind: str) -> None:
    with pytest.raises(PictureError, match=rf"damaged: \d+ bytes of {kind} cannot hold"):
        decode_picture(io.BytesIO(content))


def test_the_densest_files_are_read() -> None:
    for width, height, depth in ((4000, 4000, 1), (2000, 2000, 8), (1000, 1000, 16)):
        dense = png(width, height, depth, bytes((width * depth // 8 + 1) * height))
        assert not decode_picture(io.BytesIO(dense)).pixels.any()
    file = io.BytesIO()
    Image.new("P", (4000, 4000)).save(file, "GIF")
    assert not decode_picture(file).pixels.any()


def test_the_second_picture_of_a_gif_ends_the_count() -> None:
    file = Watched(gif(16, 16, FRAME * 100_000 + b";"))
    with pytest.raises(PictureError, match="holds several pictures"):
        decode_picture(file)
    assert file.read_bytes < 200


def test_comments_without_end() -> None:
    with pytest.raises(PictureError, match="too many comments"):
        decode_picture(io.BytesIO(gif(4, 4, b"\x21\xfe\x01x\0" * 20_000 + FRAME)))


def pages(kinds: list[int]) -> bytes:
    """A TIFF of nothing but its pages' kinds."""
    ends = [8 + 18 * (page + 1) for page in range(len(kinds))]
    ends[-1] = 0
    return b"II*\0\x08\0\0\0" + b"".join(
        struct.pack("<HHHIII", 1, 254, 4, 1, kind, end) for kind, end in zip(kinds, ends, strict=True)
    )


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([0] * 50_000, "holds several pictures"),
        ([0] + [1] * 50_000, "more than 100 smaller copies"),
        ([1] * 50_000, "begins with a preview"),
    ],
)
def test_pages_without_end(kinds: list[int], message: str) -> None:
    file = Watched(pages(kinds))
    with pytest.raises(PictureError, match=message):
        decode_picture(file)
    assert file.read_bytes < 20_000


def test_pages_that_come_again() -> None:
    content = bytearray(pages([0, 1]))
    content[-4:] = (8).to_bytes(4, "little")
    with pytest.raises(PictureError, match="without a size"):
        decode_picture(io.BytesIO(content))


@pytest.mark.parametrize("name", ["a.png", "deep.png", "a.webp", "a.jpg", "a.gif"])
def test_what_follows_a_picture_is_not_read(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name)
    expected = read_picture(path).pixels
    file = Watched(path.read_bytes() + bytes(10**7))
    if name == "a.webp":  # which Pillow reads to the end of the file
        with pytest.raises(PictureError, match="too many for 60 x 50"):
            decode_picture(_Large(path.read_bytes()))
        return
    assert np.array_equal(decode_picture(file).pixels, expected)
    assert file.read_bytes < 10**6


class _Large(io.BytesIO):
    """A file that says to be of a terabyte."""

    def seek(self, place: int, whence: int = 0) -> int:
        return super().seek(place, whence) if whence == 0 else 2**40


def test_a_tag_of_all_bytes_in_every_place() -> None:
    # Each of 2,000 tags has the same 2 MB, which Pillow took 2,000 times before it counted them.
    size, count = 2_000_000, 2000
    at = 8 + 2 + 12 * count + 4
    tags = b"".join(struct.pack("<HHII", 1000 + k, 1, size, at) for k in range(count))
    content = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + tags + bytes(4) + b"A" * size
    file = Watched(content)
    with pytest.raises(PictureError):
        decode_picture(file)
    assert file.read_bytes < 4 * len(content)


@pytest.mark.parametrize(("height", "width"), [(60_000, 1), (1, 60_000), (300, 500)])
def test_tiles_larger_than_any_picture(tmp_path: Path, height: int, width: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((height, width)), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as content:
        for name in ("TileWidth", "TileLength"):
            content.pages[0].tags[name].overwrite(65520)
    with pytest.raises(PictureError, match="tiles of 65520 x 65520 pixels for a picture of"):
        read_picture(tmp_path / "a.tif")


def progressive(side: int, scans: int) -> bytes:
    """A grey JPEG whose last scan comes again, so many times, for a few bytes each."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def test_scans_without_end() -> None:
    assert (decode_picture(io.BytesIO(progressive(8, 2000))).pixels == 128).all()  # which takes no time
    assert (decode_picture(io.BytesIO(progressive(3000, 10))).pixels == 128).all()
    with pytest.raises(PictureError, match="damaged: more than 477 scans of 3000 x 3000 pixels"):
        decode_picture(io.BytesIO(progressive(3000, 2000)))


def test_no_decoder_puts_the_parts_of_a_block_together() -> None:
    """Pillow copies a block anew for each of its segments, in a time that grows with the square of their number."""
    buffer = io.BytesIO()
    Image.fromarray(noise((8, 8, 4))).convert("CMYK").save(buffer, "JPEG")
    data, part = buffer.getvalue(), pack_segment(0xE1, b"Exif\0\0II*\0")
    file = io.BytesIO(data[:2] + 1000 * part + data[2:-2] + data[-2:] + b"behind the end")
    with open_image(file, 100) as image:
        assert [name for name, _ in image.applist] == ["APP14"]  # type: ignore[attr-defined]
        assert "exif" not in image.info
    assert np.array_equal(decode_picture(file).pixels, decode_picture(buffer).pixels)


def test_scans_of_a_preview_are_not_counted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270] = "\xff\xda" * 1000
    Image.new("L", (3000, 3000)).save(tmp_path / "a.jpg", exif=exif)
    assert not read_picture(tmp_path / "a.jpg").pixels.any()
