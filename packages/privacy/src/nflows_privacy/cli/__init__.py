"""The commands ``nflows privacy``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import CommandGroup
from nflows_privacy.cli.augment import augment
from nflows_privacy.cli.detect import detect
from nflows_privacy.cli.evaluate import evaluate
from nflows_privacy.cli.redact import redact
from nflows_privacy.cli.review import review
from nflows_privacy.cli.train import train
from nflows_privacy.cli.utility import utility
from nflows_privacy.cli.verify import verify


@click.group(cls=CommandGroup)
def privacy() -> None:
    """Faces and licence plates out of street scenes, provably."""


COMMANDS = (
    augment,
    detect,
    evaluate,
    redact,
    review,
    train,
    utility,
    verify,
)
for command in COMMANDS:
    privacy.add_command(command)
