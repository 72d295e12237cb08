"""The surest sign that a detector found in each scene: a sign that stands there is not missing.

Signs are found in a folder of scenes part by part, since one part holds pictures of the names of the other: ``FOUND``
has ``missing/boxes.csv`` and ``standing/boxes.csv``, as ``nflows privacy detect SCENES/missing -o FOUND/missing``
leaves the first. Or it is one table, of pictures as ``missing/00001.png``. Names agree in full: a picture of the other
part would be another scene.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from nflows_core.runtime.files import sha256
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.missing.scenes import BOXES, ERASED_PART, STANDING_PART, Scene

_NAMED = 3


def tables_of(found: Path) -> dict[str, Path]:
    """The tables of what was found, by what the names of scenes begin with that each is about.

    Raises:
        ValueError: A folder has none.
    """
    if not found.is_dir():
        return {"": found}
    parts = {f"{part}/": found / part / BOXES for part in (ERASED_PART, STANDING_PART)}
    tables = {start: table for start, table in parts.items() if table.is_file()}
    if not tables:
        raise ValueError(
            f"{found}: has neither {ERASED_PART}/{BOXES} nor {STANDING_PART}/{BOXES}; detect in both folders of the"
            " scenes, each into one of that name"
        )
    return tables


def digest_of(found: Path) -> str:
    """By what all that was found is known again."""
    return hashlib.sha256("".join(sha256(table) for table in tables_of(found).values()).encode()).hexdigest()


def surest_signs(found: Path, scenes: Sequence[Scene]) -> dict[str, float]:
    """The score of the surest box in each scene, by its name; 0 where none was found.

    Arguments:
        found: The boxes of a detector with scores: a folder of both parts, or a table.
        scenes: The scenes.

    Raises:
        ValueError: It is none, or tells nothing of some of the scenes.
        OSError: A file cannot be read.
    """
    scores: Mapping[str, float] = {
        start + name: max((one.score for one in marked.regions), default=0.0)
        for start, table in tables_of(found).items()
        for name, marked in read_boxes(table).pictures.items()
    }
    if lacking := [scene.name for scene in scenes if scene.name not in scores]:
        few = ", ".join(lacking[:_NAMED]) + (", …" if len(lacking) > _NAMED else "")
        raise ValueError(f"{found}: tells nothing of {len(lacking)} scenes: {few}; detect in their folders")
    return {scene.name: scores[scene.name] for scene in scenes}
