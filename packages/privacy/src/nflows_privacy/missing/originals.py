"""Pictures with signs before anything is erased of them: what is known of each, and what is to become of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nflows_privacy.annotations.annotated import Annotations
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.drives.frames import Frame
from nflows_privacy.missing.asked import Asked
from nflows_privacy.missing.scenes import BOXES, COLUMNS, ERASED_PART
from nflows_privacy.redaction.decoys import SIGN, is_meant
from nflows_privacy.redaction.erasing import ERASED, is_hole
from nflows_privacy.regions import IGNORE

BARE = "pictures ask for a sign and have no box of any, and count as scenes whose sign is missing"
OTHERS = "pictures ask for a sign and have boxes of others alone, and count as scenes in which nothing is missing"
UNSURE = "pictures ask for a sign and have boxes that are left out or to be ignored, and are left out: it may stand"
EMPTY = "pictures have no sign in them that could be erased, and are left out of those whose sign is missing"


@dataclass(frozen=True)
class Original:
    """A picture before anything is erased of it.

    Arguments:
        name: Its path below the folder of all, with slashes.
        source: Its file.
        asked: What a person says of it.
        has_sign: Whether it has a sign that is erased.
        has_any: Whether it has a sign of whatever class.
        is_unsure: Whether it has boxes that are left out, or are to be ignored: a sign may stand there all the same.
    """

    name: str
    source: Path
    asked: Asked
    has_sign: bool
    has_any: bool
    is_unsure: bool

    @property
    def is_bare(self) -> bool:
        """Whether the road asks for a sign, and none stands there, so that one is missing without being erased."""
        return self.asked.context is not None and not self.has_any and not self.is_unsure

    @property
    def is_left_out(self) -> bool:
        """Whether nobody knows if the sign stands that the road asks for, so that it is no scene of either kind."""
        return self.asked.context is not None and not self.has_any and self.is_unsure


def originals_of(
    sources: Mapping[str, Path], annotations: Annotations, kinds: Sequence[str], asked: Mapping[str, Asked]
) -> list[Original]:
    """What is known of pictures.

    Arguments:
        sources: Their files, by their names.
        annotations: Their boxes.
        kinds: The classes that are erased, as `is_meant` takes them.
        asked: What a person says of the pictures, by their names.

    Raises:
        ValueError: The table of boxes tells of holes.
    """
    if any(is_hole(region) for one in annotations.pictures.values() for region in one.regions):
        raise ValueError(f"{annotations.source}: tells of boxes that are erased already; give that of the originals")
    found = []
    for name, source in sources.items():
        named = _name(annotations, source)
        regions = () if named is None else annotations.pictures[named].regions
        is_unsure = named in annotations.lacking or any(one.kind == IGNORE for one in regions)
        has_sign, has_any = (any(is_meant(one, words) for one in regions) for words in (kinds, (*kinds, SIGN)))
        known = asked.get(name) or Asked(None, None, Frame(name))
        found.append(Original(name, source, known, has_sign, has_any, is_unsure))
    return found


def _name(annotations: Annotations, source: Path) -> str | None:
    try:
        return annotations.find(source)
    except ValueError:  # which the picture itself will say
        return None


def check_examples(originals: Sequence[Original], table: Path, faults: Faults) -> None:
    """Refuses classes that cannot be learned, and tells of pictures whose boxes do not fit what they ask for.

    Raises:
        ValueError: A class has one example; it is named.
    """
    examples: dict[str, list[str]] = {}
    for one in originals:
        if one.asked.context is not None and (one.has_sign or one.is_bare):
            examples.setdefault(one.asked.context, []).append(one.name)
        if one.is_bare:
            faults.add(BARE, one.name)
        elif one.is_left_out:
            faults.add(UNSURE, one.name)
        elif one.asked.context is not None and not one.has_sign:
            faults.add(OTHERS, one.name)
    if alone := [f"{context} ({names[0]})" for context, names in sorted(examples.items()) if len(names) == 1]:
        raise ValueError(
            f"{table}: one picture cannot teach a class, and it is all there is of {', '.join(alone)}; give more of it,"
            " or leave its `context` empty"
        )


def scene_rows(
    folder: Path,
    part: str,
    originals: Mapping[str, Original],
    groups: Mapping[str, str],
    mask_scale: float,
    faults: Faults,
) -> Iterator[dict[str, Any]]:
    """The rows of the scenes in a part of a folder, for the table that `read_scenes` reads.

    Arguments:
        folder: The folder of both parts.
        part: The part.
        originals: The original of each picture of the part, by its path below the part.
        groups: The groups of the originals, by their names.
        mask_scale: How many times as wide and high as a box what was filled is.
        faults: Gets the pictures that are left out, since their boxes lie outside of them.

    Raises:
        ValueError: The table of boxes in the part is damaged.
        OSError: It cannot be read.
    """
    for below, marked in read_boxes(folder / part / BOXES).pictures.items():
        original = originals[below]
        if original.is_left_out:
            continue
        if part == ERASED_PART and not any(dict(one.attributes).get(ERASED) == "1" for one in marked.regions):
            faults.add(EMPTY, original.name)
            continue
        asked, is_missing = original.asked, part == ERASED_PART or original.is_bare
        cells = (
            f"{part}/{below}", original.name, int(is_missing), asked.context, groups[original.name], asked.frame.drive,
            asked.frame.number, mask_scale,
        )  # fmt: skip
        yield dict(zip(COLUMNS, cells, strict=True))
