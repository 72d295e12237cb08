"""What picture files hold besides the picture: `verify` lets none pass, and `redact` says what it leaves out."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nflows_core.testing import call_command
from nflows_privacy.cli import privacy
from nflows_privacy.detection import choice
from nflows_privacy.redaction.beside import beside, lost

GREY = Image.new("RGB", (40, 30), (90, 100, 110))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8))


@pytest.fixture(autouse=True)
def _squares_are_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_OWN", {"squares": "square_detector:SQUARES"})
    monkeypatch.setattr(choice, "_DEFAULTS", {"face": "squares"})


def encoded(format: str, picture: Image.Image = GREY, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


SECRET = encoded("JPEG", NOISE)


def with_segment(marker: int, data: bytes) -> bytes:
    jpeg = encoded("JPEG")
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + jpeg[2:]


def with_chunk(kind: bytes, data: bytes) -> bytes:
    png = encoded("PNG")
    return png[:33] + struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) + png[33:]


def with_text(text: str) -> bytes:
    info = PngInfo()
    info.add_text("Note", text)
    return encoded("PNG", pnginfo=info)


def with_exif(preview: bool) -> bytes:
    head = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    if preview:
        second = struct.pack("<HHHIIHHIII", 2, 513, 4, 1, 44, 514, 4, 1, len(SECRET), 0)
        return with_segment(0xE1, head + struct.pack("<HI", 0, 14) + second + SECRET)
    note = struct.pack("<HHHIII", 1, 0x9C9B, 1, len(SECRET), 26, 0)  # a title, by its tag
    return with_segment(0xE1, head + note + SECRET)


def packet(value: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:GImage="http://ns.google.com/photos/1.0/image/" '
        f'GImage:Data="{value}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


BASE64 = base64.b64encode(SECRET).decode()
HIDING: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "mpo": (".jpg", lambda: encoded("MPO", save_all=True, append_images=[NOISE]), "1 more picture"),
    "behind a JPEG": (".jpg", lambda: encoded("JPEG") + SECRET, f"{len(SECRET)} bytes behind the picture"),
    "behind a PNG": (".png", lambda: encoded("PNG") + SECRET, f"{len(SECRET)} bytes behind the picture"),
    "behind a WebP": (".webp", lambda: encoded("WEBP") + SECRET, f"{len(SECRET)} bytes behind the picture"),
    "behind a TIFF": (".tif", lambda: encoded("TIFF") + SECRET, f"{len(SECRET)} bytes behind the picture"),
    "preview": (".jpg", lambda: with_exif(preview=True), "preview"),
    "a tag": (".jpg", lambda: with_exif(preview=False), "a picture in EXIF"),
    "segment": (".jpg", lambda: with_segment(0xEB, SECRET), "JPEG APP11"),
    "chunk": (".png", lambda: with_chunk(b"faCe", SECRET), "PNG chunk faCe"),
    "text": (".png", lambda: with_text(BASE64), "a picture in text Note"),
    "digits": (".png", lambda: with_text("Raw " + SECRET.hex()), "a picture in text Note"),
    "xmp": (".webp", lambda: encoded("WEBP", xmp=packet(BASE64)), "a picture in XMP"),
    "smaller copy": (".tif", lambda: encoded("TIFF", tiffinfo={330: 8}), "smaller copies"),
}
HARMLESS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "time": (".png", lambda: with_chunk(b"tIME", bytes(7))),
    "quality": (".jpg", lambda: with_segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x50")),
    "words": (".png", lambda: with_text("A street / 9j, in May")),
    "xmp": (".webp", lambda: encoded("WEBP", xmp=packet("iVBO"))),
    "tiff": (".tif", lambda: encoded("TIFF")),
    "jpeg in tiff": (".tif", lambda: encoded("TIFF", compression="jpeg")),
}


@pytest.mark.parametrize("how", HIDING)
def test_verify_lets_no_picture_pass_that_holds_another(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suffix, make, name = HIDING[how]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(make())
    assert name in beside(path)
    assert call_command(privacy, "verify", "--what", "face", path, "--json") == 1
    told = capsys.readouterr()
    assert name in told.err
    assert "not looked at" in told.err
    report = json.loads(told.out[told.out.index("{") :])
    assert (report["failed"], report["left"]) == (1, 0)


@pytest.mark.parametrize("how", HARMLESS)
def test_what_has_no_room_for_a_picture_passes(how: str, tmp_path: Path) -> None:
    suffix, make = HARMLESS[how]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(make())
    assert beside(path) == lost(path) == []
    assert call_command(privacy, "verify", "--what", "face", path) == 0


def redacted(folder: Path, *options: str) -> dict[str, list[str] | None]:
    """What is told to be left out of each file, when all are redacted, and nothing is left."""
    (folder / "in").mkdir()
    for how, (suffix, make, _) in HIDING.items():
        (folder / "in" / f"{how}{suffix}").write_bytes(make())
    out = folder / "out"
    assert call_command(privacy, "redact", "--what", "face", *options, folder / "in", "-o", out) == 0
    assert call_command(privacy, "verify", "--what", "face", out) == 0
    rows = json.loads((out / "report.json").read_text())["tables"]["Files"]
    return {Path(row["file"]).stem: row["left_out"] for row in rows}


@pytest.mark.parametrize("format", ["exact", "same"])
def test_what_redact_writes_passes_and_what_it_leaves_out_is_told(format: str, tmp_path: Path) -> None:
    told = redacted(tmp_path, "--format", format)
    assert told.keys() == HIDING.keys()
    behind = f"{len(SECRET)} bytes behind the picture"
    assert all(told[how] == [behind] for how in ("behind a JPEG", "behind a PNG", "behind a WebP", "behind a TIFF"))
    assert told["mpo"][0] == "1 more picture"
    assert told["preview"] is None  # as the policy says


def test_who_keeps_metadata_keeps_no_picture_in_them(tmp_path: Path) -> None:
    told = redacted(tmp_path, "--metadata", "keep", "--format", "same")
    for how in ("a tag", "text", "digits", "xmp"):
        assert told[how] == [HIDING[how][2], "all else that strip-gps leaves out"]
    assert told["preview"] == ["preview"]
    assert b"A street" in _kept(tmp_path, with_text("A street"))


def _kept(folder: Path, data: bytes) -> bytes:
    (folder / "a.png").write_bytes(data)
    command = ("redact", "--what", "face", "--metadata", "keep", folder / "a.png", "-o", folder / "kept")
    assert call_command(privacy, *command) == 0
    return (folder / "kept" / "a.png").read_bytes()
