"""Commands that may take so long and no longer, and what became of each."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAIL = 6000
"""Characters of a command's output that the report repeats; its log has all of them."""


@dataclass(frozen=True)
class Step:
    """A command with a limit of its own.

    Arguments:
        name: The step's name, and that of its log.
        command: The program and its arguments.
        seconds: The limit.
        figures: What reads the step's figures from its log, which a step that was killed may have left unfinished.
    """

    name: str
    command: tuple[str, ...]
    seconds: float
    figures: Callable[[str], Any] = lambda log: None


def run(step: Step, limit: float, log: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Runs the command of a step for at most ``limit`` seconds, and ends it with all of its children then.

    Returns:
        Its exit status (None where there was no program to start), time, output and figures.
    """
    start, rc, timed_out = time.monotonic(), None, False
    with log.open("wb") as output:
        try:
            rc, timed_out = _run(step.command, limit, output.fileno(), environment)
        except OSError as error:
            output.write(f"{step.command[0]}: {error.strerror}".encode())
    text = log.read_text(encoding="utf-8", errors="replace")
    return {
        "rc": rc,
        "seconds": round(time.monotonic() - start, 2),
        "timed_out": timed_out,
        "figures": _figures(step, text),
        "output_tail": text[-TAIL:],
    }


def _run(command: tuple[str, ...], limit: float, output: int, environment: Mapping[str, str]) -> tuple[int, bool]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=dict(environment), start_new_session=True
    )
    timed_out = False
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        # A compiler that the step started outlives it otherwise, and takes the time of the next.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        rc = process.wait()
    return rc, timed_out


def _figures(step: Step, log: str) -> Any:
    try:
        return step.figures(log)
    except (ValueError, LookupError, OSError) as error:
        return {"missing": f"{type(error).__name__}: {error}"}
