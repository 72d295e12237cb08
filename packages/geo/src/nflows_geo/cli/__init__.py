"""The commands ``nflows geo``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup
from nflows_geo.cli.anomaly import anomaly
from nflows_geo.cli.cluster import cluster
from nflows_geo.cli.compare import compare
from nflows_geo.cli.info import info
from nflows_geo.cli.map import map_
from nflows_geo.cli.reduce import reduce
from nflows_geo.cli.score import score
from nflows_geo.cli.smooth import smooth
from nflows_geo.cli.stack import stack
from nflows_geo.cli.vectorize import vectorize


@click.group(cls=CommandGroup)
def geo() -> None:
    """Geological maps from multispectral scenes, without labels."""


for command in (info, stack, map_, reduce, cluster, smooth, score, compare, anomaly, vectorize):
    geo.add_command(command)
