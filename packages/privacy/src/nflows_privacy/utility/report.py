"""What anonymised pictures are worth, as the thesis's tables 6.1 to 6.7 say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_privacy.utility.comparing import REAL, Compared, Row

SCORES = "Trained on real and on anonymised pictures, tested on real ones"
FILE = "scores.csv"
KIND = "utility of anonymised pictures"
RESULTS = (FILE, *REPORT_FILES)
"""What `write_utility` writes."""

_CHIEF = {"miou": "mIoU", "map50": "mAP50"}
"""By which models are compared in short."""

_READINGS = {
    "intervals": "95 %, by drawing the test pictures 1,000 times with replacement, for both models at once",
    "... - real": "the paired difference: below 0 the anonymised pictures were worth less, but for losses",
    "over_seeds": "the standard deviation over the seeds of the training, which the intervals do not know of",
}


def write_utility(
    folder: Path,
    compared: Sequence[Compared],
    *,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    seed: int,
) -> dict[str, Any]:
    """Writes ``report.json``, ``report.html`` and ``scores.csv``.

    Arguments:
        folder: Where they go; it is made if it is missing.
        compared: The models.
        settings: What a person has set.
        inputs: The files and folders that the numbers depend on, by name.
        seed: The seed of the resampling.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of such a comparison of ours.
        OSError: A file cannot be written.
    """
    claim_folder(folder, KIND, RESULTS)
    rows = [row for one in compared for row in one.rows(seed)]
    report = write_report(
        folder,
        "What anonymised pictures are worth",
        {**dict(_in_short(rows)), **settings, "readings": _READINGS},
        seed=seed,
        inputs=inputs,
        tables=[Table(SCORES, rows)],
        packages=["nflows-privacy", "torchvision", "segmentation-models-pytorch"],
    )
    write_csv(folder / FILE, rows)
    return report


def _in_short(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """What each model lost or won, as people say it."""
    for row in rows:
        name = next(name for name in _CHIEF if name in row)
        interval = row[f"{name}_interval_95"]
        if row["trained_on"].endswith(f" - {REAL}") and row[name] is not None and interval is not None:
            low, high = interval
            what = f"{_CHIEF[name]} of {row['model']}, {row['trained_on']}"
            yield what, f"{row[name]:+.3f} (95 %: {low:+.3f} to {high:+.3f})"
