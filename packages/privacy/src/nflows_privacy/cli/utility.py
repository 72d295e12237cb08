"""``nflows privacy utility``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.options import Number, output_folder_option, seed_option
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table

DETECT, SEGMENT = "detect", "segment"
NETWORKS = ("unet:resnet34", "unet:resnet50", "deeplabv3:resnet50", "fcn:resnet50")
LOSSES = ("bce", "dice")
"""Named here too, so that help need not load what they are of; a test compares them."""

_folder = click.Path(exists=True, file_okay=False, path_type=Path)
_labels = click.Path(exists=True, path_type=Path)


class EncoderWeights(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """The name of an encoder and the file of its weights.

    Example:
        >>> EncoderWeights().convert("resnet34=weights.pth", None, None)
        ('resnet34', PosixPath('weights.pth'))
    """

    name = "weights"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        encoder, _, path = str(value).partition("=")
        if not encoder or not path:
            self.fail(f"{value!r} is no encoder with a file; give both, as resnet34=FILE", param, ctx)
        return encoder, Path(path)


@click.command(cls=Command)
@click.option("--real", type=_folder, required=True, help="The pictures as they were.")
@click.option(
    "--anonymised", type=_folder, multiple=True, required=True, help="The same anonymised, by any program; repeatable."
)
@click.option("--val", type=_folder, required=True, help="Other real pictures, for the test of both.")
@click.option("--task", type=click.Choice((DETECT, SEGMENT)), required=True, help="What is learned.")
@click.option(
    "--labels",
    type=_labels,
    help="Of detect boxes, of COCO, YOLO, Cityscapes or a table; of segment a folder of masks.  [default: --real]",
)
@click.option("--val-labels", type=_labels, help="Those of the test pictures.  [default: --val]")
@output_folder_option
@click.option(
    "--network",
    "networks",
    multiple=True,
    default=NETWORKS,
    show_default=True,
    metavar="NAME:ENCODER",
    help="What segments; repeatable.",
)
@click.option(
    "--loss", "losses", multiple=True, type=click.Choice(LOSSES), default=LOSSES, show_default=True, help="Repeatable."
)
@click.option("--encoder-weights", type=EncoderWeights(), multiple=True, metavar="ENCODER=FILE", help="Else untrained.")
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help="The sides of training pictures.")
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True)
@click.option("--batch-size", type=click.IntRange(2), default=8, show_default=True)
@click.option("--learning-rate", type=Number(0, min_open=True), default=1e-3, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings of each model.")
@seed_option
@json_option
def utility(
    real: Path,
    anonymised: tuple[Path, ...],
    val: Path,
    task: str,
    labels: Path | None,
    val_labels: Path | None,
    folder: Path,
    networks: tuple[str, ...],
    losses: tuple[str, ...],
    encoder_weights: tuple[tuple[str, Path], ...],
    size: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seeds: int,
    seed: int,
) -> None:
    """Measure what anonymised pictures are worth: train the same models on both, and test both on the same real ones.

    The tables are those of the thesis's chapter 6, each number with a 95 % interval, and so is the difference of both.
    """
    from nflows_core.runtime.ownership import refuse_foreign
    from nflows_privacy.utility.experiments import Folders, compare_detectors, compare_segmenters, training_config
    from nflows_privacy.utility.report import KIND, RESULTS, SCORES, write_utility

    refuse_foreign(folder, KIND, RESULTS)
    config = training_config(epochs, batch_size, learning_rate, seed)
    folders = Folders(real, anonymised, val, labels or real, val_labels or val)
    segmenters = [(network, loss) for network in networks for loss in losses]
    number = len(segmenters) if task == SEGMENT else 1
    with progress("trainings", (1 + len(anonymised)) * seeds * number) as advance:
        if task == SEGMENT:
            weights = dict(encoder_weights)
            compared = compare_segmenters(folders, segmenters, size, config, seeds, weights, advance)
        else:
            compared = compare_detectors(folders, size, config, seeds, advance)
    about = {"task": task, "size": size, "seeds": seeds, "training": asdict(config)}
    inputs = folders.files | {f"weights of {name}": path for name, path in encoder_weights}
    report = write_utility(folder, compared, settings=about, inputs=inputs, seed=seed)
    echo(table([_short(row) for row in report["tables"][SCORES]]))
    print_report(report)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """The row with each number and its interval in one column."""
    short = {key: value for key, value in row.items() if "_interval_" not in key and "_over_seeds" not in key}
    return {key: _cell(value, row.get(f"{key}_interval_95")) for key, value in short.items()}


def _cell(value: Any, interval: Sequence[float] | None) -> Any:
    if not isinstance(value, float):
        return value
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
