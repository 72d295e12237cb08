"""The command ``nflows``."""

from __future__ import annotations

import sys

import click

from nflows_core.cli.bench import bench
from nflows_core.cli.evaluation import doctor, evaluate, reconstruct
from nflows_core.cli.latents import edit, interpolate
from nflows_core.cli.sampling import sample
from nflows_core.cli.scores import latents, score
from nflows_core.cli.training import demo, train
from nflows_core.runtime.cli import Application, run


@click.group(cls=Application)
@click.version_option(package_name="nflows-core")
def nflows() -> None:
    """Image flows: exact densities, exact inverses, samples in milliseconds."""


for command in (train, evaluate, sample, reconstruct, interpolate, edit, score, latents, bench, demo, doctor):
    nflows.add_command(command)


def main() -> None:
    sys.exit(run(nflows))
