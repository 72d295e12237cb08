"""``nflows privacy train``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.cli.trainings import epochs_shown, is_main_process, refuse_changed
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.options import Number
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.options import Kinds

if TYPE_CHECKING:
    from nflows_core.training import StepMetrics
    from nflows_privacy.training.runs import Run
    from nflows_privacy.training.settings import NetworkSettings

_GROUPS = "groups"
_Boxes = click.Path(exists=True, path_type=Path)
_FolderPath = click.Path(file_okay=False, path_type=Path)
_ENGINE = (
    "epochs", "batch_size", "accumulation_steps", "learning_rate", "warmup_steps", "schedule", "clip_norm", "ema_decay",
    "mixed_precision", "checkpoint_steps", "tensorboard", "seed",
)  # fmt: skip


@click.command(cls=Command)
@click.argument("boxes", type=_Boxes)
@click.option("-o", "--output", "folder", type=_FolderPath, required=True, help="Folder of the run.")
@click.option("--pictures", type=_FolderPath, help="The folder of the pictures.  [default: that of BOXES]")
@click.option("--test", type=_Boxes, help="Boxes of the pictures held out, in a folder as BOXES.  [default: a tenth]")
@click.option(
    "--classes",
    type=Kinds(),
    help='What is to be found, by commas, as priority-road or by number; or "groups" for those of the classes.',
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="CLASS[=CLASS]",
    help="A class that looks in a mirror like itself, or like another; pictures with others are not flipped.",
)
@click.option(
    "--backbone",
    type=click.Choice(["efficientnet-lite0", "residual"]),
    help="What looks at pictures: it has learned on ImageNet, or begins with nothing and is faster.  "
    "[default: efficientnet-lite0, or that of --start]",
)
@click.option(
    "--augment",
    type=click.Choice(["none", "thesis", "usual", "pasted"]),
    default="pasted",
    show_default=True,
    help="What is done to pictures; pasted also puts things of others into them.",
)
@click.option("--size", "crop", type=int, default=320, show_default=True, help="The side of the crops, in pixels.")
@click.option(
    "--dropout",
    type=Number(0, 0.9),
    default=0.0,
    show_default=True,
    help="The part of what its outputs see that is left out at random in the training.",
)
@click.option("--start", type=_FolderPath, help="A run whose weights it begins with.")
@click.option("--threshold", type=Number(0, 1), help="The score from which on a box counts.  [default: 0.4]")
@click.option(
    "--epochs", type=click.IntRange(1), help="[default: 5, of few pictures so many that 900 updates are made]"
)
@click.option("--batch-size", type=click.IntRange(1), help="Crops of an update.  [default: 16]")
@click.option("--accumulation-steps", type=click.IntRange(1))
@click.option("--learning-rate", type=float, help="[default: 0.001, of residual 0.002]")
@click.option("--warmup-steps", type=click.IntRange(0), help="[default: 100]")
@click.option("--schedule", type=click.Choice(["cosine", "exponential", "constant"]), help="[default: cosine]")
@click.option("--clip-norm", type=float, help="Largest norm of a gradient.  [default: 5]")
@click.option("--ema-decay", type=float, help="Of the averaged weights.  [default: 0.998]")
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), help="[default: no]")
@click.option("--checkpoint-steps", type=click.IntRange(1), help="[default: 200]")
@click.option("--tensorboard", is_flag=True, default=None, help="Write the curves for TensorBoard too.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of everything random.  [default: 0]")
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that read pictures.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings.")
@click.option("--overwrite", is_flag=True, help="Begin again in a folder that has a run.")
@json_option
def train(boxes: Path, folder: Path, pictures: Path | None, test: Path | None, **options: Any) -> None:
    """Train a detector on BOXES: a table (CSV), COCO, YOLO or polygons, with the pictures beside it.

    The folder of the run is taken by the other commands as --detector. A picture without boxes shows what is not to be
    found; boxes of the class "ignore" are neither that nor the other.
    """
    from nflows_core.training import EngineConfig
    from nflows_privacy.training import experiment
    from nflows_privacy.training.data import Source, meant_classes
    from nflows_privacy.training.runs import THRESHOLD, read_run

    beside = pictures if test is not None and test.parent.resolve() == boxes.parent.resolve() else None
    data, held_out = Source(boxes, pictures), None if test is None else Source(test, beside)
    common = {"test": held_out, "workers": options["workers"]}
    if options["resume"]:
        run = read_run(folder)
        context = click.get_current_context()
        if options["classes"] not in (None, (_GROUPS,)):
            context.params["classes"] = meant_classes(data, options["classes"])
        refuse_changed(_stored(run), {})
        with epochs_shown(run.training.epochs, _loss) as progress:
            experiment.resume(folder, data, **common, progress=progress)
    else:
        chosen = {name: options[name] for name in _ENGINE if options[name] is not None}
        others = {name: options[name] for name in ("start", "overwrite", "augment")}
        threshold = THRESHOLD if options["threshold"] is None else options["threshold"]
        settings = _settings(
            data, **{name: options[name] for name in ("classes", "mirrors", "crop", "dropout", "backbone", "start")}
        )
        trained_on = data if held_out is None else experiment.apart(data, held_out)[0]
        config = EngineConfig(**{**experiment.engine_for(trained_on, settings, options["batch_size"]), **chosen})
        with epochs_shown(config.epochs, _loss) as progress:
            experiment.train(data, folder, settings, config, **common, **others, threshold=threshold, progress=progress)
    _report(folder, f"Detector of {boxes.name}")


def _stored(run: Run) -> dict[str, Any]:
    """The settings of a run by the names of the options."""
    settings = {**asdict(run.settings), **({"classes": (_GROUPS,)} if run.settings.groups else {})}
    return {**settings, "threshold": run.threshold, "augment": run.augment, **asdict(run.training)}


def _settings(
    data: Any,
    classes: tuple[str, ...] | None,
    mirrors: tuple[str, ...],
    crop: int,
    dropout: float,
    backbone: str | None,
    start: Any,
) -> NetworkSettings:
    from nflows_privacy.annotations.mirrors import mirrors_among
    from nflows_privacy.training.data import classes_of, meant_classes
    from nflows_privacy.training.experiment import architecture

    groups = classes == (_GROUPS,)
    known = classes_of(data, groups)
    names = meant_classes(data, classes) if classes and not groups else known
    if unknown := [name for name in names if name not in known]:
        raise CommandError(f"--classes: no box of {', '.join(unknown)} in {data.boxes}, but of {', '.join(known)}")
    if groups and mirrors:
        raise CommandError("--mirror: groups have no mirror classes; leave it out, or give classes")
    mirrored = mirrors_among(names, mirrors)
    images = tuple(mirrored.get(name, "") for name in names) if mirrored else ()
    return architecture(backbone, start, classes=names, mirrors=images, crop=crop, groups=groups, dropout=dropout)


def _loss(metrics: StepMetrics) -> str:
    return f"loss {metrics.loss:.4g}"


def _report(folder: Path, title: str) -> None:
    from nflows_privacy.training.report import report_run

    if not is_main_process():
        return
    report = report_run(folder, title)
    for name, value in report.items():
        if isinstance(value, int | float):
            echo(f"{words(name):<32} {shown(value)}")
    echo(f"{'report':<32} {folder / 'report.html'}")
    print_report(report)
