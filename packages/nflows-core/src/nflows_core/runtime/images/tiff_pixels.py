"""A TIFF's samples of 8 and 16 bits as they are stored, read by tiles or strips: any part without the whole."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import jpeg, webp
from nflows_core.runtime.images.codecs import import_tifffile
from nflows_core.runtime.images.orientation import Box
from nflows_core.runtime.images.picture import PictureError
from nflows_core.runtime.images.tiff_storage import ASSOCIATED, JPEG, MIN_IS_WHITE, SEPARATE, WEBP, Storage

_MOST_PART = 2**26
_BAND = 2**20
"""The pixels that are divided by their alpha at a time."""


class TiffPixels:
    """The pixels of the first page.

    Arguments:
        page: The page, opened by tifffile.
        storage: How it is stored; `Storage.is_plain` must hold.
    """

    def __init__(self, page: Any, storage: Storage) -> None:
        self.storage, self._page = storage, page
        self.shape = (storage.height, storage.width, storage.samples)
        self.dtype = np.dtype(np.uint16 if storage.is_deep else np.uint8)
        _check_agreement(page, storage)
        # Rows that stand one behind the other need no decoder.
        self._is_raw = bool(page.is_contiguous) and page.fillorder == 1 and page.predictor == 1

    @property
    def is_in_parts(self) -> bool:
        """Whether a part of the picture needs few bytes beyond its own."""
        return self._is_raw or math.prod(self.storage.part) * self.shape[2] * self.dtype.itemsize <= _MOST_PART

    def read(self, box: Box) -> NDArray[np.uint8 | np.uint16]:
        """A part, :math:`(h, w, C)`: grey or RGB, black as zero, with straight alpha where there is one."""
        pixels = self._raw(box) if self._is_raw else self._decoded(box)
        if self.storage.photometric == MIN_IS_WHITE:
            colours = pixels[..., :1]
            np.invert(colours, out=colours)
        if self.storage.alpha == ASSOCIATED:
            _unmultiply(pixels)
        return pixels

    def _raw(self, box: Box) -> NDArray[Any]:
        top, left, rows, columns = box
        _, width, samples = self.shape
        planes = samples if self.storage.planar == SEPARATE else 1
        stored = np.dtype(self.dtype).newbyteorder(self._page.parent.byteorder)
        pixels = np.empty((rows, columns, samples), self.dtype)
        row = width * (samples // planes)
        for plane in range(planes):
            start = (plane * self.storage.height + top) * row * stored.itemsize
            values = np.frombuffer(self._bytes(self._page.dataoffsets[0] + start, rows * row * stored.itemsize), stored)
            part = values.reshape(rows, width, -1)[:, left : left + columns]
            pixels[..., plane : plane + part.shape[2]] = part
        return pixels

    def _decoded(self, box: Box) -> NDArray[Any]:
        top, left, rows, columns = box
        pixels = np.empty((rows, columns, self.shape[2]), self.dtype)
        for index, plane, at, across in self._parts(box):
            packed = self._bytes(self._page.dataoffsets[index], self._page.databytecounts[index])
            self._check_part(packed)
            part = self._page.decode(packed, index, jpegtables=self._page.jpegtables)[0][0]
            first, last = max(at, top), min(at + self.storage.part[0], top + rows)
            begin, end = max(across, left), min(across + self.storage.part[1], left + columns)
            channels = slice(plane, plane + 1) if self.storage.planar == SEPARATE else slice(None)
            target = pixels[first - top : last - top, begin - left : end - left, channels]
            values = part[first - at : last - at, begin - across : end - across]
            if values.shape != target.shape:  # which would leave pixels of the array as they were
                raise PictureError("damaged: a part of its pixels is of another size than its tags say")
            target[:] = values
        return pixels

    def _parts(self, box: Box) -> Iterator[tuple[int, int, int, int]]:
        """The tiles or strips that hold a part of ``box``: number, channel, top and left."""
        top, left, rows, columns = box
        height, width = self.storage.part
        down, across = (-(-length // side) for length, side in zip(self.shape, self.storage.part, strict=False))
        for plane in range(self.shape[2] if self.storage.planar == SEPARATE else 1):
            for row in range(top // height, (top + rows - 1) // height + 1):
                for column in range(left // width, (left + columns - 1) // width + 1):
                    yield (plane * down + row) * across + column, plane, row * height, column * width

    def _check_part(self, packed: bytes) -> None:
        """A part that is a picture file of its own has a size of its own, which its decoder goes by."""
        kind = {JPEG: jpeg, WEBP: webp}.get(self.storage.compression)
        if kind is None:
            return
        height, width = self.storage.part
        claimed = kind.size(io.BytesIO(packed))
        if claimed[0] > width or claimed[1] > height:
            raise PictureError(f"damaged: a part of {claimed[0]} x {claimed[1]} pixels for one of {width} x {height}")
        if kind is jpeg:
            jpeg.check_scans(io.BytesIO(packed), width, height)

    def _bytes(self, start: int, size: int) -> bytes:
        handle = self._page.parent.filehandle
        handle.seek(start)
        data: bytes = handle.read(size)
        if len(data) < size:
            raise PictureError("damaged: ends before its pixels do")
        return data


@contextmanager
def open_pixels(file: IO[bytes], storage: Storage) -> Iterator[TiffPixels]:
    """The pixels of an open file, as long as the block lasts."""
    tifffile = import_tifffile()
    file.seek(0)
    with tifffile.TiffFile(file) as content:
        yield TiffPixels(content.pages[0], storage)


def _check_agreement(page: Any, storage: Storage) -> None:
    """That tifffile, which decodes, reads the tags as Pillow does, by which they were checked."""
    planar = int(page.planarconfig or 1) if storage.samples > 1 else storage.planar
    theirs = page.imagelength, page.imagewidth, page.bitspersample, page.samplesperpixel, page.photometric, planar
    ours = storage.height, storage.width, storage.bits, storage.samples, storage.photometric, storage.planar
    tile = (page.tilelength, page.tilewidth) if page.is_tiled else storage.part
    if theirs != ours or tile != storage.part or page.compression != storage.compression or page.size != storage.size:
        raise PictureError("damaged: its tags contradict each other")


def _unmultiply(pixels: NDArray[np.uint8 | np.uint16]) -> None:
    """Divides colours by the alpha behind them, in place; what is transparent becomes black."""
    most = np.iinfo(pixels.dtype).max
    rows = max(1, _BAND // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        band = pixels[top : top + rows]
        alpha = band[..., -1:].astype(np.float64)
        colours = np.zeros(band[..., :-1].shape)
        np.divide(band[..., :-1] * float(most), alpha, out=colours, where=alpha > 0)
        band[..., :-1] = np.rint(colours).clip(0, most)
