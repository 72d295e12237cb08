"""TIFF in all its ways: the samples are those that an independent program stored, or the file is refused."""

from __future__ import annotations

import io
import itertools
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import PictureError, PictureFile, read_picture
from nflows_core.runtime.images.finding import find
from nflows_core.runtime.images.orientation import stored_box, upright, upright_size
from picture_samples import noise

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

COMPRESSIONS = [None, "lzw", "zlib", "packbits", "zstd", "lzma"]
LAYOUTS = [{}, {"tile": (16, 32)}, {"rowsperstrip": 7}]


def store(path: Path, pixels: NDArray[Any], **options: Any) -> None:
    """Writes (H, W, C) with the alpha that an even number of channels has."""
    channels = pixels.shape[2]
    chosen: dict[str, Any] = {
        "photometric": "rgb" if channels > 2 else "minisblack",
        "extrasamples": ["unassalpha"] if channels in (2, 4) else None,
        "metadata": None,
        **options,
    }
    if chosen.get("planarconfig") == "separate" and channels > 1:
        pixels = pixels.transpose(2, 0, 1)
    else:
        chosen["planarconfig"] = "contig" if channels > 1 else None
        pixels = pixels.squeeze(2) if channels == 1 else pixels
    tifffile.imwrite(path, pixels, **chosen)


def boxes(height: int, width: int) -> st.SearchStrategy[tuple[int, int, int, int]]:
    rows, columns = st.integers(0, height - 1), st.integers(0, width - 1)
    corner = st.tuples(rows, columns)
    return corner.flatmap(
        lambda at: st.tuples(
            st.just(at[0]), st.just(at[1]), st.integers(1, height - at[0]), st.integers(1, width - at[1])
        )
    )


def cut(pixels: NDArray[Any], box: tuple[int, int, int, int]) -> NDArray[Any]:
    top, left, height, width = box
    return pixels[top : top + height, left : left + width]


@settings(deadline=None, max_examples=60)
@given(
    bits=st.sampled_from([8, 16]),
    channels=st.integers(1, 4),
    compression=st.sampled_from(COMPRESSIONS),
    layout=st.sampled_from(LAYOUTS),
    byteorder=st.sampled_from("<>"),
    planar=st.sampled_from(["contig", "separate"]),
    predictor=st.booleans(),
    bigtiff=st.booleans(),
    orientation=st.integers(1, 8),
    data=st.data(),
)
def test_all_and_any_part_is_what_was_stored(
    tmp_path_factory: pytest.TempPathFactory,
    bits: int,
    channels: int,
    compression: str | None,
    layout: dict[str, Any],
    byteorder: str,
    planar: str,
    predictor: bool,
    bigtiff: bool,
    orientation: int,
    data: st.DataObject,
) -> None:
    stored, path = noise((21, 37, channels), bits), tmp_path_factory.mktemp("tiff") / "a.tif"
    store(
        path,
        stored,
        compression=compression,
        predictor=predictor and compression not in (None, "packbits"),
        byteorder=byteorder,
        planarconfig=planar,
        bigtiff=bigtiff,
        extratags=[(274, 3, 1, orientation, True)],
        **layout,
    )
    expected = upright(stored, orientation)
    picture = read_picture(path)
    assert picture.pixels.dtype == stored.dtype
    assert np.array_equal(picture.pixels, expected)
    with PictureFile(path) as file:
        box = data.draw(boxes(*expected.shape[:2]))
        assert file.shape == expected.shape
        assert file.dtype == stored.dtype
        assert np.array_equal(file.region(*box), cut(expected, box))
        assert np.array_equal(file.rows(box[0], box[0] + box[2]), expected[box[0] : box[0] + box[2]])


@given(st.integers(1, 8), st.data())
def test_a_part_of_the_upright_is_the_upright_part(orientation: int, data: st.DataObject) -> None:
    stored = np.arange(7 * 11).reshape(7, 11, 1)
    whole = upright(stored, orientation)
    assert whole.shape[:2] == upright_size(7, 11, orientation)
    box = data.draw(boxes(*whole.shape[:2]))
    part = cut(stored, stored_box(box, *whole.shape[:2], orientation))
    assert np.array_equal(upright(part, orientation), cut(whole, box))


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 1)])
@pytest.mark.parametrize("layout", [{}, {"tile": (32, 32)}, {"rowsperstrip": 16}], ids=str)
def test_jpeg_in_tiff(tmp_path: Path, subsampling: tuple[int, int], layout: dict[str, Any]) -> None:
    y, x = np.mgrid[:45, :61]
    pixels = np.dstack([4 * x, 5 * y, 2 * (x + y)]).astype(np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="ycbcr", compression="jpeg", subsampling=subsampling, **layout)
    expected = tifffile.imread(path)
    assert np.abs(read_picture(path).pixels.astype(int) - expected).max() <= 1
    with PictureFile(path) as file:
        assert np.abs(file.region(3, 5, 40, 50).astype(int) - expected[3:43, 5:55]).max() <= 1


