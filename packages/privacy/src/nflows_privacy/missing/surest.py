"""The surest sign that a detector found in each scene: a sign that stands there is not missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.missing.scenes import Scene

_NAMED = 3


def surest_signs(found: Path, scenes: Sequence[Scene]) -> dict[str, float]:
    """The score of the surest box in each scene, by its name; 0 where none was found.

    Arguments:
        found: The boxes of a detector with scores, of any format that `read_boxes` reads.
        scenes: The scenes.

    Raises:
        ValueError: The file is none, or tells nothing of some of the scenes.
        OSError: It cannot be read.
    """
    boxes = read_boxes(found)
    names = {scene.name: boxes.find(scene.name) for scene in scenes}
    if lacking := [name for name, there in names.items() if there is None]:
        few = ", ".join(lacking[:_NAMED]) + (", …" if len(lacking) > _NAMED else "")
        raise ValueError(f"{found}: tells nothing of {len(lacking)} scenes: {few}; detect in their folder")
    return {
        name: max((one.score for one in boxes.pictures[there].regions), default=0.0)
        for name, there in names.items()
        if there is not None
    }
