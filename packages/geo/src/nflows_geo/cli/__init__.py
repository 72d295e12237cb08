"""The commands ``nflows geo``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup


@click.group(cls=CommandGroup)
def geo() -> None:
    """Geological maps from multispectral scenes, without labels."""
