"""``nflows score`` and ``nflows latents``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.cli.options import (
    DataSet,
    FilePath,
    RunPath,
    batch_size_option,
    condition_option,
    show,
    size_option,
    skip_others_option,
    splits_option,
)
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import OutputFile, seed_option
from nflows_core.runtime.terminal import echo

_data_argument = click.argument("data", metavar="PICTURES...", type=DataSet(), nargs=-1, required=True)


@click.command(cls=Command)
@RunPath
@_data_argument
@click.option("-o", "--output", type=OutputFile(".csv", ".npy"), required=True, help="A CSV or .npy file.")
@click.option("--draws", type=click.IntRange(1), default=4, show_default=True, help="Of noise, to take the mean.")
@click.option("--sort", is_flag=True, help="The least likely first; otherwise in the order of the data.")
@click.option("--sheet", type=FilePath, help="A PNG file of the 64 least likely ones.")
@size_option
@splits_option
@skip_others_option
@condition_option
@batch_size_option
@seed_option
@json_option
def score(
    folder: Path,
    data: tuple[str, ...],
    output: Path,
    size: int | None,
    splits: str | None,
    skip_others: bool,
    condition_on: str | None,
    **options: Any,
) -> ExitCode:
    """Write how likely the flow of RUN finds each picture: files, or a data set. The least likely are outliers.

    Columns are the log-density in nats and bits per dimension, the mean over a few draws of dequantization noise.
    """
    from nflows_core.data.reading import Reading
    from nflows_core.runs.scores import score_pictures

    result = score_pictures(
        folder, data, output, reading=Reading(size, None, splits, skip_others, condition_on), **options
    )
    show(result)
    if bad := result["images_not_finite"]:
        echo(f"{bad:,} of {result['images']:,} scores are not finite", err=True)
    return ExitCode.FAILED if bad else ExitCode.DONE


@click.command(cls=Command)
@RunPath
@_data_argument
@click.option("-o", "--output", type=OutputFile(".npy", ".csv"), required=True, help="A .npy or CSV file.")
@size_option
@splits_option
@skip_others_option
@condition_option
@batch_size_option
@seed_option
@json_option
def latents(
    folder: Path,
    data: tuple[str, ...],
    output: Path,
    size: int | None,
    splits: str | None,
    skip_others: bool,
    condition_on: str | None,
    **options: Any,
) -> None:
    """Write the latents of each picture under the flow of RUN: files, or a data set.

    The names that belong to the rows of OUTPUT.npy stand in OUTPUT.images.csv.
    """
    from nflows_core.data.reading import Reading
    from nflows_core.runs.scores import encode_pictures

    show(
        encode_pictures(folder, data, output, reading=Reading(size, None, splits, skip_others, condition_on), **options)
    )
