"""``nflows privacy redact``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.options import Number
from nflows_core.runtime.pictures.options import EXACT, PictureOptions, picture_options
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.erasing import FillChoice, erase
from nflows_privacy.cli.options import (
    detector_option,
    detector_settings,
    device_option,
    threshold_option,
    turned_option,
    what_option,
)
from nflows_privacy.fills.settings import HOW
from nflows_privacy.masks import MASK_SCALE
from nflows_privacy.video.formats import RESULTS, is_video

if TYPE_CHECKING:
    from nflows_core.runtime.jobs import Batch


@click.command(cls=Command)
@picture_options(metadata="strip-private", is_random=True, format=EXACT, others=RESULTS)
@what_option
@detector_option
@threshold_option
@click.option(
    "--boxes",
    type=click.Path(exists=True, path_type=Path),
    help="Boxes of anyone: COCO, YOLO, Pascal VOC, GTSDB, CSV. Those of --what are filled, and nothing else: sign, the"
    " name of a class or a group.",
)
@click.option(
    "--decoys",
    type=click.IntRange(0, 100),
    help="With --boxes: holes where nothing was, so many for each box.  [default: 0]",
)
@click.option(
    "--same-number", is_flag=True, help="With --decoys: as many holes in each picture as in that with the most boxes."
)
@click.option(
    "--decoys-only",
    is_flag=True,
    help="With --decoys: no box is filled, and each picture gets as many holes as with --same-number.",
)
@click.option("--how", type=click.Choice(HOW), help="What is put in their place.  [default: blur; telea with --boxes]")
@click.option("--strength", type=Number(0, min_open=True), help="Of blur, pixelate, downsample.  [default: 1]")
@click.option("--model", help="The weights of lama or diffusion: a name or a path.")
@click.option(
    "--mask-scale",
    type=Number(1, 10),
    default=MASK_SCALE,
    show_default=True,
    help="How many times as wide and high what is filled is as what was found.",
)
@click.option(
    "--found",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of detect or review: what it says is redacted, and nothing else.",
)
@click.option(
    "--keep",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A picture of one who has agreed to be seen, whose face stays in pictures; repeatable.",
)
@turned_option
@device_option
def redact(
    pictures: PictureOptions,
    kinds: tuple[str, ...],
    detectors: tuple[str, ...],
    threshold: float | None,
    boxes: Path | None,
    decoys: int | None,
    same_number: bool,
    decoys_only: bool,
    how: str | None,
    strength: float | None,
    model: str | None,
    mask_scale: float,
    found: Path | None,
    keep: tuple[Path, ...],
    turned: bool,
    device: str,
) -> int:
    """Fill faces and licence plates: each INPUT, a file or a folder of pictures and videos, becomes one in OUTPUT.

    All else stays as it is, to the bit, unless a --quality is given or a --format that loses something. What was filled
    is looked at again, and filled more until nothing is found; where anything fails, nothing of that file is written.
    Annotations that a folder holds (YOLO, COCO, polygons, Pascal VOC) are copied.

    With --boxes nothing is looked for: what a file says is filled, and a table of all boxes, boxes.csv, lies beside the
    pictures. Decoys are holes where nothing was, so that a hole does not tell what it hides; --decoys-only makes scenes
    that lack nothing beside those that do.
    """
    if boxes is not None:
        _refuse_looking(detectors, threshold, found, keep, turned)
        fill_choice = FillChoice(how or "telea", strength, model, device)
        if decoys_only and not decoys:
            raise CommandError("--decoys-only: says not how many; give --decoys")
        plan = (decoys or 0, mask_scale, same_number, decoys_only)
        exit_code, batch = erase(pictures, boxes, kinds, fill_choice, plan)
        _carry_annotations(pictures, batch)
        return exit_code
    if decoys is not None or same_number or decoys_only:
        raise CommandError("--decoys, --same-number and --decoys-only belong to --boxes: give a file of boxes")
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_files

    batch = plan_pictures(pictures)  # before OpenCV is there
    _tell_tags(pictures, batch)
    from nflows_privacy.annotations.folder import state_of
    from nflows_privacy.detection import weights_of as weights_of_detectors
    from nflows_privacy.fills import FillSettings, load_fill
    from nflows_privacy.fills import weights_of as weights_of_fill
    from nflows_privacy.redaction import RedactFiles, Redaction, redacted_sheets
    from nflows_privacy.redaction.settings import loaded

    detector = detector_settings(kinds, detectors, threshold, device, turned)
    fill = FillSettings(how or HOW[0], 1.0 if strength is None else strength, model, device)
    redaction = Redaction(kinds, detector, fill, mask_scale, keep=tuple(str(path.absolute()) for path in keep))
    if pictures.dask is None:  # what is wrong with them is wrong for all files
        loaded(redaction)
        load_fill(fill)
    weights = {**weights_of_detectors(detector), **weights_of_fill(fill), **{f"keep {path}": path for path in keep}}
    about = PictureReport(
        "Redacted files", "masked_percent", weights, ["nflows-privacy"], what="files", sheets=redacted_sheets
    )
    where = None if found is None else (found.absolute(), state_of(found))
    if where is not None:
        batch = _tell_unread(where, batch)
    process = RedactFiles(redaction, pictures.writing(batch), about.digests(), where)
    exit_code = run_files(batch, process, about, skip_existing=pictures.skip_existing, dask=pictures.dask)
    _carry_annotations(pictures, batch)
    return exit_code


def _refuse_looking(
    detectors: tuple[str, ...], threshold: float | None, found: Path | None, keep: tuple[Path, ...], turned: bool
) -> None:
    """Refuses what says how to look, where nothing is looked for."""
    given = {"detector": detectors, "threshold": threshold, "found": found, "keep": keep, "turned": turned}
    if named := [name for name, value in given.items() if value not in (None, (), False)]:
        raise CommandError(f"--{named[0]}: with --boxes nothing is looked for; leave one of them out")


def _tell_tags(pictures: PictureOptions, batch: Batch) -> None:
    """Says that tags of videos go, where a person asks for more of them to stay."""
    videos = sum(is_video(job.source) for job in batch.jobs)
    if videos and pictures.metadata in ("keep", "strip-gps"):
        echo(
            f"--metadata {pictures.metadata} is for pictures: {videos} videos lose all tags, which the report names",
            err=True,
        )


def _tell_unread(found: tuple[Path, str], batch: Batch) -> Batch:
    """Says which files of --found cannot be understood; the report counts them among what is not taken."""
    from nflows_privacy.annotations.folder import found_folder

    folder = found_folder(found)
    if (warning := folder.warning()) is None:
        return batch
    echo(f"--found {found[0]}: {warning}", err=True)
    return replace(batch, left_out={**batch.left_out, "files of --found that cannot be understood": len(folder.unread)})


def _carry_annotations(pictures: PictureOptions, batch: Batch) -> None:
    """Copies what the folders hold of annotations, so that the results are a data set as the inputs were."""
    from nflows_privacy.annotations.travel import carry_annotations
    from nflows_privacy.redaction.pixels import is_turned

    folder = batch.folder
    if folder is None:
        return
    targets = ((job.source.name, job.target.relative_to(folder)) for job in batch.jobs)
    renamed = ((target.with_name(name).as_posix(), target.as_posix()) for name, target in targets)
    counts = carry_annotations(pictures.inputs, folder, renamed)
    if counts["copied"] and (turned := sum(is_turned(job.source) for job in batch.jobs)):
        echo(
            f"{turned} pictures are upright now, which their files said and their pixels were not: boxes that count in"
            " those pixels do not fit any more",
            err=True,
        )
    if any(counts.values()):
        echo(f"annotations: {', '.join(f'{count} {how}' for how, count in counts.items() if count)}", err=True)
