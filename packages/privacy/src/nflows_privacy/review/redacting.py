"""The command that redacts, run from the page in a process of its own."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO, Any

from nflows_core.runtime.folders import is_inside
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, visible
from nflows_core.runtime.ownership import STATUS_FILE

_LINES, _LONGEST = 20, 500


class Redacting:
    """One run of a command at a time: what it says, and what became of each picture.

    Arguments:
        command: The words of the command.
        shown: The same as a person would write it.
        folder: The folder of its results.
    """

    def __init__(self, command: Sequence[str], shown: str, folder: Path) -> None:
        self.shown = shown
        self._command = command
        self._folder = folder
        self._told: deque[str] = deque(maxlen=_LINES)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begins.

        Raises:
            ValueError: It has begun and not ended.
            OSError: The command cannot be run.
        """
        if self._is_running():
            raise ValueError("the pictures are being redacted already")
        self._told.clear()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def state(self) -> dict[str, Any]:
        """Whether it runs, its exit code once it has ended, and the last lines that it said."""
        is_running = self._is_running()
        code = None if self._process is None else self._process.poll()
        return {"command": self.shown, "is_running": is_running, "exit_code": code, "told": list(self._told)}

    def result(self, source: Path) -> Path:
        """The redacted picture.

        Raises:
            ValueError: There is none, and why.
            OSError: The log of the results cannot be read.
        """
        match self._outcomes().get(str(source)):
            case {"status": "done" | "skipped", "output": str(name)}:
                path = self._folder / name
            case {"status": "failed", "error": str(error)}:
                raise ValueError(f"{source.name} was not redacted: {visible(error)}")
            case _:
                raise ValueError(f"{source.name} is not redacted yet")
        if path.is_symlink() or not path.is_file() or not is_inside(path, [self._folder.resolve()]):
            raise ValueError(f"{name} is not among the results any more; redact again")
        return path

    def close(self) -> None:
        """Ends the command, which leaves nothing half written."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _listen(self, stream: IO[str]) -> None:
        with stream:
            self._told.extend(visible(line.rstrip())[:_LONGEST] for line in stream)

    def _outcomes(self) -> Mapping[str, Any]:
        """The last line of the log about each input."""
        outcomes: dict[str, Any] = {}
        path = self._folder / STATUS_FILE
        if not path.is_file():
            return outcomes
        with path.open("rb") as file:
            for text in iter(lambda: file.readline(MOST_JSON_BYTES), b""):
                try:
                    line = parse_json(text)
                except ValueError:
                    continue  # being written
                if isinstance(line, dict):
                    outcomes[str(line.get("input"))] = line
        return outcomes
