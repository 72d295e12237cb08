"""Keeping what is said of a picture: nothing goes that is not named, and nothing stays that is untrue."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nflows_core.runtime.images import Metadata, Picture, decode_picture, read_picture, write_picture
from nflows_core.runtime.images.containers import tiff
from nflows_core.runtime.images.containers.jpeg import pack_segment, read_segments
from nflows_core.runtime.images.metadata import xmp_parts
from nflows_core.runtime.images.metadata.exif_block import Block
from nflows_core.runtime.images.metadata.xmp_packet import HostileXmpError, Packet, XmpError
from picture_samples import ORIENTATION, XMP, dataset, exif_block, noise, srgb, tags_of
from planted_pictures import ASCII, LONG, SHORT, UNDEFINED, Secrets, directory, preview_of

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

FORMATS = [".png", ".jpg", ".tif", ".webp"]
BLANK = np.zeros((8, 8, 3), np.uint8)
RDF_HEAD = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def note_block(order: str, orientation: int = 1, preview: bytes = b"") -> tuple[bytes, bytes]:
    """A block with a maker's note that refers to a text outside of itself by its place, and that text."""
    text = b"IMG:PowerShot S40 JPEG\0\0"
    first = {271: (ASCII, b"Canon\0"), 274: (SHORT, struct.pack(order + "H", orientation)), 34665: (LONG, bytes(4))}
    exif_at = 8 + len(directory(order, 8, first))
    first[34665] = (LONG, struct.pack(order + "I", exif_at))
    note_size = 18
    text_at = exif_at + 2 + 12 + 4 + note_size
    note = struct.pack(order + "HHHIII", 1, 6, ASCII, len(text), text_at, 0)
    inner = directory(order, exif_at, {37500: (UNDEFINED, note)}) + text
    next_at = exif_at + len(inner)
    second = {513: (LONG, bytes(4)), 514: (LONG, struct.pack(order + "I", len(preview)))}
    second[513] = (LONG, struct.pack(order + "I", next_at + len(directory(order, next_at, second))))
    behind = directory(order, next_at, second) + preview if preview else b""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    block = header + directory(order, 8, first, next_at if preview else 0) + inner + behind
    return b"Exif\0\0" + block, text


