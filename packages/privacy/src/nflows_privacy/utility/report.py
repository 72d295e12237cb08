"""What anonymised pictures are worth, as the thesis's tables 6.1 to 6.7 say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_privacy.utility.comparing import Compared

SCORES = "Trained on real and on anonymised pictures, tested on real ones"
FILE = "scores.csv"
KIND = "utility of anonymised pictures"
RESULTS = (FILE, *REPORT_FILES)
"""What `write_utility` writes."""

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
        {**settings, "readings": _READINGS},
        seed=seed,
        inputs=inputs,
        tables=[Table(SCORES, rows)],
        packages=["nflows-privacy", "torchvision", "segmentation-models-pytorch"],
    )
    write_csv(folder / FILE, rows)
    return report
