"""The record of a restoration: all that is needed to do it again to the byte, and to trust it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json

KIND = "nflows-heritage restoration"
_SEAL = "record_sha256"
"""The entry with the digest of all the others."""
_DIGEST = 64


class RecordError(ValueError):
    """A file that is no record of a restoration; the message says why."""


@dataclass(frozen=True)
class Record:
    """What was done with a picture.

    Arguments:
        source: The path of the picture as it was, from the folder of the record if it can be.
        source_sha256: The SHA-256 of its file.
        result: The name of the file of the restored picture, beside the record.
        result_sha256: Its SHA-256.
        change: The name of the picture of the change, beside it.
        change_sha256: Its SHA-256.
        change_percent: The part of the pixels that were changed, in percent.
        kind: What the picture suffers from, as a person said or the inspector found; ``clean`` if from nothing.
        found: What the inspector said, if it was asked: the probability of each kind.
        engine: The engine, by its name or the path of its run.
        weights_sha256: The SHA-256 of its weights, if it has some.
        chosen: What the engine chose for this picture.
        strength: The part of the change that was made.
        tile: The side of the tiles.
        mask: The path of the mask, if there was one.
        mask_sha256: Its SHA-256.
        metadata: The policy that the metadata are under.
        quality: The quality of the file, if it has one.
        seed: The seed of the run, by which that of the picture is drawn.
        versions: The versions of what decides the pixels.
    """

    source: str
    source_sha256: str
    result: str
    result_sha256: str
    change: str
    change_sha256: str
    change_percent: float
    kind: str
    found: Mapping[str, float] | None
    engine: str
    weights_sha256: str | None
    chosen: Mapping[str, Any]
    strength: float
    tile: int | None
    mask: str | None
    mask_sha256: str | None
    metadata: str
    quality: int | None
    seed: int
    versions: Mapping[str, str | None]

    def write(self, path: Path) -> None:
        """Writes the record as JSON, whole or not at all, with a digest of itself."""
        content = {"record": KIND, **asdict(self)}
        with atomic_write(path, "w") as file:
            file.write(to_json({**content, _SEAL: _digest(content)}, indent=2))


def read_record(path: Path) -> Record:
    """The record that `Record.write` wrote.

    Raises:
        RecordError: The file is no such record, of another version, or somebody has changed it.
        OSError: It cannot be read.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise RecordError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict) or content.get("record") != KIND:
        raise RecordError(f"{path} is no record of a restoration; give the .json file beside a restored picture")
    if content.pop(_SEAL, None) != _digest(content):
        raise RecordError(f"{path} is not as it was written: somebody has changed it; take an intact copy")
    names = {one.name for one in fields(Record)}
    if missing := sorted(names - content.keys()):
        raise RecordError(f"{path} is a record without {', '.join(missing)}; take an intact copy")
    record = Record(**{name: content[name] for name in names})
    _check(path, record)
    return record


def _digest(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a record, whatever the order and the layout of its entries."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check(path: Path, record: Record) -> None:
    texts = ("source", "source_sha256", "result", "result_sha256", "kind", "engine", "metadata")
    if wrong := [name for name in texts if not isinstance(getattr(record, name), str)]:
        raise RecordError(f"{path}: {wrong[0]} must be a word")
    if wrong := [name for name in ("source_sha256", "result_sha256") if len(getattr(record, name)) != _DIGEST]:
        raise RecordError(f"{path}: {wrong[0]} is no SHA-256")
    if not isinstance(record.strength, int | float) or not 0 <= record.strength <= 1:
        raise RecordError(f"{path}: the strength must be from 0 to 1")
    if Path(record.result).name != record.result:
        raise RecordError(f"{path}: the result must be the name of a file")
