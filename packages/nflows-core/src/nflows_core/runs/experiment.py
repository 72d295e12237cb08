r"""What the commands do, as functions: train a flow on a data set, measure it, report it."""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.data.read import read_images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.evaluation import (
    TIMED_IMAGES,
    bits_per_dim,
    density,
    gaussian_bits_per_dim,
    image_grid,
    median_milliseconds,
    parameters,
    reconstruction_error,
    reconstruction_grid,
    sampling,
)
from nflows_core.flow import Flow
from nflows_core.latents.stored import DIRECTIONS_FILE
from nflows_core.models import build, defaults
from nflows_core.runs import Run, load_run, read_run, save_run
from nflows_core.runs.conditioning import NO_CLASSES, ClassRows, check_labelled, class_rows, context_of
from nflows_core.runs.folder import CONFIG_FILE, WEIGHTS_FILE, build_run
from nflows_core.runtime.curve import Curve
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.page import Table, shown, words
from nflows_core.runtime.report import write_report
from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve
from nflows_core.training.loop import Progress
from nflows_core.training.processes import processes
from nflows_core.training.trainer import CHECKPOINT_FILE

SAMPLES_FILE = "samples.png"
RECONSTRUCTION_FILE = "reconstruction.png"
REPORT_FILES = (SAMPLES_FILE, RECONSTRUCTION_FILE, "report.json", "report.html")
RECONSTRUCTED_IMAGES = 1000
HEADLINES = (
    "bits_per_dim_before_training",
    "bits_per_dim",
    "gaussian_bits_per_dim",
    "parameters",
    "sampling_ms_per_100",
    "forward_ms_per_100",
    "max_reconstruction_error",
    "test_images",
    "seconds",
)
"""What a person asks first of a report."""

DEMO = TrainingConfig(epochs=40, batch_size=50, learning_rate=3e-3, warmup_steps=100, ema_decay=0.99)
DEMO_MODEL = {"levels": 2, "depth": 4, "width": 64}
"""An Inverse-Flow on the embedded digits, small enough for three minutes on two cores."""

GAUSSIAN_DIMENSIONS = 3072
"""The covariance of larger images takes longer than the flow."""


