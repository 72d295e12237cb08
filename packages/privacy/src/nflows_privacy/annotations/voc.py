"""Annotations as Pascal VOC has them: an XML file for each picture, with ``object`` s that have a ``bndbox``.

M. Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, IJCV 2010. Its pixels are counted from 1, and
its boxes hold their last ones; the programs that write such files today count from 0, as is done here, since a pixel
more does no harm to what is looked for or filled. A file with a document type is refused: what it declares may name
other files, or grow without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, XMLParser

from nflows_core.runtime.files import require_regular
from nflows_core.runtime.folders import walk
from nflows_privacy.annotations.annotated import Annotations, Gathering, kind_of
from nflows_privacy.annotations.faults import NO_NUMBERS, TWICE, UNNAMED, Faults
from nflows_privacy.annotations.names import PictureName
from nflows_privacy.regions import Box

END = ".xml"
_MOST_BYTES = 2**24
_FORBIDDEN = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_START = re.compile(r"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*<(annotation[\s>]|!DOCTYPE)", re.DOTALL | re.IGNORECASE)
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ATTRIBUTES = ("pose", "truncated", "difficult", "occluded")


def is_voc(start: str) -> bool:
    """Whether a text begins as such a file."""
    return _START.match(start) is not None


def voc_files(folder: Path) -> Iterator[Path]:
    """The XML files in a folder and the folders in it."""
    for _, files in walk(folder):
        yield from (file for file in files if file.suffix.lower() == END)


def voc_annotations(path: Path, faults: Faults | None = None) -> Annotations:
    """The boxes of such a file, or of all in a folder.

    Arguments:
        path: The file or folder.
        faults: Gets what is wrong with single objects, which then stops nothing.

    Raises:
        ValueError: A file is none, or an object has no box and there are no ``faults``; both are named.
        OSError: A file cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    files = list(voc_files(path)) if path.is_dir() else [path]
    gathering, sizes = Gathering(faults), dict[str, tuple[int, int]]()
    seen: set[PictureName] = set()
    for file in files:
        root = _root(file)
        name = file.relative_to(folder).with_name(_name(root, file)).as_posix()
        if PictureName.of(name) in seen:
            gathering.fault(TWICE, str(file), f"the picture {name} has another file", name)
            continue
        seen.add(PictureName.of(name))
        gathering.add(name)
        if size := _size(root, file):
            sizes[name] = size
        for number, entry in enumerate(root.iter("object")):
            _add(gathering, name, entry, f"{file}: object {number + 1}")
    kinds = {region.kind for found in gathering.pictures.values() for region in found}
    return gathering.done(str(path), sorted(kinds), sizes)


def _root(file: Path) -> Element:
    with require_regular(file).open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{file}: larger than {_MOST_BYTES:,} bytes; give an XML of Pascal VOC")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is no text in UTF-8; correct it") from error
    if _FORBIDDEN.search(text):
        raise ValueError(f"{file}: declares a document type or entities, which are not read; remove them")
    try:
        parser = XMLParser()
        parser.feed(text)
        root = parser.close()
    except (ParseError, ValueError, RecursionError) as error:
        raise ValueError(f"{file}: is no XML: {error}; correct it") from error
    if root.tag != "annotation":
        raise ValueError(f"{file}: is no `annotation` of Pascal VOC; remove or correct it")
    return root


def _name(root: Element, file: Path) -> str:
    """The name of the picture: what ``filename`` says, without folders, or that of the file."""
    said = (root.findtext("filename") or "").strip()
    name = re.split(r"[/\\]", said)[-1]
    return name if name not in ("", ".", "..") else file.name


def _size(root: Element, file: Path) -> tuple[int, int] | None:
    words = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not any(words):
        return None
    if not all(word.isdecimal() and len(word) < 10 for word in words):
        raise ValueError(f"{file}: expected whole numbers in `size`; correct it")
    width, height = map(int, words)
    return (width, height) if width and height else None  # programs write 0 where they did not look


def _add(gathering: Gathering, name: str, entry: Element, place: str) -> None:
    kind = kind_of((entry.findtext("name") or "").strip())
    try:
        box = Box(*(float(entry.findtext(f"bndbox/{corner}") or "") for corner in _CORNERS))
    except ValueError:
        gathering.fault(NO_NUMBERS, place, "has no `bndbox` of four numbers")
        gathering.add_box(name, None, place)
        return
    if not kind:
        gathering.fault(UNNAMED, place, "has no `name`")
    region = gathering.region(box, kind or "unnamed", 1.0, _attributes(entry, _ATTRIBUTES), place)
    gathering.add_box(name, region, place)


def _attributes(entry: Element, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = ((name, (entry.findtext(name) or "").strip()) for name in names)
    return tuple((name, word) for name, word in found if word)
