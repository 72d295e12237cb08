"""``nflows privacy review``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nflows_core.runtime.batch import inputs_argument
from nflows_core.runtime.cli import Command
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.terminal import echo
from nflows_privacy.regions import FACE, PLATE

if TYPE_CHECKING:
    from nflows_core.runtime.jobs import Batch, Job
    from nflows_privacy.review import Redacting


@click.command(cls=Command)
@inputs_argument
@click.option(
    "--found",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder of what was found, as `detect` writes it; it need not be there.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where a button of the page redacts to, as `nflows privacy redact --found` does.",
)
@click.option(
    "--redact-with", metavar="OPTIONS", help='Options of redact for that button, as "--how pixelate --what face".'
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    default=(FACE, PLATE),
    show_default=True,
    help="A kind of thing that is marked; repeatable, and the first has the key 1.",
)
@click.option("--port", type=click.IntRange(1024, 65535), default=None, help="Of the page.  [default: a free one]")
def review(
    inputs: tuple[Path, ...],
    found: Path,
    output: Path | None,
    redact_with: str | None,
    kinds: tuple[str, ...],
    port: int | None,
) -> ExitCode:
    """Look at the boxes in pictures before they are redacted: add, move and delete them on a page in the browser.

    Each INPUT is a file or a folder. The page is for this machine and for whoever has the address that is printed, and
    loads nothing from any network. Every change is written at once; Ctrl-C ends it, and the same command goes on.
    """
    from contextlib import closing

    from nflows_core.runtime.local_page import LocalPage
    from nflows_core.runtime.lock import locked
    from nflows_core.runtime.ownership import claim_folder
    from nflows_core.runtime.status import BATCH
    from nflows_privacy.review import Pictures, review_routes
    from nflows_privacy.review.journal import JOURNAL
    from nflows_privacy.review.server import MOST_BYTES

    if redact_with is not None and output is None:
        raise ValueError("`redact_with` is for the button that redacts: give an `output` too")
    if output is not None and output.resolve() == found.resolve():
        raise ValueError("`output` is the folder of `found`; give another one for the redacted pictures")
    words = ["privacy", "redact", *map(str, inputs), "-o", str(output or "OUTPUT"), "--found", str(found)]
    words += shlex.split(redact_with or "")
    batch = _planned(inputs, found)
    jobs = _inside(batch, inputs)
    claim_folder(found, BATCH, [JOURNAL])
    redacting = None if output is None else _redacting(words, output)
    with locked(found), closing(Pictures(jobs, found, inputs)) as pictures:
        routes = review_routes(pictures, kinds, redacting)
        with LocalPage(routes, port or 0, MOST_BYTES) as page:
            try:
                echo(f"{len(jobs)} pictures at {page.address}\nCtrl-C ends it; every change is written at once")
                page.serve_forever()
            except KeyboardInterrupt:
                echo(f"\nended; next: {shlex.join(['nflows', *words])}")
            finally:
                if redacting is not None:
                    redacting.close()
    return ExitCode.DONE


def _planned(inputs: Sequence[Path], found: Path) -> Batch:
    from nflows_core.runtime.pictures.options import READ
    from nflows_core.runtime.pictures.running import plan_files
    from nflows_privacy.video.formats import is_video

    if videos := [path for path in inputs if is_video(path)]:
        raise ValueError(f"{videos[0]}: boxes of videos cannot be changed yet; give pictures")
    batch = plan_files(inputs, found, READ, {"": ".json", **{suffix: f"{suffix}.json" for suffix in READ}})
    for job, reason in batch.clashes.items():
        raise ValueError(f"{job.source}: {reason}")
    return batch


def _inside(batch: Batch, inputs: Sequence[Path]) -> list[Job]:
    """The jobs but those of links that lead out of the folders that were given."""
    from nflows_core.runtime.folders import is_inside

    roots = [path.resolve() for path in inputs]
    jobs = [job for job in batch.jobs if is_inside(job.source, roots)]
    if len(jobs) < len(batch.jobs):
        echo(f"not taken: {len(batch.jobs) - len(jobs)} links that lead out of the folders that were given", err=True)
    if not jobs:
        raise ValueError(f"{', '.join(map(str, inputs))}: only links to pictures elsewhere; give their own folder")
    return jobs


def _redacting(words: Sequence[str], output: Path) -> Redacting:
    from nflows_privacy.review import Redacting

    command = [sys.executable, "-m", "nflows_core.cli", *words, "--skip-existing"]
    return Redacting(command, shlex.join(["nflows", *words]), output)
