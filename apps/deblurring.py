"""What `apps/deblur.py` does with a picture: blurs it, records it, undoes it by every method, and measures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from deblurring_methods import (
    Pixels,
    Taps,
    amplification,
    blur,
    bounded,
    filter_wiener,
    fitting,
    noise_gain,
    undo,
)
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from nflows_core.runtime.images import read_picture

BLURRED, EXACT, BOUNDED, WIENER = METHODS = ("blurred", "exact", "bounded", "wiener")
BEYOND = 64
"""Pixels by which one that was cut from a larger picture is continued, by those at its edge."""
_GAP = 4
_WINDOW = 11
"""The side of the parts that SSIM compares."""
_MOST = 1e12
"""Nobody needs to know how far beyond this an inverse explodes."""

Row = dict[str, object]


@dataclass(frozen=True)
class Recording:
    """What comes between the blurred picture and its file.

    Arguments:
        sigma: The standard deviation of the noise, in grey levels of 255.
        is_rounded: Whether grey levels are rounded to 8 bits.
        jpeg: The quality of the JPEG file, if it is one.
        seed: The seed of the noise.
    """

    sigma: float = 0.0
    is_rounded: bool = False
    jpeg: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise ValueError(f"noise: expected a standard deviation of 0 or more grey levels, got {self.sigma}")
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise ValueError(f"jpeg: expected a quality of 1 to 100, got {self.jpeg}")

    @property
    def expected_sigma(self) -> float:
        """The noise with that of rounding, which is uniform: its variance is 1/12. Of JPEG nothing is foretold."""
        return float(np.sqrt(self.sigma**2 + (1 / 12 if self.is_rounded or self.jpeg else 0)))

    def __call__(self, pixels: Pixels) -> Pixels:
        noisy = pixels + np.random.default_rng(self.seed).normal(0, self.sigma, pixels.shape)
        if not self.is_rounded and self.jpeg is None:
            return noisy
        levels = noisy.round().clip(0, 255)
        return levels if self.jpeg is None else _through_jpeg(levels.astype(np.uint8), self.jpeg)


@dataclass(frozen=True)
class Result:
    """A picture blurred, and undone.

    Arguments:
        original: The picture.
        pictures: What was recorded, and what each method makes of it, by the methods' names.
        rows: How near each is to the original, and how much it amplifies.
    """

    original: Pixels
    pictures: Mapping[str, Pixels]
    rows: list[Row]


def read(path: Path) -> Pixels:
    """The grey levels of a picture, of 255."""
    picture = read_picture(path)
    if picture.has_alpha:
        raise ValueError(f"{path}: is transparent in parts, and a blur is of light; put it on a background first")
    return picture.pixels.astype(np.float64) * (255 / np.iinfo(picture.pixels.dtype).max)


def deblur(original: Pixels, taps: Taps, recording: Recording, most: float | None = None, crop: int = 0) -> Result:
    """Blurs, records, and undoes a picture by every method.

    Arguments:
        original: The picture, :math:`(H, W, C)`.
        taps: The kernel.
        recording: How the blurred picture is recorded.
        most: The largest amplification of the bounded inverse; without one it is what fits the noise.
        crop: How many pixels are cut off at every side of what was recorded.

    Raises:
        ValueError: The picture is too small, or an argument is out of its range.
    """
    _check_size(original, taps, crop)
    cut = slice(crop, -crop or None)
    blurred = blur(original, taps)
    recorded = recording(blurred)[cut, cut]
    noise, original = recorded - blurred[cut, cut], original[cut, cut]
    sides = (BEYOND if crop else 0,) * 2
    kept = slice(sides[0], -sides[0] or None)
    given = np.pad(recorded, (sides, sides, (0, 0)), "edge")
    sigma, size = recording.expected_sigma, given.shape[:2]
    near = fitting(given, taps, sigma) if most is None else bounded(taps, size, most)
    inverses = {BLURRED: np.ones((1, 1)), EXACT: taps, BOUNDED: near}
    pictures = {name: undo(given, inverse)[kept, kept] for name, inverse in inverses.items()}
    pictures[WIENER] = filter_wiener(given, taps, sigma)[kept, kept]
    expected = None if recording.jpeg else sigma
    amplified = {name: _amplified(inverse, size, expected, noise) for name, inverse in inverses.items()}
    amplified[WIENER] = dict.fromkeys(amplified[EXACT])  # it depends on the picture: no factor is its amplification
    rows = [{"method": name, **fidelity(one, original), **amplified[name]} for name, one in pictures.items()]
    return Result(original, pictures, rows)


def sheet(result: Result) -> NDArray[np.uint8]:
    """The original and the four pictures side by side."""
    tiles = [shown(one) for one in (result.original, *result.pictures.values())]
    gap = np.full((tiles[0].shape[0], _GAP, tiles[0].shape[2]), 255, np.uint8)
    return np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)


def fidelity(pixels: Pixels, original: Pixels) -> dict[str, float | None]:
    """PSNR in dB and SSIM of what can be shown of a picture; no PSNR where it is the original to the bit."""
    levels = in_range(pixels)
    same = bool((levels == original).all())
    rules = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}  # as Wang et al. 2004 have it
    return {
        "psnr": None if same else float(peak_signal_noise_ratio(original, levels, data_range=255)),
        "ssim": float(structural_similarity(original, levels, data_range=255, channel_axis=2, **rules)),
    }


def in_range(pixels: Pixels) -> Pixels:
    """The grey levels that a picture can show; what overflowed is black."""
    return np.nan_to_num(pixels, nan=0.0).clip(0, 255)


def shown(pixels: Pixels) -> NDArray[np.uint8]:
    """The picture in 8 bits."""
    return in_range(pixels).round().astype(np.uint8)


def _check_size(original: Pixels, taps: Taps, crop: int) -> None:
    height, width = original.shape[:2]
    if crop < 0 or min(height, width) - 2 * crop < max(*taps.shape, _WINDOW):
        raise ValueError(
            f"a picture of {width} x {height} pixels, {crop} of them cut off at every side, is too small for a kernel "
            f"of {taps.shape[1]} x {taps.shape[0]} and for SSIM, which is of {_WINDOW} x {_WINDOW}"
        )


def _amplified(inverse: Taps, size: tuple[int, int], sigma: float | None, noise: Pixels) -> Row:
    """How much an inverse amplifies on a size, and the noise of a picture after it, expected and measured."""
    gain = noise_gain(inverse, noise.shape[:2])
    return {
        "amplification": _finite(amplification(inverse, size)),
        "noise_gain": _finite(gain),
        "expected_noise": None if sigma is None else _finite(sigma * gain if sigma else 0.0),
        "noise": _finite(float(np.sqrt((np.minimum(abs(undo(noise, inverse)), 1e150) ** 2).mean()))),
    }


def _finite(number: float) -> float | str:
    """The number, or words that a report can hold."""
    return number if number < _MOST else f"above {_MOST:.0e}"


def _through_jpeg(levels: NDArray[np.uint8], quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(levels.squeeze()).save(file, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(file), np.float64).reshape(levels.shape)
