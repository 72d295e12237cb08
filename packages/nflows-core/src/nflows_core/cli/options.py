"""Options and output that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
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


RunPath = click.argument("folder", metavar="RUN", type=RunFolder())
size_option = click.option(
    "--size", type=click.IntRange(1), help="Scale and crop every image to a square of this side."
)


def show(result: Mapping[str, Any]) -> None:
    """Prints the numbers of a result for people, and all of it for ``--json``."""
    for name, value in result.items():
        if not isinstance(value, Mapping):
            echo(f"{words(name):<32} {shown(value)}")
    print_report(result)
