"""Pictures with secrets planted wherever a file has a place for them, and a search of bytes for what is left of them.

Run as a script, it makes so many pictures, writes them under each policy into each format, and prints what was found::

    python packages/nflows-core/tests/planted_pictures.py 2000
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from nflows_core.runtime.images import POLICIES, Policy, read_picture, write_picture

FORMATS = (".png", ".jpg", ".webp", ".tif")


@dataclass(frozen=True)
class Secrets:
    """What must not be found: words, and the numbers of a place in degrees, minutes and hundredths of a second."""

    place: str
    latitude: str
    degrees: tuple[int, int, int]
    owner: str
    serial: str

    @classmethod
    def draw(cls, seed: int) -> Secrets:
        random = np.random.default_rng(seed)
        word, name, number = (hashlib.sha256(f"{seed}{kind}".encode()).hexdigest() for kind in "won")
        degrees = tuple(int(value) for value in random.integers([40, 10, 1001], [60, 59, 5999]))
        return cls(
            "Vale" + word[:8], f"{random.uniform(40, 60):.6f}", degrees, "Zeno" + name[:8], "K7" + number[:10].upper()
        )

    def places(self, order: str = "<") -> list[bytes]:
        return [*_forms(self.place), *_forms(self.latitude), *map(self._rationals, "<>")]

    def people(self) -> list[bytes]:
        return [*_forms(self.owner), *_forms(self.serial)]

    def _rationals(self, order: str) -> bytes:
        degrees, minutes, seconds = self.degrees
        return struct.pack(f"{order}6I", degrees, 1, minutes, 1, seconds, 100)


def _forms(word: str) -> list[bytes]:
    """A word as files may hold it."""
    plain = word.encode()
    encoded = [plain, word.encode("utf-16-le"), word.encode("utf-16-be")]
    aligned = [base64.b64encode(bytes(pad) + plain)[-(-pad * 4 // 3) + 1 : -4] for pad in range(3)]
    return [*encoded, plain.hex().encode(), plain.hex().upper().encode(), *aligned]


def left_of(data: bytes, needles: list[bytes]) -> list[bytes]:
    """Which of ``needles`` stand in a file, or in what is compressed or written in hexadecimal digits in it."""
    layers = list(_layers(data))
    return [needle for needle in needles if any(needle in layer for layer in layers)]


def _layers(data: bytes, depth: int = 0) -> Iterator[bytes]:
    yield data
    if depth == 3:
        return
    for start in [found.start() for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data)][:200]:
        try:
            yield from _layers(zlib.decompressobj().decompress(data[start:], 1 << 22), depth + 1)
        except zlib.error:
            continue
    for digits in re.findall(rb"(?:[0-9a-fA-F]{2}\s*){40,}", data):
        yield from _layers(bytes.fromhex(b"".join(digits.split()).decode()), depth + 1)


# --- what files say -----------------------------------------------------------------------------------------------

ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 2, 3, 4, 5, 7


def directory(order: str, start: int, tags: dict[int, tuple[int, bytes]], following: int = 0) -> bytes:
    """TIFF's directory to stand at ``start``; LONG and SHORT by their bytes, all else as they are."""
    sizes = {ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, 1: 1}
    table, behind = b"", b""
    place = start + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        field = value.ljust(4, b"\0")
        if len(value) > 4:
            field = struct.pack(order + "I", place + len(behind))
            behind += value + bytes(len(value) % 2)
        table += struct.pack(order + "HHI", tag, kind, len(value) // sizes[kind]) + field
    return struct.pack(order + "H", len(tags)) + table + struct.pack(order + "I", following) + behind


def gps(secrets: Secrets, order: str) -> dict[int, tuple[int, bytes]]:
    return {
        0: (1, b"\2\3\0\0"),
        1: (ASCII, b"N\0"),
        2: (RATIONAL, secrets._rationals(order)),
        27: (UNDEFINED, b"ASCII\0\0\0" + secrets.place.encode()),
        29: (ASCII, b"2020:01:02\0"),
    }


def exif_tags(secrets: Secrets) -> dict[int, tuple[int, bytes]]:
    place, owner, serial = secrets.place.encode(), secrets.owner.encode(), secrets.serial.encode()
    return {
        2: (ASCII, place + b"\0"),  # a number of the place's directory
        33434: (RATIONAL, b"\0\0\0\1\0\0\0\1"),
        33437: (ASCII, place + b"\0"),  # an F number that is a text
        36867: (ASCII, b"2020:01:02 03:04:05\0"),
        36868: (ASCII, place + b"\0"),  # a date that is none
        37500: (UNDEFINED, b"Maker\0" + place + serial + owner),
        37510: (UNDEFINED, b"UNICODE\0" + secrets.place.encode("utf-16-le")),
        41995: (UNDEFINED, place),
        42016: (ASCII, serial.ljust(32, b"0") + b"\0"),
        42032: (ASCII, owner + b"\0"),
        42033: (ASCII, serial + b"\0"),
        42036: (ASCII, b"50mm f/1.8\0" + place + b"\0"),  # behind the end of the text
        42037: (ASCII, serial + b"\0"),
        0xFDE8: (ASCII, b"City: " + place + b"\0"),
    }


def image_tags(secrets: Secrets) -> dict[int, tuple[int, bytes]]:
    place, owner, serial = secrets.place.encode(), secrets.owner.encode(), secrets.serial.encode()
    return {
        269: (ASCII, place + b"\0"),
        270: (ASCII, b"at " + secrets.latitude.encode() + b"\0"),
        271: (ASCII, b"Maker\0" + place + b"\0"),
        315: (ASCII, owner + b"\0"),
        316: (ASCII, owner + b"\0"),
        33432: (ASCII, b"(c) " + owner + b"\0"),
        40091: (1, secrets.place.encode("utf-16-le") + b"\0\0"),
        40094: (1, secrets.place.encode("utf-16-le") + b"\0\0"),
        50735: (ASCII, serial + b"\0"),
        50740: (UNDEFINED, b"Adobe\0MakN" + place + serial),
        0x9999: (UNDEFINED, place),
    }


def exif_block(secrets: Secrets, order: str, orientation: int = 1) -> bytes:
    """A block with a place in every corner: a preview with a place of its own, and bytes between the values."""
    first = {**image_tags(secrets), 274: (SHORT, struct.pack(order + "H", orientation)), 34665: (LONG, bytes(4)),
             34853: (LONG, bytes(4))}  # fmt: skip
    gap = secrets.place.encode() + bytes(len(secrets.place) % 2)
    exif_at = 8 + len(directory(order, 8, first)) + len(gap)
    inner = directory(order, exif_at, exif_tags(secrets))
    gps_at = exif_at + len(inner)
    places = directory(order, gps_at, gps(secrets, order))
    preview = preview_of(secrets)
    next_at = gps_at + len(places)
    second = {259: (SHORT, struct.pack(order + "H", 6)), 270: (ASCII, secrets.place.encode() + b"\0"),
              513: (LONG, bytes(4)), 514: (LONG, struct.pack(order + "I", len(preview)))}  # fmt: skip
    preview_at = next_at + len(directory(order, next_at, second))
    second[513] = (LONG, struct.pack(order + "I", preview_at))
    first[34665], first[34853] = ((LONG, struct.pack(order + "I", place)) for place in (exif_at, gps_at))
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    block = header + directory(order, 8, first, next_at) + gap + inner + places
    return b"Exif\0\0" + block + directory(order, next_at, second) + preview + secrets.place.encode()


def preview_of(secrets: Secrets) -> bytes:
    exif = Image.Exif()
    exif[270] = secrets.place
    exif.get_ifd(34853).update({1: "N", 2: (47.0, 3.0, 0.5)})
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(buffer, "JPEG", exif=exif, comment=secrets.latitude.encode())
    return buffer.getvalue()


_NAMESPACES = {
    "exif": "http://ns.adobe.com/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpGImg": "http://ns.adobe.com/xap/1.0/g/img/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmpDM": "http://ns.adobe.com/xmp/1.0/DynamicMedia/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "georss": "http://www.georss.org/georss/",
    "dwc": "http://rs.tdwg.org/dwc/terms/",
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
    "Camera": "http://pix4d.com/camera/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "acdsee": "http://ns.acdsee.com/iptc/1.0/",
    "cell": "http://developer.sonyericsson.com/cell/1.0/",
    "unknown": "urn:unknown",
}
_PLACES = [
    "exif:GPSLatitude", "exif:GPSAreaInformation", "exif:UserComment", "exif:FNumber", "xmp:Label", "xmp:Nickname",
    "dc:coverage", "dc:description", "dc:title", "dc:subject", "dcterms:spatial", "photoshop:City",
    "photoshop:Headline", "photoshop:Instructions", "Iptc4xmpCore:Location",
    "Iptc4xmpExt:LocationShown", "xmpDM:shotLocation", "geo:lat",
    "georss:point", "dwc:locality", "drone-dji:GpsLongtitude", "Camera:Position", "lr:hierarchicalSubject",
    "digiKam:TagsList", "acdsee:City", "cell:mcc", "unknown:where", "aux:LensID", "xmp:CreateDate", "dc:format",
]  # fmt: skip
_OWNERS = [
    "tiff:Artist", "tiff:Copyright", "dc:creator", "dc:rights", "dc:contributor", "photoshop:Credit",
    "photoshop:AuthorsPosition", "aux:OwnerName", "exifEX:CameraOwnerName", "xmpRights:Owner", "xmpRights:UsageTerms",
    "Iptc4xmpCore:CreatorContactInfo", "unknown:who",
]  # fmt: skip
_SERIALS = [
    "aux:SerialNumber", "aux:LensSerialNumber", "exifEX:BodySerialNumber", "exifEX:LensSerialNumber",
    "xmpMM:DocumentID", "xmpMM:InstanceID", "xmpMM:OriginalDocumentID", "exif:ImageUniqueID", "unknown:number",
]  # fmt: skip


def packet(secrets: Secrets, random: np.random.Generator) -> bytes:
    """A packet whose properties are attributes, texts, arrays or structures, by chance."""
    values = {
        **dict.fromkeys(_PLACES, secrets.place),
        "exif:GPSLongitude": secrets.latitude,
        **dict.fromkeys(_OWNERS, secrets.owner),
        **dict.fromkeys(_SERIALS, secrets.serial),
    }
    attributes, elements = 'tiff:Make="Maker" exif:ExposureTime="1/60"', ""
    for name, value in values.items():
        shape = random.integers(5)
        items = f"<rdf:li>{value}</rdf:li><rdf:li>x</rdf:li>"
        if shape == 0:
            attributes += f' {name}="{value}"'
        elif shape == 1:
            elements += f"<{name}>{value}</{name}>"
        elif shape == 2:
            elements += f"<{name}><rdf:Bag>{items}</rdf:Bag></{name}>"
        elif shape == 3:
            elements += f'<{name} rdf:parseType="Resource"><unknown:part>{value}</unknown:part></{name}>'
        else:
            elements += f'<{name} rdf:resource="geo:{value}"/>'
    image = base64.b64encode(preview_of(secrets)).decode()
    elements += (
        f"<xmp:Thumbnails><rdf:Alt><rdf:li><xmpGImg:image>{image}</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>"
    )
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    return (
        f'<?xpacket begin="" id="{secrets.place}"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{secrets.place}">'
        f'<!-- {secrets.place} --><?where {secrets.place}?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="{secrets.place}" {declared} {attributes}>{elements}</rdf:Description></rdf:RDF>'
        f'</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def dataset(record: int, number: int, value: bytes) -> bytes:
    if record == 2 and number in (25, 120):  # of which the size has a size
        return struct.pack(">BBBHI", 0x1C, record, number, 0x8004, len(value)) + value
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


def datasets(secrets: Secrets) -> bytes:
    place, owner, serial = secrets.place.encode(), secrets.owner.encode(), secrets.serial.encode()
    places = [(1, 20), (1, 90), (2, 5), (2, 15), (2, 20), (2, 22), (2, 25), (2, 26), (2, 27), (2, 40), (2, 55), (2, 60),
              (2, 90), (2, 92), (2, 95), (2, 100), (2, 101), (2, 103), (2, 105), (2, 118), (2, 120), (2, 225),
              (3, 90), (6, 1), (240, 90)]  # fmt: skip
    people = [(2, 80), (2, 85), (2, 110), (2, 116), (2, 122), (2, 115)]
    data = dataset(2, 0, b"\0\4") + b"".join(dataset(*one, place) for one in places)
    data += b"".join(dataset(*one, owner) for one in people) + dataset(2, 103, serial) + dataset(2, 187, serial)
    return data + dataset(2, 200, b"\0\13") + dataset(2, 202, preview_of(secrets)) + b"\0" + place


def photoshop(secrets: Secrets) -> bytes:
    def resource(number: int, data: bytes) -> bytes:
        return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)

    return (
        resource(0x0404, datasets(secrets))
        + resource(0x040C, bytes(28) + preview_of(secrets))
        + resource(0x0408, secrets.place.encode())
        + resource(0x0422, exif_block(secrets, ">"))
    )


def profile(secrets: Secrets) -> bytes:
    """sRGB with a name, an owner, a serial number and a private tag."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", icc, 128)
    tags = [struct.unpack_from(">4sII", icc, 132 + 12 * k) for k in range(count)]
    contents = {tag: icc[start : start + size] for tag, start, size in tags}
    words = f"/Users/{secrets.owner}/{secrets.place}.icc".encode()
    contents[b"cprt"] = b"text" + bytes(4) + words + b"\0"
    contents[b"dmdd"] = b"text" + bytes(4) + secrets.serial.encode() + b"\0"
    contents[b"wher"] = b"data" + bytes(8) + secrets.place.encode()
    contents[b"wtpt"] += secrets.place.encode()  # behind the end of a tag
    place, table, data = 132 + 12 * len(contents), b"", b""
    for tag, content in contents.items():
        table += tag + struct.pack(">II", place + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = icc[4:48] + secrets.serial.encode()[:8] + icc[56:84] + secrets.serial.encode().ljust(16)[:16] + icc[100:128]
    body = head + struct.pack(">I", len(contents)) + table + data + secrets.place.encode()
    return struct.pack(">I", len(body) + 4) + body


# --- files --------------------------------------------------------------------------------------------------------


def _pixels(random: np.random.Generator) -> np.ndarray[Any, Any]:
    return random.integers(0, 256, (int(random.integers(3, 12)), int(random.integers(3, 12)), 3), dtype=np.uint8)


def _encoded(pixels: np.ndarray[Any, Any], name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


def png(secrets: Secrets, random: np.random.Generator) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def raw(name: str, data: bytes) -> bytes:
        digits = f"\n{name}\n{len(data):8}\n{data.hex()}\n".encode()
        return chunk(b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(digits))

    order = str(random.choice(["<", ">"]))
    place, owner = secrets.place.encode(), secrets.owner.encode()
    keywords = (b"exif:GPSLatitude", b"GPSPosition", b"Location", b"Comment", b"Title", b"Description", b"XMP", b"dpi")
    texts = b"".join(chunk(b"tEXt", keyword + b"\0" + place) for keyword in keywords)
    texts += chunk(b"zTXt", b"Warning\0\0" + zlib.compress(place)) + chunk(b"tEXt", b"Author\0" + owner)
    texts += chunk(b"iTXt", b"Software\0\0\0en\0" + place + b"\0GIMP") + chunk(
        b"iTXt", b"Source\0\1\0\0\0" + zlib.compress(place)
    )
    blocks = (
        chunk(b"eXIf", exif_block(secrets, order)[6:])
        if random.integers(2)
        else raw("exif", exif_block(secrets, order))
    )
    blocks += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet(secrets, random)) + raw("iptc", photoshop(secrets))
    blocks += raw("xmp", packet(secrets, random)) + chunk(b"iCCP", b"x\0\0" + zlib.compress(profile(secrets)))
    others = chunk(b"prVt", place) + chunk(b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)) + chunk(b"gpSe", place)
    plain = _encoded(_pixels(random), "PNG")
    behind = texts[:60] if random.integers(2) else place
    return plain[:33] + blocks + others + plain[33:-12] + texts + plain[-12:] + behind


def jpeg(secrets: Secrets, random: np.random.Generator) -> bytes:
    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    order = str(random.choice(["<", ">"]))
    place = secrets.place.encode()
    extended = packet(secrets, random).split(b"?>", 1)[1].rsplit(b"<?", 1)[0]
    name = hashlib.md5(extended).hexdigest().upper().encode()
    standard = packet(secrets, random).replace(
        b"<rdf:Description ",
        b'<rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s" ' % name,
        1,
    )
    head = struct.pack(">II", len(extended), 0)
    parts = [
        segment(0xE0, b"JFXX\0\x10" + preview_of(secrets)),
        segment(0xE1, exif_block(secrets, order, int(random.integers(1, 9)))),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + standard),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + name + head + extended),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + profile(secrets)),
        segment(0xE2, b"MPF\0II*\0\10\0\0\0" + place),
        segment(0xE2, b"FPXR\0" + place),
        segment(0xEB, b"JP\0\1" + place),
        segment(0xEC, b"Ducky" + place),
        segment(0xED, b"Photoshop 3.0\0" + photoshop(secrets)),
        segment(0xEF, place),
        segment(0xFE, place),
        segment(0xFE, secrets.latitude.encode()),
    ]
    plain = _encoded(_pixels(random), "JPEG", progressive=bool(random.integers(2)))
    return plain[:20] + b"".join(parts) + plain[20:] + preview_of(secrets) + place


def webp(secrets: Secrets, random: np.random.Generator) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    order = str(random.choice(["<", ">"]))
    options = {"exif": exif_block(secrets, order), "xmp": packet(secrets, random), "icc_profile": profile(secrets)}
    plain = _encoded(_pixels(random), "WEBP", lossless=bool(random.integers(2)), **options)
    body = plain[8:] + chunk(b"GPS ", secrets.place.encode()) + chunk(b"EXIF", exif_block(secrets, order))
    return b"RIFF" + struct.pack("<I", len(body)) + body + secrets.place.encode()


def tiff(secrets: Secrets, random: np.random.Generator) -> bytes:
    order = str(random.choice(["<", ">"]))
    pixels = _pixels(random)
    height, width, _ = pixels.shape
    place = secrets.place.encode()

    def short(*values: int) -> tuple[int, bytes]:
        return SHORT, struct.pack(f"{order}{len(values)}H", *values)

    def long(value: int) -> tuple[int, bytes]:
        return LONG, struct.pack(order + "I", value)

    strip = 8 + len(place) + len(place) % 2
    exif_at = strip + pixels.nbytes + pixels.nbytes % 2
    inner = directory(order, exif_at, exif_tags(secrets))
    gps_at = exif_at + len(inner)
    places = directory(order, gps_at, gps(secrets, order))
    small_at = gps_at + len(places)
    small = {254: long(1), 256: short(1), 257: short(1), 258: short(8), 259: short(1), 262: short(1), 273: long(strip),
             277: short(1), 278: short(1), 279: long(1), 270: (ASCII, place + b"\0")}  # fmt: skip
    smaller = directory(order, small_at, small)
    first_at = small_at + len(smaller)
    tags = {
        **image_tags(secrets), 256: short(width), 257: short(height), 258: short(8, 8, 8), 259: short(1), 262: short(2),
        273: long(strip), 274: short(1), 277: short(3), 278: short(height), 279: long(pixels.nbytes), 284: short(1),
        700: (1, packet(secrets, random)), 33723: (UNDEFINED, datasets(secrets)), 34377: (1, photoshop(secrets)),
        34675: (UNDEFINED, profile(secrets)), 33550: (ASCII, place + b"\0"), 34737: (ASCII, place + b"\0"),
        42112: (ASCII, b"<GDALMetadata>" + place + b"\0"), 65000: (ASCII, place + b"\0"), 37724: (UNDEFINED, place),
        330: long(small_at), 34665: long(exif_at), 34853: long(gps_at),
    }  # fmt: skip
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", first_at)
    body = (
        header + place + bytes(len(place) % 2) + pixels.tobytes() + bytes(pixels.nbytes % 2) + inner + places + smaller
    )
    return body + directory(order, first_at, tags, small_at) + place


MAKERS: dict[str, Callable[[Secrets, np.random.Generator], bytes]] = {
    ".png": png,
    ".jpg": jpeg,
    ".webp": webp,
    ".tif": tiff,
}


def make(seed: int, suffix: str) -> tuple[Secrets, bytes]:
    """The picture of a number, and what is hidden in it."""
    secrets = Secrets.draw(seed)
    return secrets, MAKERS[suffix](secrets, np.random.default_rng(seed))


def forbidden(secrets: Secrets, policy: Policy) -> list[bytes]:
    """What a file written under a policy must not hold."""
    return {"keep": [], "strip-gps": secrets.places()}.get(policy, secrets.places() + secrets.people())


def main(count: int) -> None:
    started = time.perf_counter()
    planted: Counter[str] = Counter()
    written: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed, suffix in zip(range(count), itertools.cycle(FORMATS)):
            secrets, data = make(seed, suffix)
            planted[suffix] += bool(left_of(data, forbidden(secrets, "strip")))
            source = Path(folder) / f"source{suffix}"
            source.write_bytes(data)
            picture = read_picture(source)
            for policy, target in itertools.product(POLICIES[1:], FORMATS):
                path = Path(folder) / f"target{target}"
                write_picture(path, picture.under(policy))
                written[policy, target] += 1
                found[policy, target] += bool(left_of(path.read_bytes(), forbidden(secrets, policy)))
    print(f"{count} pictures, {dict(planted)} with secrets; {time.perf_counter() - started:.0f} s")
    print(f"{'policy':15}" + "".join(f"{target:>16}" for target in FORMATS))
    for policy in POLICIES[1:]:
        cells = "".join(f"{found[policy, target]:>8} of {written[policy, target]}" for target in FORMATS)
        print(f"{policy:15}{cells}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
