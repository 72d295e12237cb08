"""``nflows agri split``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_agri.cli.options import labelled_data
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import OutputFile, seed_option
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_agri.crops.splitting import By, Settling
    from nflows_core.data import LabelledFiles

_PARTS = "train=.7,val=.15,test=.15"


class Shares(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """The shares of parts by their names, as ``train=.7,test=.3``."""

    name = "shares"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        pairs = [pair.partition("=") for pair in str(value).split(",")]
        try:
            shares = {name.strip(): float(share) for name, _, share in pairs}
        except ValueError:
            shares = {}
        if len(shares) < len(pairs):
            self.fail(f"{value!r} does not give each part its share; give some such as {_PARTS}", param, ctx)
        return shares


class Conflicts(click.ParamType):  # type: ignore[type-arg]
    """How pictures in two classes are settled: ``refuse``, ``drop`` or ``keep=CLASS,...``."""

    name = "conflicts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Settling:
        how, _, classes = str(value).partition("=")
        names = [name.strip() for name in classes.split(",") if name.strip()]
        if how == "keep" and names:
            return names
        if value not in ("refuse", "drop"):
            self.fail(f"{value!r} is none of refuse, drop and keep=CLASS,...", param, ctx)
        return "drop" if value == "drop" else "refuse"


@click.command(cls=Command)
@labelled_data
@click.option("-o", "--output", type=OutputFile(".csv"), required=True, help="The table that is written.")
@click.option("--parts", type=Shares(), metavar="NAME=SHARE,...", help=f"The parts.  [default: {_PARTS}]")
@click.option("--folds", type=click.IntRange(min=2), help="So many equal parts, named by their numbers, instead.")
@click.option(
    "--conflicts",
    type=Conflicts(),
    default="refuse",
    show_default=True,
    metavar="refuse|drop|keep=CLASS,...",
    help="Of pictures in two classes: stop, leave all out, or keep that of the first of these classes.",
)
@click.option(
    "--by",
    type=click.Choice(["photograph", "file"]),
    default="photograph",
    show_default=True,
    help="What is not divided. By file, the parts share photographs: to show what that feigns, and for nothing else.",
)
@seed_option
@json_option
def split(
    data: Callable[[], LabelledFiles],
    output: Path,
    parts: dict[str, float] | None,
    folds: int | None,
    conflicts: Settling,
    by: By,
    seed: int,
) -> ExitCode:
    """Share the pictures of DATA out over parts that have their share of every class and no photograph in common.

    Photographs that show the same thing, by what the data say or by duplicates and near duplicates, stay together. The
    table has the columns file, class, group, item, part and root, and is read in place of the folder. The exit code is
    1 if files had to be left out since they cannot be read.
    """
    from nflows_agri.crops.checking import check_data
    from nflows_agri.crops.splitting import make_split
    from nflows_agri.crops.words import split_words, warnings_of_split
    from nflows_core.data import folds as equal_parts
    from nflows_core.data import write_labelled
    from nflows_core.runtime.report import complete_report

    if parts is not None and folds is not None:
        raise click.UsageError("--parts and --folds both say the parts; give one of them")
    _refuse_other_table(output)
    shares = parts or (equal_parts(folds) if folds else Shares().convert(_PARTS, None, None))
    check = check_data(data())
    made = make_split(check, shares, conflicts, by, seed)
    write_labelled(output, made.files)
    report = {**made.report(), "by": by}
    print_report(complete_report("Split", report, seed=seed, tables=[made.table()], packages=["nflows-agri"]))
    for warning in warnings_of_split(check, made, by):
        echo(f"nflows: warning: {warning}", err=True)
    echo(split_words(made))
    return ExitCode.FAILED if made.unreadable else ExitCode.DONE


def _refuse_other_table(output: Path) -> None:
    """A table of labels that a person wrote must not be lost; one of an earlier split is replaced."""
    from nflows_core.data.labelled_table import COLUMNS

    if not output.parent.is_dir():
        raise click.UsageError(f"{output.parent} is no folder; make it, or choose another place")
    if output.is_file():
        with output.open("rb") as file:
            if file.readline(100).strip() != ",".join(COLUMNS).encode():
                raise click.UsageError(f"{output} is there and is no split; move it, or choose another name")
