"""By what a result is known as that of the same work on the same input, so that it need not be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nflows_core.runtime.files import sha256
from nflows_core.runtime.foreign_text import to_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NO_MATTER: Mapping[str, Any] = MappingProxyType({"decides": False})
"""The metadata of a field of settings that says how something is computed, and by which no result is another one."""


def recipe_of(settings: DataclassInstance, *further: Any) -> str:
    """By what the results of a function with these settings are known: 16 hexadecimal digits.

    Arguments:
        settings: The function, a dataclass of JSON's own types, or its settings; fields with `NO_MATTER` do not count.
        further: All else that decides, JSON's own types: a seed, the SHA-256 of weights by their names.
    """
    kind = f"{type(settings).__module__}.{type(settings).__qualname__}"
    how = {one.name for one in fields(settings) if not one.metadata.get("decides", True)}
    decisive = {name: value for name, value in asdict(settings).items() if name not in how}
    text = to_json([kind, decisive, *further], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source_facts(source: Path) -> dict[str, Any]:
    """By what a source is known again: ``sha256``, ``bytes``, its size, and ``changed_ns``, its time."""
    found = source.stat()
    return {"sha256": sha256(source), "bytes": found.st_size, "changed_ns": found.st_mtime_ns}


def is_result_of(recipe: str, source: Path, result: Mapping[str, Any] | None) -> bool:
    """Whether a result has this recipe, and is of what the source holds now: read if its size or time is another.

    Arguments:
        recipe: The recipe that counts now.
        source: The input.
        result: What a process has returned: ``recipe`` and the `source_facts` of then among it.

    Raises:
        OSError: The source cannot be read.
    """
    match result:
        case {"recipe": str(made_by), "sha256": str(digest), "bytes": int(size), "changed_ns": int(time)}:
            if made_by != recipe:
                return False
            found = source.stat()
            return (size, time) == (found.st_size, found.st_mtime_ns) or sha256(source) == digest
    return False
