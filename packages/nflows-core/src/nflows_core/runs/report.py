r"""How good the flow of a run is: its numbers, and the report that stands in its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.data.read import read_as
from nflows_core.data.reading import Reading
from nflows_core.evaluation import (
    TIMED_IMAGES,
    BitsPerDim,
    bits_of_images,
    density,
    gaussian_bits_per_dim,
    median_milliseconds,
    parameters,
    reconstruction_errors,
    sampling,
)
from nflows_core.flow import Flow
from nflows_core.runs.conditioning import class_rows, conditioned_on, context_of, map_rows
from nflows_core.runs.data import MEASURE_THESE, read_own, refuse_inside, warn_of_unknown
from nflows_core.runs.folder import RECONSTRUCTION_FILE, SAMPLES_FILE, load_on_device, read_run
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runs.nearness import nearness_of_samples
from nflows_core.runs.pictures import save_reconstruction
from nflows_core.runs.samples import save_samples
from nflows_core.runtime.curve import Curve, finite
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
        context: The context of the images, vectors or maps, or nothing.

    Raises:
        DataError: The images have another shape.
    """
    _check_shape(flow, test)
    timed = None if context is None else context[torch.arange(TIMED_IMAGES) % len(context)].to(next(flow.parameters()))
    sampling_time, density_time = median_milliseconds([sampling(flow, timed), density(flow, timed)])
    return {
        **quality(flow, test, seed, context),
        "sampling_ms_per_100": sampling_time,
        "forward_ms_per_100": density_time,
    }


def _check_shape(flow: Flow, images: Images) -> None:
    if images.shape != flow.shape:
        raise DataError(
            f"the flow takes images of shape {flow.shape}, these have {images.shape}; give a size, or other images"
        )


def quality(flow: Flow, test: Images, seed: int = 0, context: Tensor | None = None) -> dict[str, Any]:
    """What `measure` says besides times; a number is nothing where that of an image is not finite, which is counted."""
    bits = bits_of_images(flow, test, seed=seed, context=context)
    errors = reconstruction_errors(flow, test, RECONSTRUCTED_IMAGES, seed=seed, context=context)
    mean = BitsPerDim.of(bits) if bits.isfinite().all() else None
    return {
        "bits_per_dim": None if mean is None else mean.mean,
        "bits_per_dim_interval_95": None if mean is None else list(mean.interval),
        "test_images": len(test),
        "test_images_not_finite": _not_finite(bits),
        "parameters": parameters(flow),
        **_reconstruction(errors),
    }


def _reconstruction(errors: Tensor) -> dict[str, Any]:
    bad = _not_finite(errors)
    return {"max_reconstruction_error": None if bad else errors.max().item(), "reconstructions_not_finite": bad}


def _not_finite(values: Tensor) -> int:
    return int((~values.isfinite()).sum())


def not_finite(report: Mapping[str, Any]) -> list[str]:
    """What a report counts as not finite, a sentence each."""
    counts = {"test_images": "densities of test images", "reconstructions": "reconstructions", "samples": "samples"}
    numbers = {words: report.get(f"{key}_not_finite") for key, words in counts.items()}
    return [f"{number:,} {words} are not finite" for words, number in numbers.items() if number]


