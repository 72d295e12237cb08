"""What an XMP packet claims of its picture, and what of that is true of the upright picture in another file."""

from __future__ import annotations

import math
from fractions import Fraction

from nflows_core.runtime.images.metadata.policy import Kind
from nflows_core.runtime.images.metadata.xmp_packet import Edit, HostileXmpError, Name, Packet, Property, XmpError

TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
NOTE = "http://ns.adobe.com/xmp/note/"
PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"

# What was true of the file: how it stored its pixels, and what stood beside them or behind its end.
_STORAGE = ("BitsPerSample", "Compression", "PhotometricInterpretation", "PlanarConfiguration", "SamplesPerPixel",
            "YCbCrCoefficients", "YCbCrPositioning", "YCbCrSubSampling", "ReferenceBlackWhite")  # fmt: skip
_MOVING = ("MotionPhoto", "MotionPhotoVersion", "MotionPhotoPresentationTimestampUs", "MicroVideo", "MicroVideoOffset",
           "MicroVideoVersion", "MicroVideoPresentationTimestampUs")  # fmt: skip
_BESIDE = frozenset(
    [(_XMP, "Thumbnails"), (NOTE, "HasExtendedXMP"), *((TIFF, name) for name in _STORAGE)]
    + [(_CAMERA, name) for name in _MOVING]
)
_BESIDE_NAMESPACES = frozenset(
    [
        "http://ns.adobe.com/hdr-gain-map/1.0/",
        "http://ns.apple.com/HDRGainMap/1.0/",
        "http://ns.google.com/photos/1.0/container/",
    ]
)
# Areas of the picture, as wide as it once was, or as it once lay.
_AREAS = frozenset(
    [
        ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions"),
        ("http://ns.microsoft.com/photo/1.2/", "RegionInfo"),
    ]
)
_WIDTHS = ((TIFF, "ImageWidth"), (EXIF, "PixelXDimension"))
_HEIGHTS = ((TIFF, "ImageLength"), (EXIF, "PixelYDimension"))
_RESOLUTION = ((TIFF, "XResolution"), (TIFF, "YResolution"), (TIFF, "ResolutionUnit"))
ORIENTATION = (TIFF, "Orientation")


def cleaned(data: bytes, is_turned: bool) -> tuple[bytes | None, list[str]]:
    """A packet for an upright picture; one that is no XML stays as it is, since nothing can be said of it."""
    try:
        return _cleaned(Packet(data), is_turned)
    except HostileXmpError:
        return None, ["xmp"]
    except XmpError:
        return data, []


def orientation(packet: Packet) -> int | None:
    """The orientation that it states, 1 to 8."""
    stated = (packet.value(ORIENTATION) or "").strip()
    return int(stated) if stated in tuple("12345678") else None


def _cleaned(packet: Packet, is_turned: bool) -> tuple[bytes, list[str]]:
    """The packet of an upright picture of its own, and the names of what is gone.

    Arguments:
        packet: The packet.
        is_turned: Whether the pixels were turned, so that its areas are others.
    """
    gone = [one for one in packet.properties if _is_beside(one.name) or (is_turned and one.name in _AREAS)]
    lost = [f"xmp {one.shown}" for one in gone if one.name != (NOTE, "HasExtendedXMP")]
    turned = [one for one in packet.properties if one.name == ORIENTATION and one.values != ["1"]]
    return packet.edited(Edit(one.start, one.stop) for one in gone + turned), sorted(set(lost))


def fitted(packet: Packet, width: int, height: int, dpi: tuple[float, float] | None) -> tuple[bytes, list[str]]:
    """The packet with the picture's size where it states one, and the names of claims about others, which are gone.

    Those are panoramas of another size, and resolutions other than ``dpi``, pixels an inch across and down.
    """
    sizes = dict.fromkeys(_WIDTHS, width) | dict.fromkeys(_HEIGHTS, height)
    wrong = [one for one in packet.properties if one.name in sizes and one.values[:1] != [str(sizes[one.name])]]
    stale: set[Name] = set() if dpi is None or _states(packet, dpi) else set(_RESOLUTION)
    is_other = _is_other_panorama(packet, width, height)
    gone = [one for one in packet.properties if one.name in stale or (is_other and one.name[0] == PANORAMA)]
    edits = [_corrected(one, sizes[one.name]) for one in wrong] + [Edit(one.start, one.stop) for one in gone]
    return packet.edited(edits), sorted({f"xmp {one.shown}" for one in gone})


def _is_beside(name: Name) -> bool:
    return name in _BESIDE or name[0] in _BESIDE_NAMESPACES


def _is_other_panorama(packet: Packet, width: int, height: int) -> bool:
    for side, size in (("Width", width), ("Height", height)):
        names = (f"CroppedAreaImage{side}Pixels", f"FullPano{side}Pixels")
        stated = [packet.value((PANORAMA, name)) for name in names]
        stated = [value.strip() for value in stated if value is not None]
        if stated and stated[0] != str(size):
            return True
    return False


def _states(packet: Packet, dpi: tuple[float, float]) -> bool:
    """Whether the resolution that it states is ``dpi``, but for roundings."""
    *values, unit = (packet.value(name) for name in _RESOLUTION)
    inches = {"2": 1.0, "3": 2.54}.get((unit or "2").strip(), math.nan)
    return all(
        value is None or math.isclose(_number(value.strip()) * inches, expected, rel_tol=1e-3)
        for value, expected in zip(values, dpi, strict=True)
    )


def _number(value: str) -> float:
    """A number or ratio as programs write it; of others, such as 1e999999999, `Fraction` would write out the digits."""
    try:
        return float(Fraction(value)) if Kind.NUMBER.accepts(value) else math.nan
    except ZeroDivisionError:
        return math.nan


def _corrected(one: Property, value: int) -> Edit:
    if one.is_attribute:
        return Edit(one.start, one.stop, f' {one.shown}="{value}"'.encode())
    return Edit(*one.inner, str(value).encode()) if one.inner != (0, 0) else Edit(one.start, one.stop)
