"""What cameras and files do to a picture, at random: light, colour, blur, noise, compression. No box moves by it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def photographed(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """A picture :math:`(H, W, 3)` as another camera would have taken it in another light, and stored it.

    Arguments:
        pixels: The picture in RGB.
        generator: The source of all that is random.
    """
    values = _lit(pixels.astype(np.float32), generator)
    if generator.random() < 0.4:
        values = _blurred(values, generator)
    if generator.random() < 0.4:
        values += generator.standard_normal(values.shape, dtype=np.float32) * generator.uniform(1, 14)
    pixels = values.clip(0, 255).astype(np.uint8)
    return _compressed(pixels, int(generator.integers(25, 96))) if generator.random() < 0.5 else pixels


def _lit(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Another exposure, gamma, white balance and saturation."""
    gains = np.exp(generator.normal(0, 0.08, 3) + generator.normal(0, 0.2)).astype(np.float32)
    offset = np.float32(generator.normal(0, 12))
    gamma = np.exp(generator.normal(0, 0.2))
    table = 255 * ((np.arange(256)[:, None] * gains + offset) / 255).clip(0, 1) ** gamma
    lit = np.stack([table[:, channel][values[..., channel].astype(np.uint8)] for channel in range(3)], axis=2)
    grey = lit.mean(axis=2, keepdims=True)
    saturation = 0.0 if generator.random() < 0.05 else np.exp(generator.normal(0, 0.3))
    return np.asarray(grey + (lit - grey) * saturation, dtype=np.float32)


def _blurred(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Out of focus, or moved."""
    if generator.random() < 0.7:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), generator.uniform(0.4, 1.8)), dtype=np.float32)
    length = int(generator.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    slope = generator.uniform(-0.5, 0.5)
    for step in np.linspace(-0.5, 0.5, 4 * length):
        kernel[round((length - 1) * (0.5 + slope * step)), round((length - 1) * (0.5 + step))] = 1
    return np.asarray(cv2.filter2D(values, -1, kernel / kernel.sum()), dtype=np.float32)


def _compressed(pixels: Pixels, quality: int) -> Pixels:
    """Stored as JPEG and read again."""
    stored = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
