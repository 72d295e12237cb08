"""The commands ``nflows geo``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup
from nflows_geo.cli.anomaly import anomaly
from nflows_geo.cli.info import info
from nflows_geo.cli.map import map_
from nflows_geo.cli.stack import stack
from nflows_geo.cli.vectorize import vectorize


@click.group(cls=CommandGroup)
def geo() -> None:
    """Geological maps from multispectral scenes, without labels."""


for command in (info, stack, map_, anomaly, vectorize):
    geo.add_command(command)
