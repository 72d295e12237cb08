"""A still picture, decoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nflows_core.runtime.images.colour.icc import reduced
from nflows_core.runtime.images.metadata import Metadata, Policy

_CHANNELS = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGB and alpha"}
# The colour space in the header of an ICC profile (ICC.1:2022, section 7.2.6).
_COLOUR_SPACE = {b"GRAY": (1, 2), b"RGB ": (3, 4)}


class PictureError(ValueError):
    """A file that is no picture, is damaged, or holds what is not read or cannot be written."""


@dataclass(frozen=True, eq=False)
class Picture:
    """The pixels of a picture, upright, and what they need to look right.

    Arguments:
        pixels: The pixels, :math:`(H, W, C)`, uint8 or uint16: grey, grey and alpha, RGB, or RGB and alpha.
            Alpha is straight: colours are not multiplied by it.
        icc: The colour profile; without one, colours are sRGB by convention.
        dpi: Pixels an inch, across and down.
        metadata: The file's words about the picture: EXIF, XMP, IPTC and texts, and the policy that they are under.

    Raises:
        ValueError: Pixels of another shape or type, or a profile for other channels.
    """

    pixels: NDArray[np.uint8 | np.uint16]
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    metadata: Metadata = field(default_factory=Metadata)

    def __post_init__(self) -> None:
        _check_pixels(self.pixels)
        if self.icc is not None and not is_profile_for(self.channels, self.icc):
            space = self.icc[16:20].decode("ascii", "replace").strip()
            raise ValueError(f"icc: a profile for {space or 'no'} pixels, but these are {_CHANNELS[self.channels]}")

    def under(self, policy: Policy) -> Picture:
        """The picture with no more than ``policy`` lets through of what is said of it, which `write_picture` enforces.

        Its colour profile then has its colours only: a scanner's may name its owner, and its serial number.

        Raises:
            ValueError: There is no such policy.
        """
        metadata = self.metadata.under(policy)
        if policy == "keep" or self.icc is None:
            return replace(self, metadata=metadata)
        icc = reduced(self.icc)
        if icc is None:  # of a kind whose colours are not known, without which the picture looks different
            metadata = replace(metadata, left=(*metadata.left, "icc"))
        return replace(self, icc=icc, metadata=metadata)

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @property
    def bits(self) -> int:
        """Bits a sample: 8 or 16."""
        return 8 * self.pixels.itemsize

    @property
    def has_alpha(self) -> bool:
        return self.channels in (2, 4)


def blank_pixels(height: int, width: int, channels: int, dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """Black pixels that take no memory, for a picture whose rows are read or written by strips."""
    return np.broadcast_to(np.zeros((), dtype), (height, width, channels))


def is_profile_for(channels: int, icc: bytes) -> bool:
    return channels in _COLOUR_SPACE.get(icc[16:20], ())


def check_count(pictures: int) -> None:
    if pictures != 1:
        raise PictureError("holds several pictures; save each in a file of its own" if pictures else "holds no picture")


def _check_pixels(pixels: NDArray[Any]) -> None:
    if pixels.dtype not in (np.uint8, np.uint16):
        advice = "; give pixels.astype(numpy.uint16)" if pixels.dtype == np.dtype(np.uint16).newbyteorder() else ""
        raise ValueError(f"pixels: expected uint8 or uint16, got {pixels.dtype}{advice}")
    if pixels.ndim != 3 or pixels.shape[2] not in _CHANNELS or not pixels.size:
        raise ValueError(f"pixels: expected a shape (H, W, C) with one to four channels, got {pixels.shape}")
