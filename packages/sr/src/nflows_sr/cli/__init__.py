"""The commands ``nflows sr``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup
from nflows_sr.cli.bench import bench
from nflows_sr.cli.degrade import degrade
from nflows_sr.cli.evaluate import evaluate
from nflows_sr.cli.info import info
from nflows_sr.cli.train import train
from nflows_sr.cli.upscale import upscale


@click.group(cls=CommandGroup)
def sr() -> None:
    """Super-resolution: pictures enlarged, and where the enlargement is a guess."""


for command in (upscale, evaluate, degrade, train, info, bench):
    sr.add_command(command)
