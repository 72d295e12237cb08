"""A picture too large for memory, read part by part."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import tiff_reading
from nflows_core.runtime.images.finding import find
from nflows_core.runtime.images.limits import pixel_limit
from nflows_core.runtime.images.orientation import Box, stored_box, upright, upright_size
from nflows_core.runtime.images.picture import Picture, PictureError, blank_pixels
from nflows_core.runtime.images.reading import decode_picture, explaining, picture_of, read_tiff
from nflows_core.runtime.images.tiff_pixels import open_pixels

T = TypeVar("T")
Part = Callable[[Box], NDArray[np.uint8 | np.uint16]]


class PictureFile:
    """The parts of a picture in a file, all as `read_picture` would give them.

    Of a grey or RGB TIFF, with tiles or strips below 64 MiB, only those are decoded that a part needs; of one that
    stands on its side, a few rows need many of its strips. All other files are decoded as they are opened.

    Arguments:
        path: The file.
        max_pixels: The most pixels that the file may have; see `read_picture`.

    Raises:
        PictureError: As `read_picture`, here or as the part is read that is damaged.
        OSError: The file cannot be opened.
        ModuleNotFoundError: It is a TIFF, or has 16 bits a sample, and ``imagecodecs`` and ``tifffile`` are not
            installed.

    Example:
        >>> with PictureFile("scan.tif") as scan:  # doctest: +SKIP
        ...     for strip in Tiling(512, 32, 2, 16).strips(network, scan):
        ...         ...
    """

    about: Picture
    """All that the file says; its pixels are black, of the shape and type of those in the file, and take no memory."""
    path: Path
    """The file."""

    def __init__(self, path: str | Path, max_pixels: int | None = None) -> None:
        self.path, limit = Path(path), pixel_limit(max_pixels)
        with ExitStack() as opened:
            file = opened.enter_context(self.path.open("rb"))
            self.about, self._part = self._explained(lambda: _open(file, limit, opened))
            self._opened = opened.pop_all()

    def __enter__(self) -> PictureFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._opened.close()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the upright picture."""
        height, width, channels = self.about.pixels.shape
        return height, width, channels

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.about.pixels.dtype

    def rows(self, top: int, bottom: int) -> NDArray[np.uint8 | np.uint16]:
        """The rows from ``top`` to before ``bottom``, :math:`(h, W, C)`."""
        return self.region(top, 0, bottom - top, self.shape[1])

    def region(self, top: int, left: int, height: int, width: int) -> NDArray[np.uint8 | np.uint16]:
        """A part, :math:`(h, w, C)`, in an array of its own.

        Raises:
            ValueError: It is empty or reaches out of the picture.
        """
        rows, columns, _ = self.shape
        if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
            raise ValueError(
                f"a part of {height} x {width} from row {top}, column {left}: the picture has {rows} x {columns}"
            )
        return self._explained(lambda: self._part((top, left, height, width)))

    def _explained(self, read: Callable[[], T]) -> T:
        try:
            with explaining():
                return read()
        except PictureError as error:
            raise PictureError(f"{self.path}: {error}") from error


def _open(file: IO[bytes], limit: int, opened: ExitStack) -> tuple[Picture, Part]:
    """What the file says, and the function of its parts."""
    if not tiff_reading.is_tiff(file):
        return _whole(file, limit)
    _, storage = read_tiff(file, limit)
    if not storage.is_plain:
        return _whole(file, limit)
    stored = opened.enter_context(open_pixels(file, storage))
    if not stored.is_in_parts:
        return _whole(file, limit)
    height, width, channels = stored.shape
    found = find(file)
    turn = found.orientation
    size = upright_size(height, width, turn)
    blank = blank_pixels(*size, channels, stored.dtype)

    def part(box: Box) -> NDArray[np.uint8 | np.uint16]:
        return np.ascontiguousarray(upright(stored.read(stored_box(box, *size, turn)), turn))

    return picture_of(blank, False, found), part


def _whole(file: IO[bytes], limit: int) -> tuple[Picture, Part]:
    picture = decode_picture(file, limit)
    pixels = picture.pixels
    height, width, channels = pixels.shape
    blank = replace(picture, pixels=blank_pixels(height, width, channels, pixels.dtype))
    return blank, lambda box: pixels[box[0] : box[0] + box[2], box[1] : box[1] + box[3]].copy()
