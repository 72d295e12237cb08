"""A file read, written and read again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from nflows_core.runtime.images import Picture, PictureError, PictureFile, decode_picture, read_picture, write_picture


def read_write_read(data: bytes, folder: Path) -> bool:
    """Whether a file is read rather than refused.

    Raises:
        AssertionError: It is read otherwise by parts, or once it is written again.
        Exception: Anything but a refusal.
    """
    path = folder / "a"
    path.write_bytes(data)
    try:
        picture = decode_picture(io.BytesIO(data))
    except PictureError:
        return False
    with PictureFile(path) as file:
        assert file.shape == picture.pixels.shape
        assert np.array_equal(file.rows(0, min(64, file.shape[0])), picture.pixels[:64]), "by parts"
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        if suffix in (".png", ".tif") or (picture.bits == 8 and not picture.has_alpha):
            _write_and_read(folder / f"a{suffix}", picture)
    return True


def _write_and_read(path: Path, picture: Picture) -> None:
    try:
        write_picture(path, picture)
    except ValueError as error:
        if path.suffix in (".png", ".tif") or str(path) not in str(error):
            raise
        return  # a format that has no place for it, and says so
    again = read_picture(path)
    assert again.pixels.shape[:2] == picture.pixels.shape[:2]
    if path.suffix in (".png", ".tif"):
        assert np.array_equal(again.pixels, picture.pixels), path.suffix
