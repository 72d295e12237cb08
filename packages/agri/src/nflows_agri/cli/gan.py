"""``nflows agri gan``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_agri.cli import generators
from nflows_agri.cli.generators import interpolation_options, sampling_options, training_options, truncation_option
from nflows_agri.cli.options import Names
from nflows_core.cli.trainings import epochs_shown, refuse_changed
from nflows_core.runtime.cli import Command, CommandGroup, json_option
from nflows_core.runtime.page import words

if TYPE_CHECKING:
    from nflows_core.training import StepMetrics

_DEFAULTS = {"learning_rate": 2e-4, "schedule": "constant", "clip_norm": 10.0}
_BATCH = 16
SIDES = (32, 64, 128, 256)
"""Those of `nflows_agri.generation.biggan`, which takes torch to import."""
_WORDS = {
    "batch_size": f"{_BATCH}, or the next multiple of the number of classes",
    "learning_rate": "0.0002",
    "warmup_steps": "0",
    "schedule": "constant",
    "clip_norm": "10",
}


@click.group(cls=CommandGroup)
def gan() -> None:
    """A class-conditional GAN of crops: BigGAN, for few pictures."""


@gan.command(cls=Command)
@training_options(_WORDS)
@click.option("--size", type=click.Choice(SIDES), default=64, show_default=True, help="Side of the crops.")
@click.option("--epochs", type=click.IntRange(1), default=250, show_default=True)
@click.option("--width", type=click.IntRange(1), help="Channels; 64 in the paper, 4 for a CPU.  [default: 32]")
@click.option("--latent", "latent_features", type=click.IntRange(1), help="Entries of a latent.  [default: 128]")
@click.option(
    "--augment",
    "augmentation",
    type=Names(),
    help="By commas, of colour, mirror, translation, cutout; or none.  [default: mirror,translation,cutout]",
)
@click.option("--lecam", type=float, help="Weight of LeCam regularization.  [default: 0.1]")
@click.option("--r1", type=float, help="Weight of the R1 penalty.  [default: 0]")
@click.option("--orthogonal", type=float, help="Weight of orthogonal regularization; 1e-4 in the paper.  [default: 0]")
@json_option
def train(data: Path, folder: Path, resume: bool, fold: str | None, size: int, overwrite: bool, **options: Any) -> None:
    """Train a GAN on the training side of DATA: a split of crops (CSV), or a folder with one folder a class.

    Every batch has as many crops of each class. While it trains, `nflows agri gan sample RUN` shows how far it is.
    """
    from nflows_agri.generation import training
    from nflows_agri.generation.runs import GAN_ARGUMENTS, read_run
    from nflows_core.training import AdversarialSettings, EngineConfig

    arguments = {name: options[name] for name in GAN_ARGUMENTS if options.get(name) is not None}
    adversarial = {name: options[name] for name in ("lecam", "r1", "orthogonal") if options[name] is not None}
    if (chosen := options["augmentation"]) is not None:
        adversarial["augmentation"] = () if chosen == ("none",) else chosen
    if resume:
        run = read_run(folder)
        kept = {**asdict(run.training), **run.arguments, "size": run.size, "fold": run.fold}
        refuse_changed(kept | (asdict(run.adversarial) if run.adversarial else {}), {})
        with epochs_shown(run.training.epochs, _losses) as progress:
            training.resume(folder, data, progress=progress)
    else:
        chosen = {name: options[name] for name in generators.ENGINE if options[name] is not None}
        config = EngineConfig(**{"batch_size": _batch_size(data), **_DEFAULTS, **chosen})
        settings = AdversarialSettings(**adversarial)
        with epochs_shown(config.epochs, _losses) as progress:
            training.train_gan(
                data,
                folder,
                arguments,
                config,
                settings,
                size=size,
                fold=fold,
                overwrite=overwrite,
                progress=progress,
            )
    generators.report(folder, f"GAN of {data.name}")


@gan.command(cls=Command)
@sampling_options
@truncation_option
def sample(**options: Any) -> None:
    """Make crops by the GAN of RUN: a folder a class, in it a PNG file a crop, named by its class and seed."""
    generators.sample(**options)


@gan.command(cls=Command)
@interpolation_options
@truncation_option
def interpolate(**options: Any) -> None:
    """Show crops between two: by latents, by classes, and by both, a row each."""
    generators.interpolate(**options)


def _batch_size(data: Path) -> int:
    """The batch of the thesis, or what the classes can share evenly next above it."""
    from nflows_core.data.labelled import read_labelled

    classes = len(read_labelled(data).classes)
    return -(-_BATCH // classes) * classes


def _losses(metrics: StepMetrics) -> str:
    return ", ".join(f"{words(name)} {value:.4g}" for name, value in metrics.losses.items())
