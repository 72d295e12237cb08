"""What files say of their colours, turned into profiles, against LittleCMS and the standards' own formulas."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import Metadata, Picture, decode_picture, read_picture, write_picture
from nflows_core.runtime.images.colour.icc import name_of, reduced, tags_of
from nflows_core.runtime.images.colour.matrix import ADOBE_RGB, BT709, SRGB, Described, gamma
from picture_samples import noise, srgb
from planted_pictures import Secrets, left_of
from planted_pictures import profile as planted_profile

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

FORMATS = [".png", ".jpg", ".tif", ".webp"]
PIXELS = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3, indexing="ij"), axis=-1).reshape(12, 18, 3).astype(np.uint8)
ADOBE = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks: bytes, pixels: NDArray[Any] = PIXELS) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    return io.BytesIO(data[:33] + b"".join(chunks) + data[33:])


def in_srgb(icc: bytes | None, pixels: NDArray[Any] = PIXELS) -> NDArray[np.int64]:
    """The pixels that LittleCMS makes of ``pixels`` by their profile, in sRGB."""
    assert icc is not None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    target, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    mode = "L" if pixels.ndim == 2 else "RGB"
    transform = ImageCms.buildTransform(profile, target, mode, "RGB", intent)
    return np.array(transform.apply(Image.fromarray(pixels))).astype(int)


def by_formula(chromaticities: Any, to_light: Any, pixels: NDArray[Any] = PIXELS) -> NDArray[np.int64]:
    """The same by the formulas of colorimetry, for primaries whose white is that of sRGB."""

    def matrix(white: Any, *primaries: Any) -> NDArray[np.float64]:
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
        return columns * np.linalg.solve(columns, [white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])

    light = to_light(pixels / 255) @ (np.linalg.inv(matrix(*BT709)) @ matrix(*chromaticities)).T
    light = light.clip(0, 1)
    return np.rint(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).astype(int)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("chunks", "chromaticities", "exponent"),
    [
        ([(b"gAMA", struct.pack(">I", 100_000))], BT709, 1.0),
        ([(b"gAMA", struct.pack(">I", 55_555))], BT709, 1.8),
        ([(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", ADOBE)], ADOBE_RGB, 2.2),
    ],
)
def test_gamma_and_primaries_of_png_reach_every_format(
    tmp_path: Path, suffix: str, chunks: Any, chromaticities: Any, exponent: float
) -> None:
    picture = decode_picture(png_with(*(chunk(*one) for one in chunks)))
    expected = by_formula(chromaticities, lambda values: values**exponent)
    assert np.abs(in_srgb(picture.icc) - expected).max() <= 1
    assert write_picture(tmp_path / f"a{suffix}", picture) == []
    assert read_picture(tmp_path / f"a{suffix}").icc == picture.icc


@pytest.mark.parametrize("intent", range(4))
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_srgb_of_png_stays_what_it_is(tmp_path: Path, intent: int, shape: tuple[int, ...]) -> None:
    picture = decode_picture(png_with(chunk(b"sRGB", bytes([intent])), pixels=noise(shape)))
    write_picture(tmp_path / "a.png", picture)
    data = (tmp_path / "a.png").read_bytes()
    assert chunk(b"sRGB", bytes([intent])) in data
    assert b"iCCP" not in data
    for suffix in FORMATS:
        assert write_picture(tmp_path / f"a{suffix}", picture) == []
        again = read_picture(tmp_path / f"a{suffix}")
        assert again.icc is not None
        assert again.icc[67] == intent
        pixels = again.pixels[..., 0] if again.channels == 1 else again.pixels
        assert np.abs(in_srgb(again.icc, pixels) - again.pixels.astype(int)).max() <= 1


@settings(deadline=None, max_examples=40)
@given(
    st.floats(0.5, 3),
    st.tuples(*[st.floats(-0.05, 0.05)] * 6),
)
def test_profiles_mean_what_they_describe(exponent: float, moved: tuple[float, ...]) -> None:
    primaries = [(x + dx, y + dy) for (x, y), dx, dy in zip(BT709[1:], moved[::2], moved[1::2], strict=True)]
    primaries = [(x, max(0.02, y)) for x, y in primaries]
    chromaticities = (BT709[0], *primaries)
    icc = Described("", chromaticities, (gamma(exponent),)).profile(3)
    assert np.abs(in_srgb(icc) - by_formula(chromaticities, lambda values: values**exponent)).max() <= 2


def test_srgb_is_that_of_littlecms() -> None:
    icc = Described("sRGB", BT709, (SRGB,)).profile(3)
    assert np.abs(in_srgb(icc) - PIXELS).max() <= 1
    assert name_of(icc) == "sRGB"
    assert len(icc) < 600


@pytest.mark.parametrize(
    ("codes", "is_hdr"), [((1, 13, 0, 1), False), ((12, 13, 0, 1), False), ((9, 16, 0, 1), True), ((9, 18, 0, 1), True)]
)
@pytest.mark.parametrize("suffix", FORMATS)
def test_colours_by_numbers_are_kept(tmp_path: Path, suffix: str, codes: tuple[int, ...], is_hdr: bool) -> None:
    """The numbers stand in the profile, and in PNG's own chunk; they come before a profile of others (PNG 3, 4.3)."""
    other = chunk(b"iCCP", b"x\0\0" + zlib.compress(srgb()))
    picture = decode_picture(png_with(chunk(b"cICP", bytes(codes)), other))
    assert tags_of(picture.icc or b"")[b"cicp"][8:] == bytes(codes)
    assert write_picture(tmp_path / f"a{suffix}", picture) == ["icc"]
    assert read_picture(tmp_path / f"a{suffix}").icc == picture.icc
    if suffix == ".png":
        assert chunk(b"cICP", bytes(codes)) in (tmp_path / "a.png").read_bytes()
    if codes == (1, 13, 0, 1):
        assert np.abs(in_srgb(picture.icc) - PIXELS).max() <= 1
    assert (in_srgb(picture.icc).mean() < PIXELS.mean() - 20) == is_hdr  # dark beside 10,000 cd/m2


