"""``nflows sr eval``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.options import output_folder_option, seed_option
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table

_DIGITS = {"_db": 2, "ssim": 4, "lpips": 4}


class Scales(click.ParamType):  # type: ignore[type-arg]  # generic in recent versions only
    """Whole numbers with commas between them.

    Example:
        >>> Scales().convert("2,3,4", None, None)
        (2, 3, 4)
    """

    name = "scales"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = str(value).split(",")
        if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
            self.fail(f"{value!r} is no scale; give one such as 2, or several such as 2,3,4", param, ctx)
        return tuple(dict.fromkeys(map(int, words)))


@click.command("eval", cls=Command)
@click.argument("inputs", metavar="ORIGINALS...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@output_folder_option
@click.option("--scale", type=Scales(), default=(), help="As 2,3,4; by default each model's own, or 2.")
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("bicubic", "coupling"),
    show_default=True,
    metavar="NAME|PATH",
    help="What enlarges; repeatable, and the others are compared with the first.",
)
@click.option(
    "--small",
    "small_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Small pictures, called as their originals or with x2 behind, also in X2; else made by MATLAB's imresize.",
)
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto is the GPU if there is one.")
@click.option("--fp32", is_flag=True, help="On a GPU too, which else computes in float16 where that is safe.")
@click.option("--lpips", is_flag=True, help="Measure how alike pictures look too; its weights are downloaded once.")
@seed_option
@json_option
def evaluate(
    inputs: tuple[Path, ...],
    folder: Path,
    scale: Sequence[int],
    models: tuple[str, ...],
    small_folder: Path | None,
    device: str,
    fp32: bool,
    lpips: bool,
    seed: int,
) -> ExitCode:
    """Measure models on ORIGINALS: each folder is a set, made smaller, enlarged and compared with itself.

    PSNR and SSIM are those of the field: of the luma, without as many pixels at each side as the scale.
    """
    from nflows_core.runtime.ownership import refuse_foreign
    from nflows_sr.engines import EngineSettings, resolve
    from nflows_sr.evaluation import Question, compare, find_sets, write_evaluation
    from nflows_sr.evaluation.report import KIND, RESULTS

    refuse_foreign(folder, KIND, RESULTS)
    if len(set(models)) < len(models):
        raise CommandError("a --model is given twice; give each once")
    settings = {name: resolve(EngineSettings(name, None, device, fp32)) for name in models}
    question = Question(find_sets(inputs), settings, scale, small_folder, seed, lpips)
    with progress("pictures", question.steps) as advance:
        answer = compare(question, advance)
    report = write_evaluation(question, answer, folder)
    _tell(report)
    print_report(report)
    return ExitCode.FAILED if answer.failures else ExitCode.DONE


def _tell(report: dict[str, Any]) -> None:
    from nflows_sr.evaluation.report import BESIDE, FAILURES, MEANS
    from nflows_sr.metrics.fidelity import MOST_DB

    for caption in (MEANS, BESIDE):
        if rows := report["tables"].get(caption):
            echo(f"{caption}\n\n{table([_with_intervals(row) for row in rows])}\n")
    echo(f"channel: {report['channel']}\nborder: {report['border']}")
    if cut := report["pictures_cut_to_multiples_of_the_scale"]:
        echo(f"{cut} pictures were cut to multiples of the scale")
    if unlike := report["small_pictures_unlike_their_originals"]:
        echo(
            f"{len(unlike)} small pictures look like others than their originals, such as that of {unlike[0]}", err=True
        )
    if exact := report["exactly_the_original"]:
        echo(f"{exact} results are the original exactly, and count as {MOST_DB:.0f} dB")
    for row in report["tables"].get(FAILURES, []):
        echo(f"{row['picture']} x{row['scale']}: {row['why']}", err=True)


def _with_intervals(row: dict[str, Any]) -> dict[str, Any]:
    """The row as the field writes it, a mean and its interval, which is symmetric, in one column."""
    return {
        key: _mean(key, value, row.get(f"{key}_interval_95")) for key, value in row.items() if "_interval_" not in key
    }


def _mean(key: str, value: Any, interval: Sequence[float] | None) -> Any:
    digits = next((digits for word, digits in _DIGITS.items() if word in key), None)
    if value is None or digits is None:
        return value
    mean = f"{value:.{digits}f}"
    return mean if interval is None else f"{mean} ± {(interval[1] - interval[0]) / 2:.{digits}f}"
