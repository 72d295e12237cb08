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
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.annotations.gtsdb import gtsdb_annotations, is_gtsdb
from nflows_privacy.annotations.table import is_table, table_annotations
from nflows_privacy.annotations.voc import is_voc, voc_annotations, voc_files
from nflows_privacy.annotations.yolo import may_be_label, yolo_annotations

_MOST_BYTES = 2**30  # the largest file of COCO itself has 0.45 of them
_FORMATS = (
    "COCO (JSON), YOLO (a folder of labels or data.yaml), Pascal VOC (XML), Cityscapes or IDD (polygons), lines of"
    " GTSDB without a header (00000.ppm;774;411;815;446;11), or a table (CSV in UTF-8, by commas) whose first line has"
    " the columns image,left,top,right,bottom and name or class, in small letters"
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SHOWN = 60


def read_boxes(path: str | Path, classes: Sequence[str] = (), faults: Faults | None = None) -> Annotations:
    """The boxes that a file or folder has for pictures.

    Arguments:
        path: A file of COCO, a table with the columns of `nflows_privacy.annotations.table`, lines of GTSDB, a label
            file or ``data.yaml`` of YOLO, an XML of Pascal VOC, a file of polygons of Cityscapes or IDD, or a folder of
            YOLO's labels, of PP4AV's, of polygons or of XML.
        classes: The names of the classes of YOLO's labels, if no file there says them, or those of GTSDB's numbers.
        faults: Gets what is wrong with single boxes, which are then left out, and stop nothing; without it, they are
            errors. Where a box that is left out would show a face, give none.

    Raises:
        ValueError: It is none of them, or damaged: the file and its line or entry are named. Or all its boxes lie
            within 0 to 1 where pixels are meant.
        OSError: It cannot be read.
    """
    annotations = _read(Path(path), classes, faults)
    if annotations.seems_in_shares:
        raise ValueError(
            f"{path}: all boxes lie within 0 to 1, and are counted in pixels here: are they shares of the sides? Give"
            " pixels, or labels of YOLO"
        )
    return annotations


def _read(path: Path, classes: Sequence[str], faults: Faults | None) -> Annotations:
    if path.is_dir():
        return _of_folder(path, classes, faults)
    with require_regular(path).open("rb") as file:
        start = file.read(4096)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return _of_json(path, faults)
    if start.startswith(_UTF_16):
        raise ValueError(f"{path}: is in UTF-16; save it in UTF-8")
    text = start.decode("utf-8-sig", errors="replace")
    first = text.partition("\n")[0]
    if is_table(first):
        return table_annotations(path, faults)
    if is_gtsdb(first):
        return gtsdb_annotations(path, classes, faults)
    if is_voc(text):
        return voc_annotations(path, faults)
    if path.suffix in (".yaml", ".yml") or (path.suffix == ".txt" and may_be_label(first)):
        return _of_labels(path, classes, faults)
    raise ValueError(
        f"{path}: no annotations that are known, its first line is {first.strip()[:_SHOWN]!r}; give {_FORMATS}"
    )


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


def _of_folder(path: Path, classes: Sequence[str], faults: Faults | None) -> Annotations:
    if next(polygon_files(path), None) is not None:
        return polygon_annotations(path)
    if next(voc_files(path), None) is not None:
        return voc_annotations(path, faults)
    return _of_labels(path, classes, faults)


def _of_json(path: Path, faults: Faults | None) -> Annotations:
    content = read_large_json(path)
    if is_coco(content):
        return coco_annotations(content, str(path), faults)
    if is_polygons(content):
        return polygon_annotations(path)
    raise ValueError(f"{path}: no annotations that are known; give {_FORMATS}")


def _of_labels(path: Path, classes: Sequence[str], faults: Faults | None) -> Annotations:
    found = yolo_annotations(path, classes, faults)
    if not found.pictures:
        raise ValueError(f"{path}: no annotations that are known; give {_FORMATS}")
    return found
