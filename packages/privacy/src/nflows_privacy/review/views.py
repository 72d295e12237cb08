"""Pictures as a page shows them: whole ones made smaller, and parts of large ones as they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.pictures.thumbnails import part, thumbnail

PREVIEW_SIDE = 2048
"""The longer side of a preview."""
_MOST_PIXELS = 2**24
_QUALITY = 92


class Views:
    """Views of picture files, upright and in sRGB; the last picture stays open, as a person zooms into it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: tuple[Path, int, PictureFile] | None = None
        self._is_closed = False

    def size(self, path: Path) -> tuple[int, int]:
        """Width and height of the upright picture.

        Raises:
            PictureError: It is none that is read.
            OSError: It cannot be opened.
        """
        with self._picture(path) as picture:
            height, width, _ = picture.shape
        return width, height

    def preview(self, path: Path) -> bytes:
        """The whole picture as a JPEG file, its longer side at most `PREVIEW_SIDE`; errors as of `size`."""
        with self._picture(path) as picture:
            return _jpeg(thumbnail(picture, PREVIEW_SIDE))

    def part(self, path: Path, left: int, top: int, width: int, height: int) -> bytes:
        """A part of the picture as a JPEG file of as many pixels; errors as of `size`.

        Raises:
            ValueError: It has more pixels than any screen, or reaches out of the picture.
        """
        if width * height > _MOST_PIXELS:
            raise ValueError(f"a part of {width} x {height} pixels, and at most {_MOST_PIXELS:,} are shown at once")
        with self._picture(path) as picture:
            return _jpeg(part(picture, top, left, height, width))

    def close(self) -> None:
        """Closes the picture; none is opened for a request that comes later."""
        with self._lock:
            self._is_closed = True
            self._forget()

    @contextmanager
    def _picture(self, path: Path) -> Iterator[PictureFile]:
        changed = path.stat().st_mtime_ns
        with self._lock:
            if self._is_closed:
                raise ValueError("the review has ended; start it again by the same command")
            if self._open is None or self._open[:2] != (path, changed):
                self._forget()
                self._open = path, changed, PictureFile(path)
            yield self._open[2]

    def _forget(self) -> None:
        if self._open is not None:
            self._open[2].close()
            self._open = None


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
