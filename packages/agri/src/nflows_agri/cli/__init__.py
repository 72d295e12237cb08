"""The commands ``nflows agri``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup


@click.group(cls=CommandGroup)
def agri() -> None:
    """Seeds and grains inspected: from a tray's photograph to a purity report."""
