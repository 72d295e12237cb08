"""``nflows agri check``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_agri.cli.options import labelled_data
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_core.data import LabelledFiles

_KIND = "data check"


@click.command(cls=Command)
@labelled_data
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="A folder for a report."
)
@json_option
def check(data: Callable[[], LabelledFiles], folder: Path | None) -> ExitCode:
    r"""Find what spoils the numbers of a classifier in DATA: a folder with one folder a class, or a CSV table.

    A table has the columns file and class, and may have group, item and part. Named are pictures in two classes,
    duplicates and near duplicates, photographs that show the same things, files that cannot be read, classes of fewer
    than two pictures, what straddles the parts of a split, and how well the photograph alone tells the class. The exit
    code is 1 if something must be settled first: the last lines say what.

    Where a file's name says more: --group '(?P<item>(?P<class>.+)-\d+)' reads views such as far/stop-017.png.
    """
    from nflows_agri.crops.checking import check_data
    from nflows_agri.crops.words import check_words
    from nflows_core.runtime.ownership import claim_folder, refuse_foreign
    from nflows_core.runtime.report import complete_report, write_report

    if folder is not None:
        refuse_foreign(folder, _KIND)
    found = check_data(data())
    write: Callable[..., dict[str, Any]] = complete_report
    if folder is not None:
        claim_folder(folder, _KIND)
        write = partial(write_report, folder, sheets=found.sheets())
    print_report(write("Data check", found.report(), tables=found.tables(), packages=["nflows-agri"]))
    echo(check_words(found))
    return ExitCode.FAILED if found.problems else ExitCode.DONE
