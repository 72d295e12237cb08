r"""How good the flow of a run is: its numbers, and the report that stands in its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.data.read import read_images
from nflows_core.evaluation import (
    TIMED_IMAGES,
    bits_per_dim,
    density,
    gaussian_bits_per_dim,
    median_milliseconds,
    parameters,
    reconstruction_error,
    sampling,
)
from nflows_core.flow import Flow
from nflows_core.runs.conditioning import class_rows, context_of
from nflows_core.runs.folder import (
    CONFIG_FILE,
    RECONSTRUCTION_FILE,
    SAMPLES_FILE,
    WEIGHTS_FILE,
    load_on_device,
    read_run,
)
from nflows_core.runs.pictures import save_reconstruction, save_samples
from nflows_core.runtime.curve import Curve
from nflows_core.runtime.page import Table, shown, words
from nflows_core.runtime.report import write_report
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve

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

GAUSSIAN_DIMENSIONS = 3072
"""The covariance of larger images takes longer than the flow."""


def measure(flow: Flow, test: Images, seed: int = 0, context: Tensor | None = None) -> dict[str, Any]:
    """How good a flow is on test images; the keys are those of ``report.json``.

    Arguments:
        flow: The flow that is measured.
        test: The images that it is measured on, of its shape.
        seed: The seed of the dequantization noise.
        context: The conditioning vectors of the images, :math:`(N, D)`, or nothing.

    Raises:
        DataError: The images have another shape.
    """
    if test.shape != flow.shape:
        raise DataError(
            f"the flow takes images of shape {flow.shape}, these have {test.shape}; give a size, or other images"
        )
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


def measure_run(folder: Path, data: str | None = None, size: int | None = None) -> dict[str, Any]:
    """`measure` for the flow of a run.

    Arguments:
        folder: The folder of the run.
        data: The data set whose test images are taken, as `read_images` takes it; the run's own if not given.
        size: The side that the images are scaled to; that of the run if not given.
    """
    test, context = _test_images(folder, data, size)
    return measure(load_on_device(folder), test, context=context)


def reconstruct_run(
    folder: Path, data: str | None = None, size: int | None = None, *, n: int = 1000, path: Path | None = None
) -> dict[str, Any]:
    """How exactly the flow of a run gives test images back.

    Arguments:
        folder: The folder of the run.
        data: The data set whose test images are taken, as `read_images` takes it; the run's own if not given.
        size: The side that the images are scaled to; that of the run if not given.
        n: The number of images to take at most.
        path: The file for a picture of ten of them, or nothing.

    Returns:
        The number of images, and the largest error of any pixel.
    """
    flow, (test, context) = load_on_device(folder), _test_images(folder, data, size)
    error = reconstruction_error(flow, test, n, context=context)
    if path is not None:
        save_reconstruction(flow, test, path, context=context)
    return {"images": min(n, len(test)), "max_reconstruction_error": error}


def report_run(folder: Path, title: str) -> dict[str, Any]:
    """Measures the flow of a run, and writes its report and pictures into the run's folder.

    Arguments:
        folder: The folder of the run.
        title: The title of the report.

    Returns:
        The content of ``report.json``.
    """
    run, flow = read_run(folder), load_on_device(folder)
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


def _test_images(folder: Path, data: str | None, size: int | None) -> tuple[Images, Tensor | None]:
    """Test images for the flow of a run, and their context."""
    run = read_run(folder)
    images = read_images(data or run.data, "test", size or run.size)
    return images, context_of(run, images)


def _comparison(numbers: Mapping[str, Any]) -> Table:
    names = {
        "untrained flow": "bits_per_dim_before_training",
        "Gaussian with full covariance": "gaussian_bits_per_dim",
        "trained flow": "bits_per_dim",
    }
    rows = [{"model": model, "bits_per_dim": numbers[key]} for model, key in names.items() if key in numbers]
    return Table("Bits per dimension of the test images", rows)
