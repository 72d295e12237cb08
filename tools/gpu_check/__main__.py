"""See what a GPU makes of this repository: build, tests, benchmark and training, eight minutes in all.

    PYTHONPATH=tools python3 -m gpu_check FOLDER

The machine needs nvcc, CMake, ninja, nanobind, torch, pytest and what nflows-core imports, and no package index. FOLDER
gets report.json and a log of each step; the report is whole at each moment, so that nothing is lost when the time is
up. Everything else is written below build/ in the repository. The exit status is 0 if every step succeeded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_check.limits import Step, run
from gpu_check.report import Report
from gpu_check.steps import ROOT, steps

SHORTEST = 1.0
"""Seconds that are not worth a step."""


def check(todo: list[Step], folder: Path, seconds: float, environment: Mapping[str, str], head: dict[str, Any]) -> bool:
    """Runs the steps one after the other, whatever becomes of each, and reports; whether every one succeeded.

    Arguments:
        todo: The steps.
        folder: The folder of the report and the logs.
        seconds: The limit of all steps together.
        environment: The environment of their commands.
        head: What the report begins with.
    """
    end = time.monotonic() + seconds
    report = Report(folder / "report.json", head, todo)
    for index, step in enumerate(todo):
        limit = min(step.seconds, end - time.monotonic())
        if limit < SHORTEST:
            report.update(index, "left out", rc=None, output_tail=f"the {seconds:g} seconds are over")
            continue
        report.update(index, "running", limit_seconds=round(limit, 2))
        result = run(step, limit, folder / f"{step.name}.log", environment)
        report.update(index, "done", **result)
        outcome = "overran" if result["timed_out"] else f"exit status {result['rc']}"
        print(f"{step.name:<20} {outcome:<16} {result['seconds']:>8.1f} s", flush=True)
    return report.finish()


def environment(work: Path, root: Path = ROOT) -> dict[str, str]:
    """That of every step: it finds what was built, else invconv without its solvers, and writes nowhere else."""
    packages = ("invconv/src", "nflows-core/src", "invconv/tests", "nflows-core/tests")
    folders = [work / "site", *(root / "packages" / package for package in packages), root / "tools"]
    temporary = work / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(temporary),
    }


def machine() -> dict[str, Any]:
    """What the machine says of itself."""
    commands = {"gpu": ("nvidia-smi", "-L"), "nvcc": ("nvcc", "--version"), "cmake": ("cmake", "--version")}
    return {"python": sys.version.split()[0], "cpus": os.cpu_count(), **{k: _said(*v) for k, v in commands.items()}}


def _said(*command: str) -> str | None:
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return (done.stdout or done.stderr).strip()[-200:]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the report and the logs")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu rehearses without a GPU")
    parser.add_argument("--seconds", type=float, default=480, help="of all steps; each has its share [480]")
    given = parser.parse_args(arguments)
    if not given.seconds > 0:
        parser.error(f"--seconds: expected a number above 0, got {given.seconds}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the step in progress is ended
    given.folder.mkdir(parents=True, exist_ok=True)
    work = ROOT / "build" / "gpu_check"
    head = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": given.device,
        "limit_seconds": given.seconds,
        "machine": machine(),
    }
    for figures in work.glob("*.json"):
        figures.unlink()  # those of an earlier check are not this one's
    todo = steps(work, given.device, given.seconds)
    return 0 if check(todo, given.folder, given.seconds, environment(work), head) else 1


if __name__ == "__main__":
    sys.exit(main())
