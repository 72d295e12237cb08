"""``nflows privacy verify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.pictures.options import READ
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.options import detector_option, detector_settings, device_option, what_option
from nflows_privacy.regions import LEFT_SCORE
from nflows_privacy.video.formats import RESULTS

_KIND = "verification"


@click.command(cls=Command)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="A folder for a report."
)
@what_option
@detector_option
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=LEFT_SCORE,
    show_default=True,
    help="The score from which on something counts as left.",
)
@device_option
@json_option
def verify(
    inputs: tuple[Path, ...],
    folder: Path | None,
    kinds: tuple[str, ...],
    detectors: tuple[str, ...],
    threshold: float,
    device: str,
) -> ExitCode:
    """Look for faces and plates that are left in each INPUT, a file or a folder, at other sizes than redact does.

    The exit code is 1 if anything is found, or a file cannot be read: fit for a gate before data are published.
    """
    from nflows_core.runtime.ownership import claim_folder, refuse_foreign
    from nflows_core.runtime.progress import progress
    from nflows_core.runtime.report import complete_report, write_report
    from nflows_privacy.detection import load_detector, weights_of
    from nflows_privacy.redaction.settings import OfKinds
    from nflows_privacy.redaction.sheets import left_sheet
    from nflows_privacy.redaction.verifying import verify_files

    if folder is not None:
        refuse_foreign(folder, _KIND)
    files = _files(inputs)
    settings = detector_settings(kinds, detectors, threshold, device)
    detector = OfKinds(load_detector(settings), kinds)
    with progress("files", len(files)) as advance:
        verification = verify_files(files, detector, threshold, advance)
    about = {"what": list(kinds), "detectors": list(settings.names), "threshold": threshold, **verification.report()}
    write: Callable[..., dict[str, Any]] = complete_report
    if folder is not None:
        claim_folder(folder, _KIND)
        sheets = left_sheet({path: [one.region for one in left] for path, left in verification.left.items()})
        write = partial(write_report, folder, sheets=sheets)
    weights, packages = weights_of(settings), ["nflows-privacy"]
    print_report(write("Verification", about, inputs=weights, tables=verification.tables(), packages=packages))
    counts = Counter(one.region.kind for left in verification.left.values() for one in left)
    found = ", ".join(f"{count} {kind}s" for kind, count in sorted(counts.items())) or "nothing"
    echo(
        f"{found} left in {len(verification.left)} of {len(files)} files, {len(verification.failures)} failed", err=True
    )
    return ExitCode.DONE if verification.is_clean else ExitCode.FAILED


def _files(inputs: tuple[Path, ...]) -> list[Path]:
    from nflows_core.runtime.inputs import find_inputs, listed

    left_out: Counter[str] = Counter()
    suffixes = READ | RESULTS.keys()
    found = find_inputs(inputs, None, suffixes, lambda folder: False, left_out)
    files = list(dict.fromkeys(path for path, _ in found))
    if left_out:
        echo(f"not taken: {listed(left_out)}", err=True)
    if not files:
        raise ValueError(f"{', '.join(map(str, inputs))}: no picture and no video; check the paths")
    return files