def train(
    data: str,
    folder: Path,
    model: str,
    arguments: Mapping[str, Any],
    config: TrainingConfig,
    *,
    size: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Flow:
    """Trains a new flow into a run folder; of several processes, the main one writes it.

    Arguments:
        data: As `read_images` takes it.
        folder: Of the run; made if it is missing.
        model: A name in `MODELS`.
        arguments: Those of the model besides the image's shape and quantization.
        config: The settings; ``conditional`` conditions the flow on the classes of the images.
        size: As `read_images` takes it.
        overwrite: Removes a run that is in the folder, once the new one is known to be able to start.
        progress: As the `Trainer` takes it.

    Raises:
        DataError: The data cannot be used.
        ModelError: There is no such model, or it does not take these arguments, or images of this shape.
        FileExistsError: The folder has a run.
    """
    if not overwrite and (folder / CONFIG_FILE).exists():
        raise FileExistsError(
            errno.EEXIST, "a run is there; resume it, overwrite it or choose another folder", str(folder)
        )
    images, test = read_images(data, "train", size), read_images(data, "test", size)
    if len(test) < 2:
        raise DataError(
            f"{data} holds out {len(test)} test images, and a flow is measured on 2 or more; give more images"
        )
    fitting = {"shape": images.shape, "quantization": images.quantization}
    if config.conditional:
        check_labelled(data, images, test)
        fitting["context_features"] = images.context_features
    # Defaults are kept with the run, for a later version may choose otherwise.
    run = Run(model, {**defaults(model), **arguments, **fitting}, data, size, images.classes, config)
    torch.manual_seed(config.seed)
    flow = build(run.model, run.arguments)
    trainer = Trainer(FlowLikelihood(flow, images, config, test), folder, progress)
    _begin_run(folder, run, overwrite)
    flow = trainer.fit()
    save_run(folder, run, flow)
    return flow


def resume(data: str, folder: Path, *, progress: Progress | None = None) -> Flow:
    """Goes on with the run of a folder where its last checkpoint stands, with the settings that it had.

    Arguments:
        data: Where its data set is now.
        folder: Of the run.
        progress: As the `Trainer` takes it.
    """
    run = replace(read_run(folder), data=data)
    torch.manual_seed(run.training.seed)
    images = [read_images(data, "train", run.size), read_images(data, "test", run.size)]
    task = FlowLikelihood(build_run(folder, run), images[0], run.training, images[1])
    flow = Trainer(task, folder, progress).fit(resume=True)
    save_run(folder, run, flow)
    return flow


def _begin_run(folder: Path, run: Run, overwrite: bool) -> None:
    # Each must have found the folder free before a run is in it, and begin only with what is new.
    processes().wait_for_everyone()
    if overwrite and processes().is_main_process:
        remove_run(folder)
    save_run(folder, run)
    processes().wait_for_everyone()


def load(folder: Path) -> Flow:
    """The flow of a run, as `load_run` gives it, on the GPU if there is one."""
    return load_run(folder).to(processes().device)


def remove_run(folder: Path) -> None:
    """Removes the files that a run leaves in its folder, and nothing else."""
    names = (CONFIG_FILE, WEIGHTS_FILE, CHECKPOINT_FILE, DIRECTIONS_FILE, METRICS_FILE, TEST_METRICS_FILE)
    for name in (*names, *REPORT_FILES):
        (folder / name).unlink(missing_ok=True)


def measure(flow: Flow, test: Images, seed: int = 0, context: Tensor | None = None) -> dict[str, Any]:
    """How good a flow is on test images in their context, if any; the keys are those of ``report.json``."""
    if test.shape != flow.shape:
        raise DataError(f"the flow takes images of shape {flow.shape}, these have {test.shape}; give --size, or others")
    bits = bits_per_dim(flow, test, seed=seed, context=context)
    timed = None if context is None else context[torch.arange(TIMED_IMAGES) % len(context)].to(next(flow.parameters()))
    sampling_time, density_time = median_milliseconds([sampling(flow, timed), density(flow, timed)])
    return {
        "bits_per_dim": bits.mean,
        "bits_per_dim_interval_95": list(bits.interval),
        "test_images": bits.n,
        "max_reconstruction_error": reconstruction_error(flow, test, RECONSTRUCTED_IMAGES, seed=seed, context=context),
        "parameters": parameters(flow),
        "sampling_ms_per_100": sampling_time,
        "forward_ms_per_100": density_time,
    }


def report(folder: Path, title: str) -> dict[str, Any]:
    """Measures the run of a folder and writes its report and pictures there.

    Returns:
        The content of ``report.json``.
    """
    run, flow = read_run(folder), load(folder)
    train, test = read_images(run.data, "train", run.size), read_images(run.data, "test", run.size)
    seed, context = run.training.seed, context_of(run, test)
    curves = {file: read_curve(folder / file, "bits_per_dim") for file in (METRICS_FILE, TEST_METRICS_FILE)}
    seconds = read_curve(folder / METRICS_FILE, "seconds")[-1][1]
    numbers = {"bits_per_dim_before_training": curves[TEST_METRICS_FILE][0][1]} | measure(flow, test, seed, context)
    if math.prod(train.shape) <= GAUSSIAN_DIMENSIONS and len(train) > math.prod(train.shape):
        numbers["gaussian_bits_per_dim"] = gaussian_bits_per_dim(train, test, seed).mean
    save_samples(flow, folder / SAMPLES_FILE, 64, seed=seed, rows=class_rows(run, 64))
    caption = save_reconstruction(flow, test, folder / RECONSTRUCTION_FILE, seed=seed, context=context)
    names = {"training images": curves[METRICS_FILE], "test images, averaged weights": curves[TEST_METRICS_FILE]}
    return write_report(
        folder,
        title,
        {**numbers, "seconds": seconds, "run": asdict(run)},
        seed=seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=[_comparison(numbers)],
        curves=[Curve("Training", "updates", "bits per dimension", names)],
        pictures={"Samples": folder / SAMPLES_FILE, caption: folder / RECONSTRUCTION_FILE},
    )


def headlines(report: Mapping[str, Any]) -> str:
    """What a person asks first of a report, as a table in text."""
    return "\n".join(f"{words(key):<32} {shown(report[key])}" for key in HEADLINES if key in report)


def save_samples(
    flow: Flow, path: Path, n: int, *, temperature: float = 1.0, seed: int = 0, rows: ClassRows = NO_CLASSES
) -> None:
    """Draws images from a flow into one PNG: ``n``, or as many as ``rows`` has of each class."""
    like = next(flow.parameters())
    generator = torch.Generator(like.device).manual_seed(seed)
    context = None if rows.context is None else rows.context.to(like)
    samples = flow.sample(n if context is None else len(context), temperature, context, generator)
    write_picture(path, Picture(image_grid(samples, rows.columns)))


@torch.no_grad()
def save_reconstruction(
    flow: Flow, images: Images, path: Path, *, n: int = 10, seed: int = 0, context: Tensor | None = None
) -> str:
    """Encodes and decodes ``n`` images, in their context if any, into one PNG; returns what it shows."""
    like = next(flow.parameters())
    generator = torch.Generator(like.device).manual_seed(seed)
    x = dequantize(images.pixels[:n].to(like), images.quantization, generator)
    context = None if context is None else context[:n].to(like)
    grid = reconstruction_grid(x, flow.decode(flow.encode(x, context), context))
    write_picture(path, Picture(grid.pixels))
    return grid.caption


def _comparison(numbers: Mapping[str, Any]) -> Table:
    names = {
        "untrained flow": "bits_per_dim_before_training",
        "Gaussian with full covariance": "gaussian_bits_per_dim",
        "trained flow": "bits_per_dim",
    }
    rows = [{"model": model, "bits_per_dim": numbers[key]} for model, key in names.items() if key in numbers]
    return Table("Bits per dimension of the test images", rows)
