"""``nflows privacy redact --boxes``: what a file says is filled, and nothing is looked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.pictures.options import PictureOptions
from nflows_core.runtime.terminal import echo
from nflows_privacy.video.formats import is_video

if TYPE_CHECKING:
    from nflows_core.runtime.batch import BatchResult
    from nflows_core.runtime.errors import ExitCode
    from nflows_core.runtime.jobs import Batch
    from nflows_privacy.annotations.annotated import Annotations
    from nflows_privacy.annotations.faults import Faults
    from nflows_privacy.redaction.decoys import Plan
    from nflows_privacy.redaction.erasing import Erasing

_TABLE = "boxes.csv"


class FillChoice(NamedTuple):
    """What a person says of a fill."""

    how: str
    strength: float | None
    model: str | None
    device: str


def erase(
    pictures: PictureOptions,
    boxes: Path,
    kinds: tuple[str, ...],
    chosen: FillChoice,
    plan: tuple[int, float, bool, bool],
) -> tuple[int, Batch]:
    """Fills what a file of boxes says, and tells what is wrong with boxes.

    Arguments:
        pictures: What a person said of the pictures.
        boxes: The file or folder of the boxes.
        kinds: The classes that are erased.
        chosen: The fill.
        plan: The arguments of a `nflows_privacy.redaction.decoys.Plan`.

    Returns:
        The exit code, and the jobs.
    """
    from nflows_core.runtime.pictures.running import plan_pictures

    batch = plan_pictures(pictures)  # before OpenCV is there
    if batch.folder is None:
        raise CommandError("--boxes: give a folder as --output, where the table of boxes lies beside the picture")
    from nflows_privacy.redaction.decoys import Plan

    erasing = erasing_of(boxes, kinds, chosen, Plan(*plan))
    annotations, faults = checked_boxes(erasing, batch)
    # Else nothing would be filled, and all be said to be done.
    annotations.check_any([job.source for job in batch.jobs if not is_video(job.source)])
    exit_code = erase_batch(pictures, batch, erasing, annotations, faults)
    tell_faults(boxes, faults)
    return exit_code, batch


def erasing_of(boxes: Path, kinds: tuple[str, ...], chosen: FillChoice, plan: Plan) -> Erasing:
    """What a person asks for."""
    from nflows_core.runtime.files import sha256
    from nflows_privacy.fills import FillSettings
    from nflows_privacy.redaction.erasing import Erasing

    fill = FillSettings(chosen.how, 1.0 if chosen.strength is None else chosen.strength, chosen.model, chosen.device)
    return Erasing(kinds, boxes.absolute(), sha256(boxes), fill, plan)


def erase_batch(
    pictures: PictureOptions, batch: Batch, erasing: Erasing, annotations: Annotations, faults: Faults
) -> ExitCode:
    """Runs an erasing over the pictures of a batch, and adds what is wrong with boxes there to the faults."""
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import run_files
    from nflows_privacy.fills import load_fill
    from nflows_privacy.fills import weights_of as weights_of_fill
    from nflows_privacy.redaction import redacted_sheets
    from nflows_privacy.redaction.erasing import EraseFiles

    batch = replace(batch, left_out={**batch.left_out, **faults.counts})
    fill = erasing.fill
    load_fill(fill)
    about = PictureReport(
        "Erased", "masked_percent", weights_of_fill(fill), ["nflows-privacy"], what="files", sheets=redacted_sheets
    )
    process = EraseFiles(erasing, pictures.writing(batch), about.digests())
    return run_files(
        batch,
        process,
        about,
        skip_existing=pictures.skip_existing,
        dask=pictures.dask,
        export=lambda result: _export(result, batch, annotations, faults),
    )


def tell_faults(boxes: Path, faults: Faults) -> None:
    """Says what is wrong with boxes."""
    for line in faults.lines():
        echo(f"--boxes {boxes}: {line}", err=True)


def checked_boxes(erasing: Erasing, batch: Batch) -> tuple[Annotations, Faults]:
    """The boxes, if they say something of what is erased."""
    from nflows_privacy.annotations.faults import MISSING
    from nflows_privacy.redaction.decoys import Holes
    from nflows_privacy.redaction.erasing import missing_pictures

    annotations, faults = erasing.read()
    try:
        Holes.of(annotations, erasing.kinds)
    except ValueError as error:
        classes = ", ".join(annotations.classes[:8]) or "no classes"
        raise ValueError(f"`kinds`: {error}; it has {classes}") from error
    sources = [job.source for job in batch.jobs if not is_video(job.source)]
    if erasing.is_strict:
        annotations.check(sources)
    for name in missing_pictures(annotations, sources):
        faults.add(MISSING, name)
    return annotations, faults


def _export(result: BatchResult, batch: Batch, annotations: Annotations, faults: Faults) -> None:
    _write_table(result, batch, annotations, faults)
    echo(_totals(result), err=True)


def _totals(result: BatchResult) -> str:
    """As "3 boxes filled and 6 decoys in 2 files"."""
    numbers = [(outcome.result or {})["numbers"] for outcome in result.told]
    erased, decoys = (sum(one[name] for one in numbers) for name in ("erased", "decoys"))
    more = f" and {decoys} decoys" if decoys else ""
    return f"{erased} boxes filled{more} in {len(numbers)} files"


def _write_table(result: BatchResult, batch: Batch, annotations: Annotations, faults: Faults) -> None:
    """Writes the table of all boxes and decoys, and counts what is wrong with boxes in their pictures."""
    from nflows_core.runtime.report import write_csv
    from nflows_privacy.redaction.erasing import erased_rows

    done = result.told
    if batch.folder is None:
        return
    if not done:
        (batch.folder / _TABLE).unlink(missing_ok=True)  # that of an earlier run would tell of other pictures
        return
    for outcome in done:
        for what, box in (outcome.result or {}).get("faults", ()):
            faults.add(what, f"{outcome.job.source.name} ({box})" if box else outcome.job.source.name)
    write_csv(batch.folder / _TABLE, erased_rows(done, batch.folder, annotations))
