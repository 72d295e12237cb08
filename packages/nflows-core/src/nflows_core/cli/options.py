"""Options and output that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import print_report
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.terminal import echo
from nflows_core.shipped import find_run

MODEL_METAVAR = "NAME[:ARGUMENT=VALUE,...]"
FolderPath = click.Path(file_okay=False, path_type=Path)
FilePath = click.Path(dir_okay=False, path_type=Path)


class RunFolder(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """The folder of a run, or the name of a model that comes with the package."""

    name = "run"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return find_run(value)


class DataSet(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """The place of a data set, or the word for the demo set."""

    name = "data"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "digits" and Path(value).exists():
            echo("nflows: warning: digits is the demo set; write ./digits for what is here", err=True)
        return value


RunPath = click.argument("folder", metavar="RUN", type=RunFolder())
size_option = click.option(
    "--size", type=click.IntRange(1), help="Scale and crop every image to a square of this side."
)
batch_size_option = click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many at a time; it changes nothing but memory.",
)
condition_option = click.option(
    "--condition-on",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Pictures of the same names as the images, which the flow is conditioned on.",
)
READING = ("size", "bits", "splits", "skip_others")
"""The arguments that `reading_options` gives a command."""

bits_option = click.option("--bits", type=click.IntRange(1, 8), help="Kept of each pixel; 5 is Glow's convention.")
splits_option = click.option(
    "--splits",
    metavar="TRAIN,TEST",
    help="The top folders of the splits, or none where all are classes.  [default: found by their names]",
)
skip_others_option = click.option("--skip-others", is_flag=True, help="Skip files that are not named as pictures.")


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may be said about the reading of a data set."""
    return size_option(bits_option(splits_option(skip_others_option(command))))


def show(result: Mapping[str, Any]) -> None:
    """Prints the numbers of a result for people, and all of it for ``--json``."""
    for name, value in result.items():
        if not isinstance(value, Mapping):
            echo(f"{words(name):<32} {shown(value)}")
    print_report(result)
