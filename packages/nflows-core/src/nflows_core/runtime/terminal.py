"""What is printed on a terminal: never what a name in it tells the terminal to do."""

from __future__ import annotations

import click

from nflows_core.runtime.foreign_text import visible


def echo(text: object, *, err: bool = False) -> None:
    """Prints lines on standard output, or on standard error; what hides in them becomes visible, as ``\\x1b``."""
    click.echo(visible(text, keep="\n"), err=err)
