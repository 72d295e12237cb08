"""What is done on the machine, in this order: each step works, as far as it can, where the one before failed."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gpu_check.limits import Step

ROOT = Path(__file__).resolve().parents[2]

SHARES = {"build": 0.27, "doctor": 0.06, "tests-invconv": 0.13, "tests-nflows-core": 0.08, "bench": 0.12, "train": 0.33}
"""What part of the whole time each step may take."""

TRAINING = 0.75
"""What part of its own time the last step trains for: two minutes of eight, and the rest to start and to measure."""

IMAGES = {"cuda": 5000, "cpu": 300}
"""How many pictures it trains on: two epochs of them, which say how many fit, must be done in a fraction of that."""

OUTCOMES = re.compile(r"^(\S+::.+) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)


def steps(work: Path, device: str, seconds: float, root: Path = ROOT) -> list[Step]:
    """The steps of a check that may take so many seconds.

    Arguments:
        work: The folder where the steps put their files.
        device: ``cuda``; or ``cpu``, to rehearse without one.
        seconds: The limit of all steps together.
        root: The repository.
    """
    python, of_device = sys.executable, ("--device", device)
    training = f"{TRAINING * SHARES['train'] * seconds:.1f}"
    images = str(IMAGES[device])
    commands: dict[str, tuple[str, ...]] = {
        "build": (python, "-m", "gpu_check.build", str(work), *of_device),
        "doctor": (python, "-m", "nflows_core.cli", "doctor", "--json"),
        "tests-invconv": cuda_tests(root / "packages/invconv/tests"),
        "tests-nflows-core": cuda_tests(root / "packages/nflows-core/tests"),
        "bench": (python, str(root / "packages/invconv/benchmarks/bench_gpu.py"), "--json", str(work / "bench.json")),
        "train": (
            python, "-m", "gpu_check.train", str(work), *of_device, "--images", images, "--seconds", training
        ),
    }  # fmt: skip
    figures: dict[str, Callable[[str], Any]] = {
        "doctor": printed_json,
        "tests-invconv": outcomes,
        "tests-nflows-core": outcomes,
        **{name: partial(written_json, work / f"{name}.json") for name in ("build", "bench", "train")},
    }
    return [Step(name, commands[name], share * seconds, figures[name]) for name, share in SHARES.items()]


def cuda_tests(folder: Path) -> tuple[str, ...]:
    """The command that runs the tests of a folder that need a GPU.

    Only the files that have such tests, because others import what the machine may lack; and nothing stops at a file
    that cannot be imported, at a warning of a version that the suite does not know, or at a folder that is read-only.
    """
    files = [str(path) for path in sorted(folder.glob("test_*.py")) if "mark.cuda" in path.read_text(encoding="utf-8")]
    options = ["-v", "-m", "cuda", "-p", "no:cacheprovider", "-W", "default", "--import-mode=importlib"]
    return (sys.executable, "-m", "pytest", *options, "--continue-on-collection-errors", *files)


def outcomes(log: str) -> dict[str, Any]:
    """How many tests passed and so on, by the lines that pytest printed so far, and which did not."""
    results = OUTCOMES.findall(log)
    counts = Counter(outcome.lower() for _, outcome in results)
    return {"passed": 0, **counts, "not_passed": [name for name, outcome in results if outcome in ("FAILED", "ERROR")]}


def printed_json(log: str) -> Any:
    """The object that a command printed among its messages."""
    return json.JSONDecoder().raw_decode(log, log.index("{"))[0]


def written_json(path: Path, log: str) -> Any:
    """The figures that a command wrote into a file."""
    return json.loads(path.read_text(encoding="utf-8"))
