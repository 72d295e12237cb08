"""Train a flow on a folder of images and write its report. Read it, run it, copy it.

    python apps/train_flow.py PICTURES -o RUN              # any folder of images, MNIST's files, a tar, a .npy
    python apps/train_flow.py digits -o demo --overwrite   # the embedded handwritten digits

The same in three lines of the command line: nflows train, nflows sample, nflows reconstruct.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nflows_core.runs import experiment
from nflows_core.runs.report import headlines, report_run
from nflows_core.runtime.errors import run_script
from nflows_core.training import StepMetrics, TrainingConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="images, or the word digits")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--size", type=int, help="scale and crop every image to a square of this side")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--overwrite", action="store_true", help="begin again in a folder that has a run")
    arguments = parser.parse_args()

    # 1. How to train: settings that suit a few thousand small images. TrainingConfig explains every one of them.
    config = TrainingConfig(
        epochs=arguments.epochs, batch_size=50, learning_rate=3e-3, warmup_steps=100, ema_decay=0.99
    )

    # 2. Train. The model's own arguments are those of its class in nflows_core.models.
    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step % max(1, total // 20) == 0:
            print(f"{metrics.step:>6} of {total} updates  {metrics.loss:.3f} bits per dimension", flush=True)

    model = {"levels": 2, "depth": 4, "width": 64}
    experiment.train(
        arguments.data,
        arguments.output,
        "inverse-flow",
        model,
        config,
        size=arguments.size,
        overwrite=arguments.overwrite,
        progress=progress,
    )

    # 3. Measure on held-out images, draw samples and reconstructions, write report.json and report.html.
    report = report_run(arguments.output, f"Inverse-Flow on {Path(arguments.data).name}")
    print(headlines(report))
    print(f"{'report':<32} {arguments.output / 'report.html'}")


if __name__ == "__main__":
    run_script(main)