def test_webp_in_tiff(tmp_path: Path) -> None:
    pixels = noise((20, 30, 3))
    store(tmp_path / "a.tif", pixels, compression="webp", compressionargs={"lossless": True}, tile=(16, 16))
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels, pixels)


@pytest.mark.parametrize(
    ("compression", "name"), [("jpegxl", "JPEG XL"), ("jpeg2000", "JPEG 2000"), ("lerc", "LERC"), ("jpegxr", "JPEG XR")]
)
def test_packings_that_are_known_but_not_read(tmp_path: Path, compression: str, name: str) -> None:
    store(tmp_path / "a.tif", noise((20, 30, 3)), compression=compression)
    with pytest.raises(PictureError, match=f"packed by {name}, which is not read; save it again with Deflate or LZW"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_part_larger_than_its_place(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (3000, 3000)).save(file, kind)
    photometric, packing = (6, 7) if kind == "JPEG" else (2, 50001)
    (tmp_path / "a.tif").write_bytes(raw(16, 16, 3, photometric, file.getvalue(), packing))
    with pytest.raises(PictureError, match="damaged: a part of 3000 x 3000 pixels for one of 16 x 16"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("packing", [5, 8, 32773, 34925, 50000])
def test_a_part_that_unpacks_to_more_than_its_place(tmp_path: Path, packing: int) -> None:
    # 64 MB in the place of 64 bytes: refused, or cut, without taking memory for all.
    packer: Any = {
        5: imagecodecs.lzw_encode,
        8: zlib.compress,
        32773: lambda data: b"\x81\0" * (len(data) // 128),
        34925: imagecodecs.lzma_encode,
        50000: imagecodecs.zstd_encode,
    }[packing]
    (tmp_path / "a.tif").write_bytes(raw(8, 8, 1, 1, bytes(packer(bytes(2**26))), packing))
    tracemalloc.start()
    try:
        assert read_picture(tmp_path / "a.tif").pixels.shape == (8, 8, 1)
    except PictureError as error:
        assert "damaged" in str(error)  # noqa: PT017
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("factor", [1, 257], ids=["8 bits", "16 bits"])
def test_palettes_of_either_depth(tmp_path: Path, factor: int) -> None:
    colours, indices = noise((3, 256)).astype(np.uint16), noise((4, 5))
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours * factor, metadata=None)
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels, colours.T[indices])


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero_where_it_is_said(tmp_path: Path, bits: int) -> None:
    pixels = noise((9, 7, 1), bits)
    store(tmp_path / "a.tif", pixels, photometric="miniswhite")
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels, 2**bits - 1 - pixels)
    with PictureFile(tmp_path / "a.tif") as file:
        assert np.array_equal(file.rows(2, 4), 2**bits - 1 - pixels[2:4])


@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_that_is_multiplied_is_divided_alike(tmp_path: Path, bits: int) -> None:
    straight, most = noise((6, 5, 4), bits), 2**bits - 1
    straight[..., 3] |= 2 ** (bits - 1)
    stored = straight.copy()
    stored[..., :3] = np.rint(straight[..., :3] / most * straight[..., 3:])
    store(tmp_path / "a.tif", stored, extrasamples=["assocalpha"])
    expected = np.rint(stored[..., :3] * float(most) / stored[..., 3:]).clip(0, most)
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert np.array_equal(pixels[..., :3], expected)
    assert np.array_equal(pixels[..., 3], stored[..., 3])


