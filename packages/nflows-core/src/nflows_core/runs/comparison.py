r"""Several models on the same data, trained alike and timed in turn: the rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from nflows_core.data.images import Images
from nflows_core.data.read import read_as
from nflows_core.data.reading import Reading
from nflows_core.data.split import SplitName
from nflows_core.evaluation import (
    density,
    median_milliseconds,
    sampling,
    training,
)
from nflows_core.flow import Flow
from nflows_core.models import ModelChoice, argument_names
from nflows_core.runs import experiment
from nflows_core.runs.data import check_same
from nflows_core.runs.folder import Run, load_on_device, read_run
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runs.report import quality
from nflows_core.runtime.curve import Curve, finite
from nflows_core.runtime.ownership import claim_folder, refuse_foreign
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_core.training import DivergedError, StepMetrics, TrainingConfig
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve

TABLE_FILE = "rows.csv"
Progress = Callable[[str, StepMetrics, int], None]
"""Called after every update with the candidate, its metrics and the number of its updates."""


def compare(
    data: str,
    folder: str | Path,
    candidates: Sequence[ModelChoice],
    arguments: Mapping[str, Any],
    config: TrainingConfig,
    *,
    size: int | None = None,
    bits: int | None = None,
    splits: str | None = None,
    skip_others: bool = False,
    rounds: int = 5,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Trains every candidate with the same settings, measures all, and writes a report.

    A candidate whose run in the folder is finished is not trained again, and one that was stopped goes on. One that
    diverges is left out of the rows and named in the report.

    Arguments:
        data: The data set, as `read_images` takes it.
        folder: The folder for the report, and for a run folder of each candidate.
        candidates: The models, at least one; times are related to those of the first.
        arguments: The arguments of every model that takes them; a candidate's own come first.
        config: The settings of every training.
        size: The side of the square that every image is scaled and cropped to; unchanged if not given.
        bits: The bits of a pixel that are kept; see `Reading`, as for the others.
        splits: The top folders of the splits.
        skip_others: Whether files beside the pictures are skipped.
        rounds: The number of times that everything is timed.
        progress: The function that is called after every update.

    Raises:
        FileExistsError: The folder holds files that are not ours.
        ValueError: Two candidates are the same, or a run in the folder was trained otherwise.
    """
    folder = Path(folder)
    kind = "comparison", (TABLE_FILE, *REPORT_FILES)
    refuse_foreign(folder, *kind)
    texts = [candidate.text for candidate in candidates]
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise ValueError(f"{twice[0]} is given twice")
    reading = Reading(size, bits, splits, skip_others)
    images = {split: read_as(data, split, reading) for split in get_args(SplitName)}
    claim_folder(folder, *kind)
    failures: dict[str, str] = {}
    for candidate in candidates:
        own = arguments_of(candidate, arguments)
        plan = Run(candidate.model, own, data, size, (), config, bits, splits, skip_others)
        try:
            _train(folder / _slug(candidate.text), plan, images, _named(progress, candidate.text))
        except DivergedError as error:
            failures[candidate.text] = str(error)
    trained = {text: load_on_device(folder / _slug(text)) for text in texts if text not in failures}
    if not trained:
        raise ValueError(f"every candidate diverged: {'; '.join(failures.values())}")
    measured = _rows(folder, trained, images["test"], rounds, config.seed)
    return _report(folder, measured, failures, {"data": Path(data).name, "size": size, "training": asdict(config)})


def rows_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a report that `compare` wrote, each with all that was measured of a model."""
    rows = zip(*report["tables"].values(), strict=True)
    return [{name: value for part in parts for name, value in part.items()} for parts in rows]


def arguments_of(candidate: ModelChoice, common: Mapping[str, Any]) -> dict[str, Any]:
    """What the candidate's preset is given: what it takes of the common arguments, and its own."""
    known = argument_names(candidate.model)
    return {**{name: value for name, value in common.items() if name in known}, **candidate.arguments}


