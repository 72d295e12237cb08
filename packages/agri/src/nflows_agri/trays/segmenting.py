"""From a photograph of a tray to its seeds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.segmentation import expand_labels

from nflows_agri.trays.background import Background, fit_background, places
from nflows_agri.trays.channels import FAINT_CONTRAST, Channel, choose_channel, is_apart
from nflows_agri.trays.colours import Floats, Pixels, features, lab
from nflows_agri.trays.shapes import Mask, Window
from nflows_agri.trays.splitting import SPECK, Labels, cleaned, pieces_of, split, typical_radius

_MOST_PIXELS = 1_000_000
"""Of the small picture by which background and channel are chosen."""
_RADIUS = 12.0
"""The half width of seeds in pixels at which they are split; larger ones are made smaller for it."""
_LEAST_RADIUS = 1.5
"""Of pieces in the small picture: what is narrower is noise."""
_SMOOTHING = 0.7
_CLEARLY = 15.0  # of CIELAB
_STRIP = 2**19
_FAINT = 0.6
"""The least value of a faint seed, as a share of a typical one's."""


@dataclass(frozen=True)
class Segmentation:
    """The seeds of a photograph.

    Arguments:
        labels: The number of the seed at each pixel, :math:`(H, W)`, from 1 in the order of rows; 0 is none.
        channel: The channel that tells seeds; nothing where there are none.
        radius: Half the width of a typical seed in pixels.
        specks: The areas of the pieces that were left out as too small, in pixels.
        unexplained: Where there is no seed, the share of pixels that are not of the background's colour all the same.
        faint: Where there is no seed, whether something differs from the background, by too little to be sure of.
    """

    labels: Labels
    channel: Channel | None = None
    radius: float = 0.0
    specks: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    unexplained: float = 0.0
    faint: bool = False

    @property
    def count(self) -> int:
        """How many seeds there are."""
        return int(self.labels.max(initial=0))


def segment(pixels: Pixels, *, touching: bool = True, min_area: float | None = None) -> Segmentation:
    """Finds the seeds of a tray: whatever they are and lie on, if most of the tray is not covered.

    A surface is fitted to what lies between the seeds (`fit_background`); of several distances from it the one counts
    whose outlines lie on the strongest edges (`choose_channel`); what it tells from the background is split where seeds
    touch (`split`).

    Arguments:
        pixels: The photograph, sRGB, :math:`(H, W, 3)`.
        touching: Whether seeds that touch are told apart.
        min_area: The least area of a seed in pixels; by default a fifth of a typical one.

    Raises:
        ValueError: The pixels have another shape or type, or ``min_area`` is negative.
    """
    _check(pixels, min_area)
    small = _reduced(pixels, int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / _MOST_PIXELS))))
    residuals = _smooth_features(small)
    background = fit_background(residuals)
    residuals -= background.at(places(small.shape[0]), places(small.shape[1]))
    channel = choose_channel(residuals)
    nothing = Segmentation(np.zeros(pixels.shape[:2], np.int32), unexplained=_unexplained(residuals))
    if channel is None or not is_apart(values := channel(residuals), channel.level):
        return replace(nothing, faint=_shows_faintly(residuals))
    mask = values >= channel.level
    radius = typical_radius(mask)
    scale = pixels.shape[0] / small.shape[0]
    if radius < _LEAST_RADIUS:
        return replace(nothing, specks=_specks(mask, np.zeros_like(mask, np.int32)) * scale**2)
    return _at_full_size(pixels, background, channel, radius * scale, touching, min_area)


def _unexplained(residuals: Floats) -> float:
    """The share of pixels whose CIELAB is clearly not that of the background's surface."""
    return float((np.linalg.norm(residuals[:3], axis=0) > _CLEARLY).mean())


def _shows_faintly(residuals: Floats) -> bool:
    """Whether there is what would be seeds if it differed more, or stood out from the noise."""
    return choose_channel(residuals, FAINT_CONTRAST) is not None


