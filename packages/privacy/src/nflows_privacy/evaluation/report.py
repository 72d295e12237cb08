"""What came of an evaluation, as tables, pictures and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_privacy.evaluation.comparing import Answer
from nflows_privacy.evaluation.measuring import Measured
from nflows_privacy.evaluation.pairs import Pairs
from nflows_privacy.evaluation.sheets import worst_sheet
from nflows_privacy.evaluation.summary import OUTSIDE, Row, summary_rows

MEASURES, PICTURES, REGIONS, ALONE, FAILURES = "Measures", "Pictures", "Regions", "Alone", "Failures"
NOT_MEASURED = "Not measured"
FILES = {MEASURES: "measures.csv", PICTURES: "pictures.csv", REGIONS: "regions.csv"}
KIND = "evaluation of redacted pictures"
RESULTS = (*FILES.values(), *REPORT_FILES)
"""What `write_evaluation` writes."""

_READINGS = {
    "found again": "a detection of the same kind that shares at least half of the smaller of both boxes",
    "changed outside": "of the places found or given here, and of those that a log of redact names, grown: what another"
    " tool fills elsewhere counts",
    "wilson_interval_95": "Wilson's interval of a rate, as if regions were independent",
    "interval_95_over_pictures": "by drawing the pictures 1,000 times with replacement",
    "step across the edge": "mean difference of neighbours across the edge of what changed, less that of before",
    "LPIPS": "by VGG16, version 0.1, where what is around a mask begins, half as wide and high again: 0 is as before",
    "metadata": "what is not known to tell neither who, where nor which device",
    "identity": "cosine of SFace's embeddings; the threshold of a false accept rate is of the faces before",
}


def write_evaluation(
    pairs: Pairs,
    answer: Answer,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    not_measured: Mapping[str, str],
    kinds: Sequence[str],
    weights: Mapping[str, Path],
    seed: int,
) -> dict[str, Any]:
    """Writes ``report.json``, ``report.html`` and a CSV file for each table.

    The page shows the pictures before too, so it is as private as they are; nothing that was read is written.

    Arguments:
        pairs: What was compared.
        answer: What came of it.
        folder: Where they go; it is made if it is missing.
        settings: What a person has set.
        not_measured: Why something was not measured, by what that is.
        kinds: The kinds of regions that the detector finds.
        weights: The files of weights by name.
        seed: The seed of the resampling.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of an evaluation of ours.
        OSError: A file cannot be written.
    """
    claim_folder(folder, KIND, RESULTS)
    measures = summary_rows(answer.measured, kinds, seed) if answer.measured else []
    shown = list(_tables(pairs, answer, measures, not_measured))
    report = write_report(
        folder,
        "Redacted pictures measured",
        {
            "pictures": len(answer.measured),
            "failed": len(answer.failures),
            "missing_after": len(pairs.missing),
            "without_a_picture_before": len(pairs.extra),
            **dict(map(_in_short, filter(_is_verdict, measures))),
            "settings": settings,
            "readings": _READINGS,
        },
        seed=seed,
        inputs={**_inputs(answer), **weights},
        tables=shown,
        sheets=worst_sheet(answer),
        packages=["nflows-privacy"],
    )
    for table in shown:
        if table.caption in FILES:
            write_csv(folder / FILES[table.caption], table.rows)
    return report


def _is_verdict(row: Row) -> bool:
    """Whether it is a rate, and tells of the pictures alone: what was filled beyond what is known here is no fault."""
    return row["wilson_interval_95"] is not None and row["measure"] != OUTSIDE


def _in_short(rate: Row) -> tuple[str, str]:
    """A rate as people say it."""
    low, high = rate["wilson_interval_95"]
    count = f"{rate['value'] * rate['n']:.0f} of {rate['n']}"
    return rate["measure"], f"{count} (95 %: {100 * low:.1f} to {100 * high:.1f} %)"


def _tables(pairs: Pairs, answer: Answer, measures: Sequence[Row], not_measured: Mapping[str, str]) -> Iterator[Table]:
    if answer.failures:
        yield Table(FAILURES, [{"picture": name, "why": why} for name, why in answer.failures.items()])
    if alone := [*((name, "after") for name in pairs.missing), *((name, "before") for name in pairs.extra)]:
        yield Table(ALONE, [{"picture": name, "there_is_none": where} for name, where in alone])
    if measures:
        yield Table(MEASURES, measures)
    if not_measured:
        yield Table(NOT_MEASURED, [{"what": what, "why": why} for what, why in not_measured.items()])
    if answer.measured:
        yield Table(PICTURES, [_picture_row(one) for one in answer.worst_first])
    if rows := [row for one in answer.worst_first for row in _region_rows(one)]:
        yield Table(REGIONS, rows)


def _picture_row(one: Measured) -> dict[str, Any]:
    return {
        "picture": one.pair.name,
        "regions": len(one.regions),
        "found_again": sum(one.again),
        **{f"found_elsewhere_{look}": residual.elsewhere for look, residual in one.residual.items()},
        "plates_read_again": one.read_again if one.leaks else None,
        "pixels_changed_outside": one.change.outside,
        "psnr_outside_db": one.change.psnr_db,
        "share_changed": one.change.share,
        "step_across_the_edge": one.change.step,
        "lpips_in_rings": one.ring,
        "metadata": ", ".join(one.metadata) or None,
    }


def _region_rows(one: Measured) -> Iterator[dict[str, Any]]:
    for place, region in enumerate(one.regions):
        leak = one.leaks.get(place)
        yield {
            "picture": one.pair.name,
            **region.to_json(),
            **{f"found_again_{look}": residual.again[place] for look, residual in one.residual.items()},
            "characters_before": leak and leak.characters,
            "read_again_in_a_row": leak and leak.run,
            "edit_distance": leak and leak.distance,
            "lpips_in_ring": one.rings[place] if one.rings else None,
        }


def _inputs(answer: Answer) -> dict[str, Path]:
    pairs = [one.pair for one in answer.measured]
    return {str(path): path for pair in pairs for path in (pair.before, pair.after)}
