"""An engine on a pair: how near it comes, and how fast."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from nflows_core.evaluation import PerceptualDistance
from nflows_core.runtime.images import Picture
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_sr.degradations import Pixels
from nflows_sr.evaluation.pairs import Pair
from nflows_sr.metrics import luma, psnr, ssim
from nflows_sr.metrics.fidelity import WINDOW
from nflows_sr.upscaling import Enlarge


@dataclass(frozen=True)
class Score:
    """How near an enlarged picture is to the original.

    Arguments:
        psnr_db: The peak signal-to-noise ratio of the luma, in decibels; `MOST_DB` where both are equal.
        ssim: The structural similarity of the luma.
        lpips: The learned perceptual distance of the colours; nothing where it was not asked for.
        seconds: The time that the engine took.
        megapixels_per_second: The pixels of the enlarged picture that it made in a second.
    """

    psnr_db: float
    ssim: float
    lpips: float | None
    seconds: float
    megapixels_per_second: float


@dataclass(frozen=True)
class _InMemory:
    """Pixels where an open file is expected."""

    pixels: Pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.pixels.shape
        return height, width, channels

    @property
    def about(self) -> Picture:
        return Picture(self.pixels)

    def rows(self, top: int, bottom: int) -> Pixels:
        return self.pixels[top:bottom]


def score(
    pair: Pair, scale: int, way: Enlarge, seed: int, judge: PerceptualDistance | None = None
) -> tuple[Score, Pixels]:
    """What an engine makes of the small picture, as a file of its depth would hold it, beside the original.

    As many pixels as the scale are left out at each side.

    Arguments:
        pair: The small picture and the original.
        scale: How many times the sides grow.
        way: How the engine enlarges a picture.
        seed: The seed of what it draws.
        judge: What tells the perceptual distance.

    Returns:
        The score and the enlarged picture.

    Raises:
        ValueError: Less is left of the picture than SSIM needs.
    """
    height, width = pair.large.shape[:2]
    if min(height, width) - 2 * scale < WINDOW:
        raise ValueError(
            f"{width} x {height} pixels are too few: SSIM needs {WINDOW} x {WINDOW} within a border of {scale}"
        )
    start = time.perf_counter()
    pixels = enlarge(pair.small, way, seed)
    seconds = time.perf_counter() - start
    image, original = luma(pixels), luma(pair.large)
    ratio = psnr(image, original, scale)
    similarity = ssim(image, original, scale)
    distance = None if judge is None else _distance(judge, pixels, pair.large, scale)
    speed = image.size / 1e6 / seconds
    return Score(ratio, similarity, distance, seconds, speed), pixels


def enlarge(pixels: Pixels, way: Enlarge, seed: int) -> Pixels:
    """Pixels enlarged by an engine's way, rounded to their own depth."""
    strips = list(way(_InMemory(pixels), seed))
    return to_pixels(torch.cat(strips, 1), pixels.dtype)


@torch.no_grad()
def _distance(judge: PerceptualDistance, pixels: Pixels, original: Pixels, border: int) -> float:
    """The perceptual distance within the border, grey as three equal channels, on the scale that judges take."""
    x, y = (
        2 * to_tensor(one[border:-border, border:-border]).expand(3, -1, -1)[None] - 1 for one in (pixels, original)
    )
    return float(judge(x, y))