def text_of_note(tiff: bytes, note: bytes) -> bytes:
    """What the note refers to, counted from the beginning of ``tiff``."""
    order = "<" if tiff[:2] == b"II" else ">"
    _, _, _, size, place, _ = struct.unpack(order + "HHHIII", note)
    return tiff[place : place + size]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("preview", [b"", preview_of(Secrets.draw(0))], ids=["alone", "with a preview"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_makers_note_finds_what_it_refers_to(tmp_path: Path, order: str, preview: bytes, suffix: str) -> None:
    block, text = note_block(order, 6, preview)
    Image.fromarray(noise((4, 6, 3))).save(tmp_path / "a.jpg", exif=block)
    lost = write_picture(tmp_path / f"b{suffix}", read_picture(tmp_path / "a.jpg"))
    assert lost == (["preview"] if preview else [])
    data = (tmp_path / f"b{suffix}").read_bytes()
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.getexif()[ORIENTATION] == 1
        note = image.getexif().get_ifd(34665)[37500]
        tiff = data if suffix == ".tif" else image.info["exif"].removeprefix(b"Exif\0\0")
    assert text_of_note(tiff, note) == text
    assert preview[:200] not in data or not preview


def test_a_note_that_had_to_move_is_named(tmp_path: Path) -> None:
    block, _ = note_block("<")
    Image.fromarray(BLANK).save(tmp_path / "a.jpg", exif=block)
    assert write_picture(tmp_path / "a.tif", read_picture(tmp_path / "a.jpg")) == []
    assert write_picture(tmp_path / "b.jpg", read_picture(tmp_path / "a.tif")) == ["maker note"]
    movable = Image.Exif()
    movable.get_ifd(34665)[37500] = b"Apple iOS\0\0\1MM"
    write_picture(tmp_path / "c.tif", Picture(BLANK, metadata=Metadata(exif=movable.tobytes())))
    assert write_picture(tmp_path / "c.jpg", read_picture(tmp_path / "c.tif")) == []
    assert tags_of(read_picture(tmp_path / "c.jpg").metadata)[1][37500] == b"Apple iOS\0\0\1MM"


@settings(deadline=None, max_examples=40)
@given(data=st.data(), order=st.sampled_from("<>"), suffix=st.sampled_from(FORMATS))
def test_a_block_that_needs_no_change_stays_to_the_byte(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, order: str, suffix: str
) -> None:
    texts = st.binary(min_size=1, max_size=30).filter(lambda value: b"\0" not in value).map(lambda value: value + b"\0")
    tags = data.draw(st.dictionaries(st.sampled_from([269, 270, 271, 272, 305, 40092, 50000, 65000]), texts))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    block = head + directory(order, 8, {tag: (ASCII, value) for tag, value in {**tags, 305: b"x\0"}.items()})
    path = tmp_path_factory.mktemp("block") / f"a{suffix}"
    assert write_picture(path, Picture(BLANK, metadata=Metadata(exif=block))) in ([], ["text"])
    again = read_picture(path).metadata.exif
    assert again is not None
    if suffix != ".tif":
        assert again == b"Exif\0\0" + block
    first, second = Image.Exif(), Image.Exif()
    first.load(block)
    second.load(again)
    assert dict(first) == dict(second)


@pytest.mark.parametrize("suffix", FORMATS)
def test_sizes_become_those_of_the_pixels(tmp_path: Path, suffix: str) -> None:
    exif = exif_block()
    exif[256], exif[257] = 4000, 3000
    exif.get_ifd(34665).update({40962: 4000, 40963: 3000})
    packet = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" tiff:ImageWidth="4000" tiff:Make="A">'
        "<tiff:ImageLength>3000</tiff:ImageLength><exif:PixelXDimension>4000</exif:PixelXDimension>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    picture = Picture(np.zeros((5, 7, 3), np.uint8), metadata=Metadata(exif.tobytes(), packet.encode()))
    assert write_picture(tmp_path / f"a{suffix}", picture) == []
    again = read_picture(tmp_path / f"a{suffix}").metadata
    top, made, _ = tags_of(again)
    assert (made[40962], made[40963]) == (7, 5)
    assert (top.get(256, 7), top.get(257, 5)) == (7, 5)
    expected = packet.replace("4000", "7").replace("3000", "5")
    assert again.xmp == expected.encode()


@pytest.mark.parametrize("suffix", FORMATS)
def test_claims_that_no_longer_hold_go_and_are_named(tmp_path: Path, suffix: str) -> None:
    packet = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" hdrgm:Version="1.0" GCamera:MotionPhoto="1"
 GPano:FullPanoWidthPixels="8000"
 tiff:XResolution="72/1" tiff:YResolution="72/1" tiff:ResolutionUnit="2" dc:format="image/jpeg">
<Container:Directory><rdf:Seq><rdf:li>x</rdf:li></rdf:Seq></Container:Directory>
<xmp:Thumbnails><rdf:Alt><rdf:li>x</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"""
    picture = Picture(BLANK, dpi=(300, 300), metadata=Metadata(xmp=packet.encode()))
    lost = write_picture(tmp_path / f"a{suffix}", picture)
    gone = ["hdrgm:Version", "GCamera:MotionPhoto", "GPano:FullPanoWidthPixels", "tiff:XResolution",
            "tiff:YResolution", "tiff:ResolutionUnit", "Container:Directory", "xmp:Thumbnails"]  # fmt: skip
    assert sorted(lost) == sorted(f"xmp {name}" for name in gone)
    again = read_picture(tmp_path / f"a{suffix}").metadata.xmp or b""
    assert [name for name in gone if name.encode() in again] == []
    assert b'dc:format="image/jpeg"' in again
    kept = Picture(BLANK, dpi=(72, 72), metadata=Metadata(xmp=packet.encode()))
    assert "xmp tiff:XResolution" not in write_picture(tmp_path / f"b{suffix}", kept)


def raw_profile(name: str, block: bytes) -> tuple[str, str]:
    digits = block.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    return f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{lines}\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks: bytes, pixels: Any = None) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(noise((4, 6, 3)) if pixels is None else pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    return io.BytesIO(data[:33] + b"".join(chunks) + data[33:])


def text_chunk(keyword: str, text: str) -> bytes:
    return chunk(b"tEXt", f"{keyword}\0{text}".encode("latin-1"))


@pytest.mark.parametrize("policy", ["keep", "strip-gps"])
def test_what_imagemagick_keeps_in_texts_is_what_it_is(tmp_path: Path, policy: Any) -> None:
    profiles = {"exif": exif_block(6).tobytes(), "iptc": dataset(80, b"Ann"), "xmp": XMP, "icc": srgb()}
    stored = noise((4, 6, 3))
    picture = decode_picture(png_with(*(text_chunk(*raw_profile(*one)) for one in profiles.items()), pixels=stored))
    assert picture.metadata.text == {}
    assert (picture.icc, picture.metadata.iptc) == (srgb(), dataset(80, b"Ann"))
    for _ in range(3):
        assert np.array_equal(picture.pixels, np.rot90(stored, -1))  # once
        assert write_picture(tmp_path / "a.png", picture.under(policy)) == []
        picture = read_picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["exif"].removeprefix(b"Exif\0\0").startswith((b"II*", b"MM\0"))
        assert image.getexif()[ORIENTATION] == 1


@pytest.mark.parametrize(("kind", "title"), [("8bim", "8bim"), ("iptc", "IPTC profile")])  # ImageMagick's, ExifTool's
def test_eight_bim_is_not_the_datasets(tmp_path: Path, kind: str, title: str) -> None:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(dataset(80, b"Ann!"))) + dataset(80, b"Ann!")
    resource += bytes(len(resource) % 2) + b"8BIM\x04\x0c\0\0\0\0\0\2xx"
    keyword, text = raw_profile(kind, resource)
    picture = decode_picture(png_with(text_chunk(keyword, text.replace(kind, title, 1))))
    assert picture.metadata.text == {}
    assert picture.metadata.iptc == dataset(80, b"Ann!")
    assert write_picture(tmp_path / "a.png", picture) == ["Photoshop's resources"]


@pytest.mark.parametrize("stored", [1, 3])
@pytest.mark.parametrize("kind", [1, 3, 4], ids=["BYTE", "SHORT", "LONG"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_orientation_of_any_type_and_exif_before_xmp(tmp_path: Path, suffix: str, kind: int, stored: int) -> None:
    value = {1: "B", 3: "H", 4: "I"}[kind]
    packet = XMP.replace(b"dc:format", b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" dc:format')
    if suffix == ".tif":
        tags = [(274, kind, 1, stored, True), (700, 1, len(packet), packet, True)]
        tifffile.imwrite(tmp_path / "a.tif", noise((20, 30, 3)), extratags=tags, metadata=None, photometric="rgb")
    else:
        tag = (kind, struct.pack("<" + value, stored))
        block = b"II*\0\10\0\0\0" + directory("<", 8, {274: tag})
        write_with(tmp_path / f"a{suffix}", block, packet)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.pixels.shape[:2] == (20, 30)
    assert b"Orientation" not in (picture.metadata.xmp or b"")
    write_picture(tmp_path / f"b{suffix}", picture)
    assert np.array_equal(read_picture(tmp_path / f"b{suffix}").pixels, picture.pixels) or suffix == ".jpg"


@pytest.mark.parametrize("suffix", FORMATS)
def test_orientation_in_xmp_alone_counts(tmp_path: Path, suffix: str) -> None:
    packet = XMP.replace(b"dc:format", b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" dc:format')
    if suffix == ".tif":
        tags = [(700, 1, len(packet), packet, True)]
        tifffile.imwrite(tmp_path / "a.tif", noise((20, 30, 3)), extratags=tags, metadata=None, photometric="rgb")
    else:
        write_with(tmp_path / f"a{suffix}", None, packet)
    assert read_picture(tmp_path / f"a{suffix}").pixels.shape[:2] == (30, 20)


def write_with(path: Path, block: bytes | None, packet: bytes) -> None:
    if path.suffix == ".png":
        chunks = [chunk(b"eXIf", block)] if block else []
        chunks.append(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
        path.write_bytes(png_with(*chunks, pixels=noise((20, 30, 3))).getvalue())
    else:
        options = {"exif": b"Exif\0\0" + block} if block else {}
        Image.fromarray(noise((20, 30, 3))).save(path, xmp=packet, **options)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["exif", "dpi", "xmp", "icc_profile", "gamma", "transparency", "photoshop", "Title", "Größe"]
            ),
            st.text(st.characters(codec="utf-8"), max_size=20),
        ),
        max_size=8,
    )
)
def test_texts_of_any_keyword_come_again_in_order(tmp_path_factory: pytest.TempPathFactory, texts: Any) -> None:
    path = tmp_path_factory.mktemp("texts") / "a.png"
    chunks = [chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()) for keyword, text in texts]
    picture = decode_picture(png_with(*chunks))
    assert picture.metadata.text == dict(texts)
    assert sorted(picture.metadata.all_texts()) == sorted(texts)
    assert write_picture(path, picture) == []
    assert read_picture(path).metadata == picture.metadata


@pytest.mark.parametrize("keyword", ["", "k" * 80, "a\0b", "題", " \n"])
def test_keywords_that_png_has_no_place_for_are_named(tmp_path: Path, keyword: str) -> None:
    texts = {keyword: "x", "Title": "y", "lone": "\ud800"}
    lost = write_picture(tmp_path / "a.png", Picture(BLANK, metadata=Metadata(text=texts)))
    assert lost == [f"text {keyword!r}", "text 'lone'"]
    assert read_picture(tmp_path / "a.png").metadata.text == {"Title": "y"}


def test_large_texts_and_profiles_are_read_up_to_a_bound(tmp_path: Path) -> None:
    large = "a" * 2_000_000
    icc = srgb()
    icc = struct.pack(">I", len(icc) + 2_000_000) + icc[4:] + os.urandom(2_000_000)
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(icc, 1))
    picture = decode_picture(png_with(chunk(b"zTXt", b"mxfile\0\0" + zlib.compress(large.encode())), profile))
    assert (picture.metadata.text, picture.icc) == ({"mxfile": large}, icc)
    write_picture(tmp_path / "a.png", picture)
    assert read_picture(tmp_path / "a.png").icc == icc
    bomb = chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(1 << 27)))
    many = chunk(b"zTXt", b"half\0\0" + zlib.compress(b"b" * 40_000_000))
    picture = decode_picture(png_with(bomb, many, many))
    assert picture.metadata.left == ("text 'bomb'", "text 'half'")


def long_packet(size: int, as_attribute: bool) -> bytes:
    history = "h" * size
    attribute = f' photoshop:History="{history}"' if as_attribute else ""
    element = "" if as_attribute else f"<photoshop:History>{history}</photoshop:History>"
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"><rdf:RDF {RDF}>'
        f'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"{attribute}>'
        f"{element}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


@pytest.mark.parametrize("as_attribute", [False, True])
@pytest.mark.parametrize("size", [70_000, 300_000])
def test_a_long_packet_is_cut_in_two_and_joined(tmp_path: Path, size: int, as_attribute: bool) -> None:
    packet = long_packet(size, as_attribute)
    assert write_picture(tmp_path / "a.jpg", Picture(BLANK, metadata=Metadata(xmp=packet))) == []
    with (tmp_path / "a.jpg").open("rb") as file:
        names = [segment.data[:34] for segment in read_segments(file) if segment.marker == 0xE1]
    assert names[0].startswith(b"http://ns.adobe.com/xap/1.0/\0")
    assert all(name == b"http://ns.adobe.com/xmp/extension/" for name in names[1:])
    again = read_picture(tmp_path / "a.jpg").metadata.xmp
    assert values(again) == values(packet)
    assert write_picture(tmp_path / "a.png", read_picture(tmp_path / "a.jpg")) == []
    assert values(read_picture(tmp_path / "a.png").metadata.xmp) == values(packet)


def values(packet: bytes | None) -> dict[Any, Any]:
    assert packet is not None
    return {one.name: one.values for one in Packet(packet).properties}


def test_half_of_a_packet_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", Picture(BLANK, metadata=Metadata(xmp=long_packet(70_000, False))))
    data = (tmp_path / "a.jpg").read_bytes()
    damaged = data.replace(b"http://ns.adobe.com/xmp/extension/", b"http://ns.adobe.com/xmp/EXTENSION/")
    picture = decode_picture(io.BytesIO(damaged))
    assert "extended xmp" in picture.metadata.left
    assert values(picture.metadata.xmp) == {("http://purl.org/dc/elements/1.1/", "format"): ["image/jpeg"]}


def test_joining_gives_each_part_the_prefixes_that_it_had() -> None:
    first = f'<rdf:RDF {RDF}><rdf:Description xmlns:a="urn:1" a:x="1"/></rdf:RDF>'.encode()
    second = f'<m xmlns:a="urn:2"><rdf:RDF {RDF}><rdf:Description><a:y>2</a:y></rdf:Description></rdf:RDF></m>'.encode()
    assert values(xmp_parts.joined(first, second)) == {("urn:1", "x"): ["1"], ("urn:2", "y"): ["2"]}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (Metadata(xmp=b"<x>" + b"a" * 70_000 + b"</x>"), ["xmp"]),
        (Metadata(text={"Comment": "c" * 70_000}), ["text 'Comment'"]),
        (Metadata(text={"Title": "t", "Comment": "c"}), ["text"]),
        (Metadata(iptc=b"".join(dataset(25, b"k" * 7000) for _ in range(10))), []),
    ],
)
def test_what_is_too_long_for_jpeg_is_cut_or_named(tmp_path: Path, metadata: Metadata, expected: list[str]) -> None:
    assert write_picture(tmp_path / "a.jpg", Picture(BLANK, metadata=metadata)) == expected
    again = read_picture(tmp_path / "a.jpg").metadata
    assert again.iptc == metadata.iptc
    assert again.text == ({} if "text 'Comment'" in expected else {k: v for k, v in metadata.text.items() if v == "c"})


def test_an_exif_block_too_long_for_jpeg_loses_its_largest_values(tmp_path: Path) -> None:
    exif = exif_block()
    exif.get_ifd(34665)[37500] = b"n" * 40_000
    exif[270] = "d" * 60_000
    exif[305] = "s" * 30_000
    lost = write_picture(tmp_path / "a.jpg", Picture(BLANK, metadata=Metadata(exif=exif.tobytes())))
    assert lost == ["maker note", "exif tag 270"]
    top, made, place = tags_of(read_picture(tmp_path / "a.jpg").metadata)
    assert (top[305], made[36867], place[1]) == ("s" * 30_000, "2020:01:02 03:04:05", "N")


def test_a_profile_too_long_for_jpeg_is_named(tmp_path: Path) -> None:
    icc = srgb() + bytes(17_000_000)
    assert write_picture(tmp_path / "a.jpg", Picture(BLANK, icc=icc)) == ["icc"]
    assert write_picture(tmp_path / "b.jpg", Picture(BLANK, icc=icc[:2_000_000])) == []
    assert read_picture(tmp_path / "b.jpg").icc == icc[:2_000_000]


def interoperability(exif: Image.Exif) -> None:
    exif.get_ifd(34665)[40965] = {1: "R98", 2: b"0100"}


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_directory_of_interoperability_is_kept(tmp_path: Path, suffix: str) -> None:
    exif = exif_block()
    interoperability(exif)
    Image.fromarray(BLANK).save(tmp_path / "a.jpg", exif=exif)
    write_picture(tmp_path / f"b{suffix}", read_picture(tmp_path / "a.jpg"))
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert dict(image.getexif().get_ifd(40965)) == {1: "R98", 2: b"0100"}


def test_what_is_left_behind_is_named(tmp_path: Path) -> None:
    chunks = [chunk(b"tIME", bytes(7)), chunk(b"prVt", b"x"), chunk(b"sBIT", b"\5\5\5")]
    file = png_with(*chunks)
    picture = decode_picture(io.BytesIO(file.getvalue() + b"behind"))
    expected = ["PNG chunk tIME", "PNG chunk prVt", "PNG chunk sBIT", "bytes behind the end"]
    assert write_picture(tmp_path / "a.png", picture) == expected
    assert write_picture(tmp_path / "a.png", picture.under("strip-gps")) == []  # what a policy takes away is not lost
    buffer = io.BytesIO()
    Image.fromarray(BLANK).save(buffer, "JPEG", comment=b"one")
    data = buffer.getvalue()
    more = b"\xff\xe2\0\7FPXR\0\xff\xeb\0\6JP\0\1\xff\xfe\0\5two"
    picture = decode_picture(io.BytesIO(data[:20] + more + data[20:] + b"video"))
    assert write_picture(tmp_path / "a.jpg", picture) == ["JPEG APP2 FPXR", "JPEG APP11 JP", "bytes behind the end"]
    assert sorted(read_picture(tmp_path / "a.jpg").metadata.all_texts()) == [("Comment", "one"), ("Comment", "two")]


def _block(*entries: tuple[int, int, int, int], behind: bytes = b"", following: int = 0) -> bytes:
    """A block of tags, types, counts and what stands in their fields."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + struct.pack("<I", following) + behind


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ((50000, 14, 1, 7), "exif tag 50000"),  # of no known type
        ((315, 2, 5000, 60_000), "exif tag 315"),  # a text that ends outside
        ((34853, 4, 1, 60_000), "exif tag 34853"),  # places outside
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_what_cannot_be_read_of_a_block_is_named(entry: tuple[int, int, int, int], name: str, orientation: int) -> None:
    block = _block((271, 2, 4, 0x00_70_61_4E), (274, 3, 1, orientation), entry)
    metadata = decode_picture(io.BytesIO(_jpeg_with((0xE1, block)))).metadata
    assert metadata.left == (name,)
    assert tags_of(metadata)[0] == {271: "Nap", 274: 1}


def test_pictures_in_directories_below_a_block_are_named_and_zeros() -> None:
    preview = b"\xff\xd8secret\xff\xd9"
    place = 8 + 2 + 2 * 12 + 4
    below = struct.pack("<H", 2) + struct.pack("<HHII", 513, 4, 1, place + 30) + struct.pack("<HHII", 514, 4, 1, 10)
    block = _block((271, 2, 4, 0x00_70_61_4E), (330, 4, 1, place), behind=below + bytes(4) + preview)
    metadata = decode_picture(io.BytesIO(_jpeg_with((0xE1, block)))).metadata
    assert metadata.left == ("preview",)
    assert b"secret" not in (metadata.exif or b"")
    assert tags_of(metadata)[0] == {271: "Nap"}


def test_previews_without_end_are_read_with_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each directory refers to one that begins a few bytes behind its own beginning."""
    read = []
    directory_of = tiff.read_directory
    monkeypatch.setattr(tiff, "read_directory", lambda *them: read.append(1) or directory_of(*them))
    behind = b"".join(struct.pack("<HI", 0, 26 + 6 * place) for place in range(1, 5_000))
    Block(_block((274, 3, 1, 1), behind=behind, following=26)).remove_previews()
    assert len(read) < 30


def _jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(BLANK).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:20] + b"".join(pack_segment(*segment) for segment in segments) + data[20:]


def _resource(number: int, data: bytes, signature: bytes = b"8BIM") -> bytes:
    return signature + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


PHOTOSHOP, ICC, EXTENSION = b"Photoshop 3.0\0", b"ICC_PROFILE\0", b"http://ns.adobe.com/xmp/extension/\0"


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([(0xEE, b"Adobe\0\x64\0\0\0\0\1")], []),
        ([(0xEE, b"Adobe\0\x64\0\0\0\0\1and more")], ["JPEG APP14 Adobe"]),
        ([(0xED, b"Adobe_CM\0words")], ["JPEG APP13 Adobe_CM"]),
        ([(0xE1, EXTENSION + b"A" * 32 + struct.pack(">II", 4, 0) + b"<x/>")], ["extended xmp"]),
        ([(0xE2, ICC + b"\1\3" + srgb()[:200]), (0xE2, ICC + b"\3\3" + srgb()[300:])], ["icc"]),
        ([(0xED, PHOTOSHOP + 2 * _resource(0x0404, dataset(120, b"one")))], ["second iptc"]),
        ([(0xED, PHOTOSHOP + _resource(0x0404, dataset(120, b"one")) + b"rest")], ["Photoshop's resources"]),
    ],
)
def test_what_jpeg_has_and_no_place_takes_is_named(segments: list[tuple[int, bytes]], expected: list[str]) -> None:
    assert list(decode_picture(io.BytesIO(_jpeg_with(*segments))).metadata.left) == expected


@pytest.mark.parametrize("signature", [b"MeSa", b"AgHg", b"PHUT", b"DCSR"])
def test_datasets_stand_behind_resources_of_other_programs(signature: bytes) -> None:
    datasets = dataset(120, b"caption")
    resources = _resource(2000, b"other", signature) + _resource(0x0404, datasets)
    metadata = decode_picture(io.BytesIO(_jpeg_with((0xED, PHOTOSHOP + resources)))).metadata
    assert (metadata.iptc, metadata.left) == (datasets, ("Photoshop's resources",))


def test_what_stands_behind_the_picture_of_a_gif_or_bmp_is_read_or_named() -> None:
    gif, bmp = io.BytesIO(), io.BytesIO()
    Image.new("P", (4, 4)).save(gif, "GIF", comment=b"first")
    Image.new("RGB", (4, 4)).save(bmp, "BMP")
    late = decode_picture(io.BytesIO(gif.getvalue()[:-1] + b"!\xfe\4last\0!\x01\x0c" + bytes(12) + b"\0;secret"))
    assert late.metadata.all_texts() == [("Comment", "first"), ("Comment", "last")]
    assert late.metadata.left == ("GIF text", "bytes behind the end")
    assert decode_picture(gif).metadata.left == decode_picture(bmp).metadata.left == ()
    assert decode_picture(io.BytesIO(bmp.getvalue() + b"secret")).metadata.left == ("bytes behind the end",)


def test_a_comment_of_an_old_program_is_read() -> None:
    buffer = io.BytesIO()
    Image.fromarray(BLANK).save(buffer, "JPEG", comment=b"Photoshop\xa8\0")
    assert decode_picture(buffer).metadata.text == {"Comment": "Photoshop¨"}


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>',
        b"<x>" * 200 + b"</x>" * 200,
        RDF_HEAD + b"<rdf:Description/>" * 20_000 + b"</rdf:RDF>",
        RDF_HEAD + b'<rdf:Description xmlns:t="t">' + b"<t:a/>" * 20_000 + b"</rdf:Description></rdf:RDF>",
        RDF_HEAD + b"".join(b'<rdf:Description xmlns:a%d="u"/>' % k for k in range(2_000)) + b"</rdf:RDF>",
    ],
    ids=["entities", "depth", "descriptions", "properties", "prefixes"],
)
def test_hostile_packets_are_left_behind(tmp_path: Path, packet: bytes) -> None:
    with pytest.raises(HostileXmpError):
        Packet(packet)
    assert write_picture(tmp_path / "a.png", Picture(BLANK, metadata=Metadata(xmp=packet))) == ["xmp"]
    picture = decode_picture(png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)))
    assert (picture.metadata.xmp, picture.metadata.left) == (None, ("xmp",))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_packet_that_is_no_xml_is_kept(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(XmpError, match="no XML"):
        Packet(b"<no")
    write_picture(tmp_path / f"a{suffix}", Picture(BLANK, metadata=Metadata(xmp=b"<no xml")))
    assert read_picture(tmp_path / f"a{suffix}").metadata.xmp == b"<no xml"


@pytest.mark.parametrize(
    ("stated", "is_kept"), [("300", True), ("600/2", True), ("300.0", True), ("1e999999999", False), ("1/0", False)]
)
def test_a_resolution_of_a_packet_is_a_number_or_a_ratio(tmp_path: Path, stated: str, is_kept: bool) -> None:
    """Of an exponent, no digits are written out: a billion would take hours."""
    packet = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description rdf:about=""'
        f' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:XResolution="{stated}"/></rdf:RDF></x:xmpmeta>'
    )
    picture = Picture(BLANK, dpi=(300, 300), metadata=Metadata(xmp=packet.encode()))
    assert write_picture(tmp_path / "a.png", picture) == ([] if is_kept else ["xmp tiff:XResolution"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_packets_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    text = XMP.decode().replace("Ann", "Änn")
    tags = [(700, 1, len(text.encode(encoding)), text.encode(encoding), True)]
    tifffile.imwrite(tmp_path / "a.tif", BLANK, extratags=tags, metadata=None, photometric="rgb")
    write_picture(tmp_path / "a.png", read_picture(tmp_path / "a.tif"))
    assert read_picture(tmp_path / "a.png").metadata.xmp == text.encode()


def test_many_ancestors_are_read_with_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photoshop's list of them is megabytes; each byte is looked at once or twice, whatever their number."""
    items = b"<rdf:li>xmp.did:0123456789ABCDEF0123456789ABCDEF</rdf:li>\n"
    head, tail = long_packet(1, False).split(b"<photoshop:History>")
    copied = []
    edited = Packet.edited
    monkeypatch.setattr(Packet, "edited", lambda self, edits: copied.append(len(self.data)) or edited(self, edits))
    for count in (100, 10_000):
        packet = head + b"<photoshop:History><rdf:Bag>" + items * count + b"</rdf:Bag>" + tail.lstrip(b"h")
        assert len(Packet(packet).properties[-1].values) == count
        picture = decode_picture(png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)))
        assert picture.metadata.xmp == packet
    assert len(copied) == 2


