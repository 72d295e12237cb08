"""``nflows sr info``."""

from __future__ import annotations

from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.terminal import echo


@click.command(cls=Command)
@click.argument("model", default="coupling")
@click.option("--scale", type=click.IntRange(1), help="How many times the sides grow; by default the model's, or 2.")
@json_option
def info(model: str, scale: int | None) -> None:
    """Print the size of MODEL, a name or a path: parameters, operations, how far it sees, and where it is from.

    Of the autoencoders affine-ae, ae-kl, affine-vqgan, vqgan and vq-vae it is the full size, untrained, part by part.
    """
    from nflows_sr.evaluation.about import about

    report: dict[str, Any] = about(model, scale)
    for name, value in report.items():
        echo(f"{words(name):<40} {shown(value)}")
    print_report(report)
