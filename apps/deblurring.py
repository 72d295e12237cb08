"""What `apps/deblur.py` does with a picture: blurs it, has it recorded, undoes it by every method, and measures.

One that is blurred already is only undone, and blurred again to see whether the kernel fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from deblurring_recording import Recording
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

BLURRED, EXACT, BOUNDED, WIENER = METHODS = ("blurred", "exact", "bounded", "wiener")
ORIGINAL = "original"
BEYOND = 64
"""Pixels by which one that was cut from a larger picture is continued, by those at its edge."""
_GAP = 4
_WINDOW = 11
"""The side of the parts that SSIM compares."""
_MOST = 1e12
"""Nobody needs to know how far beyond this an inverse explodes."""

Row = dict[str, object]


@dataclass(frozen=True)
class Result:
    """A blurred picture, undone.

    Arguments:
        original: The sharp picture, where it is known.
        pictures: What was recorded, and what each method makes of it, by the methods' names.
        rows: How near each is to the original, or to the blurred one if it is blurred again, and how much it amplifies.
    """

    original: Pixels | None
    pictures: Mapping[str, Pixels]
    rows: list[Row]

    @property
    def tiles(self) -> dict[str, NDArray[np.uint8]]:
        """All that there is to see, by its name, the original first."""
        first = {} if self.original is None else {ORIGINAL: self.original}
        return {name: shown(one) for name, one in {**first, **self.pictures}.items()}


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
    if crop < 0:
        raise ValueError(f"crop: expected 0 or more pixels that are cut off at every side, got {crop}")
    _check_size(original, taps, crop)
    cut = slice(crop, -crop or None)
    blurred = blur(original, taps)
    recorded = recording(blurred)[cut, cut]
    noise, original = recorded - blurred[cut, cut], original[cut, cut]
    beyond = BEYOND if crop else 0
    pictures, inverses = _undone(_continued(recorded, beyond), taps, recording.expected_sigma, most)
    pictures = {name: _framed(one, beyond) for name, one in pictures.items()}
    expected = None if recording.jpeg else recording.expected_sigma
    rows: list[Row] = [
        {
            "method": name,
            **fidelity(one, original),
            **_amplified(inverses[name], noise.shape[:2], beyond, expected),
            "noise": _measured_noise(inverses[name], noise),
        }
        for name, one in pictures.items()
    ]
    return Result(original, pictures, rows)


def undo_blurred(blurred: Pixels, taps: Taps, sigma: float, most: float | None = None, is_cut: bool = False) -> Result:
    """Undoes a picture by every method that is blurred already, and blurs again what can be shown of each.

    Arguments:
        blurred: The blurred picture, :math:`(H, W, C)`.
        taps: The kernel that blurred it.
        sigma: The standard deviation of its noise, in grey levels.
        most: The largest amplification of the bounded inverse; without one it is what fits the noise.
        is_cut: Whether it is a part of a larger picture, which is continued by the pixels at its edge; else it is
            black above it and to its left.

    Raises:
        ValueError: The picture is smaller than the kernel, or an argument is out of its range.
    """
    height, width = blurred.shape[:2]
    if height < taps.shape[0] or width < taps.shape[1]:
        raise ValueError(
            f"a picture of {width} x {height} pixels is too small for a kernel of {taps.shape[1]} x {taps.shape[0]}"
        )
    beyond = BEYOND if is_cut else 0
    pictures, inverses = _undone(_continued(blurred, beyond), taps, sigma, most)
    rows: list[Row] = [
        {
            "method": name,
            **_amplified(inverses[name], (height, width), beyond, sigma),
            "residual": _root_mean_square(_framed(blur(in_range(one), taps), beyond) - blurred),
        }
        for name, one in pictures.items()
    ]
    return Result(None, {name: _framed(one, beyond) for name, one in pictures.items()}, rows)


def sheet(result: Result) -> NDArray[np.uint8]:
    """All that there is to see, side by side."""
    tiles = list(result.tiles.values())
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
    if min(height, width) - 2 * crop < max(*taps.shape, _WINDOW):
        raise ValueError(
            f"a picture of {width} x {height} pixels, {crop} of them cut off at every side, is too small for a kernel "
            f"of {taps.shape[1]} x {taps.shape[0]} and for SSIM, which is of {_WINDOW} x {_WINDOW}"
        )


def _undone(
    given: Pixels, taps: Taps, sigma: float, most: float | None
) -> tuple[dict[str, Pixels], dict[str, Taps | None]]:
    """What each method makes of a blurred picture, and the kernel whose inverse it is, if it is one."""
    filtered = filter_wiener(given, taps, sigma)
    near = fitting(in_range(filtered), taps, sigma) if most is None else bounded(taps, given.shape[:2], most)
    inverses = {BLURRED: np.ones((1, 1)), EXACT: taps, BOUNDED: near}
    pictures = {name: undo(given, inverse) for name, inverse in inverses.items()}
    return {**pictures, WIENER: filtered}, {**inverses, WIENER: None}


def _continued(pixels: Pixels, beyond: int) -> Pixels:
    return np.pad(pixels, ((beyond, beyond), (beyond, beyond), (0, 0)), "edge")


def _framed(pixels: Pixels, beyond: int) -> Pixels:
    kept = slice(beyond, -beyond or None)
    return pixels[kept, kept]


def _amplified(inverse: Taps | None, size: tuple[int, int], beyond: int, sigma: float | None) -> Row:
    """How much an inverse amplifies on a size that is continued, and the noise that is expected after it.

    Wiener's filter depends on the picture, and no factor is its amplification.
    """
    if inverse is None:
        return dict.fromkeys(("amplification", "noise_gain", "expected_noise"))
    height, width = size
    gain = noise_gain(inverse, size)
    return {
        "amplification": _finite(amplification(inverse, (height + 2 * beyond, width + 2 * beyond))),
        "noise_gain": _finite(gain),
        "expected_noise": None if sigma is None else _finite(sigma * gain if sigma else 0.0),
    }


def _measured_noise(inverse: Taps | None, noise: Pixels) -> float | str | None:
    return None if inverse is None else _finite(_root_mean_square(undo(noise, inverse)))


def _root_mean_square(pixels: Pixels) -> float:
    return float(np.sqrt((np.minimum(abs(pixels), 1e150) ** 2).mean()))


def _finite(number: float) -> float | str:
    """The number, or words that a report can hold."""
    return number if number < _MOST else f"above {_MOST:.0e}"