@pytest.mark.parametrize(
    "damage", [lambda block: block[:30], lambda _: b"no block", lambda block: block[:10] + b"\xff" * 20]
)
def test_a_damaged_block_does_not_hide_the_picture(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    block = damage(note_block("<")[0].removeprefix(b"Exif\0\0"))
    picture = decode_picture(png_with(chunk(b"eXIf", block)))
    assert picture.pixels.shape == (4, 6, 3)
    lost = write_picture(tmp_path / "a.jpg", replace(picture, pixels=BLANK))
    assert picture.metadata.exif is not None or lost == ["exif"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_stands_in_tags_of_a_block_is_kept(tmp_path: Path, suffix: str) -> None:
    block = b"II*\0\10\0\0\0" + directory("<", 8, {700: (1, XMP), 33723: (UNDEFINED, dataset(80, b"Ann"))})
    picture = decode_picture(png_with(chunk(b"eXIf", block)))
    assert (picture.metadata.xmp, picture.metadata.iptc) == (XMP, dataset(80, b"Ann"))
    lost = write_picture(tmp_path / f"a{suffix}", picture)
    again = read_picture(tmp_path / f"a{suffix}").metadata
    assert (again.xmp, again.iptc or lost) == (XMP, ["iptc"] if suffix == ".webp" else dataset(80, b"Ann"))
    both = png_with(chunk(b"eXIf", block), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP))
    assert decode_picture(both).metadata.left == ("second xmp",)


@pytest.mark.parametrize("suffix", FORMATS)
def test_how_another_file_stores_its_pixels_is_not_said_of_this_one(tmp_path: Path, suffix: str) -> None:
    storage = {258: 4, 259: 5, 262: 6, 277: 1, 284: 2, 317: 2, 338: 1, 339: 3, 530: 2}
    block = b"II*\0\10\0\0\0" + directory("<", 8, {tag: (SHORT, struct.pack("<H", storage[tag])) for tag in storage})
    picture = Picture(noise((6, 7, 3)), metadata=Metadata(exif=block))
    assert write_picture(tmp_path / f"a{suffix}", picture) == []
    again = read_picture(tmp_path / f"a{suffix}")
    assert np.array_equal(again.pixels, picture.pixels) or suffix == ".jpg"
    assert not storage.keys() & tags_of(again.metadata)[0].keys()


def test_others_read_a_picture_whose_texts_have_the_names_of_their_own_entries(tmp_path: Path) -> None:
    block = (b"Exif\0\0II*\0\10\0\0\0" + directory("<", 8, {305: (ASCII, b"x\0")})).decode("latin-1")
    picture = decode_picture(png_with(text_chunk("exif", block), text_chunk("Title", "Größe")))
    assert picture.metadata.text == {"exif": block, "Title": "Größe"}
    assert write_picture(tmp_path / "a.png", picture) == []
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.text["Title"] == "Größe"  # type: ignore[attr-defined]
        assert image.getexif()[305] == "x"
    assert read_picture(tmp_path / "a.png").metadata == picture.metadata
