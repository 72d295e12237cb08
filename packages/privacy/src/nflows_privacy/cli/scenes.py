"""Scenes for a categoriser: what ``missing_signs erase`` makes of pictures with signs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.cli import Invocation, print_report
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.ownership import claim_folder, refuse_foreign
from nflows_core.runtime.pictures.options import PictureOptions
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.erasing import FillChoice, checked_boxes, erase_batch, erasing_of, tell_faults
from nflows_privacy.masks import MASK_SCALE

if TYPE_CHECKING:
    from nflows_core.runtime.jobs import Batch
    from nflows_privacy.annotations.annotated import Annotations
    from nflows_privacy.annotations.faults import Faults
    from nflows_privacy.missing.near import Joined
    from nflows_privacy.missing.originals import Original
    from nflows_privacy.missing.together import Together
    from nflows_privacy.redaction.erasing import Erasing

KIND = "scenes of which signs were erased"
JOINED = "joined.csv"
_SHOWN = 3


def erase_scenes(
    pictures: PictureOptions, boxes: Path, table: Path | None, kinds: tuple[str, ...], chosen: FillChoice, decoys: int
) -> ExitCode:
    """Makes scenes whose signs are erased and such whose signs stand, with as many holes in each picture of both.

    A picture is a scene of both kinds where a table says what some of the roads ask for. Where none is said, as of a
    drive that is to be judged, nothing can be learned of them: each picture is one scene, without its signs if it has
    any, and none is compared with others.

    Arguments:
        pictures: What a person said of the pictures: one folder of them, and the folder of the scenes.
        boxes: The file or folder of the boxes.
        table: The table of what the roads ask for, as `nflows_privacy.missing.asked.read_asked` reads it.
        kinds: The classes of signs that are erased.
        chosen: The fill.
        decoys: How many decoys there are for each sign, at least 1.

    Returns:
        The exit code, which tells whether pictures failed.

    Raises:
        ValueError: An argument or a table makes no sense, or a class has one example.
        OSError: A file cannot be read or written, or the folder of the scenes is not ours.
        CommandError: The run was interrupted.
    """
    refuse_foreign(pictures.output, KIND)
    standing = _planned(pictures)  # before OpenCV is there
    from nflows_privacy.annotations.faults import Faults
    from nflows_privacy.missing.scenes import ERASED_PART, STANDING_PART, TABLE
    from nflows_privacy.redaction.decoys import Plan

    erasing = erasing_of(boxes, kinds, chosen, Plan(decoys, MASK_SCALE, same_number=True))
    untouched = replace(erasing, plan=replace(erasing.plan, decoys_only=True))
    annotations, faults = checked_boxes(erasing, standing)
    told = Faults()
    originals = _originals(pictures.inputs[0], standing, erasing, annotations, table, told)
    parts = {ERASED_PART: _with_signs(pictures, originals), STANDING_PART: standing}
    is_asked = any(one.asked.context is not None for one in originals)
    if not is_asked:
        parts[STANDING_PART] = _chosen(standing, [one for one in originals if not one.has_sign])
    claim_folder(pictures.output, KIND, [TABLE, JOINED])
    first = deepcopy(faults) if is_asked else faults  # else the second batch counts the same ones again
    with _without_json():
        codes = [erase_batch(pictures, parts[ERASED_PART], erasing, annotations, first)]
        if parts[STANDING_PART].jobs:
            codes += [erase_batch(pictures, parts[STANDING_PART], untouched, annotations, faults)]
    tell_faults(boxes, faults)
    rows, together = _tables(pictures, parts, originals, told, is_asked)
    _tell(table, told, together)
    inputs = {"boxes": boxes, **({} if table is None else {"scenes": table})}
    print_report(_report(pictures, rows, together, told, inputs))
    return max(codes)


def _planned(pictures: PictureOptions) -> Batch:
    """The jobs of all pictures, whose signs stand."""
    from nflows_core.runtime.pictures.running import plan_pictures
    from nflows_privacy.missing.scenes import STANDING_PART

    if len(pictures.inputs) != 1 or not pictures.inputs[0].is_dir():
        raise ValueError("`inputs`: expected one folder of pictures, below which each has a name")
    return plan_pictures(replace(pictures, output=pictures.output / STANDING_PART))


def _originals(
    folder: Path, batch: Batch, erasing: Erasing, annotations: Annotations, table: Path | None, told: Faults
) -> list[Original]:
    """What is known of each picture."""
    from nflows_privacy.missing.asked import read_asked
    from nflows_privacy.missing.originals import check_examples, originals_of

    sources = [job.source for job in batch.jobs]
    names = [source.relative_to(folder).as_posix() for source in sources]
    asked = {} if table is None else read_asked(table, names, told)
    originals = originals_of(dict(zip(names, sources, strict=True)), annotations, erasing.kinds, asked)
    if not any(one.has_sign for one in originals):
        kinds = ", ".join(erasing.kinds)
        raise ValueError(f"{erasing.boxes}: no picture of {folder} has a box of {kinds}; give the boxes of these")
    if table is not None:
        check_examples(originals, table, told)
    return originals


def _with_signs(pictures: PictureOptions, originals: Sequence[Original]) -> Batch:
    """The jobs of the pictures whose signs are erased."""
    from nflows_core.runtime.jobs import plan_batch
    from nflows_privacy.missing.scenes import ERASED_PART

    output, target_suffix = pictures.output / ERASED_PART, pictures.target_suffix
    batch = plan_batch(pictures.inputs, output, pictures.suffixes, target_suffix=target_suffix)
    return _chosen(batch, [one for one in originals if one.has_sign])


def _chosen(batch: Batch, originals: Iterable[Original]) -> Batch:
    """The jobs of these pictures."""
    wanted = {one.source for one in originals}
    jobs = [job for job in batch.jobs if job.source in wanted]
    return replace(batch, jobs=jobs, clashes={job: why for job, why in batch.clashes.items() if job.source in wanted})


def _tables(
    pictures: PictureOptions, parts: Mapping[str, Batch], originals: Sequence[Original], told: Faults, is_asked: bool
) -> tuple[list[dict[str, Any]], Together]:
    """Writes the tables of scenes and of pictures alike."""
    from nflows_core.runtime.report import write_csv
    from nflows_privacy.missing.originals import scene_rows
    from nflows_privacy.missing.scenes import BOXES, TABLE
    from nflows_privacy.missing.together import Together, keep_together, write_together

    stated = {one.name: one.asked.group for one in originals if one.asked.group is not None}
    names = [one.name for one in originals]
    together = (
        keep_together(pictures.inputs[0], names, stated)
        if is_asked
        else Together({name: stated.get(name, name) for name in names}, (), ())
    )
    write_together(pictures.output / JOINED, together)
    by_source = {one.source: one for one in originals}
    rows: list[dict[str, Any]] = []
    for part, batch in parts.items():
        folder = pictures.output / part
        known = {job.target.relative_to(folder).as_posix(): by_source[job.source] for job in batch.jobs}
        if known and (folder / BOXES).exists():  # else all of them failed
            rows += scene_rows(pictures.output, part, known, together.groups, MASK_SCALE, told)
    if not rows:
        raise CommandError("no picture could be read: there are no scenes", ExitCode.FAILED)
    write_csv(pictures.output / TABLE, rows)
    return rows, together


def _tell(table: Path | None, told: Faults, together: Together) -> None:
    for line in told.lines():
        echo(line if table is None else f"{table}: {line}", err=True)
    if together.joined:
        echo(f"{_pairs(together.joined)}: they are kept together; {JOINED} has all", err=True)
    if together.apart:
        echo(f"{_pairs(together.apart)}, but of different groups: a split may divide them; {JOINED} has all", err=True)


def _pairs(joined: Sequence[Joined]) -> str:
    shown = ", ".join(f"{visible(one.first)} and {visible(one.second)}" for one in joined[:_SHOWN])
    more = ", …" if len(joined) > _SHOWN else ""
    return f"{len(joined)} pairs of pictures are copies or show one place ({shown}{more})"


def _report(
    pictures: PictureOptions, rows: Sequence[dict[str, Any]], together: Together, told: Faults, inputs: dict[str, Path]
) -> dict[str, Any]:
    """Writes the report: how many scenes of each class there are."""
    from nflows_core.runtime.page import Table
    from nflows_core.runtime.report import write_report

    missing = Counter(row["context"] for row in rows if row["missing"])
    standing = Counter(row["context"] for row in rows if not row["missing"])
    classes = [
        {"context": context or "", "missing": missing[context], "standing": standing[context]}
        for context in sorted(missing | standing, key=lambda context: context or "")
    ]
    report = {
        "missing": missing.total(),
        "standing": standing.total(),
        "groups": len({row["group"] for row in rows}),
        "pairs_joined": len(together.joined),
        "pairs_alike_in_different_groups": len(together.apart),
        "told": told.counts,
    }
    tables = [Table("Scenes of what the road asks for", classes)]
    return write_report(
        pictures.output,
        "Scenes with and without their signs",
        report,
        seed=pictures.seed,
        inputs=inputs,
        tables=tables,
        packages=["nflows-privacy"],
    )


@contextmanager
def _without_json() -> Iterator[None]:
    """The reports of both parts are not printed: that of the whole is."""
    invocation = click.get_current_context().ensure_object(Invocation)
    wanted, invocation.json = invocation.json, False
    try:
        yield
    finally:
        invocation.json = wanted
