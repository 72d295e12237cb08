"""A comparison as tables, pictures and files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.intervals import student
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_sr.evaluation.comparing import ORIGINAL, SMALL, Answer, Measured, Question
from nflows_sr.evaluation.pairs import LEAST_LIKENESS
from nflows_sr.evaluation.published import published
from nflows_sr.metrics.fidelity import MOST_DB

MEANS, PICTURES, FAILURES = "Means", "Pictures", "Failures"
BESIDE = "Beside figures that were published for small pictures by bicubic imresize"
FILES = {MEANS: "means.csv", BESIDE: "published.csv", PICTURES: "pictures.csv"}
KIND = "evaluation of super-resolution"
RESULTS = (*FILES.values(), *REPORT_FILES)
"""What `write_evaluation` writes."""

_KNOWN_SETS = ("Set5", "Set14")

CHANNEL = "Y of ITU-R BT.601 (16 to 235), not rounded; grey pictures as they are"
BORDER = "as many pixels on each side as the scale"
_READINGS = {
    "intervals": "95 %, by Student's t over the pictures",
    "psnr_db": f"{MOST_DB:.0f} at most, which a picture has that is the original exactly; every mean is of all",
    "likeness": f"correlation of a small picture with the original made small; of others it is below {LEAST_LIKENESS}",
    "gain_db": "over the first model, picture by picture",
    "lpips": "of the colours within the border, by VGG16, version 0.1: less is nearer",
    "multiply_adds": "10⁹ for a result of 1280 x 720",
}


def write_evaluation(question: Question, answer: Answer, folder: Path) -> dict[str, Any]:
    """Writes ``report.json``, ``report.html`` and a CSV file for each table.

    Arguments:
        question: What was compared on what.
        answer: What came of it.
        folder: Where they go; it is made if it is missing.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of an evaluation of ours.
        OSError: A file cannot be written.
    """
    claim_folder(folder, KIND, RESULTS)
    shown = list(tables(question, answer))
    report = write_report(
        folder,
        "Super-resolution measured",
        {
            "channel": CHANNEL,
            "border": BORDER,
            "small_pictures": "MATLAB's bicubic imresize" if question.small_folder is None else "given",
            "pictures_cut_to_multiples_of_the_scale": _cut(answer),
            "small_pictures_unlike_their_originals": _unlike(answer),
            "exactly_the_original": sum(one.score.psnr_db == MOST_DB for one in answer.measured),
            "failed": len(answer.failures),
            "readings": _READINGS,
        },
        seed=question.seed,
        inputs=_inputs(question),
        tables=shown,
        sheets=_sheets(question, answer),
        packages=["nflows-sr"],
    )
    for table in shown:
        if table.caption in FILES:
            write_csv(folder / FILES[table.caption], table.rows)
    return report


def tables(question: Question, answer: Answer) -> Iterator[Table]:
    """The means, those beside published figures where a set is known, the pictures, and what failed."""
    if answer.measured:
        means = [_mean_row(of, _first(answer, of, question)) for of in _groups(answer)]
        yield Table(MEANS, means)
        if rows := _beside(means, answer):
            yield Table(BESIDE, rows)
        yield Table(PICTURES, [_picture_row(one) for one in answer.measured])
    if answer.failures:
        yield Table(
            FAILURES,
            [{"picture": str(path), "scale": scale, "why": why} for (path, scale), why in answer.failures.items()],
        )


def _groups(answer: Answer) -> list[list[Measured]]:
    """What was measured, by set, scale and model."""
    groups: dict[tuple[str, int, str], list[Measured]] = {}
    for one in answer.measured:
        groups.setdefault((one.set, one.scale, one.model), []).append(one)
    order = {name: place for place, name in enumerate(dict.fromkeys(one.set for one in answer.measured))}
    return sorted(groups.values(), key=lambda group: (order[group[0].set], group[0].scale))


def _first(answer: Answer, group: Sequence[Measured], question: Question) -> dict[Path, Measured]:
    """What the first model made of the same pictures, by their files; nothing for itself."""
    name = next(iter(question.models))
    if group[0].model == name:
        return {}
    same = (one for one in answer.measured if (one.set, one.scale) == (group[0].set, group[0].scale))
    return {one.picture: one for one in same if one.model == name}


def _mean_row(group: Sequence[Measured], first: dict[Path, Measured]) -> dict[str, Any]:
    scores = [one.score for one in group]
    megapixels = math.fsum(one.megapixels_per_second * one.seconds for one in scores)
    lpips = [one.lpips for one in scores if one.lpips is not None]
    return {
        "set": group[0].set,
        "scale": group[0].scale,
        "model": group[0].model,
        "pictures": len(group),
        **_mean("psnr_db", [one.psnr_db for one in scores]),
        **_mean("ssim", [one.ssim for one in scores]),
        **(_mean("lpips", lpips) if lpips else {}),
        **_mean("gain_db", _gains(group, first)),
        "megapixels_per_second": megapixels / math.fsum(one.seconds for one in scores),
    }


def _gains(group: Sequence[Measured], first: dict[Path, Measured]) -> list[float]:
    return [one.score.psnr_db - first[one.picture].score.psnr_db for one in group if one.picture in first]


def _mean(name: str, values: Sequence[float]) -> dict[str, Any]:
    if len(values) < 2:
        return {name: values[0] if values else None, f"{name}_interval_95": None}
    mean, low, high = student(values)
    return {name: mean, f"{name}_interval_95": [low, high]}


def _beside(means: Sequence[dict[str, Any]], answer: Answer) -> list[dict[str, Any]]:
    """Our means on Set5 and Set14 with those of the field."""
    ours: dict[tuple[int, str], dict[str, float | None]] = {}
    for row in means:
        if name := next((one for one in _KNOWN_SETS if one.lower() == row["set"].lower()), None):
            ours.setdefault((row["scale"], row["model"]), {})[name] = row["psnr_db"]
    rows = [
        _beside_row(model, scale, "measured here", answer.costs[model, scale], values)
        for (scale, model), values in ours.items()
    ]
    rows += [
        _beside_row(one.model, scale, one.source, (one.parameters, one.multiply_adds), one.psnr_db)
        for scale in {scale for scale, _ in ours}
        for one in published(scale)
    ]
    return sorted(rows, key=lambda row: row["scale"])


def _beside_row(
    model: str, scale: int, source: str, costs: tuple[int | None, int | None], psnr_db: Mapping[str, float | None]
) -> dict[str, Any]:
    count, operations = costs
    return {
        "scale": scale,
        "model": model,
        "parameters": count,
        "multiply_adds": None if operations is None else operations / 1e9,
        **{f"{name}_psnr_db": psnr_db.get(name) for name in _KNOWN_SETS},
        "source": source,
    }


def _picture_row(one: Measured) -> dict[str, Any]:
    return {
        "set": one.set,
        "picture": one.picture.name,
        "scale": one.scale,
        "model": one.model,
        "psnr_db": one.score.psnr_db,
        "ssim": one.score.ssim,
        **({} if one.score.lpips is None else {"lpips": one.score.lpips}),
        "seconds": one.score.seconds,
        "rows_cut_off": one.cut_off[0],
        "columns_cut_off": one.cut_off[1],
        **({} if one.likeness is None else {"likeness": one.likeness}),
    }


def _cut(answer: Answer) -> int:
    return len({one.picture for one in answer.measured if any(one.cut_off)})


def _unlike(answer: Answer) -> list[str]:
    """The pictures whose given small ones seem to be of others."""
    alike = ((one.picture, 1.0 if one.likeness is None else one.likeness) for one in answer.measured)
    return sorted({str(picture) for picture, likeness in alike if likeness < LEAST_LIKENESS})


def _inputs(question: Question) -> dict[str, Path]:
    """The files that the numbers depend on, by their names."""
    pictures = {str(path): path for _, path in question.pictures if path.is_file()}
    weights = {name: Path(settings.model) for name, settings in question.models.items()}
    small = {} if question.small_folder is None else {"small pictures": question.small_folder}
    return pictures | small | {name: path for name, path in weights.items() if path.is_absolute()}


def _sheets(question: Question, answer: Answer) -> list[Sheet]:
    """A sheet for each set and scale, of the parts where bicubic enlargement is worst."""
    columns = (SMALL, *question.models, ORIGINAL)
    sheets: dict[str, dict[str, list[bytes | str]]] = {}
    for (name, picture, scale), crops in answer.crops.items():
        rows = sheets.setdefault(f"{name} x{scale}, where the bicubic enlargement is farthest from the original", {})
        rows[picture] = [crops.get(column, "not measured") for column in columns]
    return [Sheet(caption, columns, rows) for caption, rows in sheets.items()]