def raw(width: int, height: int, samples: int, photometric: int, data: bytes, packing: int, **tags: Any) -> bytes:
    """A little-endian TIFF of one strip of 8-bit samples."""
    entries = [(256, 4, 1, width), (257, 4, 1, height), (259, 3, 1, packing), (262, 3, 1, photometric)]
    entries += [(277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(data)), *tags.get("entries", [])]
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    bits = struct.pack(f"<{samples}H", *[8] * samples)
    entries += [(258, 3, samples, start if samples > 2 else 8), (273, 4, 1, start + len(bits))]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + bytes(4) + bits + data


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_ycbcr_by_the_formula(tmp_path: Path, subsampling: tuple[int, int]) -> None:
    # BT.601 at full range: R = Y + 1.402 (Cr - 128), and so on.
    across, down = subsampling
    unit = bytes([100] * across * down + [90, 200])
    tag = (530, 3, 2, across | down << 16)
    content = raw(8, 8, 3, 6, zlib.compress(unit * (64 // across // down)), 8, entries=[tag])
    (tmp_path / "a.tif").write_bytes(content)
    assert np.abs(read_picture(tmp_path / "a.tif").pixels - [200.9, 61.7, 32.7]).max() <= 1


def ycbcr(path: Path, *tags: tuple[int, int, int, tuple[int, ...], bool]) -> None:
    pixels = np.full((2, 2, 3), (100, 90, 200), np.uint8)
    tifffile.imwrite(path, pixels, photometric="ycbcr", planarconfig="contig", extratags=tags, metadata=None)


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ((529, 5, 3, (2126, 10000, 7152, 10000, 722, 10000), True), "other coefficients than those of BT.601"),
        ((532, 5, 6, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1), True), "black and white are not 0 and 255"),
    ],
)
def test_ycbcr_of_television(tmp_path: Path, tag: Any, message: str) -> None:
    ycbcr(tmp_path / "a.tif", (529, 5, 3, (299, 1000, 587, 1000, 114, 1000), True))
    assert np.abs(read_picture(tmp_path / "a.tif").pixels - [200.9, 61.7, 32.7]).max() <= 1
    ycbcr(tmp_path / "b.tif", tag)
    with pytest.raises(PictureError, match=message):
        read_picture(tmp_path / "b.tif")


EXTRA = ["unassalpha", "unspecified"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("channels", "photometric", "extra"),
    [(5, "rgb", EXTRA), (4, "rgb", EXTRA[1:]), (2, "minisblack", EXTRA[1:]), (3, "minisblack", EXTRA)],
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_no_channel_is_dropped(
    tmp_path: Path, channels: int, photometric: str, extra: list[str], dtype: Any, planar: str
) -> None:
    pixels = np.zeros((4, 5, channels), dtype)
    store(tmp_path / "a.tif", pixels, photometric=photometric, extrasamples=extra, planarconfig=planar)
    with pytest.raises(PictureError, match="has channels beside its colours that are no transparency; remove them"):
        read_picture(tmp_path / "a.tif")


def test_inks_beyond_the_four(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 5), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="separated", planarconfig="contig", metadata=None)
    with pytest.raises(PictureError, match="has channels beside its colours"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float16, np.float32, np.uint32, np.int32, np.complex64])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_kinds_of_numbers(tmp_path: Path, dtype: Any, channels: int) -> None:
    store(tmp_path / "a.tif", np.zeros((4, 5, channels), dtype))
    with pytest.raises(PictureError, match=r"neither 8-bit nor 16-bit pixels; convert it"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("photometric", "packing", "message"),
    [
        (1, 34661, "packed by JBIG, which is not read; save it again with Deflate or LZW"),
        (1, 34933, "packed by compression 34933 of these colours and 8 bits, which is not read"),
        (9, 1, r"its pixels are ICC L\*a\*b\*, which is not read; convert it to RGB or grey"),
        (32803, 1, "the mosaic of a raw file"),
        (777, 1, "colours of the unknown kind 777"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, photometric: int, packing: int, message: str) -> None:
    (tmp_path / "a.tif").write_bytes(raw(2, 2, 1, photometric, bytes(4), packing))
    with pytest.raises(PictureError, match=message):
        read_picture(tmp_path / "a.tif")


def test_transparency_in_a_page_of_its_own(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(noise((8, 8)), photometric="minisblack", metadata=None)
        file.write(noise((8, 8)), photometric="minisblack", metadata=None, subfiletype=2)
    content = (tmp_path / "a.tif").read_bytes()
    page, mask = (struct.pack("<HHII", 254, 4, 1, kind) for kind in (2, 4))
    assert page in content
    (tmp_path / "a.tif").write_bytes(content.replace(page, mask))
    with pytest.raises(PictureError, match="has its transparency in a page of its own; make it an alpha channel first"):
        read_picture(tmp_path / "a.tif")


def test_a_pyramid_below_the_picture(tmp_path: Path) -> None:
    pixels = noise((64, 64, 3))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels, photometric="rgb", subifds=1, tile=(16, 16), metadata=None)
        file.write(pixels[::2, ::2], photometric="rgb", subfiletype=1, tile=(16, 16), metadata=None)
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels, pixels)
    with PictureFile(tmp_path / "a.tif") as file:
        assert np.array_equal(file.region(10, 20, 30, 40), pixels[10:40, 20:60])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "LAB", "YCbCr"])
