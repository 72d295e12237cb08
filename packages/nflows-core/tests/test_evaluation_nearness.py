"""FID and KID of samples: other people's numbers for the same features, honest errors, and what is too little."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nflows_core.bijections import ActNorm
from nflows_core.cli import nflows
from nflows_core.data import DataError, Images
from nflows_core.evaluation import PictureFeatures, frechet_distance, kernel_distance, nearness
from nflows_core.flow import Flow
from nflows_core.runs.nearness import nearness_of_samples
from nflows_core.testing import call_command

call = partial(call_command, nflows)


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def features() -> PictureFeatures:
    return PictureFeatures()


class Flat(Flow):
    """A flow whose images are as bright as their context says, everywhere; NaN stays NaN."""

    def __init__(self) -> None:
        super().__init__([ActNorm((1, 4, 4))])
        self.context_features = 1
        self.seen: list[Tensor] = []

    def decode(self, latents, context=None):  # type: ignore[no-untyped-def]
        self.seen.append(context)
        return context[:, :, None, None].expand(-1, 1, 4, 4)


def flat_images(n: int) -> tuple[Images, Tensor]:
    """Images of one grey each, and that grey as their context."""
    pixels = torch.arange(n).remainder(256).to(torch.uint8).view(n, 1, 1, 1).expand(n, 1, 4, 4)
    return Images(pixels), (pixels[:, :, 0, 0].float() + 0.5) / 256


# Distances


class Entries(nn.Module):
    """The entries of a picture as its features."""

    num_features = 12

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).double()


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
def test_both_distances_are_those_of_torchmetrics() -> None:
    fid, kid = (pytest.importorskip(f"torchmetrics.image.{name}") for name in ("fid", "kid"))
    real, made = (3 * normal(40, 12, seed) + seed for seed in (0, 1))
    theirs = [
        fid.FrechetInceptionDistance(feature=Entries()).set_dtype(torch.float64),
        kid.KernelInceptionDistance(feature=Entries(), subsets=1, subset_size=40),
    ]
    for metric in theirs:
        metric.update(real.view(40, 3, 2, 2), real=True)
        metric.update(made.view(40, 3, 2, 2), real=False)
    assert frechet_distance(real, made) == pytest.approx(float(theirs[0].compute()))
    assert kernel_distance(real, made) == pytest.approx(float(theirs[1].compute()[0]))


def test_the_standard_error_is_the_deviation_of_repeated_measurements() -> None:
    found = [nearness(normal(200, 4, seed), normal(200, 4, 1000 + seed) + 0.3, seed) for seed in range(150)]
    kernels = torch.tensor([one.kernel for one in found])
    errors = torch.tensor([one.kernel_error for one in found])
    # A deviation of 150 values is known to 6 %.
    assert errors.square().mean().sqrt().item() == pytest.approx(kernels.std().item(), rel=0.25)
    whole = torch.tensor([kernel_distance(normal(200, 4, s), normal(200, 4, 1000 + s) + 0.3) for s in range(150)])
    assert abs((kernels - whole).mean()) < 4 * kernels.std() / 150**0.5, "parts leave it unbiased"


def test_the_interval_has_zero_for_one_distribution_and_not_for_two() -> None:
    inside = [nearness(normal(150, 3, seed), normal(150, 3, 900 + seed)).kernel_interval for seed in range(60)]
    assert sum(low <= 0 <= high for low, high in inside) >= 52, "of 60, 57 are expected"
    low, _ = nearness(normal(150, 3), 1 + normal(150, 3, 1)).kernel_interval
    assert low > 0


def test_a_seed_is_one_number_and_another_one_another() -> None:
    real, made = normal(120, 3), normal(130, 3, 1)
    assert nearness(real, made, 5) == nearness(real, made, 5)
    assert nearness(real, made, 5).kernel != nearness(real, made, 6).kernel
    assert nearness(real, made, 5).frechet == nearness(real, made, 6).frechet


def test_a_covariance_without_full_rank_gives_no_distance() -> None:
    for real, made, is_known in ((110, 110, False), (111, 110, False), (110, 111, False), (111, 111, True)):
        found = nearness(normal(real, 110), normal(made, 110, 1))
        assert (found.frechet is not None) is is_known


def test_few_pictures_are_refused() -> None:
    for real, made in ((99, 500), (500, 99)):
        with pytest.raises(ValueError, match=f"need 100 pictures of each or more, got {real} real ones and {made}"):
            nearness(normal(real, 3), normal(made, 3))
    with pytest.raises(ValueError, match="all of one length"):
        nearness(normal(100, 3), normal(100, 4))


# Features


def test_features_see_the_picture_and_not_how_it_is_kept(features: PictureFeatures) -> None:
    grey = torch.randint(0, 256, (3, 1, 20, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = features(grey)
    assert found.shape == (3, 1280)
    torch.testing.assert_close(features(grey.expand(-1, 3, -1, -1)), found, rtol=0, atol=1e-4)
    torch.testing.assert_close(features(torch.cat([grey] * 50))[-3:], found, rtol=0, atol=1e-4)
    levels = torch.randint(0, 4, (3, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(features(levels, 4), features(85 * levels), rtol=0, atol=1e-4)
    assert features(grey[:0]).shape == (0, 1280)


def test_features_are_of_pictures_of_96_pixels(features: PictureFeatures) -> None:
    small = torch.randint(0, 256, (2, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scaled = interpolate(small.float(), (96, 96), mode="bilinear", antialias=True)
    torch.testing.assert_close(features(scaled), features(small), rtol=0, atol=1e-3)
    flat = [torch.full((1, 1, side, side), 200, dtype=torch.uint8) for side in (4, 28, 200)]
    for one in flat[1:]:
        torch.testing.assert_close(features(one), features(flat[0]), rtol=0, atol=1e-3)


def test_pictures_of_two_channels_have_no_features(features: PictureFeatures) -> None:
    with pytest.raises(ValueError, match="with one or three channels, these have 2"):
        features(torch.zeros(1, 2, 8, 8, dtype=torch.uint8))


# Runs


def test_each_sample_has_the_context_of_a_test_image() -> None:
    images, context = flat_images(120)
    flow = Flat()
    with (
        pytest.warns(RuntimeWarning, match=r"no Fréchet distance .* needs 1,281 pictures or more"),
        pytest.warns(RuntimeWarning, match="^240 samples with 120 test images, all that there are: distances depend"),
    ):
        same = nearness_of_samples(flow, images, 240, context=context)
    assert same["compared"] == "240 samples with 120 test images, all that there are"
    assert torch.equal(torch.cat(flow.seen), torch.cat([context, context]))
    low, high = same["kernel_distance_interval_95"]
    assert low <= 0 <= high, "the samples are the test images"
    assert (same["compared_test_images"], same["samples"], same["samples_not_finite"]) == (120, 240, 0)
    with pytest.warns(RuntimeWarning, match="no Fréchet distance"):
        other = nearness_of_samples(flow, images, 100, context=context.clamp(max=0.2))
    assert other["kernel_distance_interval_95"][0] > 0
    assert (other["compared_test_images"], other["compared"]) == (100, "100 samples with 100 test images")


def test_samples_that_are_not_finite_have_no_distance() -> None:
    images, context = flat_images(120)
    context = context.clone()
    context[3] = torch.nan
    found = nearness_of_samples(Flat(), images, 120, context=context)
    assert (found["samples_not_finite"], found["frechet_distance"], found["kernel_distance"]) == (1, None, None)


def test_fewer_than_a_hundred_are_refused_before_anything_is_drawn() -> None:
    images, context = flat_images(99)
    with pytest.raises(DataError, match="need 100 samples and as many test images or more, got 500 and 99"):
        nearness_of_samples(Flat(), images, 500, context=context)


def test_eval_gives_the_distances_of_a_seed(
    trained: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    reports = []
    for seed in (1, 1, 2):
        assert call("eval", trained, "--samples", 120, "--seed", seed, "--json") == 0
        reports.append(json.loads(capfd.readouterr().out))
    first, same, other = reports
    distances = ("kernel_distance", "kernel_distance_standard_error", "kernel_distance_interval_95", "bits_per_dim")
    assert all(first[name] == same[name] != other[name] for name in distances)
    assert first["frechet_distance"] is None
    assert first["features"].startswith("EfficientNet-Lite0, ImageNet's weights, 1280 features")
    assert (first["samples"], first["compared_test_images"]) == (120, 120)
    assert first["kernel_distance"] > 0, "an epoch on digits makes no digits"


def test_eval_refuses_few_samples(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("eval", trained, "--samples", 99) == 2
    assert "distances of samples need 100 samples" in capsys.readouterr().err
