"""Whose a folder is: into one that no command of ours made, none writes.

What is ours is known by its content, never by its name: the configuration of a run, a report or a mark that a command
leaves in its folder, if it names the version of nflows-core that wrote it, weights with our header, or the log of a
batch.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from nflows_core.runtime.files import atomic_write, is_junk
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, read_json, to_json

MARK_FILE = ".nflows.json"
STATUS_FILE = "status.jsonl"
_STATUS_KEYS = frozenset(("input", "output", "status", "seconds", "error", "result", "written"))
_SIGNED = (MARK_FILE, "config.json", "report.json")
_TENSORS = ("model.safetensors", "checkpoint.safetensors")
_VERSION = "nflows_core"


def claim_folder(folder: Path, kind: str, files: Iterable[str] = ()) -> None:
    """Makes a folder, or takes one that is ours, and leaves a mark in it; to be called before anything is written.

    Arguments:
        folder: The folder of the results, or a link to it, as to one on a larger disk.
        kind: What the folder will hold, in words: another command's results are not replaced.
        files: The names of the files that will be written into it.

    Raises:
        FileExistsError: As `refuse_foreign` does.
        OSError: The folder cannot be made.
    """
    files = list(files)
    refuse_foreign(folder, kind, files)
    folder.mkdir(parents=True, exist_ok=True)
    if not is_ours(folder):
        with atomic_write(folder / MARK_FILE, "w") as file:
            mark = {"kind": kind, "files": files, "versions": {_VERSION: version("nflows-core")}}
            file.write(to_json(mark) + "\n")


def refuse_foreign(folder: Path, kind: str, files: Iterable[str] = ()) -> None:
    """Refuses to write into a folder of somebody else's.

    Raises:
        FileExistsError: The folder holds files and none shows that we made it, or it holds results of another kind, or
            one of ``files`` is a link or no file, so that something elsewhere would be written.
    """
    if not folder.exists():
        return
    if is_ours(folder):
        _refuse_other_kind(folder, kind)
    elif found := next((path for path in sorted(folder.iterdir()) if not is_junk(path.name)), None):
        raise FileExistsError(
            errno.EEXIST,
            f"has files without the mark of an nflows command, such as {found.name}; choose a new or an empty folder",
            str(folder),
        )
    for path in (folder / name for name in (*files, MARK_FILE)):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise FileExistsError(errno.EEXIST, "is a link or no file, and is not written to; remove it", str(path))


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuses to write over an input, whatever it is called; to be called before anything is computed.

    Arguments:
        outputs: The files that will be written.
        inputs: The files that are read.

    Raises:
        FileExistsError: An output is an input, also by another spelling, a link or a hard link; it names the output.
    """
    there = [path for path in inputs if path.exists()]
    for output in outputs:
        if output.exists() and any(map(output.samefile, there)):
            raise FileExistsError(
                errno.EEXIST, "is an input, which is never changed; choose another place for the result", str(output)
            )


def refuse_results(outputs: Iterable[Path]) -> None:
    """Refuses to write a file that is a part of results of ours, which a report describes as a whole.

    What a command writes beside them under another name is no part of them, where the folder's mark tells their names.

    Arguments:
        outputs: Single files that will be written.

    Raises:
        FileExistsError: One is such a part; it names that.
    """
    for output in outputs:
        target = Path(os.path.realpath(output))
        if not is_ours(target.parent):
            continue
        mark = _content(target.parent / MARK_FILE)
        if target.name in _parts(target.parent, mark):
            raise FileExistsError(
                errno.EEXIST,
                f"is a part of results ({mark.get('kind', 'a run')}) that belong together; choose another place",
                str(output),
            )


def _parts(folder: Path, mark: Mapping[str, object]) -> list[str]:
    """The names of the results in a folder of ours: those in its mark, or else all that there is."""
    files = mark.get("files")
    # A batch has more files than its mark tells.
    if isinstance(files, list) and files and not is_status_log(folder / STATUS_FILE):
        return files
    return [path.name for path in folder.iterdir()]


def is_ours(folder: Path) -> bool:
    """Whether a file in the folder shows that a command of ours made it."""
    return (
        any(_is_signed(folder / name) for name in _SIGNED)
        or any(_has_our_header(folder / name) for name in _TENSORS)
        or is_status_log(folder / STATUS_FILE)
    )


def is_status_log(path: Path) -> bool:
    """Whether a line of a file is one of ``status.jsonl``, as `StatusLog` writes it; others may be damaged."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return any(map(_is_status_line, iter(lambda: file.readline(MOST_JSON_BYTES), b"")))


def _is_status_line(text: bytes) -> bool:
    try:
        line = parse_json(text)
    except ValueError:
        return False
    return isinstance(line, dict) and line.keys() == _STATUS_KEYS


def _refuse_other_kind(folder: Path, kind: str) -> None:
    # The mark first: a report may tell of a million files, and is read only where there is none.
    contents = (_content(folder / name) for name in _SIGNED if _is_signed(folder / name))
    own = next((content["kind"] for content in contents if "kind" in content), kind)
    if own != kind:
        raise FileExistsError(
            errno.EEXIST, f"holds another kind of result: {own}, not {kind}; choose another folder", str(folder)
        )


def _is_signed(path: Path) -> bool:
    versions = _content(path).get("versions")
    return isinstance(versions, dict) and _VERSION in versions


def _has_our_header(path: Path) -> bool:
    """Whether a file is one of `write_tensors`; safetensors begins with the length of its header, then the header."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= MOST_JSON_BYTES else b""
    try:
        metadata = parse_json(header)["__metadata__"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(metadata, dict) and _VERSION in metadata


def _content(path: Path) -> dict[str, object]:
    """The object in a JSON file; an empty one if it is no such file."""
    try:
        content = read_json(path) if path.is_file() else None
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
