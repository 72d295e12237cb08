"""Whether spread foresees errors: of samples whose spread is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from nflows_sr.degradations import imresize
from nflows_sr.evaluation.certainty import certainty, in_patches, lr_psnr, rank_correlation, summary

SIDE = 96


def width_of_noise() -> Tensor:
    """From 2 grey levels at the left to 30 at the right."""
    return torch.linspace(2, 30, SIDE).expand(SIDE, SIDE) / 255


def drawn(seed: int) -> Tensor:
    """A grey picture of noise, the same for a seed, which a small picture says nothing of."""
    noise = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    return (0.5 + width_of_noise() * noise)[None].clamp(0, 1)


def test_samples_like_the_original_foresee_its_errors_and_are_as_wide() -> None:
    original = (255 * drawn(1000)[0].numpy()).round().astype(np.uint8)[..., None]
    found = certainty(original, 2, lambda source, seed: iter([drawn(seed)]), 16)
    assert found.patch_rank_correlation > 0.9
    assert 0.4 < found.pixel_rank_correlation < 0.7  # a single error is as often small as large
    assert found.error / found.spread == pytest.approx(1 + 1 / 16, rel=0.05)
    assert found.mean_psnr_db - found.sample_psnr_db == pytest.approx(10 * math.log10(2 / (1 + 1 / 16)), abs=0.2)


def test_a_spread_that_is_elsewhere_foresees_nothing() -> None:
    original = (255 * drawn(1000)[0].numpy()).round().astype(np.uint8)[..., None]
    found = certainty(original, 2, lambda source, seed: iter([drawn(seed).flip(2)]), 16)
    assert found.patch_rank_correlation < -0.5


def test_ranks_and_patches_have_known_values() -> None:
    values = np.arange(16.0).reshape(4, 4)
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    patches = in_patches(np.repeat([[3.0, 4.0, 9.0]], 8, axis=0).repeat([8, 8, 3], axis=1))
    assert patches.tolist() == [[3.0, 4.0]]


def test_a_small_picture_made_small_again_is_itself() -> None:
    large = np.full((8, 8, 3), 90, np.uint8)
    assert lr_psnr(large, imresize(large, 1 / 2)) > 100
    assert lr_psnr(large + 1, imresize(large, 1 / 2)) == pytest.approx(20 * math.log10(255), abs=1e-3)


def test_a_summary_has_means_the_lowest_consistency_and_roots() -> None:
    original = (255 * drawn(1000)[0].numpy()).round().astype(np.uint8)[..., None]
    found = [certainty(original, 2, lambda source, seed, k=k: iter([drawn(seed + k)]), 4) for k in (0, 50)]
    told = summary(found)
    assert told["lr_psnr_db"] == min(one.lr_psnr_db for one in found)
    assert told["spread"] == pytest.approx(math.sqrt((found[0].spread + found[1].spread) / 2))
    assert told["mean_psnr_db"] == pytest.approx((found[0].mean_psnr_db + found[1].mean_psnr_db) / 2)
