"""Polygons of Cityscapes (Cordts et al., CVPR 2016) and IDD (Varma et al., WACV 2019), one JSON file a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nflows_core.runtime.folders import walk
from nflows_core.runtime.foreign_text import read_json
from nflows_privacy.annotations.annotated import Annotations, Marked, kind_of
from nflows_privacy.regions import Box, Region

END = "_polygons.json"


def is_polygons(content: Any) -> bool:
    """Whether a JSON value is that of such a file."""
    return isinstance(content, dict) and {"imgWidth", "imgHeight", "objects"} <= content.keys()


def polygon_annotations(path: Path) -> Annotations:
    """The smallest boxes about the polygons of such a file, or of all in a folder.

    A polygon's corners are the places of pixels, so its box reaches to the end of the last one.

    Raises:
        ValueError: A file is none, or an object in it has no polygon; both are named.
        OSError: A file cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    files = polygon_files(path) if path.is_dir() else [path]
    pictures = {file.relative_to(folder).as_posix(): _marked(file) for file in files}
    kinds = {region.kind for one in pictures.values() for region in one.regions}
    return Annotations(str(path), pictures, tuple(sorted(kinds)))


def polygon_files(folder: Path) -> Iterator[Path]:
    """The files of polygons in a folder and the folders in it."""
    for _, files in walk(folder):
        yield from (file for file in files if file.name.endswith(END))


def _marked(file: Path) -> Marked:
    try:
        content = read_json(file)
    except ValueError as error:
        raise ValueError(f"{file}: is no JSON: {error}; remove or correct it") from error
    match content:
        case {"imgWidth": int(width), "imgHeight": int(height), "objects": list(objects)}:
            regions = tuple(_regions(objects, file))
            return Marked(regions, (width, height))
    raise ValueError(f"{file}: has no `imgWidth`, `imgHeight` and `objects`; remove or correct it")


def _regions(objects: Iterable[Any], file: Path) -> Iterator[Region]:
    for number, entry in enumerate(objects):
        match entry:
            case {"deleted": 1 | True}:
                continue
            case {"label": str(label), "polygon": list(corners)} if corners and all(map(_is_corner, corners)):
                across, down = zip(*corners, strict=True)
                yield _region(Box(min(across), min(down), max(across) + 1, max(down) + 1), label, file, number)
            case _:
                raise ValueError(f"{file}: objects[{number}]: no object with `label` and `polygon`; correct it")


def _region(box: Box, label: str, file: Path, number: int) -> Region:
    try:
        return Region(box, kind_of(label))
    except ValueError as error:
        raise ValueError(f"{file}: objects[{number}]: {error}; correct it") from error


def _is_corner(corner: Any) -> bool:
    match corner:
        case [int() | float(), int() | float()]:
            return True
    return False
