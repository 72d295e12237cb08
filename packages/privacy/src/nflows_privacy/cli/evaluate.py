"""``nflows privacy evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.options import Number, output_folder_option, seed_option
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_privacy.cli.judging import judge_boxes
from nflows_privacy.cli.options import Kinds, detector_option, detector_settings, device_option, what_option
from nflows_privacy.masks import MASK_SCALE
from nflows_privacy.regions import FACE, LEFT_SCORE, PLATE

if TYPE_CHECKING:
    from nflows_core.evaluation import PerceptualDistance
    from nflows_privacy.detection import Detector, DetectorSettings
    from nflows_privacy.evaluation import Places
    from nflows_privacy.evaluation.embedding import Embedder
    from nflows_privacy.evaluation.reading import Reader


@click.command(cls=Command)
@click.argument("before", type=click.Path(exists=True, path_type=Path))
@click.argument("after", type=click.Path(exists=True, path_type=Path))
@output_folder_option
@click.option(
    "--task",
    type=click.Choice(["redaction", "detect"]),
    default="redaction",
    show_default=True,
    help="detect measures boxes: AFTER is what detect wrote of the pictures BEFORE, or a RUN, which looks at them.",
)
@what_option
@detector_option
@click.option(
    "--threshold",
    type=Number(0, 1),
    default=LEFT_SCORE,
    show_default=True,
    help="The score from which on a thing counts, before and after.",
)
@click.option(
    "--found",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of detect or review, which says what should be gone; else the detector does.",
)
@click.option(
    "--boxes",
    type=click.Path(exists=True, path_type=Path),
    help="Boxes of COCO, YOLO, Cityscapes or a table, which say it; with --task detect, those of a person.",
)
@click.option(
    "--classes",
    type=Kinds(),
    help='What counts with --task detect, by commas, as priority-road or by number; or "groups".'
    "  [default: all of --boxes]",
)
@click.option(
    "--mask-scale",
    type=Number(1, 10),
    default=MASK_SCALE,
    show_default=True,
    help="How many times as wide and high as a thing the place is that may change.",
)
@click.option(
    "--lpips/--no-lpips",
    default=True,
    show_default=True,
    help="Measure how much a fill shows around it: a second or two a thing without a GPU; 553 MB are downloaded once.",
)
@device_option
@seed_option
@json_option
def evaluate(
    before: Path,
    after: Path,
    folder: Path,
    task: str,
    kinds: tuple[str, ...],
    detectors: tuple[str, ...],
    threshold: float,
    found: Path | None,
    boxes: Path | None,
    classes: tuple[str, ...] | None,
    mask_scale: float,
    lpips: bool,
    device: str,
    seed: int,
) -> ExitCode:
    """Measure what the pictures AFTER still tell of those BEFORE, whatever program made them.

    What is found and read again, faces that point to themselves, pixels and metadata that should not be there, how much
    the surroundings of what was filled show it (LPIPS): for each picture, and for all with intervals. report.html shows
    the pictures before: keep it as private as they are.

    With --task detect, precision, recall, mAP50 and mAP50-95 of boxes in the pictures BEFORE, by class and by width:
    AFTER is a folder that detect wrote of them, a file of boxes with scores (COCO, a table), or a RUN. An average
    precision counts faint boxes too: give detect --threshold .05.
    """
    if task == "detect":
        return _judged(before, after, boxes, folder, classes=classes or (), threshold=threshold, device=device)
    _refuse_given("is for --task detect", "classes")
    from nflows_core.runtime.ownership import refuse_foreign
    from nflows_privacy.detection import load_detector, weights_of
    from nflows_privacy.evaluation import Question, compare, filled_in, find_pairs, write_evaluation
    from nflows_privacy.evaluation.report import KIND, RESULTS

    refuse_foreign(folder, KIND, RESULTS)
    pairs = find_pairs(before, after)
    settings = detector_settings(kinds, detectors, threshold, device)
    detector = load_detector(settings)
    places = _places(detector, found, boxes)
    skipped = dict.fromkeys(pairs.videos, "a video; `nflows privacy verify` looks at videos")
    reader = _reader(skipped) if PLATE in kinds else None
    embedder = _embedder(skipped) if FACE in kinds else None
    judge = _judge(skipped, settings, lpips)
    question = Question(places, frozenset(kinds), detector, mask_scale, reader, embedder, judge, filled_in(after))
    with progress("pictures", len(pairs.pairs)) as advance:
        answer = compare(pairs, question, advance)
    about = {
        "what": list(kinds),
        "detectors": list(settings.names),
        "threshold": threshold,
        "mask_scale": mask_scale,
        "places": str(found or boxes or "detected"),
    }
    findable = sorted(detector.kinds & set(kinds))
    report = write_evaluation(
        pairs,
        answer,
        folder,
        settings=about,
        not_measured=skipped,
        kinds=findable,
        weights=weights_of(settings),
        seed=seed,
    )
    _tell(report)
    print_report(report)
    return ExitCode.FAILED if answer.failures or pairs.missing or pairs.extra else ExitCode.DONE


def _judged(pictures: Path, found: Path, boxes: Path | None, folder: Path, **options: Any) -> ExitCode:
    _refuse_given("is not for --task detect", "kinds", "detectors", "found", "mask_scale", "lpips", "seed")
    if boxes is None:
        raise CommandError("--task detect: give the boxes of a person by --boxes")
    return judge_boxes(pictures, found, boxes, folder, **options)


def _refuse_given(why: str, *names: str) -> None:
    """Refuses options that were typed and would be ignored."""
    context = click.get_current_context()
    for option in context.command.params:
        typed = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if option.name in names and typed:
            raise CommandError(f"{option.opts[0]} {why}; leave it out")


def _places(detector: Detector, found: Path | None, boxes: Path | None) -> Places:
    from nflows_privacy.annotations.reading import read_boxes
    from nflows_privacy.evaluation import by_boxes, by_detector, by_found

    if found is not None and boxes is not None:
        raise ValueError("`found` and `boxes` both say what should be gone; give one of them")
    if found is not None:
        return by_found(found)
    return by_detector(detector) if boxes is None else by_boxes(read_boxes(boxes))


def _reader(skipped: dict[str, str]) -> Reader | None:
    from nflows_privacy.evaluation.reading import Reader

    try:
        return Reader()
    except ModuleNotFoundError as error:
        skipped["text"] = str(error)
    return None


def _embedder(skipped: dict[str, str]) -> Embedder | None:
    from nflows_core.runtime.weights import find_weights
    from nflows_privacy.detection.keeping import WEIGHTS
    from nflows_privacy.evaluation.embedding import Embedder

    try:
        return Embedder(find_weights(WEIGHTS))
    except CommandError as error:
        skipped["identity"] = str(error)
    return None


def _judge(skipped: dict[str, str], settings: DetectorSettings, asked: bool) -> PerceptualDistance | None:
    from nflows_core.evaluation import build_perceptual

    if not asked:
        skipped["LPIPS"] = "--no-lpips"
        return None
    try:
        return build_perceptual("vgg").to(settings.place)
    except (CommandError, ModuleNotFoundError) as error:
        skipped["LPIPS"] = str(error)
    return None


def _tell(report: dict[str, Any]) -> None:
    from nflows_privacy.evaluation.report import ALONE, FAILURES, MEASURES, NOT_MEASURED

    tables = report["tables"]
    if rows := tables.get(MEASURES):
        echo(table(rows))
    for row in tables.get(NOT_MEASURED, []):
        echo(f"{row['what']} not measured: {row['why']}", err=True)
    for row in tables.get(ALONE, []):
        echo(f"{row['picture']}: there is none {row['there_is_none']}", err=True)
    for row in tables.get(FAILURES, []):
        echo(f"{row['picture']}: {row['why']}", err=True)
