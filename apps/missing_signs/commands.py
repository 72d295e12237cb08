"""Which traffic sign a road asks for and lacks, learned from scenes whose signs were painted away.

    python apps/missing_signs erase SCENES --boxes boxes.csv --scenes scenes.csv -o ERASED
    python apps/missing_signs categorise ERASED -o RUN                    # learns, and says how much it knows
    python apps/missing_signs erase DRIVE --boxes found.csv -o SEEN
    python apps/missing_signs categorise SEEN --model RUN -o FOUND
    python apps/missing_signs report FOUND -o REPORT --positions gps.csv

Each command says more with --help.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from nflows_core.runtime.batch import skip_existing_option
from nflows_core.runtime.cli import Command, CommandGroup, json_option, print_report
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.options import Number, dask_option, seed_option
from nflows_core.runtime.pictures.options import EXACT, PictureOptions, picture_options
from nflows_core.runtime.terminal import echo
from nflows_privacy.cli.augment import augment
from nflows_privacy.fills.settings import HOW

Folder = click.Path(exists=True, file_okay=False, path_type=Path)
File = click.Path(exists=True, dir_okay=False, path_type=Path)
output_option = click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True)


@click.group(cls=CommandGroup)
def missing_signs() -> None:
    """Traffic signs that a road asks for and lacks."""


missing_signs.add_command(augment)


@missing_signs.command(cls=Command)
@picture_options(metadata="strip-private", is_random=True, format=EXACT)
@click.option("--boxes", type=click.Path(exists=True, path_type=Path), required=True, help="The signs in the pictures.")
@click.option("--scenes", type=File, help="A table of image and context: which sign each road asks for.")
@click.option("--what", default="sign", show_default=True, help="What is erased: sign, classes or groups, by commas.")
@click.option("--decoys", type=click.IntRange(1, 100), default=2, show_default=True, help="Holes besides, each sign.")
@click.option("--how", type=click.Choice(HOW), default="telea", show_default=True, help="What is put in their place.")
def erase(pictures: PictureOptions, boxes: Path, scenes: Path | None, what: str, decoys: int, how: str) -> ExitCode:
    """Paint signs away: each scene without its signs, and with them, both with holes where nothing was."""
    from nflows_privacy.cli.erasing import FillChoice
    from nflows_privacy.cli.scenes import erase_scenes

    kinds = tuple(kind.strip() for kind in what.split(","))
    return erase_scenes(pictures, boxes, scenes, kinds, FillChoice(how, None, None, "cpu"), decoys)


@missing_signs.command(cls=Command)
@click.argument("scenes", type=Folder)
@output_option
@click.option("--model", type=Folder, help="A run that has learned, which judges the scenes; without it, it learns.")
@click.option("--found", type=click.Path(exists=True, path_type=Path), help="What a detector finds in both parts.")
@click.option("--missing", type=Number(0, 1), help="With --model: from which probability on something is missing.")
@click.option("--certainty", type=Number(0, 1), help='With --model: below which it says "cannot say".')
@click.option("--resume", is_flag=True, help="Go on learning where it was stopped.")
@click.option("--overwrite", is_flag=True, help="Learn anew in a folder that has a run.")
@skip_existing_option
@dask_option
@seed_option
@json_option
def categorise(
    scenes: Path,
    output: Path,
    model: Path | None,
    found: Path | None,
    missing: float | None,
    certainty: float | None,
    resume: bool,
    overwrite: bool,
    skip_existing: bool,
    dask: str | None,
    seed: int,
) -> ExitCode:
    """Learn from SCENES that `erase` made which sign a road asks for, or, with a --model, say which one each lacks.

    Learning tests itself on scenes that were left out, and says what the holes alone would have told. A sign that
    a detector FOUND in a scene is not missing; this detector must not have learned from the scenes.
    """
    if model is not None:
        _refuse("belongs to learning; leave it out, or --model", resume=resume, overwrite=overwrite)
        from nflows_privacy.missing.judging import judge_scenes

        return judge_scenes(
            scenes,
            output,
            model,
            found=found,
            missing=missing,
            certainty=certainty,
            skip_existing=skip_existing,
            dask=dask,
        )
    _refuse(
        "belongs to judging; give --model too, or leave it out",
        missing=missing is not None,
        certainty=certainty is not None,
        skip_existing=skip_existing,
    )
    from nflows_privacy.missing.audit_report import lines, report_audit
    from nflows_privacy.missing.training import train

    failed: list[str] = []
    learned, audited = train(
        scenes, output, found=found, seed=seed, overwrite=overwrite, resume=resume, dask=dask, tell=failed.append
    )
    report = report_audit(output, learned, audited)
    _print(lines(audited))
    print_report(report)
    for line in failed:
        echo(line, err=True)
    return ExitCode.FAILED if failed else ExitCode.DONE


@missing_signs.command(cls=Command)
@click.argument("folder", metavar="RUN", type=Folder)
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="How many splits into folds.")
@seed_option
@json_option
def audit(folder: Path, seeds: int, seed: int) -> ExitCode:
    """Say again how much a RUN knows of scenes that were left out, and what the holes alone tell."""
    from nflows_privacy.missing.audit_report import lines, report_audit
    from nflows_privacy.missing.training import audit_again

    known, audited = audit_again(folder, range(seed, seed + seeds))
    report = report_audit(folder, known, audited)
    _print(lines(audited))
    print_report(report)
    return ExitCode.DONE


@missing_signs.command(cls=Command)
@click.argument("found", type=Folder)
@output_option
@click.option("--positions", type=File, help="A table of image or frame, latitude and longitude.")
@click.option("--pictures", type=Folder, help="The original pictures, whose EXIF data may say where they were taken.")
@json_option
def report(found: Path, output: Path, positions: Path | None, pictures: Path | None) -> ExitCode:
    """Make places of what `categorise --model` FOUND: a row for each, a map, and a page that shows why."""
    from nflows_privacy.missing.places_report import report_places

    made = report_places(found, output, positions=positions, pictures=pictures)
    echo(f"{made['places']} places in {made['scenes']} scenes: {output / 'report.html'}")
    if known := made["scenes_learned_from"]:
        echo(f"{known} of these scenes were learned from: how often it is right is not told of them", err=True)
    print_report(made)
    return ExitCode.DONE


def _refuse(why: str, **given: bool) -> None:
    if named := [name for name, is_given in given.items() if is_given]:
        raise CommandError(f"--{named[0].replace('_', '-')}: {why}")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        echo(line)