def time_flows(flows: Mapping[str, Flow], rounds: int = 5) -> list[dict[str, Any]]:
    """A row for each flow: milliseconds of 100 images, the flows taking turns, and their ratios to the first one's."""
    works = [make(flow) for flow in flows.values() for make in (sampling, density, training)]
    milliseconds = median_milliseconds(works, rounds)
    times = [milliseconds[i : i + 3] for i in range(0, len(milliseconds), 3)]
    return [{"model": text, **_times(own, times[0])} for text, own in zip(flows, times, strict=True)]


def _train(
    folder: Path, plan: Run, images: Mapping[SplitName, Images], progress: Callable[[StepMetrics, int], None] | None
) -> None:
    if not (folder / CONFIG_FILE).exists():
        experiment.train(
            plan.data, folder, plan.model, plan.arguments, plan.training, **asdict(plan.reading), progress=progress
        )
        return
    run = read_run(folder)
    kept = {name: run.arguments.get(name) for name in plan.arguments}
    if (run.model, kept, run.reading, run.training) != (plan.model, plan.arguments, plan.reading, plan.training):
        raise ValueError(f"{folder} holds a run with other settings; choose another folder, or remove it")
    for split, part in images.items():
        check_same(folder, run, split, part, plan.data)
    if not (folder / WEIGHTS_FILE).exists():
        experiment.resume(plan.data, folder, progress=progress)


def _rows(folder: Path, flows: Mapping[str, Flow], test: Images, rounds: int, seed: int) -> list[dict[str, Any]]:
    return [
        {"model": text, **_quality(flow, test, seed), **_training(folder / _slug(text)), **times}
        for (text, flow), times in zip(flows.items(), time_flows(flows, rounds), strict=True)
    ]


def _quality(flow: Flow, test: Images, seed: int) -> dict[str, Any]:
    measured = quality(flow, test, seed)
    bits = measured["bits_per_dim"]
    return {**measured, "nats_per_image": None if bits is None else bits * math.prod(flow.shape) * math.log(2)}


def _times(own: Sequence[float], reference: Sequence[float]) -> dict[str, float]:
    names = ("sampling", "forward", "training")
    milliseconds = {f"{name}_ms_per_100": value for name, value in zip(names, own, strict=True)}
    ratios = {f"{name}_ratio": value / first for name, value, first in zip(names, own, reference, strict=True)}
    return {**milliseconds, **ratios}


def _training(folder: Path) -> dict[str, Any]:
    last = {column: read_curve(folder / METRICS_FILE, column)[-1][1] for column in ("epoch", "seconds")}
    return {"epochs": int(last["epoch"]), "seconds": last["seconds"]}


def _report(
    folder: Path, rows: Sequence[dict[str, Any]], failures: Mapping[str, str], settings: dict[str, Any]
) -> dict[str, Any]:
    timed = [key for key in rows[0] if key.endswith(("_ms_per_100", "_ratio"))]
    quality = [{key: value for key, value in row.items() if key not in timed} for row in rows]
    times = [{key: row[key] for key in ("model", *timed)} for row in rows]
    write_csv(folder / TABLE_FILE, rows)
    return write_report(
        folder,
        f"Comparison on {settings['data']}",
        {"settings": settings, "diverged": dict(failures)},
        seed=settings["training"]["seed"],
        tables=[Table("Models", quality), Table("Times, and their ratios to those of the first", times)],
        curves=_curves(folder, rows),
    )


def _curves(folder: Path, rows: Sequence[dict[str, Any]]) -> list[Curve]:
    """Without the untrained flows, where there is more to see: they would squeeze all that follows."""
    curves = {
        str(row["model"]): read_curve(folder / _slug(row["model"]) / TEST_METRICS_FILE, "bits_per_dim") for row in rows
    }
    later = {model: finite(points[1:] if len(points) > 2 else points) for model, points in curves.items()}
    lines = {model: points for model, points in later.items() if points}
    return [Curve("Bits per dimension of the test images", "updates", "bits per dimension", lines)] if lines else []


def _named(progress: Progress | None, text: str) -> Callable[[StepMetrics, int], None] | None:
    return None if progress is None else lambda metrics, total: progress(text, metrics, total)


def _slug(text: str) -> str:
    """The text as the name of a folder on every system."""
    return text.replace(":", "-").replace("=", "-").replace(",", "-")
