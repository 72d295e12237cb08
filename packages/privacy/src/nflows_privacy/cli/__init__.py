"""The commands ``nflows privacy``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup


@click.group(cls=CommandGroup)
def privacy() -> None:
    """Faces and licence plates out of street scenes, provably."""
