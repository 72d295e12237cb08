r"""IDX files, the format of MNIST and of the data sets made after it.

An IDX file is two zero bytes, one byte for the type (8 is unsigned byte), one for the number of dimensions,
the sizes as big-endian 32-bit integers, then the values in row-major order (Y. LeCun, C. Cortes, C. Burges,
*The MNIST database of handwritten digits*).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.data.images import DataError, Images, join
from nflows_core.data.split import SplitName, split_indices
from nflows_core.runtime.files import require_regular

_PREFIXES: dict[SplitName, tuple[str, ...]] = {"train": ("train",), "test": ("t10k", "test")}
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE = 2**24
_Stream = gzip.GzipFile | BinaryIO


def read_idx(path: Path, split: SplitName | None) -> Images:
    """Reads a folder of ``train-*`` and ``t10k-*`` files, or one file, split by the hash of the index.

    The files may be compressed by gzip. The labels are in the file whose name has ``labels`` for ``images``
    and ``idx1`` for ``idx3``; without such a file there are none.

    Raises:
        DataError: A file is missing, cut off or no IDX file, or there are not as many labels as images.
    """
    if not path.is_dir():
        images = _read_pair(path, [path])
        return images[split_indices(len(images), split).tolist()]
    files = {name: _image_file(path, name) for name in _PREFIXES}
    there = [file for file in files.values() if file is not None]
    if split is None:
        return join([_read_pair(file, there) for file in there])
    chosen = files[split]
    if chosen is None:
        raise DataError(f"{path}: no {_PREFIXES[split][0]}-images-idx3-ubyte file for the {split} split; put it there")
    return _read_pair(chosen, there)


def is_idx(path: Path) -> bool:
    """Whether ``path`` is named like an IDX file, or is a folder that holds such images."""
    if path.is_dir():
        return any(_image_file(path, name) is not None for name in _PREFIXES)
    return "idx3" in path.name


def parse_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """The array of bytes in one IDX file, compressed or not, that must have ``ndim`` dimensions.

    No more is read, and no more inflated, than the file says that it holds.

    Raises:
        DataError: It is cut off or no such file, holds something else than it says, or nothing.
    """
    try:
        with require_regular(path).open("rb") as file:
            return _parse(path, _inflated(file), ndim)
    except (EOFError, OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cut off or damaged ({reason}); fetch the file again") from error


def _parse(path: Path, file: _Stream, ndim: int) -> NDArray[np.uint8]:
    magic = struct.pack(">HBB", 0, 8, ndim)
    begins = file.read(4)
    if begins != magic:
        raise DataError(
            f"{path}: begins with {begins.hex(' ') or 'nothing'}, but an IDX file of bytes in {ndim} "
            f"dimensions begins with {magic.hex(' ')}; is it the right file?"
        )
    header = file.read(4 * ndim)
    sizes = struct.unpack(f">{ndim}I", header.ljust(4 * ndim, b"\0"))
    expected = math.prod(sizes)
    # One byte more than belongs says as much as a million times as many, to which a small file may inflate.
    data = _read(file, expected + 1)
    if len(header) < 4 * ndim or len(data) != expected:
        found, start = len(begins) + len(header) + len(data), len(begins) + 4 * ndim
        count = f"more than {found - 1:,}" if len(data) > expected else f"{found:,}"
        raise DataError(f"{path}: {count} bytes where {start + expected:,} belong; fetch the file again")
    if 0 in sizes:
        what = "images" if ndim == 3 else "labels"
        raise DataError(f"{path}: holds no {what}, but {' x '.join(map(str, sizes))} values; fetch the file again")
    return np.frombuffer(data, np.uint8).reshape(sizes)


def _inflated(file: BinaryIO) -> _Stream:
    is_compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_compressed else file


def _read(file: _Stream, most: int) -> bytearray:
    """So many bytes, or all that there are: piece by piece, for a header may claim any size."""
    data = bytearray()
    while piece := file.read(min(_PIECE, most - len(data))):
        data += piece
    return data


def _image_file(folder: Path, split: SplitName) -> Path | None:
    for prefix in _PREFIXES[split]:
        files = sorted(folder.glob(f"*{prefix}-images*idx3*"))
        if len({file.name.removesuffix(".gz") for file in files}) > 1:
            raise DataError(
                f"{folder}: both {files[0].name} and {files[-1].name} hold {split} images; leave one of them"
            )
        if files:
            return files[0]
    return None


def _read_pair(chosen: Path, every: Sequence[Path]) -> Images:
    """The images of the file ``chosen``; its classes are numbered by the labels beside ``every`` file."""
    pixels = parse_idx(chosen, 3)
    labels = _read_labels(chosen)
    images = torch.tensor(pixels).unsqueeze(1)
    if labels is None:
        return Images(images)
    if len(labels) != len(pixels):
        raise DataError(f"{chosen}: {len(pixels)} images, but {len(labels)} labels beside it; fetch both files again")
    largest = max(int(other.max(initial=0)) for file in every if (other := _read_labels(file)) is not None)
    classes = tuple(str(label) for label in range(largest + 1))
    return Images(images, labels=torch.tensor(labels, dtype=torch.int64), classes=classes)


def _read_labels(images: Path) -> NDArray[np.uint8] | None:
    name = images.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    for file in (images.with_name(name), images.with_name(name + ".gz")):
        if file != images and file.exists():
            return parse_idx(file, 1)
    return None
