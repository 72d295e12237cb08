"""How near the samples of a run's flow are to its test images."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.distributions.dequantization import quantize
from nflows_core.evaluation.nearness import FEATURES, LEAST_PICTURES, PictureFeatures, nearness
from nflows_core.flow import Flow
from nflows_core.latents.attributes import spread
from nflows_core.runs.samples import Finite, draw


def nearness_of_samples(
    flow: Flow, test: Images, n: int, seed: int = 0, context: Tensor | None = None
) -> dict[str, Any]:
    """FID and KID of samples, as `nearness` computes them; the keys are those of a report.

    Of a conditional flow each sample has the context of a test image, so that both sides are of the same classes or
    pictures. What is compared are integers, as files of both would hold.

    Arguments:
        flow: The flow that draws.
        test: The test images, of which evenly spaced ones are taken where there are more than ``n``.
        n: The number of samples.
        seed: The seed of the samples, and of the parts of the kernel distance.
        context: The context of the test images, vectors or maps, or nothing.

    Returns:
        The distances, nothing where a sample is not finite or there are too few for one, and what they are of. Fewer
        test images than samples are warned of.

    Raises:
        DataError: There are too few test images or samples.
        ModuleNotFoundError: The weights of the features are not installed.
    """
    chosen = spread(len(test), n)
    if min(n, len(chosen)) < LEAST_PICTURES:
        raise DataError(
            f"distances of samples need {LEAST_PICTURES} samples and as many test images or more, got {n} and "
            f"{len(test)}; give more"
        )
    compared = f"{n:,} samples with {len(chosen):,} test images"
    if len(chosen) < n:
        compared += ", all that there are"
        warnings.warn(
            f"{compared}: distances depend on both numbers, and compare with those of the same numbers alone",
            RuntimeWarning,
            stacklevel=2,
        )
    features = PictureFeatures(flow.device)
    rows = None if context is None else context[chosen][torch.arange(n) % len(chosen)]
    batches = Finite(draw(flow, n, seed=seed, context=rows))
    pixels = torch.cat([quantize(batch, flow.quantization).cpu() for _, batch in batches.finite()] or [test.pixels[:0]])
    said = {
        "features": FEATURES,
        "compared": compared,
        "compared_test_images": len(chosen),
        "samples": n,
        "samples_not_finite": len(batches.left_out),
    }
    if batches.left_out:
        return {**said, "frechet_distance": None, "kernel_distance": None}
    real, made = (features(one, flow.quantization) for one in (test.pixels[chosen], pixels))
    return {**said, **_distances(real, made, seed)}


def _distances(real: Tensor, made: Tensor, seed: int) -> dict[str, Any]:
    found = nearness(real, made, seed)
    if found.frechet is None:
        needed, there = real.shape[1] + 1, f"{len(real):,} test images and {len(made):,} samples"
        warnings.warn(
            f"no Fréchet distance (FID): the covariance of {real.shape[1]:,} features needs {needed:,} pictures or "
            f"more, and here are {there}; the kernel distance (KID) needs no more",
            RuntimeWarning,
            stacklevel=2,
        )
    return {
        "frechet_distance": found.frechet,
        "kernel_distance": found.kernel,
        "kernel_distance_standard_error": found.kernel_error,
        "kernel_distance_interval_95": list(found.kernel_interval),
    }
