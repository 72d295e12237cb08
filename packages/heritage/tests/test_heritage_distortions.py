from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.pictures.samples import to_tensor
from nflows_heritage.distortions import DISTORTIONS, LEVELS, distorted
from nflows_heritage.distortions.blurs import blur_kernel, in_blocks, motion_kernel, zoomed
from nflows_heritage.distortions.colours import dulled, grey_of

NAMES = list(DISTORTIONS)
KEEP_CONSTANTS = ("blur", "motion", "pixelate", "radial")


def textured(seed: int = 0, channels: int = 3, height: int = 96, width: int = 128) -> Tensor:
    """A picture with structure of all sizes."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(channels, height, width))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)) + 1 / 128
    field = np.fft.irfft2(np.fft.rfft2(noise) / frequency, s=(height, width))
    field = (field - field.min()) / np.ptp(field)
    return torch.from_numpy(field).float()


def psnr(image: Tensor, reference: Tensor) -> float:
    return -10 * math.log10(float(((image - reference) ** 2).mean()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_every_level_is_further_from_the_picture(name: str, channels: int, seed: int) -> None:
    image = textured(seed, channels)
    ratios = [psnr(distorted(image, name, level, seed), image) for level in LEVELS]
    assert all(later < earlier for earlier, later in pairwise(ratios)), ratios
    assert ratios[0] < 45
    assert ratios[-1] > 8


@pytest.mark.real_data
@pytest.mark.parametrize("name", NAMES)
def test_every_level_of_real_art_is_further_from_it(name: str, data_folder: Path) -> None:
    files = sorted((data_folder / "heritage").glob("*/*original.png")) + sorted(
        (data_folder / "heritage" / "paintings").glob("*.jpg")
    )
    assert len(files) >= 5
    for file in files:
        image = to_tensor(read_picture(file).pixels)[:, :256, :256]
        ratios = [psnr(distorted(image, name, level, 1), image) for level in LEVELS]
        assert ratios == sorted(ratios, reverse=True), (file, ratios)
        assert len(set(ratios)) == len(ratios)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_and_the_picture_stays(name: str) -> None:
    image = textured()
    before = image.clone()
    first, again = distorted(image, name, 4, 7), distorted(image, name, 4, 7)
    assert torch.equal(first, again)
    assert torch.equal(image, before)
    assert first.shape == image.shape
    if name not in ("blur", "pixelate"):  # which draw nothing
        assert not torch.equal(first, distorted(image, name, 4, 8))


@given(st.sampled_from(NAMES), st.floats(1, 5), st.integers(1, 3), st.integers(0, 2**63 - 1), st.data())
def test_pictures_of_any_size_stay_pictures(name: str, level: float, half: int, seed: int, data: st.DataObject) -> None:
    channels = 1 if half == 1 else 3
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    result = distorted(torch.rand(channels, height, width), name, level, seed)
    assert result.shape == (channels, height, width)
    assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize("name", KEEP_CONSTANTS)
def test_what_is_unsharp_keeps_an_even_surface(name: str) -> None:
    even = torch.full((3, 40, 50), 0.3)
    torch.testing.assert_close(distorted(even, name, 5, 0), even)


@given(st.floats(1.5, 30), st.floats(0, math.pi))
def test_a_motion_has_its_length_and_direction(length: float, angle: float) -> None:
    kernel = motion_kernel(length, angle).double()
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(kernel, kernel.flip(0, 1), atol=2e-3, rtol=0)  # there and back is the same way
    reach = kernel.shape[0] // 2
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1.0).double()] * 2, indexing="ij")
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    # An even line has the variance L²/12; sharing points among four pixels adds up to a quarter to either.
    assert float((kernel * along**2).sum()) == pytest.approx(length**2 / 12, abs=0.3 + 0.02 * length)
    assert float((kernel * across**2).sum()) < 0.3


def test_a_lens_out_of_focus_has_its_deviation() -> None:
    kernel = blur_kernel(2.0)
    reach = kernel.shape[0] // 2
    offsets = torch.arange(-reach, reach + 1.0)
    assert float((kernel.sum(0) * offsets**2).sum()) == pytest.approx(4, rel=0.05)


def test_a_zoom_leaves_its_centre_and_blurs_the_rim() -> None:
    stripes = (torch.arange(101) % 4 < 2).float().expand(1, 101, 101)
    result = zoomed(stripes, 0.1, (0.0, 0.0))
    spread = result[0, 50].unfold(0, 8, 8).std(dim=1)
    assert spread[5] > 0.35  # 4 pixels about the middle move by less than half of one
    assert spread[0] < 0.15


def test_blocks_are_the_means_of_what_they_hide() -> None:
    image = textured(1, 3, 7, 10)
    blocks = in_blocks(image, 3)
    torch.testing.assert_close(blocks[:, :3, :3], image[:, :3, :3].mean((1, 2), keepdim=True).expand(3, 3, 3))
    torch.testing.assert_close(blocks[:, 6:, 9:], image[:, 6:, 9:])
    torch.testing.assert_close(in_blocks(blocks, 3), blocks)


def test_dirt_takes_contrast_colour_and_light() -> None:
    image = textured(2)
    result = dulled(image, 0.5, 0.25, 0.8)
    grey, before = grey_of(result), grey_of(image)
    assert float(grey.mean()) == pytest.approx(0.8 * float(before.mean()), rel=1e-5)
    assert float(grey.std()) == pytest.approx(0.4 * float(before.std()), rel=1e-5)
    torch.testing.assert_close(result - grey, 0.5 * 0.25 * 0.8 * (image - before))


@pytest.mark.parametrize("level", LEVELS)
def test_noise_is_as_strong_as_it_says(level: int) -> None:
    even = torch.full((3, 256, 256), 0.5)
    sigma = [10, 20, 30, 40, 50][level - 1] / 255
    assert float((distorted(even, "gaussian", level, 0) - 0.5).std()) == pytest.approx(sigma, rel=0.03)
    share = [0.02, 0.05, 0.1, 0.2, 0.3][level - 1]
    peppered = distorted(even, "salt-and-pepper", level, 0)
    assert float((peppered != 0.5).float().mean()) == pytest.approx(share, rel=0.1)
    assert set(peppered.unique().tolist()) == {0.0, 0.5, 1.0}
    dim, bright = (distorted(torch.full((3, 256, 256), value), "speckle", level, 0).std() for value in (0.1, 0.3))
    assert float(bright / dim) == pytest.approx(3, rel=0.01)


def test_rain_only_adds_light_and_hits_more_at_higher_levels() -> None:
    image = textured(3) * 0.5
    some, more = distorted(image, "rain", 2, 5) - image, distorted(image, "rain", 4, 5) - image
    assert some.min() >= -1e-6
    assert ((more - some) >= -1e-6).all()
    assert 0.01 < float((some > 0.02).float().mean()) < float((more > 0.02).float().mean()) < 0.5


def test_water_leaves_what_stayed_dry() -> None:
    image = textured(4, 3, 200, 300)
    change = (distorted(image, "water", 3, 1) - image).abs().amax(0)
    assert float((change < 1e-3).float().mean()) > 0.6
    assert float((change > 0.02).float().mean()) > 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.rand(3, 4, 4), "smoke", 1, 0), "there is no distortion 'smoke'; there are blur, dull"),
        ((torch.rand(3, 4, 4), "blur", 0.5, 0), "expected 1 to 5, got 0.5"),
        ((torch.rand(4, 4, 4), "blur", 1, 0), "expected .1, H, W. or .3, H, W., got .4, 4, 4."),
    ],
)
def test_what_cannot_be_distorted_is_told(arguments: tuple[Tensor, str, float, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        distorted(*arguments)
