"""``nflows privacy detect``."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nflows_core.runtime.batch import inputs_argument, output_option, skip_existing_option
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import OutputFile, dask_option
from nflows_core.runtime.pictures.options import READ
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.options import (
    detector_option,
    detector_settings,
    device_option,
    found_kinds_option,
    threshold_option,
    turned_option,
)
from nflows_privacy.video.formats import RESULTS, is_video

if TYPE_CHECKING:
    from nflows_core.runtime.batch import BatchResult
    from nflows_core.runtime.jobs import Batch
    from nflows_privacy.annotations.annotated import Annotations
    from nflows_privacy.annotations.faults import Faults
    from nflows_privacy.detection import DetectorSettings
    from nflows_privacy.redaction.detecting import Detection

_TABLE = "boxes.csv"


@click.command(cls=Command)
@inputs_argument
@output_option
@skip_existing_option
@found_kinds_option
@detector_option
@threshold_option
@click.option(
    "--boxes",
    type=click.Path(exists=True, path_type=Path),
    help="Boxes of anyone: COCO, YOLO, Pascal VOC, GTSDB, polygons of Cityscapes or IDD, or CSV. --what may be"
    " sign, a class or a group too. With them, only a --detector looks besides.",
)
@click.option(
    "--coco", type=OutputFile(".json"), help="A file of all boxes in pictures, in the format of COCO, besides."
)
@turned_option
@device_option
@dask_option
@json_option
def detect(
    inputs: tuple[Path, ...],
    output: Path,
    skip_existing: bool,
    kinds: tuple[str, ...] | None,
    detectors: tuple[str, ...],
    threshold: float | None,
    boxes: Path | None,
    coco: Path | None,
    turned: bool,
    device: str,
    dask: str | None,
) -> ExitCode:
    """Find faces and licence plates, or what a RUN finds, in each INPUT, a file or a folder of pictures and videos.

    OUTPUT gets a file for each of them. That of a.jpg is a.jpg.json; it knows the picture by its SHA-256. `review`
    changes what was found, and `redact --found` obeys it. The report shows the pictures as they are, so it is not for
    publication; a table of all boxes in them, boxes.csv, lies beside it.
    """
    _check_reviewed(output, skip_existing)
    batch = _planned(inputs, output, coco)  # before OpenCV is there
    from nflows_core.runtime.files import sha256
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import run_files
    from nflows_privacy.detection import kinds_for, load_detector, weights_of
    from nflows_privacy.redaction.detecting import DetectFiles, Detection, found_sheets

    wanted = kinds or kinds_for(detectors)
    looks = boxes is None or bool(detectors)
    detector = detector_settings(wanted, detectors, threshold, device, turned) if looks else None
    marked = (None, None) if boxes is None else (boxes.absolute(), sha256(boxes))
    detection = Detection(wanted, detector, *marked)
    faults = _checked(detection, batch)
    if detector is not None and dask is None:
        _tell_kinds(wanted, load_detector(detector).kinds, detector)
    weights = {} if detector is None else weights_of(detector)
    about = PictureReport("Regions found", "boxes", weights, ["nflows-privacy"], what="files", sheets=found_sheets)
    process = DetectFiles(detection, about.digests())
    batch = replace(batch, left_out={**batch.left_out, **faults.counts})

    def export(result: BatchResult) -> None:
        _export(result, batch, coco, wanted)
        _add_faults(result, faults)
        echo(_totals(result, wanted), err=True)

    exit_code = run_files(batch, process, about, skip_existing=skip_existing, dask=dask, export=export)
    for line in faults.lines():
        echo(f"--boxes {boxes}: {line}", err=True)
    return exit_code


def _planned(inputs: Sequence[Path], output: Path, coco: Path | None) -> Batch:
    from nflows_core.runtime.pictures.running import plan_files

    taken = READ | RESULTS.keys()
    suffixes = {"": ".json", **{suffix: f"{suffix}.json" for suffix in taken}}
    batch = plan_files(inputs, output, taken, suffixes, files=[_TABLE])
    if coco is not None and (batch.folder is None or coco.absolute().is_relative_to(batch.folder.absolute())):
        raise ValueError("`coco`: give a file elsewhere, and a folder as `output`, where all files tell of one picture")
    return batch


def _check_reviewed(output: Path, skip_existing: bool) -> None:
    """Refuses to find again what people have corrected; what is left out keeps what they did."""
    from nflows_privacy.review.journal import JOURNAL

    if not skip_existing and (output / JOURNAL).exists():
        raise ValueError(
            f"{output} was reviewed, and what people changed would be lost: choose another folder as `output`,"
            " or give `skip_existing`, which finds only what is missing"
        )


def _checked(detection: Detection, batch: Batch) -> Faults:
    """Refuses boxes that tell nothing of a picture, or of no kind that counts, before a picture is read.

    Returns:
        What is wrong with single boxes, where it stops nothing.
    """
    from nflows_privacy.annotations.faults import MISSING, Faults
    from nflows_privacy.redaction.erasing import missing_pictures

    if (marked := detection.marked) is None:
        return Faults()
    annotations, faults = marked[0], deepcopy(marked[1])  # what is kept for other runs stays as it is
    sources = [job.source for job in batch.jobs if not is_video(job.source)]
    _check_kinds(annotations, detection.kinds)
    annotations.check_any(sources)
    unnamed = [] if detection.is_strict else annotations.unnamed(sources)
    annotations.check(source for source in sources if source not in unnamed)
    if unnamed:
        first = ", ".join(map(str, unnamed[:3])) + (", …" if len(unnamed) > 3 else "")
        echo(f"{len(unnamed)} pictures are not named in {annotations.source}: {first}", err=True)
    for name in missing_pictures(annotations, sources):
        faults.add(MISSING, name)
    if detection.is_strict and annotations.empty:
        echo(f"{annotations.source}: {annotations.empty} boxes without an area are left out", err=True)
    return faults


def _check_kinds(annotations: Annotations, kinds: Sequence[str]) -> None:
    from nflows_privacy.redaction.decoys import is_meant
    from nflows_privacy.regions import Box, Region

    regions = [region for one in annotations.pictures.values() for region in one.regions]
    regions += [Region(Box(0, 0, 1, 1), kind) for kind in annotations.classes]
    if not any(is_meant(region, kinds) for region in regions):
        classes = ", ".join(annotations.classes[:8]) or "no classes"
        none = f"none of {', '.join(kinds)}"
        raise ValueError(f"`kinds`: {annotations.source} has {classes}, and {none}; say a class, a group, or sign")


def _tell_kinds(kinds: Sequence[str], found: frozenset[str], detector: DetectorSettings) -> None:
    from nflows_privacy.redaction.decoys import is_meant
    from nflows_privacy.regions import Box, Region

    regions, names = [Region(Box(0, 0, 1, 1), kind) for kind in found], ", ".join(detector.names)
    missing = [kind for kind in kinds if not any(is_meant(region, (kind,)) for region in regions)]
    if len(missing) == len(kinds):
        raise ValueError(f"`kinds`: {names} finds {', '.join(sorted(found))}, and none of {', '.join(kinds)}")
    if missing:
        echo(f"nothing looks for {', '.join(missing)}: {names} finds {', '.join(sorted(found))}", err=True)


def _add_faults(result: BatchResult, faults: Faults) -> None:
    """Counts what is wrong with boxes in their pictures."""
    for outcome in result.told:
        for what, box in (outcome.result or {}).get("faults", ()):
            faults.add(what, f"{outcome.job.source.name} ({box})" if box else outcome.job.source.name)


def _totals(result: BatchResult, kinds: Sequence[str]) -> str:
    """As "19 face, 0 plate in 2 files"."""
    counts = dict.fromkeys(kinds, 0)
    for outcome in result.told:
        numbers = (outcome.result or {})["numbers"]
        counts = {kind: count + numbers.get(kind, 0) for kind, count in counts.items()}
    return f"{', '.join(f'{count} {kind}' for kind, count in counts.items())} in {len(result.told)} files"


def _export(result: BatchResult, batch: Batch, coco: Path | None, kinds: Sequence[str]) -> None:
    """Writes the tables of all boxes, for programs of others."""
    from nflows_core.runtime.report import write_csv
    from nflows_privacy.annotations.coco import write_coco
    from nflows_privacy.redaction.detecting import annotations_found, rows_found

    done = result.told
    if batch.folder is None or not done:
        return
    rows = rows_found(done, batch.folder)
    if (first := next(rows, None)) is not None:
        write_csv(batch.folder / _TABLE, chain([first], rows))
    if coco is not None:
        write_coco(coco, annotations_found(done, batch.folder, kinds))
