"""What a person has looked at and changed, line by line: a review goes on where it stopped, and can be shown later."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nflows_core.runtime.journal import add_line, read_lines

JOURNAL = "review.jsonl"
SEEN, CHANGED = "seen", "changed"


@dataclass
class Journal:
    """The lines of ``review.jsonl``: when which picture was seen or changed, and how many regions it had then.

    A line is on the disk when the function returns; one that a kill cut short counts as nothing.

    Arguments:
        path: The file; it need not be there.

    Raises:
        OSError: It cannot be read.
    """

    path: Path
    _events: dict[str, set[tuple[str, int, int]]] = field(default_factory=lambda: {SEEN: set(), CHANGED: set()})

    def __post_init__(self) -> None:
        for line in read_lines(self.path):
            match line:
                case {
                    "event": "seen" | "changed" as event,
                    "picture": str(name),
                    "bytes": int(size),
                    "changed_ns": int(changed),
                }:
                    self._events[event].add((name, size, changed))

    def has(self, event: str, name: str, source: Path) -> bool:
        """Whether it happened to the picture that there is now, which is told by its size and time."""
        return (name, *_facts(source)) in self._events[event]

    def note(self, event: str, name: str, source: Path, **further: Any) -> None:
        """Adds a line.

        Raises:
            OSError: It cannot be written.
        """
        size, changed = _facts(source)
        add_line(self.path, {"event": event, "picture": name, "bytes": size, "changed_ns": changed, **further})
        self._events[event].add((name, size, changed))


def _facts(source: Path) -> tuple[int, int]:
    found = source.stat()
    return found.st_size, found.st_mtime_ns
