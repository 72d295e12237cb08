"""Damaged picture files: small ones of every format, mode and container, and what becomes of their bytes."""

from __future__ import annotations

import io
import itertools
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from nflows_core.runtime.images import write_picture
from picture_samples import exif_block, full_picture, noise

_LENGTHS = (0, 1, 2, 255, 256, 4096, 16383, 32767, 65500, 65535, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
_PNG = b"\x89PNG\r\n\x1a\n"


def samples() -> list[bytes]:
    """The files, undamaged."""
    files = [*_by_pillow(), *_by_tifffile(), *_ours()]
    files += [imagecodecs.png_encode(noise((9, 11, channels), 16).squeeze()) for channels in (1, 2, 3, 4)]
    return files


def mutant(files: list[bytes], seed: int, number: int) -> bytes:
    """The ``number``-th damaged file of a ``seed``."""
    random = np.random.default_rng([seed, number])
    data = bytearray(files[random.integers(len(files))])
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        _damage(random, data, files)
    if data.startswith(_PNG) and random.random() < 0.5:
        _mend_checksums(data)
    return bytes(data)


def _damage(random: np.random.Generator, data: bytearray, files: list[bytes]) -> None:
    at = int(random.integers(len(data) + 1))
    head = int(random.integers(min(len(data), 256) + 1))  # where sizes stand
    match int(random.integers(8)):
        case 0:
            for bit in random.integers(0, max(1, 8 * len(data)), random.integers(1, 17)):
                if data:
                    data[bit // 8] ^= 1 << bit % 8
        case 1:
            del data[at:]
        case 2:
            del data[at : at + int(random.integers(1, 65))]
        case 3:
            data[at:at] = data[at : at + int(random.integers(1, 65))]
        case 4:
            other = files[random.integers(len(files))]
            start = int(random.integers(len(other) + 1))
            data[at:] = other[start:]
        case 5:
            data[at : at + 16] = random.bytes(16)
        case _ as kind:
            form = str(random.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"]))
            size = struct.calcsize(form)
            value = struct.pack(form, int(random.choice(np.array(_LENGTHS, np.uint64))) % 2 ** (8 * size))
            place = at if kind == 6 else head
            data[place : place + size] = value


def _mend_checksums(data: bytearray) -> None:
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4


def _by_pillow() -> Iterator[bytes]:
    modes = {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "JPEG": ("L", "RGB", "CMYK"),
        "WEBP": ("RGB", "RGBA"),
        "GIF": ("L", "P"),
        "BMP": ("1", "L", "P", "RGB"),
        "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16"),
    }
    for name, known in modes.items():
        for mode in known:
            yield _saved(mode, name)
    for mode, options in (("RGB", {"progressive": True}), ("CMYK", {"progressive": True}), ("RGB", {"subsampling": 2})):
        yield _saved(mode, "JPEG", exif=exif_block(6).tobytes(), **options)
    for lossless in (True, False):
        yield _saved("RGBA", "WEBP", lossless=lossless, exif=exif_block(6).tobytes(), xmp=b"<x/>")
    for compression in ("group4", "group3", "tiff_lzw", "packbits", "jpeg"):
        yield _saved("1" if compression.startswith("group") else "RGB", "TIFF", compression=compression)
    yield _saved("P", "GIF", transparency=3, comment=b"a comment")
    for name in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        yield _saved("RGB", name, save_all=True, append_images=[_image("RGB").rotate(90)])


def _image(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(noise((9, 11), 16))
    if mode == "LAB":
        return Image.frombytes("LAB", (11, 9), noise((9, 11, 3)).tobytes())
    return Image.fromarray(noise((9, 11, 4 if mode[-1] == "A" else 3))).convert(mode)


def _saved(mode: str, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    _image(mode).save(file, name, **options)
    return file.getvalue()


def _by_tifffile() -> Iterator[bytes]:
    kinds = itertools.product((8, 16), (1, 3, 4), "<>", (None, "zlib", "lzw"), ({}, {"tile": (16, 16)}))
    for number, (bits, channels, byteorder, compression, layout) in enumerate(kinds):
        file, is_planar = io.BytesIO(), number % 3 == 0 and channels > 1
        pixels = noise((9, 11, channels), bits)
        tifffile.imwrite(
            file,
            pixels.transpose(2, 0, 1) if is_planar else pixels.squeeze(),
            photometric="rgb" if channels > 1 else ("minisblack", "miniswhite")[number % 2],
            planarconfig=("separate" if is_planar else "contig") if channels > 1 else None,
            extrasamples=[("assocalpha", "unassalpha")[number % 2]] if channels == 4 else None,
            byteorder=byteorder,
            bigtiff=number % 4 == 1,
            compression=compression,
            predictor=compression is not None,
            extratags=[(274, 3, 1, number % 8 + 1, True)],
            **layout,
        )
        yield file.getvalue()
    for compression in ("zstd", "lzma", "webp", "packbits", "jpeg"):
        file = io.BytesIO()
        tifffile.imwrite(file, noise((9, 11, 3)), photometric="rgb", compression=compression)
        yield file.getvalue()


def _ours() -> Iterator[bytes]:
    """Files with all that we write beside the pixels."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix, bits in ((".png", 8), (".png", 16), (".tif", 8), (".tif", 16), (".jpg", 8), (".webp", 8)):
            path = Path(folder, f"a{suffix}")
            write_picture(path, full_picture(bits))
            yield path.read_bytes()