def test_a_profile_that_has_the_numbers_is_kept_to_the_byte() -> None:
    icc = _with_tag(b"cicp", b"cicp" + bytes(4) + bytes([9, 16, 0, 1]))
    picture = decode_picture(
        png_with(chunk(b"cICP", bytes([9, 16, 0, 1])), chunk(b"iCCP", b"x\0\0" + zlib.compress(icc)))
    )
    assert (picture.icc, picture.metadata.left) == (icc, ())


@pytest.mark.parametrize("codes", [(2, 13, 0, 1), (1, 13, 1, 1), (1, 13, 0, 0), (1, 99, 0, 1)])
def test_numbers_without_meaning_are_named(tmp_path: Path, codes: tuple[int, ...]) -> None:
    picture = decode_picture(png_with(chunk(b"cICP", bytes(codes))))
    assert picture.icc is None
    assert write_picture(tmp_path / "a.png", picture) == ["PNG chunk cICP"]


def test_priorities_of_png() -> None:
    """Third edition, 4.3: cICP, iCCP, sRGB, then gAMA and cHRM."""
    grey = chunk(b"gAMA", struct.pack(">I", 100_000))
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(srgb()))
    standard = chunk(b"sRGB", b"\1")
    assert decode_picture(png_with(grey, standard, profile)).icc == srgb()
    assert decode_picture(png_with(grey, standard)).icc == Described("sRGB", BT709, (SRGB,), 1).profile(3)
    picture = decode_picture(png_with(grey, profile, pixels=noise((4, 5))))
    assert picture.icc == Described("gAMA and cHRM", BT709, (gamma(1.0),)).profile(1)  # the profile is for RGB
    assert picture.metadata.left == ("icc",)


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", bytes(4))],
        [(b"gAMA", b"\0")],
        [(b"cHRM", bytes(32))],
        [(b"cHRM", struct.pack(">8I", *[33000] * 8))],
        [(b"sRGB", b"\7")],
        [(b"cICP", b"")],
        [(b"iCCP", b"x\0\0damaged")],
    ],
)
def test_descriptions_without_meaning_do_not_hide_the_picture(chunks: list[tuple[bytes, bytes]]) -> None:
    picture = decode_picture(png_with(*(chunk(*one) for one in chunks)))
    assert picture.icc is None
    assert np.array_equal(picture.pixels, PIXELS)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("space", [65535, 2, None])
