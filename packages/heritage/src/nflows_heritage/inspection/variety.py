r"""Good pictures varied as good pictures vary, and damaged, as an inspector meets them."""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.ndimage import gaussian_filter

from nflows_heritage.distortions import distorted
from nflows_sr.data.crops import turned

Pixels = NDArray[np.uint8]

_LEAST = 96
_QUALITIES = (60, 100)
_GRAIN = 8.0
"""The grain of a good picture, at most, of 255 levels; noise as damage begins at 10."""
_GAINS = 0.25
_GAMMAS = 0.2
_TINTS = 0.12


def varied(pixels: Pixels, random: np.random.Generator, most: int) -> Pixels:
    """A part of a good picture as another might be: turned, grainy, smaller, in another light, once a JPEG file.

    Arguments:
        pixels: The picture in RGB.
        random: What is drawn from.
        most: The longest side of the part.
    """
    pixels = np.ascontiguousarray(turned(pixels, int(random.integers(8))))
    image = Image.fromarray(_grainy(pixels, random) if random.random() < 0.5 else pixels)
    scale = random.uniform(max(0.5, min(1.0, _LEAST / min(image.size))), 1) if random.random() < 0.5 else 1.0
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS)
    if random.random() < 0.5:
        image = Image.fromarray(as_jpeg(np.asarray(image), int(random.integers(*_QUALITIES))))
    part = _part(np.asarray(image), most, random)
    gains = np.exp(random.uniform(-_GAINS, _GAINS) + random.uniform(-_TINTS, _TINTS, 3))
    gamma = np.exp(random.uniform(-_GAMMAS, _GAMMAS))
    changed: Pixels = np.rint(255 * np.clip(gains * (part / 255) ** gamma, 0, 1)).astype(np.uint8)
    return changed


def drawing(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A sheet in ink made of a picture: its outlines, its tones in dots, or a text; hard, or with soft edges as a scan
    has them."""
    image = Image.fromarray(pixels).convert("L")
    way = int(random.integers(3))
    if way == 0:
        fine, coarse = (gaussian_filter(np.asarray(image, float), sigma) for sigma in (1, 1.6))
        sheet = Image.fromarray(np.where(fine - coarse < -random.uniform(1, 4), 0, 255).astype(np.uint8))
    elif way == 1:
        sheet = image.convert("1").convert("L")
    else:
        sheet = _text(image.size, random)
    if random.random() < 0.5:
        sheet = sheet.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 0.8)))
    ink, paper = random.uniform(0, 60), random.uniform(200, 255)
    tones = np.asarray(sheet) if random.random() < 0.4 else np.asarray(sheet) / 255 * (paper - ink) + ink
    return np.repeat(np.rint(tones).astype(np.uint8)[..., None], 3, 2)


def _text(size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """Letters in lines from the left edge to the right one."""
    sheet, height = Image.new("L", size, 255), int(random.integers(9, 24))
    brush, font = ImageDraw.Draw(sheet), ImageFont.load_default(height)
    for top in range(4, size[1], round(1.5 * height)):
        letters = random.choice(list("abcdefghijklmnopqrstuvwxyzABC   ,."), size[0] // 4)
        brush.text((4, top), "".join(letters), fill=0, font=font)
    return sheet


def suffered(good: Pixels, kind: str, level: float, random: np.random.Generator) -> Pixels:
    """A picture damaged in one way, in bytes."""
    image = torch.from_numpy(np.array(good)).permute(2, 0, 1).float() / 255
    bad = distorted(image, kind, level, int(random.integers(2**63)))
    return np.asarray((255 * bad).round().byte().permute(1, 2, 0).numpy())


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """What a JPEG file of a quality gives back."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _grainy(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A picture with the grain of film or of a sensor, alike everywhere or more in light places."""
    grain = random.normal(0, random.uniform(0, _GRAIN), pixels.shape)
    if random.random() < 0.5:
        grain *= pixels / 160
    return np.rint(np.clip(pixels + grain, 0, 255)).astype(np.uint8)


def _part(pixels: Pixels, most: int, random: np.random.Generator) -> Pixels:
    sides = [min(length, most) for length in pixels.shape[:2]]
    top, left = (int(random.integers(length - side + 1)) for length, side in zip(pixels.shape, sides, strict=False))
    return pixels[top : top + sides[0], left : left + sides[1]]
