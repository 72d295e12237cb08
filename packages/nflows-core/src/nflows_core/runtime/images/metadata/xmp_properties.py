"""Which properties of XMP a policy lets through: those of cameras, dates and owners (ISO 16684-1; Exif 3.0 for XMP).

Unknown namespaces, structures, comments, processing instructions and references never do.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from nflows_core.runtime.images.metadata.policy import ZONE, Kind, Policy
from nflows_core.runtime.images.metadata.xmp import EXIF, TIFF
from nflows_core.runtime.images.metadata.xmp_packet import RDF, Name, Packet, Property, XmpError, escaped

_MAX_ITEMS = 20
_MAX_PACKET = 15_000  # characters: such properties take a few thousand, and JPEG's segments hold 64 kB

PREFIXES = {
    "tiff": TIFF,
    "exif": EXIF,
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}


class Rule(NamedTuple):
    """What a property may hold.

    Arguments:
        kind: What each of its values must be.
        array: The kind of array that it is.
        is_private: Whether it tells who or which device.
    """

    kind: Kind
    array: Literal["Seq", "Bag", "Alt"] | None = None
    is_private: bool = False


_number, _numbers, _date, _name, _version = (
    Rule(Kind.NUMBER), Rule(Kind.NUMBER, "Seq"), Rule(Kind.DATE), Rule(Kind.NAME), Rule(Kind.VERSION)
)  # fmt: skip
_serial = Rule(Kind.NAME, is_private=True)
_person = Rule(Kind.NAME, is_private=True)  # see `exif_tags`: names of owners are no places

_RULES: dict[str, dict[str, Rule]] = {
    "tiff": {"Make": _name, "Model": _name, "Software": _name, "DateTime": _date,
             "Artist": _person, "Copyright": Rule(Kind.NAME, "Alt", True)},
    "exif": {"ExifVersion": _version, "FlashpixVersion": _version, "ISOSpeedRatings": _numbers,
             "DateTimeOriginal": _date, "DateTimeDigitized": _date}
    | dict.fromkeys(
        ["ColorSpace", "PixelXDimension", "PixelYDimension", "ExposureTime", "FNumber", "ExposureProgram",
         "ShutterSpeedValue", "ApertureValue", "BrightnessValue", "ExposureBiasValue", "MaxApertureValue",
         "SubjectDistance", "MeteringMode", "LightSource", "FocalLength", "FlashEnergy", "FocalPlaneXResolution",
         "FocalPlaneYResolution", "FocalPlaneResolutionUnit", "ExposureIndex", "SensingMethod", "FileSource",
         "SceneType", "CustomRendered", "ExposureMode", "WhiteBalance", "DigitalZoomRatio", "FocalLengthIn35mmFilm",
         "SceneCaptureType", "GainControl", "Contrast", "Saturation", "Sharpness", "SubjectDistanceRange", "Gamma"],
        _number,
    ),
    "exifEX": {"LensMake": _name, "LensModel": _name, "LensSpecification": _numbers, "PhotographicSensitivity": _number,
               "SensitivityType": _number, "RecommendedExposureIndex": _number, "Gamma": _number,
               "InteroperabilityIndex": _name, "BodySerialNumber": _serial, "LensSerialNumber": _serial,
               "CameraOwnerName": _person},
    "aux": {"Lens": _name, "LensInfo": _name, "LensID": _number, "ApproximateFocusDistance": _number,
            "FlashCompensation": _number, "Firmware": _name, "SerialNumber": _serial, "LensSerialNumber": _serial,
            "ImageNumber": _serial, "OwnerName": _person},
    "xmp": {"CreateDate": _date, "ModifyDate": _date, "MetadataDate": _date, "CreatorTool": _name, "Rating": _number},
    "photoshop": {"DateCreated": _date, "ColorMode": _number},
    "dc": {"format": Rule(Kind.MEDIA_TYPE), "creator": Rule(Kind.NAME, "Seq", True),
           "rights": Rule(Kind.NAME, "Alt", True)},
    "xmpRights": {"Marked": Rule(Kind.BOOLEAN), "Owner": Rule(Kind.NAME, "Bag", True)},
}  # fmt: skip
_BY_NAME: dict[Name, tuple[str, Rule]] = {
    (PREFIXES[prefix], name): (f"{prefix}:{name}", rule)
    for prefix, rules in _RULES.items()
    for name, rule in rules.items()
}


def allowed(data: bytes, policy: Policy) -> bytes | None:
    """A packet made anew of what ``policy`` lets through; None if that is nothing, or the packet cannot be read."""
    if policy == "strip":
        return None
    try:
        packet = Packet(data)
    except XmpError:
        return None
    passed: dict[str, str] = {}
    for one in packet.properties:
        shown, rule = _BY_NAME.get(one.name, ("", None))
        if rule and not (rule.is_private and policy == "strip-private"):
            passed.setdefault(shown, "")
            passed[shown] = passed[shown] or _element(shown, rule, one)
    return _packet("".join(passed[name] for name in sorted(passed)), passed)


def _element(shown: str, rule: Rule, one: Property) -> str:
    values = [_value(rule.kind, value) for value in one.values]
    if not one.is_plain or len(values) > (_MAX_ITEMS if rule.array else 1) or not all(map(rule.kind.accepts, values)):
        return ""
    if rule.array is None:
        return f"<{shown}>{escaped(values[0])}</{shown}>"
    language = ' xml:lang="x-default"' if rule.array == "Alt" else ""
    items = "".join(f"<rdf:li{language}>{escaped(value)}</rdf:li>" for value in values)
    return f"<{shown}><rdf:{rule.array}>{items}</rdf:{rule.array}></{shown}>"


def _value(kind: Kind, value: str) -> str:
    value = value.strip()
    return ZONE.sub("", value) if kind is Kind.DATE else value


def _packet(elements: str, names: dict[str, str]) -> bytes | None:
    if not elements or len(elements) > _MAX_PACKET:
        return None
    used = sorted({name.split(":")[0] for name, element in names.items() if element})
    declared = "".join(f' xmlns:{prefix}="{PREFIXES[prefix]}"' for prefix in used)
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about=""{declared}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()
