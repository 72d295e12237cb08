"""``nflows heritage train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command
from nflows_sr.cli.train import model_option, train_recipe, training_options


@click.command(cls=Command)
@training_options("restorer", batch_size=8, learning_rate=0.001, warmup_steps=200, ema_decay=0.999)
@model_option("restorer")
def train(data: Path, folder: Path, model: str, **options: Any) -> None:
    """Train a restorer on DATA, a folder of good pictures, into a run folder that restore takes as --engine.

    Parts of the pictures are damaged in eight ways, and restored as far as that goes without weights: it learns what is
    missing. They stay in memory, 590 kB each.
    """
    from nflows_core.models.choice import parse_choice

    train_recipe(data, folder, *parse_choice(model), options)
