"""The commands ``nflows heritage``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup
from nflows_heritage.cli.degrade import degrade
from nflows_heritage.cli.mask import mask


@click.group(cls=CommandGroup)
def heritage() -> None:
    """Pictures of art restored without falsifying them."""


for command in (degrade, mask):
    heritage.add_command(command)
