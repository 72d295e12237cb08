"""The commands ``nflows sr``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup


@click.group(cls=CommandGroup)
def sr() -> None:
    """Super-resolution: pictures enlarged, and where the enlargement is a guess."""
