"""Pictures that images are conditioned on: one of the same name for each, in a folder of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from torch import Tensor

from nflows_core.data.fingerprint import digest, with_digest
from nflows_core.data.images import DataError, Images
from nflows_core.data.layout import Layout
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.pictures import read_layout
from nflows_core.data.resize import fit_square
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.folders import walk


def with_maps(images: Images, folder: str | Path, size: int | None = None) -> Images:
    """The same images, each with the picture of its name in a folder as its map.

    The names are paths below the folder, whatever the suffixes: that of ``cat/1.jpg`` may be ``cat/1.png``.

    Arguments:
        images: Images with names.
        folder: The folder of the pictures, all of one size.
        size: The side of the square that the images were cropped to, or nothing. The pictures are cropped likewise, and
            those that are larger scaled to it; smaller ones stay as they are.

    Raises:
        DataError: An image has no name, or no picture or several of its name, or a picture cannot be read.
    """
    if not images.names:
        raise DataError(f"{folder}: images without names cannot be matched with pictures; give a folder of pictures")
    names = _pictures(Path(folder))
    chosen = _matching(folder, images.names, names)
    read = _read(folder, chosen, names)
    places = {name: place for place, name in enumerate(read.names)}
    maps = _fit(read.pixels[[places[name] for name in chosen]], size)
    contents = (with_digest(images).digest, read.digest)
    return replace(images, maps=maps, digest=digest(part.encode() for part in contents))


def read_maps(folder: str | Path, n: int, size: int | None = None) -> Tensor:
    """The first ``n`` pictures of a folder, uint8 :math:`(N, D, H, W)`, as `with_maps` makes maps of them.

    Raises:
        DataError: There are none, or one cannot be read.
    """
    names = _pictures(Path(folder))
    return _fit(_read(folder, names[:n], names).pixels, size)


def _pictures(folder: Path) -> list[str]:
    """The pictures below a folder, in the order of their names."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one of pictures with the names of the images")
    names = [file.relative_to(folder).as_posix() for _, files in walk(folder) for file in files]
    if pictures := sorted(filter(is_named_as_picture, names)):
        return pictures
    raise DataError(f"{folder}: holds no pictures; is it the right place?")


def _matching(folder: object, names: Sequence[str], pictures: Sequence[str]) -> list[str]:
    """The picture of each name."""
    there: dict[str, list[str]] = {}
    for picture in pictures:
        there.setdefault(_stem(picture), []).append(picture)
    if missing := [name for name in names if _stem(name) not in there]:
        raise DataError(f"{folder}: has no picture of the name of {_listed(missing)}; add one for each image")
    if twice := [there[_stem(name)] for name in names if len(there[_stem(name)]) > 1]:
        raise DataError(f"{folder}: {' and '.join(twice[0][:2])} have the same name; remove one")
    return [there[_stem(name)][0] for name in names]


def _read(folder: str | Path, chosen: Sequence[str], names: Sequence[str]) -> Images:
    # The others say whether all are grey, so that every split has as many channels.
    layout = Layout(dict.fromkeys(chosen), sorted(set(names).difference(chosen)), ())
    return read_layout(folder, layout, lambda name: require_regular(Path(folder, name)).open("rb"), None)


def _fit(maps: Tensor, size: int | None) -> Tensor:
    return maps if size is None else fit_square(maps, min(size, *maps.shape[2:]))


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _listed(names: Sequence[str]) -> str:
    """At most three names: an error is two lines."""
    return ", ".join(names[:3]) + (f" and of {len(names) - 3} more" if names[3:] else "")
