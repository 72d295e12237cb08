"""Train the small upscalers that come with nflows-sr, measure them, and put them there with their cards.

    python apps/train_upscaler.py PICTURES --on Set5/HR --on Set14/HR
    python apps/train_upscaler.py PICTURES --on Set5/HR --on Set14/HR --epochs 30 --scales 2

x3 and x4 begin with the weights of x2, and take a fifth of its epochs. A training that was stopped goes on where it
was, and a finished one is not done again. What decides settings are the pictures of PICTURES that a hash of their names
holds out, never those of --on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from upscaler_shipping import ship, trained

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.errors import run_script
from nflows_core.training import EngineConfig
from nflows_core.training.curve import TEST_METRICS_FILE, read_curve
from nflows_sr.engines import EngineSettings
from nflows_sr.engines.coupling import load_run
from nflows_sr.evaluation import Question, compare, find_sets
from nflows_sr.evaluation.costs import multiply_adds
from nflows_sr.evaluation.report import MEANS, tables
from nflows_sr.training import RECIPES, read_run

NAME = "coupling"
CROPS = {2: 32, 3: 24, 4: 24}
"""Smaller ones for larger scales, or the smaller pictures of a set are smaller than a crop."""
FURTHER = 5
"""Of how many epochs of x2 one is taken by a scale that begins with its weights."""
MOST_BYTES = 700_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the training pictures")
    parser.add_argument("--on", type=Path, action="append", default=[], help="a folder that is measured on; repeatable")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/upscaler"), help="the runs (%(default)s)")
    parser.add_argument("--epochs", type=int, default=150, help="passes over the pictures, for x2 (%(default)s)")
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 3, 4], help="(%(default)s)")
    parser.add_argument("--mixed-precision", choices=["no", "bf16"], default="bf16", help="(%(default)s)")
    arguments = parser.parse_args()
    for scale in arguments.scales:
        run = arguments.output / f"x{scale}"
        epochs = arguments.epochs if scale == 2 else max(arguments.epochs // FURTHER, 1)
        config = EngineConfig(epochs=epochs, mixed_precision=arguments.mixed_precision, **RECIPES[NAME].engine)
        start = None if scale == 2 else arguments.output / "x2"
        settings = {"scale": scale, "crop": CROPS[scale]}
        trained(arguments.data, run, NAME, settings, config, start, f"{NAME.capitalize()} x{scale}")
        folder = ship(run, NAME, "upscaler_card.md", figures(run, scale, arguments.on), start=f"{NAME}-x2")
        if (size := (folder / WEIGHTS_FILE).stat().st_size) > MOST_BYTES:
            raise ValueError(f"{folder} holds {size:,} bytes of weights, and should hold {MOST_BYTES:,} at most")
        print(f"shipped in {folder}", flush=True)


def figures(run: Path, scale: int, sets: Sequence[Path]) -> Mapping[str, object]:
    """What the card says of a run besides its training."""
    engine = load_run(EngineSettings(str(run.absolute()), device="cpu"))
    operations, held_out = multiply_adds(engine), read_curve(run / TEST_METRICS_FILE, "psnr")
    assert operations is not None  # it is a network
    return {
        "rows": "\n".join(measured(run, scale, sets)),
        "held_out": f"{held_out[-1][1]:.2f} dB, bicubic {held_out[0][1]:.2f}",
        "curve": curve(held_out),
        "operations": f"{operations / 1e9:.1f}",
        "field": 2 * engine.margin + 1,
        "start": "" if scale == 2 else " from the weights of x2",
        "command_epochs": read_run(run).training.epochs * (1 if scale == 2 else FURTHER),
    }


def measured(run: Path, scale: int, sets: Sequence[Path]) -> list[str]:
    """A row of the card for each set: its PSNR and SSIM beside those of bicubic enlargement."""
    settings = {name: EngineSettings(name, device="cpu") for name in ("bicubic", str(run.absolute()))}
    question = Question(find_sets(sets), settings, (scale,))
    answer = compare(question, lambda message: None)
    means = next((table.rows for table in tables(question, answer) if table.caption == MEANS), ())
    cells = {(row["set"], row["model"]): f"{row['psnr_db']:.2f} / {row['ssim']:.4f}" for row in means}
    return [f"| {name} | {' | '.join(cells[name, model] for model in settings)} |" for name in question.sets]


def curve(points: Sequence[tuple[float, float]]) -> str:
    """Ten points of a curve that has one for each epoch, as words."""
    last = len(points) - 1
    chosen = sorted({round(last * (index / 9) ** 2) for index in range(10)})
    return ", ".join(f"{points[index][1]:.2f} ({index})" for index in chosen)


if __name__ == "__main__":
    run_script(main)
