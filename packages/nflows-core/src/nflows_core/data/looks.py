"""What is seen of each file of a data set at once: its bytes, its pixels, and a small picture to compare."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.data.labelled import LabelledFiles
from nflows_core.data.labelled_images import whole
from nflows_core.data.likeness import SIDE
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.images import Picture, PictureError, decode_picture


@dataclass(frozen=True)
class Look:
    """What is seen of a file that can be read.

    Arguments:
        content: The SHA-256 of its bytes.
        pixels: The SHA-256 of its decoded pixels and their shape.
        square: The picture as a whole in a small square, RGB, :math:`(48, 48, 3)`.
        size: The height and the width of the picture.
    """

    content: bytes
    pixels: bytes
    square: NDArray[np.uint8]
    size: tuple[int, int]


def look_at(files: LabelledFiles, *, thing: str = "picture") -> tuple[dict[int, Look], dict[int, str]]:
    """Reads every file once, several at a time.

    Arguments:
        files: The files.
        thing: The word for what a file should hold in what is wrong with it.

    Returns:
        What is seen of each file that can be read, by its place, and what is wrong with each of the others.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = dict(enumerate(pool.map(partial(_look, thing=thing), map(files.path, files.files))))
    looks = {place: one for place, one in seen.items() if isinstance(one, Look)}
    return looks, {place: one for place, one in seen.items() if isinstance(one, str)}


def _look(path: Path, thing: str) -> Look | str:
    try:
        content = require_regular(path).read_bytes()
        picture = decode_picture(io.BytesIO(content))
        rgb = _rgb(picture, thing)
    except PictureError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    pixels = hashlib.sha256(repr(picture.pixels.shape).encode() + picture.pixels.tobytes()).digest()
    return Look(hashlib.sha256(content).digest(), pixels, whole(rgb, SIDE), picture.pixels.shape[:2])


def _rgb(picture: Picture, thing: str) -> NDArray[np.uint8]:
    if picture.bits != 8:
        raise PictureError(f"has {picture.bits} bits a sample, and {thing}s have 8; convert it")
    if picture.has_alpha and (picture.pixels[:, :, -1] < 255).any():
        raise PictureError("has transparent pixels; put it on a background first")
    colours = picture.pixels[:, :, : picture.channels - picture.has_alpha]
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)), dtype=np.uint8)
