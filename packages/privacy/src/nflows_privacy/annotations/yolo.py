"""Annotations as YOLO has them: a text file for each picture, a line for each box.

A line is ``class x y width height``, the middle and the sides in shares of the picture's, and behind them a score where
a detector wrote it: https://docs.ultralytics.com/datasets/detect. Or it is a polygon, ``class x1 y1 x2 y2 x3 y3`` and
more, of which the smallest box counts: https://docs.ultralytics.com/datasets/segment. The names of the classes stand in
``data.yaml``, or one a line in ``classes.txt`` or ``obj.names``. PP4AV (Trinh et al., WACV 2023) is such a folder
without names, with a folder for each place: 0 is a face, 1 a plate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.folders import walk
from nflows_core.runtime.ownership import claim_folder
from nflows_privacy.annotations.annotated import SHARES, SLACK, Annotations, Gathering, Marked, kind_of
from nflows_privacy.annotations.faults import NO_NUMBERS, OUTSIDE, UNNAMED, Faults
from nflows_privacy.regions import FACE, PLATE, Box, Region

KIND = "annotations in the format of YOLO"
DATA = "data.yaml"

NAME_FILES = ("classes.txt", "obj.names")
_PLACES = frozenset(
    ("fisheye", "zurich", "strasbourg", "stuttgart", "switzerland", "netherlands_day", "netherlands_night", "paris")
)
"""The folders of PP4AV."""
_NO_LABELS = ("classes", "train", "val", "test", "readme", "license")
_FEWEST_CORNERS = 3


def yolo_annotations(path: Path, classes: Sequence[str] = (), faults: Faults | None = None) -> Annotations:
    """The boxes of such a folder, of its ``data.yaml``, or of one label file.

    Arguments:
        path: The folder or file.
        classes: The names of the classes; by default those that stand in a file there.
        faults: Gets what is wrong with single boxes, which then stops nothing.

    Raises:
        ValueError: There are no names, or a line is no box; the file and the line are named.
        OSError: A file cannot be read.
    """
    root = _root(path) if path.suffix in (".yaml", ".yml") else path
    files = list(_label_files(root)) if root.is_dir() else [root]
    names = tuple(classes) or _class_names(path, root)
    folder = root if root.is_dir() else root.parent
    gathering = Gathering(faults)
    for file in files:
        name = file.relative_to(folder).as_posix()
        gathering.add(name)
        for place, line in _lines(file):
            _add(gathering, name, line, place, names)
    return gathering.done(str(path), map(kind_of, names), dict.fromkeys(gathering.pictures, SHARES))


def write_yolo(folder: str | Path, annotations: Annotations) -> None:
    """Writes annotations as ``labels/NAME.txt`` and ``data.yaml``; the pictures belong into ``images`` beside them.

    Raises:
        ValueError: The size of a picture is not known, or two pictures would have one file.
        FileExistsError: The folder is not ours.
        OSError: A file cannot be written.
    """
    import yaml

    kinds = list(dict.fromkeys(map(kind_of, annotations.classes)))
    kinds += sorted({one.kind for marked in annotations.pictures.values() for one in marked.regions} - set(kinds))
    files: dict[Path, str] = {}
    for name, marked in annotations.pictures.items():
        file = Path(folder, "labels", name).with_suffix(".txt")
        if file in files:
            raise ValueError(f"`annotations`: two pictures would be {file.name}, one of them {name}; rename one")
        files[file] = "".join(_line(region, kinds, name, marked) for region in marked.regions)
    claim_folder(Path(folder), KIND, [DATA])
    data = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(kinds))}
    for file, text in {Path(folder, DATA): yaml.safe_dump(data, sort_keys=False, allow_unicode=True), **files}.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file, "w") as opened:
            opened.write(text)


def is_labels(text: str) -> bool:
    """Whether a text may be a label file: no line is anything but numbers of a box or polygon."""
    try:
        counts = [len(_numbers(line)) for line in text.splitlines() if line.strip()]
    except ValueError:
        return False
    return all(count in (5, 6) or (count > _FEWEST_CORNERS * 2 and count % 2 == 1) for count in counts)


def may_be_label(line: str) -> bool:
    """Whether a file that begins with this line may be one of labels, if a damaged one.

    Example:
        >>> may_be_label("0 0.5 0.5 0.1"), may_be_label("00000.ppm 774 411 815 446 11"), may_be_label("")
        (True, False, True)
    """
    return re.match(r"\s*(-?[\d.]+(\s|$)|$)", line) is not None


def _root(data: Path) -> Path:
    """The folder that holds the labels of ``data.yaml``."""
    root = data.parent / str(_content(data).get("path", "."))
    if not root.is_dir():
        raise ValueError(f"{data}: `path` leads to {root}, and there is no such folder; correct it")
    return root


def _label_files(root: Path) -> Iterator[Path]:
    for _, files in walk(root):
        yield from (
            file for file in files if file.suffix.lower() == ".txt" and not file.name.lower().startswith(_NO_LABELS)
        )


def _class_names(path: Path, root: Path) -> tuple[str, ...]:
    if path.suffix in (".yaml", ".yml"):
        return _yaml_names(path)
    folders = [root, root.parent, root.parent.parent] if root.is_dir() else [root.parent, root.parent.parent]
    for folder in folders:
        if (data := folder / DATA).is_file():
            return _yaml_names(data)
        for file in (folder / name for name in NAME_FILES):
            if file.is_file():
                return _listed(file)
    if root.is_dir() and _is_pp4av(root):
        return FACE, PLATE
    raise ValueError(f"{path}: no names of the classes; put them beside the labels, one a line, into {NAME_FILES[0]}")


def _listed(file: Path) -> tuple[str, ...]:
    return tuple(line.strip() for line in _text(file).splitlines() if line.strip())


def _is_pp4av(root: Path) -> bool:
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    return bool(folders) and folders <= _PLACES


def _yaml_names(data: Path) -> tuple[str, ...]:
    match _content(data).get("names"):
        case list(names):
            return tuple(map(str, names))
        case dict(names) if sorted(names) == list(range(len(names))):
            return tuple(str(names[number]) for number in range(len(names)))
    raise ValueError(f"{data}: `names` is no list of classes, nor numbers from 0 with their names; correct it")


def _content(data: Path) -> dict[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(_text(data))
    except yaml.YAMLError as error:
        raise ValueError(f"{data}: is no YAML: {' '.join(str(error).split())}; correct it") from error
    if not isinstance(content, dict):
        raise ValueError(f"{data}: says nothing of a data set; give one with `names`")  # noqa: TRY004
    return content


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_text(file).splitlines(), 1):
        if line.strip():
            yield f"{file}, line {number}", line


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is no text in UTF-8; correct it, or remove it from the labels") from error


def _numbers(line: str) -> list[float]:
    return [float(word) for word in line.split()]


def _add(gathering: Gathering, name: str, line: str, place: str, names: Sequence[str]) -> None:
    try:
        number, *shares = _numbers(line)
    except ValueError as error:
        raise ValueError(f"{place}: expected a class and four shares of the sides, got {line[:80]!r}") from error
    if len(shares) < 4:
        raise ValueError(f"{place}: expected a class and four shares of the sides, got {line[:80]!r}")
    is_named = number in range(len(names))
    if not is_named:
        gathering.fault(UNNAMED, place, f"class {number:g} has no name among {len(names)}", f"class {number:g}")
    if not _is_box(shares) and not _is_polygon(shares):
        gathering.fault(NO_NUMBERS, place, f"expected four shares of the sides, or a polygon, got {line[:80]!r}")
        gathering.add_box(name, None, place)
        return
    if not all(-SLACK <= value <= 1 + SLACK for value in shares):
        gathering.fault(OUTSIDE, place, f"expected four shares of the sides from 0 to 1, got {line[:80]!r}")
        gathering.add_box(name, None, place)
        return
    box, score = _about(shares) if _is_polygon(shares) else _scored(shares)
    if gathering.faults is None and (box.width <= 0 or box.height <= 0):
        gathering.empty += 1
        return
    kind = kind_of(names[int(number)]) if is_named else f"class {number:g}"
    gathering.add_box(name, gathering.region(box, kind, score, (), place), place)


def _is_box(shares: Sequence[float]) -> bool:
    return len(shares) in (4, 5)


def _is_polygon(shares: Sequence[float]) -> bool:
    """Whether shares are corners, and not a box with key points, which is as long.

    Of a box the second pair are its sides. As a corner it would mostly lie far from all others, farther than these lie
    from each other, and no polygon has such a corner.
    """
    if len(shares) < 2 * _FEWEST_CORNERS or len(shares) % 2:
        return False
    second = shares[2:4]
    left, top, right, bottom = _about([*shares[:2], *shares[4:]])[0]
    far = max(right - left, bottom - top)
    return left - far <= second[0] <= right + far and top - far <= second[1] <= bottom + far


def _scored(shares: Sequence[float]) -> tuple[Box, float]:
    """A box, and how sure a detector was of it."""
    x, y, width, height, *score = shares
    box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return box, min(1.0, max(0.0, *score)) if score else 1.0


def _about(corners: Sequence[float]) -> tuple[Box, float]:
    """The smallest box about a polygon."""
    across, down = corners[::2], corners[1::2]
    return Box(min(across), min(down), max(across), max(down)), 1.0


def _line(region: Region, kinds: Sequence[str], name: str, marked: Marked) -> str:
    if marked.size is None:
        raise ValueError(f"`annotations`: the size of {name} is not known, in whose shares YOLO's boxes are")
    box = region.box.scaled(1 / marked.size[0], 1 / marked.size[1])
    middle = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    numbers = (*middle, box.width, box.height, *([] if region.score == 1 else [region.score]))
    return " ".join([str(kinds.index(region.kind)), *(f"{value:.8g}" for value in numbers)]) + "\n"
