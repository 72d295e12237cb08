"""How a TIFF stores its pixels, and what of that is read right (TIFF 6.0); the rest is refused by its name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nflows_core.runtime.images.limits import check_size
from nflows_core.runtime.images.picture import PictureError

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
UNCOMPRESSED, OLD_JPEG, JPEG, WEBP = 1, 6, 7, 50001
SEPARATE = 2
"""The planar configuration in which each channel is stored by itself."""
ASSOCIATED, UNASSOCIATED = 1, 2
"""Colours multiplied by alpha, and colours that are not."""

_COLOURS = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3}
_OTHER_COLOURS = {
    4: "a transparency mask",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "the mosaic of a raw file",
    32844: "LogL",
    32845: "LogLuv",
    34892: "the linear values of a raw file",
}
_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_BY_LIBTIFF = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32946}
_BY_TIFFFILE = {1, 5, 7, 8, 32773, 32946, 34925, 50000, 50001}
_OTHER_PACKINGS = {
    9: "JBIG",
    10: "JBIG",
    33003: "JPEG 2000, as Aperio has it",
    33005: "JPEG 2000, as Aperio has it",
    34661: "JBIG",
    34676: "LogLuv",
    34677: "LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG, as DNG has it",
    34934: "JPEG XR",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_REC_601 = (0.299, 0.587, 0.114)
_FULL_RANGE = (0, 255, 128, 255, 128, 255)
_MOST_TILE = 2**24  # pixels, more than any program makes


@dataclass(frozen=True)
class Storage:
    """The first page: its size and channels, and how they are packed.

    Arguments:
        height: The stored height, in pixels.
        width: The stored width, in pixels.
        bits: Bits a sample: 1, 2, 4, 8 or 16.
        samples: Samples a pixel, alpha among them.
        photometric: What they mean.
        compression: How they are packed.
        planar: Whether all samples of a pixel stand together, 1, or each channel by itself, 2.
        alpha: Zero, `ASSOCIATED` or `UNASSOCIATED`.
        part: Height and width of a tile or strip.
    """

    height: int
    width: int
    bits: int
    samples: int
    photometric: int
    compression: int
    planar: int
    alpha: int
    part: tuple[int, int]

    @property
    def size(self) -> int:
        """The number of all samples."""
        return self.height * self.width * self.samples

    @property
    def is_deep(self) -> bool:
        return self.bits > 8

    @property
    def is_plain(self) -> bool:
        """Whether `tiff_pixels` reads it: grey or RGB in whole bytes, or YCbCr in JPEG."""
        is_jpeg = self.compression == JPEG and self.photometric == YCBCR and self.planar != SEPARATE
        colours = self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK, RGB) or is_jpeg
        return colours and self.bits in (8, 16) and self.compression in _BY_TIFFFILE

    @property
    def is_for_libtiff(self) -> bool:
        # Pillow mixes up grey and alpha that do not stand together, and rounds down where it divides by alpha.
        is_right = self.alpha != ASSOCIATED and not (self.alpha and self.planar == SEPARATE)
        return not self.is_deep and self.compression in _BY_LIBTIFF and is_right

    @property
    def parts(self) -> int:
        planes = self.samples if self.planar == SEPARATE else 1
        return planes * math.ceil(self.height / self.part[0]) * math.ceil(self.width / self.part[1])


def storage_of(directory: ImageFileDirectory_v2, size: int, limit: int) -> Storage:
    """The storage that a page of a file of ``size`` bytes describes, checked.

    Raises:
        PictureError: It has more than ``limit`` pixels, or cannot be whole, or is not read right.
    """
    compression = int(directory.get(259, UNCOMPRESSED))
    photometric = YCBCR if compression == OLD_JPEG else int(directory.get(262, MIN_IS_WHITE))
    height, width = int(directory.get(257, 0)), int(directory.get(256, 0))
    samples = int(directory.get(277, 3 if compression == OLD_JPEG else 1))
    check_size(width, height, limit)
    if height < 1 or width < 1 or samples < 1:
        raise PictureError("damaged: a TIFF without a size")
    bits = _bits(directory)
    storage = Storage(
        height,
        width,
        bits,
        samples,
        photometric,
        compression,
        _planar(directory, compression),
        _alpha(directory, photometric, bits, samples),
        _part(directory, height, width),
    )
    _check_colours(directory, storage)
    _check_packing(storage)
    _check_parts(directory, storage, size)
    return storage


def _bits(directory: ImageFileDirectory_v2) -> int:
    formats = {int(format) for format in directory.get(339, (1,))} - {1, 4}  # 4 is of no kind, and taken for 1
    bits = {int(bits) for bits in directory.get(258, (1,))}
    if formats:
        kind = _FORMATS.get(formats.pop(), "odd")
        raise PictureError(f"{kind} samples, neither 8-bit nor 16-bit pixels; convert it to whole numbers from zero on")
    if len(bits) != 1 or not bits <= {1, 2, 4, 8, 16}:
        kinds = " and ".join(map(str, sorted(bits)))
        raise PictureError(f"samples of {kinds} bits, neither 8-bit nor 16-bit pixels; convert it first")
    return bits.pop()


def _alpha(directory: ImageFileDirectory_v2, photometric: int, bits: int, samples: int) -> int:
    colours = _COLOURS.get(photometric)
    if colours is None:
        name = _OTHER_COLOURS.get(photometric, f"colours of the unknown kind {photometric}")
        raise PictureError(f"its pixels are {name}, which is not read; convert it to RGB or grey first")
    if (bits == 16 and colours not in (1, 3)) or (bits == 16 and photometric in (PALETTE, YCBCR, CIELAB)):
        raise PictureError("16-bit pixels that are neither grey nor RGB; convert it first")
    if samples == colours or (photometric == YCBCR and samples == 1):  # which is its luminance alone
        return 0
    extra = tuple(int(kind) for kind in directory.get(338, ()))
    if samples != colours + 1 or extra not in ((ASSOCIATED,), (UNASSOCIATED,)) or colours == 4:
        raise PictureError("has channels beside its colours that are no transparency; remove them first")
    return extra[0]


def _planar(directory: ImageFileDirectory_v2, compression: int) -> int:
    planar, predictor = int(directory.get(284, 1)), int(directory.get(317, 1))
    is_packed = compression != UNCOMPRESSED
    if planar not in (1, SEPARATE) or predictor not in ((1, 2) if is_packed else (1,)):
        raise PictureError(f"damaged: planar configuration {planar} with predictor {predictor}")
    return planar


def _part(directory: ImageFileDirectory_v2, height: int, width: int) -> tuple[int, int]:
    if 324 not in directory:
        rows = int(directory.get(278, height))
        return (min(rows, height) if rows > 0 else height, width)
    tile = int(directory.get(323, 0)), int(directory.get(322, 0))
    if min(tile) < 1 or math.prod(tile) > max(_MOST_TILE, 4 * height * width):
        raise PictureError(f"damaged: tiles of {tile[1]} x {tile[0]} pixels for a picture of {width} x {height}")
    return tile


def _check_colours(directory: ImageFileDirectory_v2, storage: Storage) -> None:
    is_ycbcr = storage.photometric == YCBCR
    if storage.photometric == CMYK and int(directory.get(332, 1)) != 1:
        raise PictureError("its inks are not those of CMYK; convert it to RGB first")
    if is_ycbcr and not _is_near(directory.get(529, _REC_601), _REC_601, 1e-3):
        raise PictureError("YCbCr by other coefficients than those of BT.601; convert it to RGB first")
    full = _FULL_RANGE if is_ycbcr else (0, 255) * 3
    has_range = is_ycbcr or (storage.photometric == RGB and storage.bits == 8)
    if has_range and not _is_near(directory.get(532, full), full, 0.5):
        raise PictureError("black and white are not 0 and 255 (ReferenceBlackWhite); convert it to RGB first")
    if is_ycbcr and storage.compression == UNCOMPRESSED and tuple(directory.get(530, (2, 2))) != (1, 1):
        raise PictureError("YCbCr with less colour than light, and not packed; convert it to RGB first")


def _is_near(values: Any, expected: tuple[float, ...], tolerance: float) -> bool:
    return len(values) == len(expected) and all(
        abs(float(value) - near) <= tolerance for value, near in zip(values, expected, strict=True)
    )


def _check_packing(storage: Storage) -> None:
    if storage.is_for_libtiff or storage.is_plain:
        return
    compression = storage.compression
    name = _OTHER_PACKINGS.get(compression, f"compression {compression} of these colours and {storage.bits} bits")
    raise PictureError(f"packed by {name}, which is not read; save it again with Deflate or LZW")


def _check_parts(directory: ImageFileDirectory_v2, storage: Storage, size: int) -> None:
    if storage.compression == OLD_JPEG:  # whose parts stand where other tags say
        return
    offsets, counts = (324, 325) if 324 in directory else (273, 279)
    places, sizes = (_numbers(directory.get(tag, ())) for tag in (offsets, counts))
    if len(places) < storage.parts or 0 in places or 0 in sizes or (sizes and len(sizes) < storage.parts):
        raise PictureError("parts of its pixels are missing")
    row = math.ceil(storage.width * storage.bits * storage.samples / 8)
    is_short = storage.compression == UNCOMPRESSED and row * storage.height > min(size, sum(sizes or (size,)))
    if is_short or max(places) >= size:
        raise PictureError(f"damaged: {size:,} bytes cannot hold its {storage.width} x {storage.height} pixels")


def _numbers(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
