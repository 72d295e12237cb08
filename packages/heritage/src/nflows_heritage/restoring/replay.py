"""A restoration done again by its record, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nflows_core.runtime.files import sha256
from nflows_core.runtime.pictures.work import Writing
from nflows_core.runtime.report import versions
from nflows_heritage.restoring.engines import weights_of
from nflows_heritage.restoring.process import PACKAGES, RestoreFiles
from nflows_heritage.restoring.record import Record, RecordError, read_record
from nflows_heritage.restoring.settings import Restoration


@dataclass(frozen=True)
class Replayed:
    """What came of it.

    Arguments:
        result: The file that was written.
        is_same: Whether it is the recorded one, to the byte.
        differing: What is not as it was when the record was written.
    """

    result: Path
    is_same: bool
    differing: tuple[str, ...]


def replay(path: Path, target: Path, source: Path | None = None) -> Replayed:
    """Restores the picture of a record again.

    Arguments:
        path: The record.
        target: The file of the result, with the suffix of the recorded one.
        source: The place of the picture as it was, if it has moved.

    Raises:
        RecordError: The file is no record, or the picture, its mask or the weights are not those of it.
        OSError: A file cannot be read or written.
    """
    record = read_record(path)
    if target.suffix.lower() != Path(record.result).suffix.lower():
        raise RecordError(f"{target}: the recorded file is {record.result}; give a name with its suffix")
    source = source or path.parent / record.source
    recorded = [path, *(path.with_name(name) for name in (record.result, record.change))]
    if target.exists() and any(target.samefile(one) for one in (source, *recorded) if one.exists()):
        raise RecordError(f"{target} would replace the picture or what was recorded of it; give another name")
    if target.exists() and sha256(target) != record.result_sha256:
        raise RecordError(f"{target} is there, and another file than the recorded one; give a name that is free")
    _check_same(source, record.source_sha256, "the picture")
    mask = None if record.mask is None else path.parent / record.mask
    if mask is not None:
        _check_same(mask, record.mask_sha256, "the mask")
    weights = {name: sha256(file) for name, file in weights_of(record.engine).items()}
    if weights.get("engine") != record.weights_sha256:
        raise RecordError(f"{record.engine} has other weights than when {path} was written; take those it had")
    restoration = Restoration(
        record.kind, record.engine, record.strength, None if mask is None else str(mask), record.tile
    )
    writing = Writing(record.seed, record.metadata, record.quality)  # type: ignore[arg-type]  # `read_record` has looked
    RestoreFiles(restoration, writing, weights).write(source, target)
    return Replayed(target, sha256(target) == record.result_sha256, tuple(_differing(record)))


def _check_same(path: Path, expected: str | None, what: str) -> None:
    if not path.is_file():
        raise RecordError(f"{path}: {what} is not there; say where it is now")
    if sha256(path) != expected:
        raise RecordError(f"{path} is not {what} of the record, by its SHA-256; give that one")


def _differing(record: Record) -> Iterator[str]:
    for name, version in versions(PACKAGES).items():
        if record.versions.get(name) != version:
            yield f"{name} {version} instead of {record.versions.get(name)}"
