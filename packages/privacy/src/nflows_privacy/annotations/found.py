"""What was found in one picture or video, in a JSON file that is tied to it by its SHA-256."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, read_json, to_json
from nflows_privacy.regions import Region

FORMAT = "nflows-privacy-found"
VERSION = 1

Regions = tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The regions of a picture, or those of each frame of a video.

    Arguments:
        sha256: The SHA-256 of the file that was searched, in small letters.
        width: The width of the upright picture in pixels, in which the boxes are counted.
        height: Its height.
        regions: The regions of a picture.
        frames: The regions of each frame of a video, in the order in which they are shown; nothing of a picture.

    Raises:
        ValueError: The SHA-256 is none, the picture has no pixels, or there are regions of a picture and frames.
    """

    sha256: str
    width: int
    height: int
    regions: Regions = ()
    frames: tuple[Regions, ...] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"`sha256`: expected 64 digits in small letters, got {self.sha256!r}")
        if min(self.width, self.height) < 1:
            raise ValueError(f"`width` and `height`: expected numbers above 0, got {self.width} x {self.height}")
        if self.regions and self.frames is not None:
            raise ValueError("`regions`: a video has regions in its `frames` only")


def write_found(path: str | Path, found: Found) -> None:
    """Writes what was found, whole or not at all.

    Raises:
        ValueError: It is too much for a file that `read_found` reads.
        OSError: The file cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": found.sha256,
        "width": found.width,
        "height": found.height,
        "regions": _written(found.regions),
        "frames": None if found.frames is None else [_written(frame) for frame in found.frames],
    }
    text = to_json(content, separators=(",", ":")) + "\n"
    if len(text.encode()) > MOST_JSON_BYTES:
        raise ValueError(f"{path}: would be larger than {MOST_JSON_BYTES:,} bytes; cut the video into parts")
    with atomic_write(path, "w") as file:
        file.write(text)


def read_found(path: str | Path) -> Found:
    """What `write_found` wrote; coordinates are to a hundredth of a pixel, rounded outwards.

    Raises:
        ValueError: The file is another one, of a version that is not known, or damaged.
        OSError: It cannot be read.
    """
    try:
        return _found(read_json(Path(path)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}; make it again by `nflows privacy detect`") from error


def require_source(found: Found, source: str | Path) -> None:
    """Refuses what was found in another file.

    Raises:
        ValueError: The source has another SHA-256 than the file that was searched.
        OSError: It cannot be read.
    """
    if (digest := sha256(source)) != found.sha256:
        raise ValueError(
            f"{source}: its regions were found in another file, of SHA-256 {found.sha256[:12]}…, and this one has"
            f" {digest[:12]}…; detect again, or give the file that was searched"
        )


def _written(regions: Sequence[Region]) -> list[dict[str, Any]]:
    return [region.to_json() for region in regions]


def _found(content: Any) -> Found:
    match content:
        case {
            "format": str(name),
            "version": int(number),
            "sha256": str(digest),
            "width": int(width),
            "height": int(height),
            "regions": list(regions),
            "frames": None | list() as frames,
        } if (name, number) == (FORMAT, VERSION):
            each = None if frames is None else tuple(map(_read, frames))
            return Found(digest, width, height, _read(regions), each)
        case {"format": str(name), "version": number} if name == FORMAT:
            is_known = number == VERSION
            what = "lacks a part, or has a damaged part" if is_known else f"has version {number}, not {VERSION}"
            raise ValueError(what)
    raise ValueError(f"is no file of regions, which says format {FORMAT!r}")


def _read(regions: Any) -> Regions:
    match regions:
        case list():
            return tuple(map(Region.from_json, regions))
    raise ValueError(f"expected a list of regions in each frame, got {type(regions).__name__}")
