"""Boxes from anyone's file: its format is known by its content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import require_regular
from nflows_core.runtime.foreign_text import parse_json
from nflows_privacy.annotations.annotated import Annotations
from nflows_privacy.annotations.cityscapes import is_polygons, polygon_annotations, polygon_files
from nflows_privacy.annotations.coco import coco_annotations, is_coco
from nflows_privacy.annotations.table import is_table, table_annotations
from nflows_privacy.annotations.yolo import yolo_annotations

_MOST_BYTES = 2**30  # the largest file of COCO itself has 0.45 of them
_FORMATS = "COCO (JSON), YOLO (a folder of labels or data.yaml), Cityscapes or IDD (polygons), or a table (CSV)"


def read_boxes(path: str | Path, classes: Sequence[str] = ()) -> Annotations:
    """The boxes that a file or folder has for pictures.

    Arguments:
        path: A file of COCO, a table with the columns of `nflows_privacy.annotations.table`, a label file or
            ``data.yaml`` of YOLO, a file of polygons of Cityscapes or IDD, or a folder of YOLO's labels, of PP4AV's, or
            of polygons.
        classes: The names of the classes of YOLO's labels, if no file there says them.

    Raises:
        ValueError: It is none of them, or damaged: the file and its line or entry are named.
        OSError: It cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        has_polygons = next(polygon_files(path), None) is not None
        return polygon_annotations(path) if has_polygons else _of_labels(path, classes)
    with require_regular(path).open("rb") as file:
        start = file.read(4096)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return _of_json(path)
    if is_table(start.decode("utf-8-sig", errors="replace").partition("\n")[0]):
        return table_annotations(path)
    return _of_labels(path, classes)


def read_large_json(path: Path) -> Any:
    """What a JSON file of annotations says.

    Raises:
        ValueError: It is none, or larger than such files are.
        OSError: It cannot be read.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path}: larger than {_MOST_BYTES:,} bytes; cut it into parts")
    try:
        return parse_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON: {error}; correct it") from error


def _of_json(path: Path) -> Annotations:
    content = read_large_json(path)
    if is_coco(content):
        return coco_annotations(content, str(path))
    if is_polygons(content):
        return polygon_annotations(path)
    raise ValueError(f"{path}: no annotations that are known; give {_FORMATS}")


def _of_labels(path: Path, classes: Sequence[str]) -> Annotations:
    found = yolo_annotations(path, classes) if path.is_dir() or path.suffix in (".txt", ".yaml", ".yml") else None
    if found is None or not found.pictures:
        raise ValueError(f"{path}: no annotations that are known; give {_FORMATS}")
    return found
