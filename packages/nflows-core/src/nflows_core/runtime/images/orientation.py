"""The eight ways in which a file may store a picture (EXIF 3.0 and TIFF 6.0, Orientation)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

_SWAPPED, _ROWS_TURNED, _COLUMNS_TURNED = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)

Box = tuple[int, int, int, int]
"""Top, left, height and width of a part of a picture."""


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The upright picture, a view of the stored :math:`(H, W, C)`."""
    if orientation in _SWAPPED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in _ROWS_TURNED:
        pixels = pixels[::-1]
    if orientation in _COLUMNS_TURNED:
        pixels = pixels[:, ::-1]
    return pixels


def upright_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    return (width, height) if orientation in _SWAPPED else (height, width)


def stored_box(box: Box, height: int, width: int, orientation: int) -> Box:
    """Where a part of the upright picture of ``height`` x ``width`` is stored."""
    top, left, rows, columns = box
    if orientation in _ROWS_TURNED:
        top = height - top - rows
    if orientation in _COLUMNS_TURNED:
        left = width - left - columns
    return (left, top, columns, rows) if orientation in _SWAPPED else (top, left, rows, columns)
