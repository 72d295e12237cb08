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
from nflows_core.runtime.options import Number
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.options import detector_option, detector_settings, device_option, turned_option, what_option
from nflows_privacy.regions import LEFT_SCORE

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
    type=Number(0, 1),
    default=LEFT_SCORE,
    show_default=True,
    help="The score from which on something counts as left.",
)
@turned_option
@device_option
@json_option
def verify(
    inputs: tuple[Path, ...],
    folder: Path | None,
    kinds: tuple[str, ...],
    detectors: tuple[str, ...],
    threshold: float,
    turned: bool,
    device: str,
) -> ExitCode:
    """Look for faces and plates that are left in each INPUT, a file or a folder, at other sizes than redact does.

    The exit code is 1 if anything is found, a file cannot be read, one may be a picture of a kind that is not read, or
    one holds more than its picture, such as a preview or a video behind its end: fit for a gate before data are
    published. What metadata say of places and people, evaluate tells.
    """
    from nflows_core.runtime.inputs import listed
    from nflows_core.runtime.ownership import claim_folder, refuse_foreign
    from nflows_core.runtime.progress import progress
    from nflows_core.runtime.report import complete_report, write_report
    from nflows_privacy.detection import load_detector, weights_of
    from nflows_privacy.detection.narrowed import OfKinds
    from nflows_privacy.redaction.sheets import left_sheet
    from nflows_privacy.redaction.verifying import files_to_verify, verify_files

    if folder is not None:
        refuse_foreign(folder, _KIND)
    files, left_out = files_to_verify(inputs)
    if left_out:
        echo(f"not looked at: {listed(left_out)}; take away what is no picture, and turn pictures into PNG", err=True)
    settings = detector_settings(kinds, detectors, threshold, device, turned)
    detector = OfKinds(load_detector(settings), kinds)
    with progress("files", len(files)) as advance:
        verification = verify_files(files, detector, threshold, advance)
    about = {
        "not_looked_at": left_out,
        "what": list(kinds),
        "detectors": list(settings.names),
        "threshold": threshold,
        **verification.report(),
    }
    write: Callable[..., dict[str, Any]] = complete_report
    if folder is not None:
        claim_folder(folder, _KIND)
        sheets = left_sheet({path: [one.region for one in left] for path, left in verification.left.items()})
        write = partial(write_report, folder, sheets=sheets)
    weights, packages = weights_of(settings), ["nflows-privacy"]
    print_report(write("Verification", about, inputs=weights, tables=verification.tables(), packages=packages))
    counts = Counter(one.region.kind for left in verification.left.values() for one in left)
    found = ", ".join(f"{count} {kind}s" for kind, count in sorted(counts.items())) or "nothing"
    where = f"{len(verification.left)} of {len(files)}" if verification.left else str(len(files))
    echo(f"{found} left in {where} files, {len(verification.failures)} failed", err=True)
    return ExitCode.DONE if verification.is_clean and not left_out else ExitCode.FAILED
