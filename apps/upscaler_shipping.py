"""How a model that comes with nflows-sr is trained, and put there with a card of its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json
from nflows_core.training import EngineConfig, StepMetrics
from nflows_sr import shipped
from nflows_sr.training import load_model, read_run, resume, train
from nflows_sr.training.report import report_run
from nflows_sr.training.runs import save_run

_DATA = "T91 and CBSD40"
"""A user's pictures lie elsewhere: the name says what they were."""


def trained(
    data: Path,
    run: Path,
    name: str,
    settings: Mapping[str, Any],
    config: EngineConfig,
    start: Path | None,
    title: str,
) -> None:
    """Trains a run to its end, if it is not there, and reports it by a title.

    Raises:
        ValueError: The run that is there has other settings of the engine.
    """

    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step * config.epochs % total == 0:
            print(f"{run.name} epoch {metrics.epoch}  {metrics.loss:.5f}  {metrics.seconds:.0f} s", flush=True)

    begun = (run / CONFIG_FILE).exists()
    if begun and (stored := read_run(run).training) != config:
        raise ValueError(f"{run} is of {stored.epochs} epochs and other settings; give these, or another --output")
    if (run / WEIGHTS_FILE).exists():
        return
    if begun:
        resume(run, data, progress=progress)
    else:
        train(data, run, name, settings, config, start=start, progress=progress)
    report_run(run, title)


def ship(run: Path, name: str, card: str, figures: Mapping[str, object], *, start: str) -> Path:
    """Copies a run into the package.

    Arguments:
        run: The run, finished and reported.
        name: Of the model.
        card: The file beside this one that is its card, but for the figures.
        figures: Those of the card that its training does not tell.
        start: What it began with, if it began with weights.

    Returns:
        The folder in the package.
    """
    stored = read_run(run)
    folder = shipped.find(name, int(stored.settings["scale"]))
    began_with = None if stored.start is None else start
    save_run(folder, replace(stored, data=_DATA, start=began_with), load_model(run, stored))
    text = (Path(__file__).parent / card).read_text(encoding="utf-8")
    values = {**_training(run), **figures, "bytes": (folder / WEIGHTS_FILE).stat().st_size}
    with atomic_write(folder / "README.md", "w") as file:
        file.write(text.format(**values))
    return folder


def _training(run: Path) -> dict[str, object]:
    """What a card says of every training."""
    stored, report = read_run(run), read_json(run / "report.json")
    return {
        "scale": stored.settings["scale"],
        "parameters": f"{report['parameters']:,}",
        "train": report["train_pictures"],
        "test": report["test_pictures"],
        "minutes": f"{report['seconds'] / 60:.0f}",
        "epochs": stored.training.epochs,
        "settings": json.dumps(stored.settings),
        "training": json.dumps(vars(stored.training)),
    }