def test_cameras_that_say_adobe_rgb_by_exif(tmp_path: Path, suffix: str, space: int | None) -> None:
    exif = Image.Exif()
    if space is not None:
        exif.get_ifd(34665)[40961] = space
    exif.get_ifd(34665)[40965] = {1: "R03" if space != 2 else "R98", 2: b"0100"}
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    expected = by_formula(ADOBE_RGB, lambda values: values ** (563 / 256))
    assert np.abs(in_srgb(picture.icc) - expected).max() <= 1
    assert name_of(picture.icc or b"") == "Adobe RGB (1998)"
    assert write_picture(tmp_path / f"b{suffix}", picture) == []
    assert read_picture(tmp_path / f"b{suffix}").icc == picture.icc
    write_picture(tmp_path / f"c{suffix}", picture.under("strip"))
    assert np.abs(in_srgb(read_picture(tmp_path / f"c{suffix}").icc) - expected).max() <= 1


def test_srgb_cameras_need_no_profile(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(34665).update({40961: 1, 40965: {1: "R98"}})
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg").icc is None


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_white_primaries_and_transfer_of_tiff(tmp_path: Path, byteorder: str, bits: int) -> None:
    white, *primaries = ADOBE_RGB
    ratios = [value for pair in primaries for one in pair for value in (round(one * 10_000), 10_000)]
    light = np.rint(65535 * np.linspace(0, 1, 1 << bits) ** 1.5).astype(int).tolist()
    tags = [
        (318, 5, 2, (round(white[0] * 10_000), 10_000, round(white[1] * 10_000), 10_000), True),
        (319, 5, 6, tuple(ratios), True),
        (301, 3, len(light), tuple(light), True),
    ]
    pixels = PIXELS if bits == 8 else PIXELS.astype(np.uint16) * 257
    options = {"extratags": tags, "metadata": None, "photometric": "rgb", "byteorder": byteorder}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    picture = read_picture(tmp_path / "a.tif")
    assert np.abs(in_srgb(picture.icc) - by_formula(ADOBE_RGB, lambda values: values**1.5)).max() <= 1
    write_picture(tmp_path / "a.png", picture)
    assert read_picture(tmp_path / "a.png").icc == picture.icc


def bmp(header: bytes, behind: bytes = b"") -> io.BytesIO:
    start = 14 + len(header)
    return io.BytesIO(b"BM" + struct.pack("<IHHI", start + 16 + len(behind), 0, 0, start) + header + bytes(16) + behind)


def test_colours_and_resolution_of_bmp() -> None:
    def header(size: int, kind: bytes, points: list[float], place: tuple[int, int] = (0, 0)) -> bytes:
        head = struct.pack("<IiiHHIIiiII", size, 2, 2, 1, 24, 0, 16, 1000, 2000, 0, 0) + bytes(16) + kind
        head += struct.pack("<9I", *(round(value * (1 << 30)) for value in points)) + struct.pack("<3I", *[65536] * 3)
        return head + (struct.pack("<4I", 4, *place, 0) if size == 124 else b"")

    white, *primaries = BT709
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    points = (columns * np.linalg.solve(columns, [white[0] / white[1], 1, (1 - sum(white)) / white[1]])).T.ravel()
    picture = decode_picture(bmp(header(108, bytes(4), points.tolist())))
    assert np.abs(in_srgb(picture.icc) - by_formula(BT709, lambda values: values)).max() <= 1
    assert picture.dpi == (25.4, 50.8)
    assert decode_picture(bmp(header(124, b"BGRs", [0] * 9))).icc == Described("sRGB", BT709, (SRGB,)).profile(3)
    embedded = decode_picture(bmp(header(124, b"DEBM", [0] * 9, (140, len(srgb()))), srgb()))
    assert embedded.icc == srgb()
    assert decode_picture(bmp(header(124, b"KNIL", [0] * 9, (140, 4)), b"path")).metadata.left == ("linked icc",)


def test_grey_profiles_in_webp_which_has_no_grey(tmp_path: Path) -> None:
    grey = Described("", BT709, (gamma(1.8),)).profile(1)
    pixels = noise((5, 6, 1))
    assert write_picture(tmp_path / "a.webp", Picture(pixels, icc=grey)) == []
    again = read_picture(tmp_path / "a.webp")
    assert np.array_equal(again.pixels, np.repeat(pixels, 3, axis=2))
    assert np.abs(in_srgb(again.icc, again.pixels) - in_srgb(grey, pixels[..., 0])).max() <= 1


def test_cmyk_with_a_profile_of_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg", icc_profile=srgb())
    picture = read_picture(tmp_path / "a.jpg")
    assert np.abs(picture.pixels.astype(int) - [255, 0, 0]).max() <= 2
    assert (picture.icc, picture.metadata.left) == (None, ("icc",))


def test_a_reduced_profile_shows_the_same_and_says_no_more() -> None:
    secrets = Secrets.draw(0)
    icc = reduced(planted_profile(secrets))
    assert icc is not None
    assert left_of(icc, secrets.places() + secrets.people()) == []
    assert np.array_equal(in_srgb(icc), in_srgb(srgb()))
    assert reduced(icc) == icc
    assert name_of(icc) == name_of(srgb()) == "sRGB built-in"


@pytest.mark.parametrize("damage", [b"", b"short", srgb()[:130], srgb()[:128] + b"\xff" * 400])
def test_a_damaged_profile_has_nothing_to_keep(damage: bytes) -> None:
    assert reduced(damage) is None


def _with_tag(tag: bytes, content: bytes) -> bytes:
    """A profile with one more tag."""
    icc = Described("x", BT709, (SRGB,)).profile(3)
    tags = {**tags_of(icc), tag: content}
    place, directory, data = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        directory += name + struct.pack(">II", place + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    return struct.pack(">I", place + len(data)) + icc[4:128] + struct.pack(">I", len(tags)) + directory + data


def test_tables_are_kept_to_their_size() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert lab[12:16] not in (b"mntr", b"scnr", b"prtr", b"spac") or reduced(lab) is not None
    table = b"mft1" + bytes(4) + bytes([3, 3, 2, 0]) + bytes(36) + bytes(256 * 3 + 8 * 3 + 256 * 3)
    small = reduced(_with_tag(b"A2B0", table + b"secret"))
    assert small is not None
    assert tags_of(small)[b"A2B0"] == table
    assert b"secret" not in small


def _transform(filler: bytes) -> bytes:
    """Curves, a grid and a matrix that refer to places of their tag (ICC.1:2022, 10.12), and ``filler`` between all."""
    curve = b"para" + bytes(4) + struct.pack(">H", 0) + filler[:2] + struct.pack(">i", 90_000)
    grid = bytes([2, 3, 2]) + filler[:13].ljust(13, b"x") + bytes([1]) + filler[:3] + bytes(range(36))
    matrix = struct.pack(">12i", *[65536, 0, 0, 0, 65536, 0, 0, 0, 65536, 0, 0, 0])
    parts, places = b"", []
    for part in (3 * curve, matrix, 3 * curve, grid, 3 * curve):
        parts += filler
        places.append(32 + len(parts))
        parts += part
    return b"mAB " + bytes(4) + bytes([3, 3]) + filler[:2] + struct.pack(">5I", *places) + parts + filler


def test_what_stands_between_the_parts_of_a_transform_is_zeros() -> None:
    icc, plain = _with_tag(b"A2B0", _transform(b"secret words")), _with_tag(b"A2B0", _transform(bytes(12)))
    small = reduced(icc)
    assert small is not None
    for place in range(2, 12):
        assert b"secret words"[place - 2 : place] not in tags_of(small)[b"A2B0"]
    assert tags_of(small)[b"A2B0"] == _transform(bytes(12))[:-12].replace(b"x", b"\0")
    assert np.array_equal(in_srgb(small), in_srgb(plain))
    assert not np.array_equal(in_srgb(small), in_srgb(Described("x", BT709, (SRGB,)).profile(3)))


@pytest.mark.parametrize("place", [8, 9, 12, 16, 20, 24, 28])
def test_a_transform_whose_parts_lie_outside_is_left_out(place: int) -> None:
    damaged = bytearray(_transform(bytes(12)))
    damaged[place : place + 1] = b"\xff"
    small = reduced(_with_tag(b"A2B0", bytes(damaged)))
    assert small is not None
    assert b"A2B0" not in tags_of(small)


def test_four_letters_that_are_no_colour_space_do_not_go_through() -> None:
    icc = srgb()
    assert reduced(icc[:20] + b"ANNE" + icc[24:]) is None


def test_a_picture_without_profile_needs_none(tmp_path: Path) -> None:
    for suffix in FORMATS:
        write_picture(tmp_path / f"a{suffix}", Picture(PIXELS))
        assert (read_picture(tmp_path / f"a{suffix}").icc, read_picture(tmp_path / f"a{suffix}").metadata) == (
            None,
            Metadata(),
        )