def _at_full_size(
    pixels: Pixels, background: Background, channel: Channel, radius: float, touching: bool, min_area: float | None
) -> Segmentation:
    factor = max(1, int(radius / _RADIUS))
    working = _reduced(pixels, factor)
    values = _evened(_values(working, background, channel), channel.level)
    radius /= factor
    least = SPECK * np.pi * radius**2 if min_area is None else min_area / factor**2
    mask = values >= channel.level
    pieces = pieces_of(cleaned(mask, radius, least))
    specks = _specks(mask, pieces) * factor**2
    if touching:

        def looks(window: Window) -> tuple[Floats, Floats]:
            return values[window], lab(working[window])[0]

        pieces = split(pieces, radius, looks)
    labels = _enlarged(_numbered(pieces, least), values, channel.level, pixels.shape[:2])
    return Segmentation(labels, channel, radius * factor, specks)


def _check(pixels: Pixels, min_area: float | None) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"`pixels`: expected uint8 of the shape (H, W, 3), got {pixels.dtype} of {pixels.shape}")
    if min_area is not None and min_area < 0:
        raise ValueError(f"`min_area`: {min_area} is negative; give pixels")


def _reduced(pixels: Pixels, factor: int) -> Pixels:
    """The means of squares."""
    return pixels if factor <= 1 else np.asarray(Image.fromarray(pixels).reduce(factor))


def _smooth_features(pixels: Pixels) -> Floats:
    return np.asarray(ndimage.gaussian_filter(features(pixels), (0, _SMOOTHING, _SMOOTHING)))


def _values(pixels: Pixels, background: Background, channel: Channel) -> Floats:
    """The channel at each pixel, strip by strip: the features of all would take ten times the photograph."""
    height, width = pixels.shape[:2]
    values = np.empty((height, width), np.float32)
    rows, columns = places(height), places(width)
    margin = 3
    step = max(16, _STRIP // width)
    for top in range(0, height, step):
        first, last = max(0, top - margin), min(height, top + step + margin)
        residuals = _smooth_features(pixels[first:last]) - background.at(rows[first:last], columns)
        part = channel(residuals)
        values[top : top + step] = part[top - first : top - first + step]
    return values


def _evened(values: Floats, level: float) -> Floats:
    """The values with those of faint pieces raised: in a dark corner, a seed differs less from what it lies on.

    A piece at a lower level has the mean of those of its pixels that are of a seed; where it is below that of all
    pieces, the piece's values are divided by its share of it.
    """
    pieces = pieces_of(values >= _FAINT * level)
    is_seed = values >= level
    counts = np.bincount(pieces[is_seed], minlength=int(pieces.max()) + 1)
    sums = np.bincount(pieces[is_seed], values[is_seed], minlength=len(counts))
    usual = sums.sum() / max(1, counts.sum())
    shares = np.divide(sums, counts * usual, out=np.ones(len(counts)), where=counts > 0)
    return np.asarray(values / shares.clip(_FAINT, 1).astype(np.float32)[pieces], np.float32)


def _specks(mask: Mask, pieces: Labels) -> NDArray[np.float64]:
    """The areas of the pieces of a mask of which nothing is left."""
    labels, _ = ndimage.label(mask)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    areas[labels[pieces > 0]] = 0
    return areas[areas > 0].astype(np.float64)


def _numbered(labels: Labels, least: float) -> Labels:
    """The labels that have enough pixels, numbered anew by their first rows."""
    sizes = np.bincount(labels.ravel())
    windows = enumerate(ndimage.find_objects(labels), 1)
    kept = [(rows.start, columns.start, number) for number, (rows, columns) in windows if sizes[number] >= least]
    numbers = np.zeros(len(sizes), np.int32)
    numbers[[number for _, _, number in sorted(kept)]] = np.arange(1, len(kept) + 1)
    return numbers[labels]


def _enlarged(labels: Labels, values: Floats, level: float, size: tuple[int, int]) -> Labels:
    """The labels at full size, their outlines where the values between the pixels cross the level."""
    if labels.shape == size:
        return labels
    factor = -(-size[0] // labels.shape[0])
    inner = ndimage.binary_erosion(labels > 0, border_value=1)
    near = expand_labels(labels, 1.5)
    large = tuple(factor * length for length in reversed(labels.shape))
    smooth = np.asarray(Image.fromarray(values).resize(large, Image.Resampling.BILINEAR))[: size[0], : size[1]]
    is_seed = (smooth >= level) | _repeated(inner, factor, size)
    return np.where(is_seed, _repeated(near, factor, size), 0).astype(np.int32)


def _repeated(values: NDArray[Any], factor: int, size: tuple[int, int]) -> NDArray[Any]:
    return values.repeat(factor, 0)[: size[0]].repeat(factor, 1)[:, : size[1]]
