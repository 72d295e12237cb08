"""``nflows heritage compare``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.options import output_folder_option, seed_option
from nflows_core.runtime.pictures.options import READ
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_heritage.cli.degrade import KINDS


@click.command(cls=Command)
@click.argument("inputs", metavar="ORIGINALS...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@output_folder_option
@click.option(
    "--engine",
    "engines",
    multiple=True,
    default=("classic",),
    show_default=True,
    metavar="NAME|RUN",
    help="What restores; repeatable.",
)
@click.option("--type", "kinds", multiple=True, type=click.Choice(KINDS), help="Repeatable.  [default: all]")
@click.option("--find", is_flag=True, help="Do not say the type: the inspector finds it, of clean pictures too.")
@click.option("--side", type=click.IntRange(16), help="Take a square of this side from the middle of each.")
@click.option("--lpips", is_flag=True, help="Measure how alike pictures look too; its weights are downloaded once.")
@seed_option
@json_option
def compare(
    inputs: tuple[Path, ...],
    folder: Path,
    engines: tuple[str, ...],
    kinds: tuple[str, ...],
    find: bool,
    side: int | None,
    lpips: bool,
    seed: int,
) -> None:
    """Measure restorations on ORIGINALS: good pictures, damaged in all ways, restored, and compared with themselves."""
    from nflows_core.runtime.inputs import find_inputs
    from nflows_core.runtime.ownership import refuse_foreign
    from nflows_heritage.distortions import CLEAN
    from nflows_heritage.evaluation import Question, write_comparison
    from nflows_heritage.evaluation import compare as compared
    from nflows_heritage.evaluation.report import KIND, ROWS
    from nflows_heritage.restoring.engines import load_engine, resolve

    refuse_foreign(folder, KIND, [ROWS])
    files = find_inputs(inputs, folder, READ, lambda folder: False, Counter())
    pictures = {str(path): path for path, _ in files}
    if not pictures:
        raise ValueError(f"{', '.join(map(str, inputs))}: no pictures; give some")
    resolved = tuple(dict.fromkeys(map(resolve, engines)))
    for engine in resolved:
        load_engine(engine)
    asked = (*((CLEAN,) if find else ()), *(kinds or KINDS))
    question = Question(pictures, resolved, asked, find=find, side=side, seed=seed, with_lpips=lpips)
    with progress("damaged pictures", question.steps) as advance:
        rows = list(compared(question, advance))
    report = write_comparison(question, rows, folder)
    _tell(report)
    print_report(report)


def _tell(report: dict[str, Any]) -> None:
    from nflows_heritage.evaluation.report import FOUND, GAINS

    for caption in (GAINS, FOUND):
        if rows := report["tables"].get(caption):
            echo(f"{caption}\n\n{table([_shown(row) for row in rows])}\n")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: f"{value:.3g}" if isinstance(value, float) else value for key, value in row.items() if "_95" not in key
    }
