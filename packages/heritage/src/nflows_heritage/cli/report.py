"""``nflows heritage report``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.terminal import echo

_SUFFIXES = (".html", ".pdf")


@click.command(cls=Command)
@click.argument("inputs", metavar="RESTORED...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A file, .html or .pdf."
)
def report(inputs: tuple[Path, ...], output: Path) -> None:
    """Make the sheet of RESTORED, records or folders of restore: before, after, what was changed, and how.

    All files must still be those of the records.
    """
    if output.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"`output`: {output} ends in {output.suffix or 'nothing'}; give {' or '.join(_SUFFIXES)}")
    from nflows_heritage.reporting import find_restored, refuse_foreign_sheet, write_html, write_pdf

    refuse_foreign_sheet(output)
    pictures = find_restored(inputs)
    write = write_pdf if output.suffix.lower() == ".pdf" else write_html
    write(pictures, output)
    echo(f"{output} shows {len(pictures)}")
