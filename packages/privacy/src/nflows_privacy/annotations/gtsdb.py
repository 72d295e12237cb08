"""Annotations as the German Traffic Sign Detection Benchmark has them: ``gt.txt``, a line for each sign.

A line is ``image;left;top;right;bottom;class``, in pixels, the class a number from 0 to 42
(`nflows_privacy.annotations.groups`). A picture that no line names has no signs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nflows_privacy.annotations.annotated import Annotations, Gathering
from nflows_privacy.annotations.faults import NO_NUMBERS, UNNAMED, Faults
from nflows_privacy.annotations.groups import GTSDB_CLASSES
from nflows_privacy.regions import Box

_LINE = re.compile(r"[^;\s][^;]*\.\w+\s*(;[^;]*){5}")
_FIELDS = 6


def is_gtsdb(first_line: str) -> bool:
    """Whether the first line of a file is that of such a file.

    Example:
        >>> is_gtsdb("00000.ppm;774;411;815;446;11"), is_gtsdb("0 0.5 0.5 0.1 0.1")
        (True, False)
    """
    return _LINE.fullmatch(first_line.strip()) is not None


def gtsdb_annotations(path: Path, classes: Sequence[str] = (), faults: Faults | None = None) -> Annotations:
    """The boxes of such a file.

    Arguments:
        path: The file.
        classes: The names of the classes by their numbers; by default those of the benchmark.
        faults: Gets what is wrong with single lines, which then stops nothing.

    Raises:
        ValueError: It is no such file, or a line is no box and there are no ``faults``; it is named.
        OSError: The file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no text in UTF-8; correct it") from error
    gathering, names = Gathering(faults), tuple(classes) or GTSDB_CLASSES
    for number, line in enumerate(lines, 1):
        if line.strip():
            _add(gathering, line, names, f"{path}, line {number}")
    kinds = {region.kind for found in gathering.pictures.values() for region in found}
    return gathering.done(str(path), sorted(kinds))


def _add(gathering: Gathering, line: str, names: Sequence[str], place: str) -> None:
    words = [word.strip() for word in line.split(";")]
    if len(words) != _FIELDS or not words[0]:
        raise ValueError(f"{place}: expected image;left;top;right;bottom;class, got {line[:80]!r}; correct it")
    gathering.add(words[0])
    try:
        box, number = Box(*map(float, words[1:5])), int(words[5])
    except ValueError:
        gathering.fault(NO_NUMBERS, place, f"expected four numbers and a class, got {line[:80]!r}")
        gathering.add_box(words[0], None, place)
        return
    kind = names[number] if 0 <= number < len(names) else f"class {number}"
    if not 0 <= number < len(names):
        gathering.fault(UNNAMED, place, f"{kind} has no name among {len(names)}", kind)
    gathering.add_box(words[0], gathering.region(box, kind, 1.0, (("class", str(number)),), place), place)
