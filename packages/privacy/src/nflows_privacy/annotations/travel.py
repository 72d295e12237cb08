"""Annotations that travel along with the pictures: byte for byte, but for the names of pictures that got another."""

from __future__ import annotations

import errno
import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.inputs import find_inputs
from nflows_core.runtime.report import REPORT_FILES
from nflows_privacy.annotations.cityscapes import is_polygons
from nflows_privacy.annotations.coco import is_coco
from nflows_privacy.annotations.reading import read_large_json
from nflows_privacy.annotations.yolo import DATA, NAME_FILES, is_labels

_Suffixes = dict[str, list[tuple[tuple[str, ...], str]]]
"""The path and the new suffix of the pictures of a name."""

_PICTURES = ("data:", "/9j/", "iVBORw0KGgo", "UklGR", "R0lGOD", "Qk0", "SUkq", "TU0AK")
"""How pictures in Base64 begin: JPEG, PNG, WebP, GIF, BMP and TIFF."""
_CANDIDATES = frozenset((".txt", ".json", ".xml", ".names", ".yaml"))
_FILE_NAME = re.compile(rb'("file_name"\s*:\s*)("(?:[^"\\]|\\.)*")')
_VOC_NAME = re.compile(rb"(<(?:filename|path)>\s*)([^<]*?)(\s*</)")
_VOC_FOLDERS = re.compile(rb"(<path>)[^<]*[/\\]([^<]*</path>)")
_YOLO_ROOT = re.compile(rb"^path:[ \t]*[\"']?(?:[/\\~]|[A-Za-z]:)[^\n]*\n?", re.MULTILINE)
_VOC = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<annotation[\s>]")


def carry_annotations(
    inputs: Sequence[str | Path], output: str | Path, renamed: Iterable[tuple[str, str]]
) -> dict[str, int]:
    """Copies the annotations below folders to the same places below the folder of the results.

    Labels of YOLO and the names of their classes, files of COCO, polygons of Cityscapes and IDD, and XML of Pascal VOC
    travel, as they are known by their content: other files beside pictures may say who is in them, or where. One that
    has a picture in it does not travel. They say of pictures only what they said, but where the suffix is another one,
    ``file_name`` in COCO and ``filename`` in XML have the new name, and paths of the originals on somebody's disk go:
    ``path`` in XML becomes a mere name, and an absolute ``path`` in ``data.yaml`` is left out, so that who trains with
    the copy has the pictures beside it.

    Arguments:
        inputs: The files and folders of the batch.
        output: The folder of the results, which is ours.
        renamed: The old and the new names of pictures, both below the folders, with ``/`` between; asked for only if
            there is a file that names pictures.

    Returns:
        How many files were copied, and how many of the same suffixes were not, as ``{"copied": 2, "not copied": 1}``.

    Raises:
        ValueError: It is not clear which picture a name in a file means.
        FileExistsError: There is another file where one belongs, or a link.
        OSError: A file cannot be read or written.
    """
    suffixes = cache(lambda: _new_suffixes(renamed))
    counts = {"copied": 0, "not copied": 0}
    for source, name in _candidates(inputs, Path(output)):
        content = _carried(source, suffixes)
        counts["not copied" if content is None else "copied"] += 1
        if content is not None:
            _put(Path(output, name), content)
    return counts


def _new_suffixes(renamed: Iterable[tuple[str, str]]) -> _Suffixes:
    found: _Suffixes = {}
    for old, new in renamed:
        path = PurePosixPath(old)
        found.setdefault(path.name, []).append((path.parts, PurePosixPath(new).suffix))
    return found


def _candidates(inputs: Sequence[str | Path], output: Path) -> Iterator[tuple[Path, Path]]:
    folders = [path for path in map(Path, inputs) if path.is_dir()]
    for source, name in find_inputs(folders, output, _CANDIDATES, lambda folder: False, Counter()):
        if name.as_posix() not in REPORT_FILES:
            yield source, name


def _carried(source: Path, suffixes: Callable[[], _Suffixes]) -> bytes | None:
    """The content that travels; nothing if a file is no annotation."""
    if source.suffix.lower() == ".json":
        return _carried_json(source, suffixes)
    content = source.read_bytes()
    if source.suffix.lower() == ".xml":
        return _voc_with_new_names(source, content, suffixes()) if _VOC.match(content) else None
    if source.name == DATA:
        return _YOLO_ROOT.sub(b"", content)
    if source.name in NAME_FILES:
        return content
    is_text = source.suffix.lower() == ".txt" and is_labels(content.decode(errors="replace"))
    return content if is_text else None


def _carried_json(source: Path, suffixes: Callable[[], _Suffixes]) -> bytes | None:
    try:
        value = read_large_json(source)
    except ValueError:
        return None  # no annotation, and it is counted
    if _has_picture(value):
        return None
    if is_polygons(value):
        return source.read_bytes()
    return _with_new_names(source, suffixes()) if is_coco(value) else None


def _has_picture(value: Any) -> bool:
    """Whether a text anywhere in it is a picture in Base64, as some programs put into their annotations."""
    match value:
        case str():
            return value.startswith(_PICTURES)
        case dict():
            return any(map(_has_picture, value.values()))
        case list():
            return any(map(_has_picture, value))
    return False


def _with_new_names(source: Path, suffixes: _Suffixes) -> bytes:
    """The bytes of a file of COCO with another word where a picture has another name."""

    def word(found: re.Match[bytes]) -> bytes:
        name = json.loads(found[2])
        new = _new_name(name, suffixes, source)
        return found[0] if new == name else found[1] + to_json(new).encode()

    return _FILE_NAME.sub(word, source.read_bytes())


def _voc_with_new_names(source: Path, content: bytes, suffixes: _Suffixes) -> bytes:
    """The bytes of an XML of Pascal VOC with other suffixes, and without the folders of whoever wrote it."""

    def word(found: re.Match[bytes]) -> bytes:
        name = html.unescape(found[2].decode(errors="surrogateescape"))
        new = _new_name(name, suffixes, source)
        if new == name:
            return found[0]
        old = PurePosixPath(name).suffix.encode(errors="surrogateescape")
        return found[1] + found[2].removesuffix(old) + PurePosixPath(new).suffix.encode() + found[3]

    return _VOC_NAME.sub(word, _VOC_FOLDERS.sub(rb"\1\2", content))


def _new_name(name: str, suffixes: _Suffixes, source: Path) -> str:
    """The name with the suffix that the picture has now."""
    path = PurePosixPath(name)
    found = {suffix for parts, suffix in suffixes.get(path.name, ()) if _is_end(path.parts, parts)}
    if len(found) > 1:
        raise ValueError(f"{source}: {name} may be pictures that became {' and '.join(sorted(found))}; write folders")
    return name.removesuffix(path.suffix) + found.pop() if found else name


def _is_end(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]


def _put(target: Path, content: bytes) -> None:
    """Writes a file that is not there yet.

    Raises:
        FileExistsError: Another one is.
    """
    if target.is_symlink() or (target.exists() and (not target.is_file() or target.read_bytes() != content)):
        raise FileExistsError(
            errno.EEXIST, "is not the annotation that belongs there, and is not replaced; remove it", str(target)
        )
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as file:
            file.write(content)
