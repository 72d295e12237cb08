"""``nflows interpolate`` and ``nflows edit``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nflows_core.cli.options import DataSet, FilePath, RunPath, condition_option, show, size_option
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.terminal import echo

_PicturePath = click.Path(exists=True, dir_okay=False, path_type=Path)
_output_option = click.option("-o", "--output", type=FilePath, required=True, help="A PNG file.")
_data_option = click.option("--data", type=DataSet(), help="The data set of the run, if it is no longer where it was.")
_count_option = click.option(
    "-n", "count", type=click.IntRange(1), default=8, show_default=True, help="Rows, where no picture is given."
)


_class_option = click.option(
    "--class",
    "classes",
    metavar="NAME",
    multiple=True,
    help="Of the pictures of a conditional run: one for all, or repeated, one for each.",
)


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[float]:
    try:
        numbers = [float(number) for number in value.split(",")]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise click.BadParameter(f"{value!r} is not a list of numbers such as -1,0,1.5")
    return numbers


@click.command(cls=Command)
@RunPath
@click.argument("pictures", metavar="[A B [C ...]]", nargs=-1, type=_PicturePath)
@_output_option
@click.option("--steps", type=click.IntRange(2), default=9, show_default=True, help="Images of a row, with its ends.")
@size_option
@_data_option
@_count_option
@_class_option
@condition_option
def interpolate(folder: Path, pictures: Sequence[Path], output: Path, steps: int, count: int, **options: Any) -> None:
    """Go from picture A to B, from B to C, ... through the latents of the flow of RUN, a row for each two.

    Without pictures, between test images of RUN's own data. Between pictures of two classes, the class changes too.
    """
    from nflows_core.runs.edits import interpolate_pictures

    interpolate_pictures(folder, pictures, output, steps=steps, n=count, **options)
    echo(output)


@click.command(cls=Command)
@RunPath
@click.argument("pictures", metavar="[IMAGE ...]", nargs=-1, type=_PicturePath)
@click.option("--attribute", required=True, help="brightness, contrast, slant, thickness, a class, or a column.")
@click.option(
    "--amount",
    "--amounts",
    "amounts",
    callback=_numbers,
    metavar="NUMBER,...",
    default="-2,-1,0,1,2",
    show_default=True,
    help="How much more of it, in standard deviations.",
)
@_output_option
@click.option("--attributes", "table", type=_PicturePath, help="Attributes, a CSV file or CelebA's list.")
@size_option
@_data_option
@_count_option
@_class_option
@condition_option
@json_option
def edit(
    folder: Path,
    pictures: Sequence[Path],
    attribute: str,
    amounts: Sequence[float],
    output: Path,
    count: int,
    **options: Any,
) -> None:
    """Change an attribute of pictures along its direction in the latents of the flow of RUN.

    One picture and one amount give the edited picture in its own size; more give a row for each picture. Without
    pictures, test images of RUN's own data are edited. The direction is kept with RUN, or that of its training images.
    """
    from nflows_core.runs.edits import edit_pictures

    result = edit_pictures(folder, pictures, attribute, amounts, output, n=count, **options)
    _show_measured(result.get("measured", {}))
    show(result)


def _show_measured(measured: Mapping[str, Mapping[str, Any]]) -> None:
    for image, values in measured.items():
        echo(f"{image}: {values['before']:.3f} -> {', '.join(f'{value:.3f}' for value in values['after'])}")
