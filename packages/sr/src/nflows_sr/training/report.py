"""What a person asks of a run: its last test, how long it took, and the curves."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.curve import Curve, finite
from nflows_core.runtime.page import words
from nflows_core.runtime.report import write_report
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve
from nflows_sr.training.runs import load_model, read_run

_BEFORE = "_before_training"
_READINGS = {
    "test_psnr": "dB of the network's luma, not rounded, without a border as wide as the scale, grey pictures as RGB; "
    "nflows sr eval measures what nflows sr upscale writes: rounded, and grey pictures as they are"
}
_NO_CURVE = {"step", "epoch", "learning_rate", "seconds"}


def report_run(folder: Path, title: str) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html`` of a finished run, and returns the content of the first.

    A measure of the last test that is not finite is nothing.
    """
    run = read_run(folder)
    model = load_model(folder, run)
    tests, updates = folder / TEST_METRICS_FILE, folder / METRICS_FILE
    return write_report(
        folder,
        title,
        {
            **_tested(tests),
            "train_pictures": run.fingerprint["train"].images,
            "test_pictures": run.fingerprint["test"].images,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "seconds": read_curve(updates, "seconds")[-1][1],
            "readings": _READINGS,
            "run": asdict(run),
        },
        seed=run.training.seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        curves=[*_curves(tests, "of the test pictures, averaged weights"), *_curves(updates, "of the updates")],
        packages=["nflows-sr"],
    )


def got_worse(report: Mapping[str, Any]) -> Iterator[str]:
    """Says where the first measure of a report, which decides, is worse than it was before the training."""
    for name in [name.removesuffix(_BEFORE) for name in report if name.endswith(_BEFORE)][:1]:
        before, after = report[f"{name}{_BEFORE}"], report[name]
        if after is None:
            yield f"{words(name)} is not finite"
        elif before is not None and (after < before) == (name == "test_psnr") and f"{after:.4g}" != f"{before:.4g}":
            yield f"{words(name)} is {after:.4g}, and was {before:.4g} before the training: lower the learning rate"


def _tested(path: Path) -> dict[str, float | None]:
    """The last test and the first, which was before the training."""
    curves = {f"test_{name}": [value for _, value in read_curve(path, name)] for name in _columns(path)}
    tests = {name: values[-1] for name, values in curves.items()}
    tests |= {f"{name}{_BEFORE}": values[0] for name, values in curves.items()}
    return {name: value if math.isfinite(value) else None for name, value in tests.items()}


def _curves(path: Path, of: str) -> Iterator[Curve]:
    """A chart of each column that has points which can be drawn."""
    for name in _columns(path):
        if points := finite(read_curve(path, name)):
            yield Curve(f"{words(name)} {of}", "updates", words(name), {words(name): points})


def _columns(path: Path) -> list[str]:
    """What a curve has besides the place of its rows; nothing of a task that is not tested."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [name for name in next(csv.reader(file)) if name not in _NO_CURVE]
