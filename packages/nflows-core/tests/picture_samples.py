"""A picture with all that a file can say of it."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import Metadata, Picture

RESOLUTION = (282, 283, 296)
MAKE, ORIENTATION, DATE, MAKER_NOTE, WIDTH = 271, 274, 36867, 37500, 40962
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 exif:GPSLatitude="47,3N" photoshop:City="Chur" dc:format="image/png">
<dc:creator>Ann</dc:creator><exif:GPSLongitude>9,5E</exif:GPSLongitude></rdf:Description></rdf:RDF></x:xmpmeta>"""


def dataset(number: int, text: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text


IPTC = dataset(80, b"Ann") + dataset(90, b"Chur") + dataset(120, b"A picture")


def exif_block(orientation: int | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE] = "Maker"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    exif.get_ifd(0x8769).update({DATE: "2020:01:02 03:04:05", MAKER_NOTE: b"secret\0note", WIDTH: 1})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 3.0, 0.5)})
    return exif


@cache  # a profile has the time of its making
def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(shape: tuple[int, ...], bits: int = 8) -> NDArray[Any]:
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(0).integers(0, 2**bits, shape, dtype)


def full_picture(bits: int = 8, channels: int = 3) -> Picture:
    exif = exif_block().tobytes()
    icc = srgb() if channels >= 3 else None
    return Picture(noise((5, 7, channels), bits), icc, (300.0, 150.0), Metadata(exif, XMP, IPTC, {"Comment": "Größe"}))


def tags_of(metadata: Metadata) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    top = {tag: value for tag, value in exif.items() if tag not in (0x8769, 0x8825)}
    return top, exif.get_ifd(0x8769), exif.get_ifd(0x8825)