def measure_run(
    folder: str | Path,
    data: str | None = None,
    size: int | None = None,
    *,
    splits: str | None = None,
    skip_others: bool = False,
    condition_on: str | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """`measure` for the flow of a run.

    Arguments:
        folder: The folder of the run.
        data: The data set whose test images are taken, as `read_images` takes it; the run's own if not given.
        size: The side that the images are scaled to; that of the run if not given.
        splits: The top folders of the splits of ``data``, as in `Reading`.
        skip_others: Whether files beside the pictures of ``data`` are skipped.
        condition_on: The folder of the pictures that the images are conditioned on; the run's own for its own images.
        samples: The number of samples whose distances from the images `nearness_of_samples` measures, if any.
        seed: The seed of the dequantization noise and of the samples.

    Raises:
        DataError: The images have another shape, or the run's own are not there, or are others now, or are too few.
    """
    test, context = _test_images(folder, data, Reading(size, None, splits, skip_others, condition_on))
    flow = load_on_device(folder)
    _check_shape(flow, test)
    # First, for it may lack images or weights, and the rest takes minutes.
    near = {} if samples is None else nearness_of_samples(flow, test, samples, seed, context)
    return measure(flow, test, seed, context) | near


def reconstruct_run(
    folder: str | Path,
    data: str | None = None,
    size: int | None = None,
    *,
    n: int = 1000,
    path: str | Path | None = None,
    splits: str | None = None,
    skip_others: bool = False,
    condition_on: str | None = None,
) -> dict[str, Any]:
    """How exactly the flow of a run gives test images back; arguments as in `measure_run`, and:

    Arguments:
        n: The number of images to take at most.
        path: The file for a picture of ten of them, or nothing; not among the images.

    Returns:
        The number of images, the largest error of any pixel, and how many reconstructions are not finite.
    """
    if path is not None:
        run = read_run(Path(folder))
        refuse_inside(path, data or run.data, condition_on or run.condition_on)
    flow, (test, context) = (
        load_on_device(folder),
        _test_images(folder, data, Reading(size, None, splits, skip_others, condition_on)),
    )
    errors = reconstruction_errors(flow, test, n, context=context)
    if path is not None:
        save_reconstruction(flow, test, path, context=context)
    return {"images": min(n, len(test)), **_reconstruction(errors)}


def report_run(folder: str | Path, title: str) -> dict[str, Any]:
    """Measures the flow of a run, and writes its report and pictures into the run's folder.

    Arguments:
        folder: The folder of the run.
        title: The title of the report.

    Returns:
        The content of ``report.json``.
    """
    folder = Path(folder)
    run, flow = read_run(folder), load_on_device(folder)
    train, test = read_own(folder, run, "train"), read_own(folder, run, "test")
    seed, context = run.training.seed, context_of(run, test)
    before = read_curve(folder / TEST_METRICS_FILE, "bits_per_dim")[0][1]
    numbers: dict[str, Any] = {"bits_per_dim_before_training": before if math.isfinite(before) else None}
    numbers |= measure(flow, test, seed, context)
    if math.prod(train.shape) <= GAUSSIAN_DIMENSIONS and len(train) > math.prod(train.shape):
        numbers["gaussian_bits_per_dim"] = gaussian_bits_per_dim(train, test, seed).mean
    rows = class_rows(run, 64) if context is None or test.maps is None else map_rows(run, context[:8], 64)
    bad = len(save_samples(flow, folder / SAMPLES_FILE, 64, seed=seed, rows=rows))
    numbers |= {"samples_not_finite": bad, "seconds": read_curve(folder / METRICS_FILE, "seconds")[-1][1]}
    caption = save_reconstruction(flow, test, folder / RECONSTRUCTION_FILE, seed=seed, context=context)
    return write_report(
        folder,
        title,
        {**numbers, "run": asdict(run)},
        seed=seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=[_comparison(numbers)],
        curves=_curves(folder),
        pictures={
            f"Samples, {bad} of them not finite" if bad else "Samples": folder / SAMPLES_FILE,
            caption: folder / RECONSTRUCTION_FILE,
        },
    )


def _curves(folder: Path) -> list[Curve]:
    """The chart of the curves, if they have points that can be drawn."""
    files = {"training images": METRICS_FILE, "test images, averaged weights": TEST_METRICS_FILE}
    lines = {name: finite(read_curve(folder / file, "bits_per_dim")) for name, file in files.items()}
    drawn = {name: points for name, points in lines.items() if points}
    return [Curve("Training", "updates", "bits per dimension", drawn)] if drawn else []


def headlines(report: Mapping[str, Any]) -> str:
    """What a person asks first of a report, as a table in text."""
    return "\n".join(f"{words(key):<32} {shown(report[key])}" for key in HEADLINES if key in report)


def _test_images(folder: str | Path, data: str | None, given: Reading) -> tuple[Images, Tensor | None]:
    """Test images for the flow of a run, and their context."""
    folder = Path(folder)
    run = read_run(folder)
    run = conditioned_on(replace(run, size=given.size or run.size), given.condition_on)
    if data is None:
        images = read_own(folder, run, "test", advice=MEASURE_THESE)
        warn_of_unknown(folder, run)
    else:
        images = read_as(data, "test", replace(given, size=run.size, bits=run.bits))
    return images, context_of(run, images)


def _comparison(numbers: Mapping[str, Any]) -> Table:
    names = {
        "untrained flow": "bits_per_dim_before_training",
        "Gaussian with full covariance": "gaussian_bits_per_dim",
        "trained flow": "bits_per_dim",
    }
    rows = [{"model": model, "bits_per_dim": numbers[key]} for model, key in names.items() if key in numbers]
    return Table("Bits per dimension of the test images", rows)
