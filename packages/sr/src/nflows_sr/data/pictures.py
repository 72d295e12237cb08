"""The pictures of a folder, decoded once."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.data import DataError, SplitName
from nflows_core.data.fingerprint import Fingerprint, digest
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.split import belongs
from nflows_core.runtime.files import sha256
from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import Picture, PictureError, read_picture

Pixels = NDArray[np.uint8]
"""A picture in RGB, :math:`(H, W, 3)`."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of any sizes, whose pixels are read as they are needed.

    Arguments:
        names: The path of each inside its folder.
        pixels: The pixels of each.
        content: The SHA-256 of the files.
    """

    names: Sequence[str]
    pixels: Sequence[Pixels]
    content: str = ""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> Fingerprint:
        """What they are known by."""
        names = digest(name.encode(errors="surrogateescape") for name in self.names)
        return Fingerprint(len(self), names, self.content)


def read_pictures(folder: str | Path, split: SplitName | None = None) -> Pictures:
    """Decodes the pictures of a folder and its subfolders; files that are not named as pictures are passed over.

    Of 16 bits the upper eight are kept, and grey becomes RGB.

    Arguments:
        folder: The folder.
        split: The part to read: a hash of its path holds out about each tenth picture as "test"; all by default.

    Raises:
        DataError: There are no pictures, or one cannot be used.
        OSError: The folder or a file cannot be read.
    """
    folder = Path(folder)
    paths = [path for _, files in walk(folder) for path in files if is_named_as_picture(path.name)]
    files = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    chosen = {name: path for name, path in files if belongs(name, split)}
    if not files:
        raise DataError(f"{folder}: no pictures; give a folder that has some")
    if not chosen:
        raise DataError(
            f"{folder}: a hash of their names puts none of {len(files)} pictures into the part {split!r}; give more, "
            "or others as `test`"
        )
    pixels = stored(map(_pixels, chosen.values()))
    return Pictures(tuple(chosen), pixels, digest(sha256(path).encode() for path in chosen.values()))


def stored(pictures: Iterable[Pixels]) -> list[Pixels]:
    """The same pictures in one file without a name, which the system keeps in memory as long as there is room."""
    shapes = []
    with tempfile.TemporaryFile() as file:
        for pixels in pictures:
            file.write(np.ascontiguousarray(pixels).data)
            shapes.append(pixels.shape)
        file.flush()
        flat = np.memmap(file, np.uint8, "r") if shapes else np.empty(0, np.uint8)
    ends = np.cumsum([math.prod(shape) for shape in shapes], dtype=np.int64)
    return [flat[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]


def _pixels(path: Path) -> Pixels:
    try:
        picture = read_picture(path)
    except PictureError as error:
        raise DataError(f"{error}; repair or remove it") from error
    if picture.has_alpha and (picture.pixels[..., -1] < np.iinfo(picture.pixels.dtype).max).any():
        raise DataError(f"{path}: has transparent pixels; put it on a background first")
    return _rgb(picture)


def _rgb(picture: Picture) -> Pixels:
    pixels = picture.pixels[..., : picture.channels - picture.has_alpha]
    upper = pixels // 256 if pixels.dtype == np.uint16 else pixels
    return np.broadcast_to(upper, (*pixels.shape[:2], 3)).astype(np.uint8)
