"""What is written about a picture into a file: its metadata, of the size and resolution that it has now."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from nflows_core.runtime.images import resolution
from nflows_core.runtime.images.containers.tiff import TiffError
from nflows_core.runtime.images.finding.found import Dots
from nflows_core.runtime.images.metadata import exif, xmp, xmp_properties
from nflows_core.runtime.images.metadata.policy import Policy
from nflows_core.runtime.images.metadata.xmp_packet import Packet, XmpError
from nflows_core.runtime.images.picture import Picture


@dataclass
class About:
    """The blocks for one file.

    Arguments:
        exif: The block, with the prefix that JPEG's has.
        xmp: The packet.
        iptc: The datasets.
        texts: Texts with their keywords.
        icc: The colour profile.
        dots: Pixels an inch, across and down.
        policy: What the picture is under.
        lost: The names of what was there and is not in the file; who writes the file adds to it.
    """

    exif: bytes | None
    xmp: bytes | None
    iptc: bytes | None
    texts: list[tuple[str, str]]
    icc: bytes | None
    dots: Dots | None
    policy: Policy
    lost: list[str] = field(default_factory=list)

    def lose(self, name: str, is_there: object = True) -> None:
        if is_there:
            self.lost.append(name)


def about(picture: Picture) -> About:
    """What is said of ``picture``, none of it stale, and nothing but what its policy lets through."""
    policy = picture.metadata.policy
    picture = picture.under(policy)
    metadata = picture.metadata
    dots = resolution.exact(picture.dpi)
    result = About(None, None, metadata.iptc, metadata.all_texts(), picture.icc, dots, policy, list(metadata.left))
    result.lose("dpi", picture.dpi and not result.dots)
    height, width = picture.pixels.shape[:2]
    result.exif = _exif(result, metadata.exif, width, height)
    result.xmp = _xmp(result, metadata.xmp, width, height)
    result.exif = _allowed(result)
    if policy != "keep" and result.xmp:
        result.xmp = xmp_properties.allowed(result.xmp, policy)
    return result


def state_resolution(result: About) -> None:
    """Puts the resolution into the EXIF block, for a format that has no other place for it."""
    if result.dots and not _is_near(exif.resolution(result.exif), result.dots):
        result.exif = exif.with_resolution(result.exif, result.dots, resolution.is_by_inch(result.dots))
        result.exif = _allowed(result)


def _allowed(result: About) -> bytes | None:
    """The block as the policy makes it, which leaves no place where anything could hide."""
    if result.exif is None or result.policy == "keep":
        return result.exif
    return exif.allowed(result.exif, result.policy)


def _exif(result: About, block: bytes | None, width: int, height: int) -> bytes | None:
    if block is None:
        return None
    try:
        block, lost = exif.cleaned(block)
    except TiffError:
        result.lose("exif")
        return None
    result.lost += lost
    block = exif.with_size(block, width, height)
    stated = exif.resolution(block)
    if stated and not _is_near(stated, result.dots):
        is_by_inch = result.dots is None or resolution.is_by_inch(result.dots)
        block = exif.with_resolution(block, result.dots, is_by_inch)
    return block


def _xmp(result: About, packet: bytes | None, width: int, height: int) -> bytes | None:
    if packet is None:
        return None
    packet, lost = xmp.cleaned(packet, is_turned=False)
    result.lost += lost
    if packet is None:
        return None
    dpi = (float(result.dots[0]), float(result.dots[1])) if result.dots else None
    try:
        packet, lost = xmp.fitted(Packet(packet), width, height, dpi)
    except XmpError:
        return packet  # nothing can be said of it
    result.lost += lost
    return packet


def _is_near(stated: Dots | None, dots: Dots | None) -> bool:
    if stated is None or dots is None:
        return stated is dots
    return all(abs(one - other) <= other * Fraction(1, 10**6) for one, other in zip(stated, dots, strict=True))
