"""Pictures from files, and what a blurred one loses on its way into a file: noise, rounding, JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from deblurring_methods import Pixels
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import Picture, read_picture

_MOST_NOISE = 1e6
"""Nothing is left of a picture long before."""


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
        if not 0 <= self.sigma <= _MOST_NOISE:
            raise ValueError(
                f"noise: expected a standard deviation of 0 or more grey levels, up to {_MOST_NOISE:,.0f}, "
                f"got {self.sigma}"
            )
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed}")
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise ValueError(f"jpeg: expected a quality of 1 to 100, got {self.jpeg}")

    @property
    def expected_sigma(self) -> float:
        """The noise with that of rounding, which is uniform: its variance is 1/12.

        Of JPEG nothing is foretold, nor of noise that is cut off at black and white.
        """
        return float(np.sqrt(self.sigma**2 + (1 / 12 if self.is_rounded or self.jpeg else 0)))

    def __call__(self, pixels: Pixels) -> Pixels:
        noisy = pixels + np.random.default_rng(self.seed).normal(0, self.sigma, pixels.shape)
        if not self.is_rounded and self.jpeg is None:
            return noisy
        levels = noisy.round().clip(0, 255)
        return levels if self.jpeg is None else _through_jpeg(levels.astype(np.uint8), self.jpeg)


def read(path: Path) -> Pixels:
    """The grey levels of a picture, of 255."""
    return _light(path, read_picture(path))


def read_blurred(path: Path, noise: float) -> tuple[Pixels, float]:
    """The grey levels of a picture, of 255, and the standard deviation of its noise with that of its own rounding."""
    picture = read_picture(path)
    step = 255 / np.iinfo(picture.pixels.dtype).max
    return _light(path, picture), float(np.hypot(Recording(noise).sigma, step / np.sqrt(12)))


def _light(path: Path, picture: Picture) -> Pixels:
    most = np.iinfo(picture.pixels.dtype).max
    if picture.has_alpha and picture.pixels[..., -1].min() < most:
        raise ValueError(f"{path}: is transparent in parts, and a blur is of light; put it on a background first")
    return picture.pixels[..., : picture.channels - picture.has_alpha].astype(np.float64) * (255 / most)


def _through_jpeg(levels: NDArray[np.uint8], quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(levels.squeeze()).save(file, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(file), np.float64).reshape(levels.shape)