def test_parts_of_what_pillow_decodes(tmp_path: Path, mode: str) -> None:
    # Those modes that tifffile does not turn into RGB are decoded whole.
    if mode == "LAB":
        Image.frombytes("LAB", (20, 10), noise((10, 20, 3)).tobytes()).save(tmp_path / "a.tif")
    else:
        Image.fromarray(noise((10, 20, 3))).convert(mode).save(tmp_path / "a.tif")
    expected = read_picture(tmp_path / "a.tif").pixels
    with PictureFile(tmp_path / "a.tif") as file:
        assert np.array_equal(file.region(2, 3, 5, 7), expected[2:7, 3:10])


def test_a_part_needs_its_strips_alone(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", noise((64, 40, 3), 16)
    tifffile.imwrite(path, pixels, photometric="rgb", rowsperstrip=8, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as content:
        start, size = content.pages[0].dataoffsets[3], content.pages[0].databytecounts[3]
    content_bytes = bytearray(path.read_bytes())
    content_bytes[start : start + size] = bytes(size)  # the rows from 24 to 31 are damaged
    path.write_bytes(content_bytes)
    with PictureFile(path) as file:
        assert np.array_equal(file.rows(0, 24), pixels[:24])
        assert np.array_equal(file.rows(32, 64), pixels[32:])
        with pytest.raises(PictureError, match=r"a\.tif: damaged"):
            file.rows(23, 25)


def test_other_formats_have_parts_too(tmp_path: Path) -> None:
    for suffix, orientation in itertools.product((".png", ".jpg", ".webp"), (1, 6)):
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(noise((12, 20, 3))).save(tmp_path / f"a{suffix}", exif=exif)
        picture = read_picture(tmp_path / f"a{suffix}")
        with PictureFile(tmp_path / f"a{suffix}") as file:
            assert file.shape == picture.pixels.shape
            assert file.about.metadata == picture.metadata
            assert not file.about.pixels.any()
            part = file.region(1, 2, 3, 4)
            assert np.array_equal(part, picture.pixels[1:4, 2:6])
            part[:] = 0  # it is the caller's
            assert np.array_equal(file.region(1, 2, 3, 4), picture.pixels[1:4, 2:6])


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (-1, 0, 2, 2), (0, 4, 2, 3), (5, 0, 1, 1), (0, 0, -1, 1)])
def test_parts_outside_of_the_picture(tmp_path: Path, box: tuple[int, int, int, int]) -> None:
    store(tmp_path / "a.tif", noise((5, 6, 1)))
    with PictureFile(tmp_path / "a.tif") as file, pytest.raises(ValueError, match=r"the picture has 5 x 6$"):
        file.region(*box)


def test_errors_of_the_block_stay_as_they_are(tmp_path: Path) -> None:
    store(tmp_path / "a.tif", noise((5, 6, 1)))
    with pytest.raises(KeyError, match="mine"), PictureFile(tmp_path / "a.tif"):
        raise KeyError("mine")


@pytest.mark.parametrize("tag", [(256, 4, 1, 4), (257, 4, 1, 4), (262, 3, 1, 0), (277, 3, 1, 1), (278, 4, 1, 2)])
def test_tags_that_come_twice_leave_no_pixel_to_chance(tmp_path: Path, tag: tuple[int, int, int, int]) -> None:
    content = raw(8, 8, 3, 2, zlib.compress(noise((8, 8, 3)).tobytes()), 8, entries=[tag])
    (tmp_path / "a.tif").write_bytes(content)
    results = []
    for _ in range(3):
        try:
            results.append(read_picture(tmp_path / "a.tif").pixels.tolist())
        except PictureError as error:
            results.append(str(error))
        noise((8, 8, 30))  # other values in freed memory
    assert results == 3 * results[:1]


@pytest.mark.parametrize(
    "options", [{}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 3}]
)
@pytest.mark.parametrize("behind", [0, 2, 1000])
def test_what_stands_behind_all_that_a_file_refers_to_is_counted(behind: int, options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((40, 34), np.uint16), **options)
    buffer.write(bytes(behind + buffer.tell() % 2))
    assert find(buffer).behind == behind


def test_a_strip_of_no_place_makes_no_picture_unreadable() -> None:
    offsets = struct.pack("<HHII", 273, 11, 1, 0x7FC00000)  # NaN
    sizes = struct.pack("<HHII", 279, 4, 1, 4)
    file = io.BytesIO(b"II*\0" + struct.pack("<IH", 8, 2) + offsets + sizes + bytes(4))
    assert find(file).behind == 0
