r"""Whether an engine that draws its pictures knows where it guesses: the spread of its samples beside their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.pictures.samples import to_tensor
from nflows_sr.degradations import Pixels, imresize, resize_bicubic
from nflows_sr.evaluation.measuring import enlarge
from nflows_sr.metrics import luma, psnr
from nflows_sr.upscaling import Enlarge

PATCH = 8
"""The side of a patch, in pixels of the large picture."""

Map = NDArray[np.float64]


@dataclass(frozen=True)
class Certainty:
    r"""What samples of the large picture say of one that was made small, by its luma and without a border of the scale.

    Arguments:
        sample_psnr_db: The PSNR of the first sample.
        mean_psnr_db: The PSNR of the mean of the samples.
        lr_psnr_db: The lowest LR-PSNR of a sample, in all colours: made small again, beside the small picture.
        pixel_rank_correlation: Spearman's of the samples' standard deviation and the absolute error of their mean.
        patch_rank_correlation: The same of the root mean squares of patches.
        spread: The mean of the samples' variance, in squared grey levels.
        error: The mean squared error of the samples' mean. Were the original another of n samples, it would be
            :math:`1 + 1 / n` times the spread.
    """

    sample_psnr_db: float
    mean_psnr_db: float
    lr_psnr_db: float
    pixel_rank_correlation: float
    patch_rank_correlation: float
    spread: float
    error: float


def certainty(original: Pixels, scale: int, draw: Enlarge, samples: int = 16) -> Certainty:
    """What samples say of a picture.

    Arguments:
        original: The picture, whose sides the scale divides.
        scale: How many times the sides of the small picture grow.
        draw: How the engine enlarges a picture, which depends on the seed.
        samples: How many are drawn, two or more.
    """
    small, truth = imresize(original, 1 / scale), luma(original)
    guesses = [enlarge(small, draw, seed) for seed in range(samples)]
    lumas = np.stack([luma(guess) for guess in guesses])
    inner = np.s_[scale:-scale, scale:-scale]
    mean, deviation = np.asarray(lumas.mean(0)), np.asarray(lumas.std(0, ddof=1))
    spread, error = deviation[inner], np.abs(mean - truth)[inner]
    return Certainty(
        psnr(lumas[0], truth, scale),
        psnr(mean, truth, scale),
        min(lr_psnr(guess, small) for guess in guesses),
        rank_correlation(spread, error),
        rank_correlation(in_patches(spread), in_patches(error)),
        float(np.square(spread).mean()),
        float(np.square(error).mean()),
    )


def summary(found: Iterable[Certainty]) -> Mapping[str, float]:
    """Of several pictures: means, but of LR-PSNR the lowest; spread and error as roots, in grey levels."""
    rows = [asdict(one) for one in found]
    means = {field.name: float(np.mean([row[field.name] for row in rows])) for field in fields(Certainty)}
    lowest = min(row["lr_psnr_db"] for row in rows)
    return {**means, "lr_psnr_db": lowest, "spread": means["spread"] ** 0.5, "error": means["error"] ** 0.5}


def lr_psnr(guess: Pixels, small: Pixels) -> float:
    """LR-PSNR in decibels, as `nflows_sr.upscaling.consistency.Consistency` says; infinite where there is no error."""
    error = resize_bicubic(to_tensor(guess), (small.shape[0], small.shape[1])) - to_tensor(small)
    return float(-10 * error.square().mean().log10())


def rank_correlation(one: Map, other: Map) -> float:
    """Spearman's, of values of which hardly two are the same."""
    ranks = [np.argsort(np.argsort(values, axis=None)) for values in (one, other)]
    table: Map = np.asarray(np.corrcoef(ranks))
    return float(table[0, 1])


def in_patches(values: Map) -> Map:
    """The root mean square of each patch; what is left over on the right and below is left out."""
    height, width = (side // PATCH * PATCH for side in values.shape)
    blocks = values[:height, :width].reshape(height // PATCH, PATCH, width // PATCH, PATCH)
    roots: Map = np.sqrt(np.square(blocks).mean((1, 3)))
    return roots
