"""The report of a check, which says at each moment what was done, what is being done and what is still to come."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_check.limits import Step


class Report:
    """``report.json`` of some steps, whole whenever it is read.

    Arguments:
        path: The file.
        head: What the report begins with.
        steps: The steps to come.
    """

    def __init__(self, path: Path, head: Mapping[str, Any], steps: Sequence[Step]) -> None:
        self.path = path
        self.content: dict[str, Any] = {
            **head,
            "finished": False,
            "steps": [{"name": step.name, "state": "waiting", "command": " ".join(step.command)} for step in steps],
        }
        self.write()

    def update(self, index: int, state: str, **entries: Any) -> None:
        """Says that a step is ``running``, ``done`` or ``left out``, and what is known of it."""
        self.content["steps"][index] |= {"state": state, **entries}
        self.write()

    def finish(self) -> bool:
        """Closes the report; whether every step succeeded."""
        self.content["finished"] = True
        self.write()
        return all(step.get("rc") == 0 for step in self.content["steps"])

    def write(self) -> None:
        """Replaces the file, so that nobody finds half of it."""
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(self.content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
