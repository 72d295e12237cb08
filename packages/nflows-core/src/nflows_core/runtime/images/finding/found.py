"""What was found in a file, and what of it is true of the upright picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from nflows_core.runtime.images.colour.descriptions import of_exif
from nflows_core.runtime.images.colour.icc import codes_of, is_whole
from nflows_core.runtime.images.colour.matrix import Described
from nflows_core.runtime.images.containers.tiff import TiffError
from nflows_core.runtime.images.metadata import exif, texts, xmp, xmp_parts
from nflows_core.runtime.images.metadata.exif_block import Block
from nflows_core.runtime.images.metadata.exif_tags import IMAGE
from nflows_core.runtime.images.metadata.iptc import SIGNATURES, from_resources
from nflows_core.runtime.images.metadata.metadata import Metadata
from nflows_core.runtime.images.metadata.xmp_packet import Packet, XmpError
from nflows_core.runtime.images.picture import is_profile_for

Dots = tuple[Fraction, Fraction]
"""Pixels an inch, across and down."""


@dataclass
class Found:
    """What stands in a file, as it stands there.

    Arguments:
        exif: The block.
        xmp: The packet, or its first part.
        extended: The packet's second part, in JPEG.
        iptc: The datasets.
        texts: Texts with their keywords, in order.
        icc: The colour profile.
        described: Colours as the file describes them without a profile, the first that counts first.
        dots: Pixels an inch, as the file's own header says.
        rounding: How far a resolution of that header may be from the true one, as a ratio.
        has_ratio: Whether it says how wide pixels are for their height, and no more.
        left: The names of what is not taken along.
        behind: Bytes behind the end of the picture, which are among that.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    extended: bytes | None = None
    iptc: bytes | None = None
    texts: list[tuple[str, str]] = field(default_factory=list)
    icc: bytes | None = None
    described: list[Described] = field(default_factory=list)
    dots: Dots | None = None
    rounding: float = 0.0
    has_ratio: bool = False
    left: list[str] = field(default_factory=list)
    behind: int = 0

    def ends_at(self, end: int, size: int) -> None:
        """Names what a file of this size holds behind the end of its picture."""
        if end < size:
            self.left.append("bytes behind the end")
            self.behind = size - end

    def take(self, name: str, value: bytes | None) -> None:
        """Keeps a block of this name, unless there is one: of several, programs read the first."""
        if value and getattr(self, name):
            self.left.append(f"second {name}")
        elif value:
            setattr(self, name, value)

    def take_text(self, keyword: str, text: str) -> None:
        """Keeps a text, or the block that ImageMagick wrote into it."""
        profile = texts.raw_profile(keyword, text)
        if keyword == texts.XMP_KEYWORD:
            self.take("xmp", text.encode("utf-8", "surrogateescape"))
        elif profile is None:
            self.texts.append((keyword, text))
        elif profile[0] in ("exif", "app1"):
            name = "exif" if not profile[1].startswith(b"http://ns.adobe.com/xap/1.0/\0") else "xmp"
            self.take(name, profile[1].removeprefix(b"http://ns.adobe.com/xap/1.0/\0"))
        elif profile[0] in ("iptc", "8bim"):
            self.take_resources(profile[1])
        elif profile[0] in ("xmp", "icc", "icm"):
            self.take("xmp" if profile[0] == "xmp" else "icc", profile[1])
        else:
            self.texts.append((keyword, text))

    def take_resources(self, data: bytes) -> None:
        """Keeps the datasets among Photoshop's resources, or those that stand for themselves."""
        data = data.removeprefix(b"Photoshop 3.0\0")
        if data.startswith(SIGNATURES):
            datasets, others = from_resources(data)
            self.take("iptc", datasets)
            self.left += others
        else:
            self.take("iptc", data)

    def take_from_exif(self) -> None:
        """Keeps what stands in tags of the block, as in a TIFF, though it has places of its own in other files."""
        try:
            block = Block(self.exif) if self.exif else None
        except TiffError:
            return
        for name, tag in (("xmp", exif.XMP), ("iptc", exif.IPTC), ("icc", exif.ICC)):
            entry = block.entry(IMAGE, tag) if block else None
            if block and entry and name == "icc":
                self.left.append("second icc")  # which no program takes from there
            elif block and entry:
                self.take(name, block.value(entry))

    @cached_property
    def orientation(self) -> int:
        """How the pixels lie: as EXIF says, or else XMP, whose copy of it programs forget to change."""
        return exif.orientation(self.exif) or self._orientation_of_xmp() or 1

    def profile(self, channels: int) -> bytes | None:
        """The profile of pixels of so many channels: the file's, if it is for such, or one made of its descriptions."""
        described = [*self.described, *self._camera_colours()]
        if self.icc:
            codes = described[0].cicp if described and channels >= 3 else None
            is_other = codes is not None and codes_of(self.icc) != bytes(codes)
            if not is_other and is_whole(self.icc) and is_profile_for(channels, self.icc):
                return self.icc
            self.left.append("icc")
        for colours in described:
            try:
                return colours.profile(channels)
            except ValueError:
                self.left.append(colours.name)
        return None

    def profile_of_inks(self) -> bytes | None:
        """The profile by which CMYK becomes RGB; one of other colours has no meaning there."""
        if self.icc and self.icc[16:20] != b"CMYK":
            self.left.append("icc")
            return None
        return self.icc

    def dpi(self) -> tuple[float, float] | None:
        """Pixels an inch, across and down, of the upright picture.

        Where the file's header, which rounds, and EXIF mean the same, it is as EXIF says; where they do not, the header
        counts.
        """
        stated, dots = exif.resolution(self.exif), self.dots
        if dots and stated and _is_near(dots, stated, self.rounding):
            dots = stated
        elif dots and stated:
            self.left.append("exif resolution")
        dots = dots or stated
        if dots is None:
            self.left += ["aspect ratio"] if self.has_ratio else []
            return None
        across, down = map(float, dots)
        return (down, across) if self.orientation >= 5 else (across, down)

    def metadata(self) -> Metadata:
        """The metadata of the upright picture."""
        block, packet = self._clean_exif(), self._clean_xmp()
        last = dict(self.texts)
        places = {keyword: place for place, (keyword, _) in enumerate(self.texts)}
        earlier = tuple(one for place, one in enumerate(self.texts) if places[one[0]] != place)
        return Metadata(block, packet, self.iptc, last, earlier, left=tuple(dict.fromkeys(self.left)))

    def _camera_colours(self) -> list[Described]:
        colours = of_exif(self.exif) if self.exif else None
        return [colours] if colours else []

    def _orientation_of_xmp(self) -> int | None:
        try:
            return xmp.orientation(Packet(self.xmp)) if self.xmp else None
        except XmpError:
            return None

    def _clean_exif(self) -> bytes | None:
        if self.exif is None:
            return None
        try:
            block, lost = exif.cleaned(self.exif)
        except TiffError:
            self.left.append("exif")
            return None
        self.left += lost
        return block

    def _clean_xmp(self) -> bytes | None:
        if self.xmp is None:
            return None
        if self.extended:
            try:
                self.xmp = xmp_parts.joined(self.xmp, self.extended)
            except XmpError:
                self.left.append("extended xmp")
        packet, lost = xmp.cleaned(self.xmp, self.orientation != 1)
        self.left += lost
        return packet


def _is_near(dots: Dots, stated: Dots, rounding: float) -> bool:
    return all(abs(one - other) <= rounding * one for one, other in zip(dots, stated, strict=True))
