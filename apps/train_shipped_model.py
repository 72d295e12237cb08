"""Train the model that comes with nflows-core, and put it there with its card.

    python apps/train_shipped_model.py MNIST                 # the folder of MNIST's four files
    python apps/train_shipped_model.py MNIST --epochs 100    # with a GPU

A training that was stopped goes on where it was. The card's figures are those of report.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from nflows_core import shipped
from nflows_core.data import read_images
from nflows_core.latents import save_directions
from nflows_core.latents.strips import TRAINING_IMAGES
from nflows_core.runs import experiment, load_run, read_run, save_run
from nflows_core.runs.report import headlines, report_run
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.training import StepMetrics, TrainingConfig

NAME = "mnist-inverse-flow"
MODEL = {"levels": 2, "depth": 4, "width": 64}
MOST_BYTES = 2_500_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="the folder of MNIST's IDX files")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("runs") / NAME, help="folder of the run (%(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()

    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step * arguments.epochs % total == 0:
            print(f"epoch {metrics.epoch}  {metrics.loss:.3f} bits per dimension", flush=True)

    run = arguments.output
    if (run / "config.json").exists():
        experiment.resume(arguments.data, run, progress=progress)
    else:
        config = TrainingConfig(epochs=arguments.epochs, warmup_steps=300, checkpoint_steps=200)
        experiment.train(arguments.data, run, "inverse-flow", MODEL, config, progress=progress)
    report = report_run(run, "Inverse-Flow on MNIST")
    print(headlines(report))
    print(f"shipped in {ship(run, report)}")


def ship(run: Path, report: dict[str, Any]) -> Path:
    """Copies a finished run into the package, with a card of its figures."""
    folder = Path(shipped.__file__).parent / NAME
    # A user's MNIST lies elsewhere: the name says what to give.
    trained, flow = read_run(run), load_run(run)
    save_run(folder, replace(trained, data="mnist"), flow)
    save_directions(folder, flow, read_images(trained.data, "train", trained.size), TRAINING_IMAGES)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if size > MOST_BYTES:
        raise ValueError(f"{folder} holds {size:,} bytes of weights, and a package should carry {MOST_BYTES:,} at most")
    card = (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8")
    with atomic_write(folder / "README.md", "w") as file:
        file.write(card.format(**figures(report), bytes=size))
    return folder


def figures(report: dict[str, Any]) -> dict[str, str]:
    low, high = report["bits_per_dim_interval_95"]
    return {
        "bits": f"{report['bits_per_dim']:.3f} (95 % interval {low:.3f} to {high:.3f})",
        "gaussian": f"{report['gaussian_bits_per_dim']:.2f}",
        "parameters": f"{report['parameters']:,}",
        "error": f"{report['max_reconstruction_error']:.1e}",
        "epochs": str(report["run"]["training"]["epochs"]),
        "arguments": json.dumps(report["run"]["arguments"]),
        "training": json.dumps(report["run"]["training"]),
    }


if __name__ == "__main__":
    run_script(main)
