"""``nflows heritage replay``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.terminal import echo


@click.command(cls=Command)
@click.argument("record", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The new file.")
@click.option(
    "--source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The picture as it was.  [default: where the record says]",
)
def replay(record: Path, output: Path, source: Path | None) -> int:
    """Do a restoration again by its RECORD, the .json file beside a restored picture, and compare byte for byte."""
    from nflows_heritage.restoring.replay import replay as replayed

    found = replayed(record, output, source)
    if found.is_same:
        echo(f"{found.result} is the recorded file, to the byte")
        return ExitCode.DONE
    changed = "; ".join(found.differing) or "this machine computes otherwise"
    echo(f"{found.result} differs from the recorded file: {changed}", err=True)
    return ExitCode.FAILED
