"""Decoding of picture files into one batch of pixels."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from nflows_core.data.fingerprint import digest
from nflows_core.data.images import DataError, Images
from nflows_core.data.layout import Layout
from nflows_core.data.others import SKIP_ADVICE, is_named_as_picture
from nflows_core.data.resize import fit_square
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.images import Picture, PictureError, decode_picture

Opener = Callable[[str], IO[bytes]]
"""Opens the file of a name, which is its path inside the data set with slashes."""


def read_layout(place: object, layout: Layout, open_file: Opener, size: int | None) -> Images:
    """Decodes the images of a split.

    Greyscale stays one channel if the whole data set is greyscale; otherwise every image becomes RGB.

    Arguments:
        place: The data set, named in errors.
        layout: The names to decode, and their classes.
        open_file: The function that opens the file of a name.
        size: Side of the square that `fit_square` makes of each image, or nothing.

    Raises:
        DataError: Files cannot be decoded, or sizes differ and ``size`` is not given.
    """
    contents: list[bytes] = []

    def open_and_digest(name: str) -> IO[bytes]:
        with open_file(name) as file:
            content = file.read()
        contents.append(hashlib.sha256(content).digest())
        return io.BytesIO(content)

    pixels = decode_all(place, layout.labels, open_and_digest, size)
    if pixels.shape[1] == 1 and any(_has_colour(name, open_file) for name in layout.others):
        pixels = pixels.expand(-1, 3, -1, -1).contiguous()
    names = tuple(layout.labels)
    images = Images(pixels, names=names, digest=digest(contents))
    if not layout.classes:
        return images
    return replace(images, labels=torch.tensor(list(layout.labels.values())), classes=layout.classes)


def read_pictures(paths: Sequence[Path], like: tuple[int, int, int], quantization: int, size: int | None) -> Images:
    """Decodes picture files for a model.

    Arguments:
        paths: The files; they become the names of the images.
        like: Channels, height and width that the model takes; a greyscale picture becomes RGB where it takes that.
        quantization: The number of values that a pixel of its data can take; the 256 of a picture become as many.
        size: Side of the square that `fit_square` makes of each picture, or nothing.

    Raises:
        DataError: A file is no picture, or of another size, or in colour where the model is not.
    """
    pictures = [_picture(path, like, size) for path in paths]
    pixels = torch.stack(pictures).int() * quantization // 256
    return Images(pixels.to(torch.uint8), quantization, names=tuple(map(str, paths)))


def _picture(path: Path, like: tuple[int, int, int], size: int | None) -> Tensor:
    pixels = decode(str(path), _open)
    if size is not None:
        pixels = fit_square(pixels[None], size)[0]
    if pixels.shape[1:] != like[1:]:
        wanted = f"{like[2]}x{like[1]}"
        advice = f"; give size {like[1]}" if like[1] == like[2] and size is None else ""
        raise DataError(f"{path}: {_size(pixels)} pixels, but the flow takes {wanted}{advice}")
    if len(pixels) > like[0]:
        raise DataError(f"{path}: is in colour, but the flow takes greyscale; convert it first")
    return pixels.expand(like)


def decode_all(place: object, names: Iterable[str], open_file: Opener, size: int | None) -> Tensor:
    """The pixels of all pictures as uint8, :math:`(N, C, H, W)`."""
    decoded: dict[str, Tensor] = {}
    bad: list[str] = []
    for name in names:
        try:
            pixels = decode(name, open_file)
        except DataError as error:
            bad.append(str(error))
        else:
            decoded[name] = pixels if size is None else fit_square(pixels[None], size)[0]
            _check_size(place, name, decoded)
    if bad:
        raise DataError(_describe(place, bad))
    channels = max(len(pixels) for pixels in decoded.values())
    return torch.stack([pixels.expand(channels, -1, -1) for pixels in decoded.values()])


def decode(name: str, open_file: Opener) -> Tensor:
    """The pixels of one picture, upright, as uint8, :math:`(1, H, W)` or :math:`(3, H, W)`."""
    try:
        with open_file(name) as file:
            return _colours(decode_picture(file))
    except MemoryError as error:
        raise DataError(f"{name}: needs more memory than there is") from error
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{name}: {reason}") from error


def _open(name: str) -> IO[bytes]:
    return require_regular(Path(name)).open("rb")


def _has_colour(name: str, open_file: Opener) -> bool:
    return len(decode(name, open_file)) == 3


def _colours(picture: Picture) -> Tensor:
    if picture.bits != 8:
        raise PictureError(f"has {picture.bits} bits a sample, and 8 are taken")
    if picture.has_alpha and (picture.pixels[:, :, -1] < 255).any():
        raise PictureError("has transparent pixels; put it on a background first")
    colours = picture.pixels[:, :, : picture.channels - picture.has_alpha]
    return torch.from_numpy(colours).permute(2, 0, 1).contiguous()


def _check_size(place: object, name: str, decoded: dict[str, Tensor]) -> None:
    first = next(iter(decoded))
    if decoded[name].shape[1:] != decoded[first].shape[1:]:
        raise DataError(
            f"{place}: {first} is {_size(decoded[first])}, but {name} is {_size(decoded[name])} pixels; "
            "give one size for all"
        )


def _size(pixels: Tensor) -> str:
    height, width = pixels.shape[-2:]
    return f"{width}x{height}"


def _describe(place: object, bad: list[str]) -> str:
    others = [not is_named_as_picture(error.partition(": ")[0]) for error in bad]
    if len(bad) == 1:
        return f"{place}/{bad[0]}; {SKIP_ADVICE if others[0] else 'repair or remove it'}"
    shown = "; ".join([*bad[:3], "..."] if bad[3:] else bad)
    advice = f" ({sum(others)} of them are not named as pictures: `skip_others` skips these)" if any(others) else ""
    return f"{place}: {len(bad)} files cannot be used, repair or remove them{advice}: {shown}"
