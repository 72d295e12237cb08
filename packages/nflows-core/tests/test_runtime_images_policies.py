"""What policies let through, and that nothing else does."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nflows_core.runtime.images import (
    POLICIES,
    Metadata,
    Picture,
    Policy,
    PolicyError,
    decode_picture,
    read_picture,
    write_picture,
    writing,
)
from nflows_core.runtime.images.colour import coded
from nflows_core.runtime.images.colour.icc import name_of, tags_of
from nflows_core.runtime.images.colour.matrix import BT709, SRGB, Described, gamma
from picture_samples import MAKE, dataset, full_picture, noise, srgb
from picture_samples import tags_of as exif_of
from planted_pictures import FORMATS, MAKERS, Secrets, forbidden, left_of, make

pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

# Pillow warns of the damaged blocks that are planted.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
STRICT = POLICIES[1:]


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_search_finds_what_is_planted(suffix: str) -> None:
    secrets, data = make(1, suffix)
    for needles in (secrets.places(), secrets.people()):
        assert left_of(data, needles[:1]) == needles[:1]
    assert len(left_of(data, secrets.places() + secrets.people())) >= 6  # as bytes, UTF-16, ratios, in both byte orders


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), source=st.sampled_from(FORMATS), target=st.sampled_from(FORMATS))
def test_nothing_of_what_is_planted_is_left(
    tmp_path_factory: pytest.TempPathFactory, seed: int, source: str, target: str
) -> None:
    path = tmp_path_factory.mktemp("planted") / f"a{target}"
    secrets, data = make(seed, source)
    picture = decode_picture(io.BytesIO(data))
    for policy in STRICT:
        write_picture(path, picture.under(policy))
        assert left_of(path.read_bytes(), forbidden(secrets, policy)) == []
        assert np.array_equal(read_picture(path).pixels, picture.pixels) or target == ".jpg"


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_what_tells_no_place_goes_through(tmp_path: Path, source: str, target: str) -> None:
    secrets, data = make(5, source)
    picture = decode_picture(io.BytesIO(data))
    for policy in ("strip-gps", "strip-private"):
        write_picture(tmp_path / f"a{target}", picture.under(policy))
        again = read_picture(tmp_path / f"a{target}")
        top, made, place = exif_of(again.metadata)
        assert (top[MAKE], made[33434], made[36867]) == ("Maker", 1, "2020:01:02 03:04:05")
        assert made[42036] == "50mm f/1.8"
        assert place == {}
        assert (top.get(315) == secrets.owner) == (policy == "strip-gps")
        assert (made.get(42033) == secrets.serial) == (policy == "strip-gps")
        assert again.metadata.xmp is not None
        assert b"<exif:ExposureTime>1/60</exif:ExposureTime>" in again.metadata.xmp
        assert again.icc is not None
    write_picture(tmp_path / f"a{target}", picture.under("strip"))
    assert read_picture(tmp_path / f"a{target}").metadata == Metadata()


def test_a_policy_is_not_undone() -> None:
    metadata = full_picture().metadata
    assert metadata.under("strip").under("strip-gps").policy == "strip"
    assert metadata.under("strip-gps").under("strip-private").policy == "strip-private"
    assert metadata.under("strip-private").under("keep").policy == "strip-private"


@pytest.mark.parametrize("policy", STRICT)
def test_a_policy_twice_is_the_policy(policy: Policy) -> None:
    for maker in MAKERS:
        picture = decode_picture(io.BytesIO(make(3, maker)[1])).under(policy)
        again = picture.under(policy)
        assert (again.icc, again.metadata) == (picture.icc, picture.metadata)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_put_in_later_is_not_written(tmp_path: Path, suffix: str) -> None:
    picture = full_picture().under("strip-gps")
    secret = Secrets.draw(0)
    added = replace(
        picture.metadata,
        xmp=f"<a>{secret.place}</a>".encode(),
        text={"Comment": secret.place},
        iptc=dataset(90, b"Chur"),
    )
    write_picture(tmp_path / f"a{suffix}", replace(picture, metadata=added, icc=srgb() + secret.place.encode()))
    assert left_of((tmp_path / f"a{suffix}").read_bytes(), [*secret.places(), b"Chur"]) == []


ICC = b"ICC profile\0\0" + zlib.compress(srgb())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    ("suffix", "spoil", "message"),
    [
        (".png", lambda data: data + b"Chur", "bytes behind the end"),
        (".png", lambda data: data[:33] + _chunk(b"prVt", b"Chur") + data[33:], "a chunk b'prVt'"),
        (".png", lambda data: data[:33] + _chunk(b"tEXt", b"Comment\0Chur") + data[33:], "a text 'Comment'"),
        (".png", lambda data: data[:33] + _chunk(b"iCCP", ICC + b"Chur") + data[33:], "a chunk b'iCCP' of other"),
        (".png", lambda data: data[:33] + _chunk(b"acTL", bytes(8)) + data[33:], "a chunk b'acTL'"),
        (
            ".png",
            lambda data: data[:33] + _chunk(b"eXIf", b"II*\0\10\0\0\0\0\0\0\0\0\0Chur") + data[33:],
            "EXIF with more",
        ),
        (".jpg", lambda data: data + b"Chur", "bytes behind the end"),
        (".jpg", lambda data: data[:-2] + b"\xff\xfe\0\6Chur\xff\xd9", "a segment 0xfe"),
        (".jpg", lambda data: data[:20] + b"\xff\xe3\0\6Chur" + data[20:], "a segment 0xe3"),
        (".jpg", lambda data: data[:20] + b"Chur" + data[20:], "bytes between segments"),
        (".webp", lambda data: data + b"Chur", "bytes behind the end"),
        (".webp", lambda data: data + b"GPS \4\0\0\0Chur", "a chunk b'GPS '"),
    ],
)
def test_a_file_with_more_than_its_policy_knows_is_not_left(
    tmp_path: Path, suffix: str, spoil: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = writing._encoded
    monkeypatch.setattr(writing, "_encoded", lambda *given, **options: spoil(encoded(*given, **options)))
    with pytest.raises(PolicyError, match=message):
        write_picture(tmp_path / f"a{suffix}", full_picture().under("strip"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_with_more_than_its_policy_knows_is_not_left(
    tmp_path: Path, big: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, most = writing.write_tiff, 1 if big else 10**9

    def behind(file: Any, picture: Picture, said: Any, strips: Any) -> None:
        write(file, picture, said, strips, most)
        file.seek(0, 2)
        file.write(b"Chur")

    def with_a_tag(file: Any, picture: Picture, said: Any, strips: Any) -> None:
        said.exif = full_picture().metadata.exif
        write(file, picture, said, strips, most)

    for spoiled, message in ((behind, "bytes that no tag refers to"), (with_a_tag, "no tag refers to|a tag")):
        monkeypatch.setattr(writing, "write_tiff", spoiled)
        with pytest.raises(PolicyError, match=message):
            write_picture(tmp_path / "a.tif", full_picture().under("strip"))
        assert list(tmp_path.iterdir()) == []


def test_a_time_zone_tells_a_country() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="2020-01-02T03:04:05+05:45"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({36867: "2020:01:02 03:04:05", 36881: "+05:45"})
    metadata = Metadata(exif.tobytes(), packet, dataset(60, b"030405+0545") + dataset(80, b"Ann")).under("strip-gps")
    assert metadata.xmp is not None
    assert b"<xmp:CreateDate>2020-01-02T03:04:05</xmp:CreateDate>" in metadata.xmp
    assert exif_of(metadata)[1] == {36867: "2020:01:02 03:04:05"}
    assert metadata.iptc == dataset(80, b"Ann")


@pytest.mark.parametrize(("policy", "suffix"), [*itertools.product(STRICT, FORMATS)])
def test_a_picture_that_says_nothing_says_nothing(tmp_path: Path, policy: Policy, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", Picture(noise((3, 4, 3))).under(policy))
    write_picture(tmp_path / f"b{suffix}", Picture(noise((3, 4, 3))))
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(("policy", "suffix"), [*itertools.product(STRICT, FORMATS)])
@pytest.mark.parametrize("channels", [1, 3])
def test_colours_stay_under_every_policy(tmp_path: Path, policy: Policy, suffix: str, channels: int) -> None:
    for name, colours in (
        ("sRGB", Described("sRGB", BT709, (SRGB,), 1)),
        ("colours", Described("Ann's own", BT709, (gamma(1.8),))),
        ("Rec. 2100 PQ", coded.described(b"\x09\x10\0\1")),
    ):
        assert colours is not None
        pixels = noise((4, 5, channels))
        picture = Picture(pixels, colours.profile(channels)).under(policy)
        assert write_picture(tmp_path / f"a{suffix}", picture) == []
        again = read_picture(tmp_path / f"a{suffix}")
        assert name_of(again.icc or b"") == name
        assert tags_of(again.icc or b"").get(b"cicp") == tags_of(picture.icc or b"").get(b"cicp")


def test_a_profile_without_known_colours_is_named(tmp_path: Path) -> None:
    link = srgb()[:12] + b"link" + srgb()[16:]
    assert write_picture(tmp_path / "a.png", Picture(noise((4, 5, 3)), link).under("strip")) == ["icc"]
    assert write_picture(tmp_path / "a.png", Picture(noise((4, 5, 3)), link)) == []
