"""``nflows privacy augment``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.pictures.options import EXACT, PictureOptions, picture_options
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_core.runtime.attempt import Outcome
    from nflows_core.runtime.batch import BatchResult
    from nflows_core.runtime.jobs import Batch
    from nflows_core.runtime.page import Sheet
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_privacy.annotations.faults import Faults
    from nflows_privacy.training.pool import Pool

_TABLE = "boxes.csv"
_SHOWN = 8


@click.command(cls=Command)
@picture_options(metadata="strip-private", is_random=True, format=EXACT)
@click.option(
    "--boxes",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="The boxes: a table (CSV), COCO, YOLO, Pascal VOC or GTSDB. A picture that they do not name shows none.",
)
@click.option(
    "--times",
    type=click.IntRange(2, 1000),
    default=5,
    show_default=True,
    help="How many pictures become of each, itself among them.",
)
@click.option(
    "--augment",
    "way",
    type=click.Choice(["mosaic", "thesis", "usual", "pasted"]),
    default="mosaic",
    show_default=True,
    help="What is done to pictures. mosaic: turned by up to 10 degrees, half of them joined of four, scaled, lit,"
    " blurred and mirrored; thesis: the same, but flipped both ways with the classes as they are; usual: neither turned"
    " nor joined; pasted: with things of other pictures put in.",
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="CLASS[=CLASS]",
    help="A class that looks in a mirror like itself, or like another; pictures with others are not mirrored.",
)
def augment(pictures: PictureOptions, boxes: Path, times: int, way: str, mirrors: tuple[str, ...]) -> ExitCode:
    """Make of pictures with boxes several times as many, for a training of any program.

    Of a.jpg become a.png, the picture itself, and a-1.png to a-4.png of its size; a table of all boxes, boxes.csv, lies
    beside them, with all columns that there were. A box that is cut off by more than half, or is thinner than 4 pixels
    now, gets the class "ignore". Give only pictures to learn from: mosaics are drawn from all INPUTS, and copies of one
    picture must not be tested on; the column made_from says what each is made from. A folder with copies that this run
    does not make anew is refused.
    """
    from nflows_core.runtime.files import sha256
    from nflows_core.runtime.ownership import refuse_overwriting
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_files

    batch = plan_pictures(pictures, tuple(f"-{number}" for number in range(1, times)))  # before OpenCV is there
    from nflows_privacy.annotations.faults import Faults
    from nflows_privacy.training.augmenting import AugmentFiles, Augmenting
    from nflows_privacy.training.earlier import refuse_older

    refuse_overwriting([pictures.output / _TABLE], [boxes])
    refuse_older(batch)
    faults = Faults()
    pool = _pool(batch, boxes, mirrors, faults)
    inputs = tuple(path.absolute() for path in pictures.inputs)
    augmenting = Augmenting(
        boxes.absolute(), sha256(boxes), inputs, pictures.output.absolute(), pool.digest, way, mirrors
    )
    batch = replace(batch, left_out={**batch.left_out, **faults.counts})
    (pictures.output / _TABLE).unlink(missing_ok=True)  # a run that is stopped leaves none that tells of other copies
    about = PictureReport("Augmented", "boxes", packages=["nflows-privacy"], sheets=_sheets)
    exit_code = run_files(
        batch,
        AugmentFiles(augmenting, pictures.writing(batch)),
        about,
        skip_existing=pictures.skip_existing,
        dask=pictures.dask,
        export=lambda result: _write_table(result, batch, pool, faults),
    )
    for line in faults.lines():
        echo(f"--boxes {boxes}: {line}", err=True)
    return exit_code


def _pool(batch: Batch, boxes: Path, mirrors: tuple[str, ...], faults: Faults) -> Pool:
    """The pictures with their boxes; tells which have none, and which boxes no picture."""
    from nflows_privacy.annotations.faults import MISSING
    from nflows_privacy.annotations.reading import read_boxes
    from nflows_privacy.training.pool import Pool

    pool = Pool.of(read_boxes(boxes, faults=faults), [job.source for job in batch.jobs], mirrors)
    named = set(pool.names)
    for name, marked in pool.annotations.pictures.items():
        if marked.regions and name not in named:
            faults.add(MISSING, name)
    if unnamed := pool.unnamed:
        first = ", ".join(unnamed[:3]) + (", …" if len(unnamed) > 3 else "")
        echo(f"{len(unnamed)} pictures are not named in {boxes}, and taken to show nothing: {first}", err=True)
    return pool


def _write_table(result: BatchResult, batch: Batch, pool: Pool, faults: Faults) -> None:
    """Writes the table of all boxes, and counts what is wrong with boxes in their pictures."""
    from nflows_core.runtime.report import write_csv
    from nflows_privacy.training.augmenting import augmented_rows
    from nflows_privacy.training.earlier import older_copies

    if batch.folder is None:
        return
    done, older = result.told, older_copies(result.failed, batch.folder)
    if not done and not older:
        return
    for outcome in done:
        for what, box in (outcome.result or {}).get("faults", ()):
            faults.add(what, f"{outcome.job.source.name} ({box})" if box else outcome.job.source.name)
    write_csv(batch.folder / _TABLE, augmented_rows(chain(done, older), batch.folder, pool.annotations.attributes))


def _sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """Some pictures and what became of them, with the boxes outlined."""
    from nflows_core.runtime.page import Sheet
    from nflows_privacy.redaction.sheets import whole_outlined
    from nflows_privacy.regions import Region

    def cells(outcome: Outcome) -> list[Any]:
        boxes = (outcome.result or {})["boxes"]
        pairs = zip(outcome.job.targets[:_SHOWN], boxes, strict=False)
        return [whole_outlined(path, [Region.from_json(one) for one in regions]) for path, regions in pairs]

    shown = about.shown(done)[:_SHOWN]
    rows = {str(outcome.job.source): cells(outcome) for outcome in shown}
    if not rows:
        return []
    columns = ("itself", *(str(number) for number in range(1, max(map(len, rows.values())))))
    return [Sheet(f"Made of {len(shown)} of {len(done)} pictures, boxes outlined", columns, rows)]
