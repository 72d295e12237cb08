"""``nflows sample``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.cli.options import FilePath, RunPath, seed_option
from nflows_core.runtime.cli import Command


@click.command(cls=Command)
@RunPath
@click.option("-n", "count", type=click.IntRange(1), default=64, show_default=True, help="How many images.")
@click.option("-o", "--output", type=FilePath, required=True, help="A PNG file.")
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@seed_option
def sample(folder: Path, count: int, output: Path, temperature: float, seed: int) -> None:
    """Draw images from the flow of RUN."""
    from nflows_core import experiment
    from nflows_core.training import load_run

    experiment.save_samples(load_run(folder), output, count, temperature=temperature, seed=seed)
    click.echo(output)
