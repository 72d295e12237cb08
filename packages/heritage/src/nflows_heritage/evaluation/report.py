"""What a comparison tells: means with their intervals, of each kind of damage and each engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.intervals import student
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import write_csv, write_report
from nflows_heritage.distortions import CLEAN
from nflows_heritage.evaluation.comparing import Question

KIND = "comparison of restorations"
ROWS = "rows.csv"
GAINS, LEVELS, FOUND = "Gains by damage", "By damage and level", "What was found"
Row = Mapping[str, Any]
_AVERAGED = ("input_psnr_db", "psnr_db", "gain_db", "input_ssim", "ssim", "input_lpips", "lpips")


def write_comparison(question: Question, rows: Sequence[Row], folder: Path) -> dict[str, Any]:
    """Writes ``report.json``, ``report.html`` and ``rows.csv``; returns the content of the first.

    Arguments:
        question: What was compared.
        rows: What `compare` gave.
        folder: The folder of the report; made if it is missing.

    Raises:
        OSError: The folder is not ours, or cannot be written to.
    """
    claim_folder(folder, KIND, [ROWS])
    write_csv(folder / ROWS, iter(rows))
    tables = [Table(GAINS, gains(rows)), Table(LEVELS, by_level(rows))]
    if question.find:
        tables.append(Table(FOUND, found(rows)))
    about = {
        "pictures": len(question.pictures),
        "engines": list(question.engines),
        "kind_is_found": question.find,
        "readings": {
            "gain_db": "PSNR of all samples after less before, the mean of pictures, each the mean of its levels; with"
            " Student's 95 % interval over the pictures",
            "lowest_gain_db": "of all pictures and levels",
            **({"lpips": "by VGG16, version 0.1: less is nearer"} if question.with_lpips else {}),
        },
    }
    return write_report(
        folder,
        "Restorations compared",
        about,
        seed=question.seed,
        inputs=question.pictures,
        tables=tables,
        packages=["nflows-heritage", "nflows-sr"],
    )


def gains(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A row for each kind and engine, of the means of each picture over its levels."""
    return [
        {"kind": kind, "engine": engine, **_means(own), "lowest_gain_db": min(row["gain_db"] for row in own)}
        for (kind, engine), own in _grouped(rows, "kind", "engine").items()
    ]


def by_level(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for each level."""
    groups = _grouped(rows, "kind", "level", "engine")
    return [
        {"kind": kind, "level": level, "engine": engine, **_means(own)} for (kind, level, engine), own in groups.items()
    ]


def found(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How often the kind was found, and how often damage was found at all."""
    first = rows[0]["engine"]
    groups = _grouped([row for row in rows if row["engine"] == first], "kind")
    return [
        {
            "kind": kind,
            "pictures": len(own),
            "right_percent": 100 * sum(row["found"] == kind for row in own) / len(own),
            "called_clean_percent": 100 * sum(row["found"] == CLEAN for row in own) / len(own),
        }
        for (kind,), own in groups.items()
    ]


def _means(rows: Sequence[Row]) -> dict[str, Any]:
    names = [name for name in _AVERAGED if name in rows[0]]
    pictures = list(_grouped(rows, "picture").values())
    means = {name: [_mean([row[name] for row in own]) for own in pictures] for name in names}
    interval = student(means["gain_db"])[1:] if len(pictures) > 1 else None
    return {**{name: _mean(values) for name, values in means.items()}, "gain_db_interval_95": interval}


def _mean(values: Sequence[float | None]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _grouped(rows: Sequence[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups
