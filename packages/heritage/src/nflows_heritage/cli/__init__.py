"""The commands ``nflows heritage``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup
from nflows_heritage.cli.compare import compare
from nflows_heritage.cli.degrade import degrade
from nflows_heritage.cli.inspect import inspect
from nflows_heritage.cli.mask import mask
from nflows_heritage.cli.replay import replay
from nflows_heritage.cli.report import report
from nflows_heritage.cli.restore import restore
from nflows_heritage.cli.train import train


@click.group(cls=CommandGroup)
def heritage() -> None:
    """Pictures of art restored without falsifying them."""


for command in (compare, degrade, inspect, mask, replay, report, restore, train):
    heritage.add_command(command)
