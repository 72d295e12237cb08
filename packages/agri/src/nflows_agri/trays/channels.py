"""By which numbers seeds are told from what they lie on: the photograph itself decides, without labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nflows_agri.trays.colours import FEATURES, Floats

Mask = NDArray[np.bool_]

CHANNELS = {
    "lightness": ("lightness",),
    "a": ("a",),
    "b": ("b",),
    "chroma": ("a", "b"),
    "colour": ("lightness", "a", "b"),
    "red to green": ("red to green",),
    "ratios": ("red to green", "blue to green"),
}
"""The features of each channel: one is the distance from the background in one or several of them."""
_QUANTUM = np.array([0.6, 0.6, 0.6, 0.01, 0.01])
"""What a step of eight bits changes in each feature, for backgrounds without any noise."""
_SURE = 6.0
"""Standard deviations of the background beyond which a pixel is not of it."""
_LEVELS = (0.5, 0.4, 0.6, 0.3, 0.7)
_LEAST_SPREAD = 0.1
"""The same at least, of a background whose every pixel has one colour, in units of a step of eight bits."""
_SAMPLES = 250_000
_FEWEST = 8
CONTRAST, FAINT_CONTRAST = 8.0, 4.0
"""By how much of CIELAB seeds differ from the background at least, and what hardly differs but may be seeds."""
_TIMES_USUAL = 2.0
_MOST_BETWEEN = 2.5  # as many pixels as of seeds: outlines are blurred, and seeds may be a few pixels wide


@dataclass(frozen=True)
class Channel:
    r"""How far a colour is from the background, as a share of the distance of seeds.

    With the residual :math:`r` of the background's surface in the channel's features and the covariance :math:`\Sigma`
    of the background, the distance is Mahalanobis's, :math:`d = \sqrt{r^T \Sigma^{-1} r}`; the value is
    :math:`(d - d_0) / (d_1 - d_0)`, for the medians :math:`d_0` of the background and :math:`d_1` of seeds.

    Arguments:
        name: A key of `CHANNELS`.
        precision: The inverse of the covariance.
        near: The median distance of the background.
        far: The median distances of seeds whose first feature is below that of the background, and above it: a tray may
            hold both darker and paler ones. They are the same where the two need not be told apart.
        level: The value from which on a pixel is of a seed: half way, where an edge that is blurred has its place.
    """

    name: str
    precision: Floats
    near: float
    far: tuple[float, float]
    level: float = 0.5

    @property
    def places(self) -> list[int]:
        """Which of `FEATURES` it needs."""
        return [FEATURES.index(one) for one in CHANNELS[self.name]]

    def __call__(self, residuals: Floats) -> Floats:
        """The values of residuals: (H, W) of (F, H, W)."""
        return self.values(residuals[self.places])

    def values(self, some: Floats) -> Floats:
        """The same of the channel's own features alone, (n, ...)."""
        below, above = (np.float32(far - self.near) for far in self.far)
        scale = np.where(some[0] < 0, below, above) if below != above else below
        return np.asarray((_distances(some, self.precision) - np.float32(self.near)) / scale, np.float32)


def choose_channel(residuals: Floats, contrast: float = CONTRAST) -> Channel | None:
    """The channel and the level whose outlines lie on the strongest edges, and on most of them; see `_agreement`.

    Arguments:
        residuals: The features less the background's surface, :math:`(F, H, W)`.
        contrast: By how much of CIELAB seeds differ from the background at least.

    Returns:
        The channel; nothing where none shows anything that differs so much.
    """
    difference = np.linalg.norm(residuals[:3], axis=0)
    candidates = (_separated(name, residuals, sides) for sides in (1, 2) for name in CHANNELS)
    found = (one for one in candidates if one is not None)
    channels = [one for one in found if _contrast(one(residuals) >= one.level, difference) >= contrast]
    if not channels:
        return None
    edges = _edges(residuals)
    best = max(channels, key=lambda channel: _agreement(channel(residuals) >= channel.level, edges))
    values = best(residuals)
    level = max(_LEVELS, key=lambda one: _agreement(values >= one, edges))
    return replace(best, level=level)


def _separated(name: str, residuals: Floats, sides: int) -> Channel | None:
    """The channel by the iterated midpoint of two classes (Ridler and Calvard 1978), from what is surely no background.

    Midpoints do not depend on how much there is of each class, as Otsu's threshold does: one seed counts as a thousand.
    With two sides, seeds below and above the background are classes of their own.
    """
    places = [FEATURES.index(one) for one in CHANNELS[name]]
    samples = residuals[places].reshape(len(places), -1)
    samples = samples[:, :: max(1, samples.shape[1] // _SAMPLES)]
    quanta = _QUANTUM[places]
    # The quartile of a normal distribution's magnitude, for seeds and their shadows may be most of the picture.
    spread = np.maximum(np.percentile(np.abs(samples), 25, axis=1) / 0.3186, quanta)
    is_background = (np.abs(samples) < 3 * spread[:, None]).all(0)
    channel = None
    for _ in range(4):
        if is_background.sum() < _FEWEST:
            return None
        covariance = np.atleast_2d(np.cov(samples[:, is_background])) + np.diag(quanta**2)
        channel = _between(name, np.linalg.inv(covariance).astype(np.float32), samples, is_background, sides)
        if channel is None:
            return None
        is_background = channel.values(samples) < channel.level
    return channel


def _between(name: str, precision: Floats, samples: Floats, is_background: Mask, sides: int) -> Channel | None:
    distance = _distances(samples, precision)
    near = float(np.median(distance[is_background]))
    spread = 1.4826 * float(np.median(np.abs(distance[is_background] - near)))
    least = near + _SURE * max(spread, _LEAST_SPREAD)
    is_below = samples[0] < 0
    classes = [distance] if sides == 1 else [distance[is_below], distance[~is_below]]
    fars = [far for one in classes if (far := _far(one, near, least)) is not None]
    return Channel(name, precision, near, (fars[0], fars[-1])) if len(fars) == sides else None


def _far(distance: Floats, near: float, least: float) -> float | None:
    """The median distance of what is beyond the midpoint between itself and the background."""
    threshold, far = least, None
    for _ in range(20):
        beyond = distance[distance >= threshold]
        if len(beyond) < _FEWEST:
            return None
        far = float(np.median(beyond))
        threshold, before = max(least, (near + far) / 2), threshold
        if abs(threshold - before) < 1e-3 * threshold:
            break
    return far


def _distances(some: Floats, precision: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("i...,ij,j...->...", some, precision, some, optimize=True)))


def _contrast(mask: Mask, difference: Floats) -> float:
    """By how much of CIELAB the mask differs; 0 if that is hardly more than the background differs from itself."""
    if not mask.any() or mask.all():
        return 0.0
    own, usual = float(np.median(difference[mask])), float(np.percentile(difference[~mask], 90))
    return own if own >= _TIMES_USUAL * usual else 0.0


def _edges(residuals: Floats) -> Floats:
    """How much CIELAB changes from pixel to pixel, less what it changes everywhere."""
    squares = sum(ndimage.gaussian_gradient_magnitude(one, 0.7) ** 2 for one in residuals[:3])
    edges = np.sqrt(squares)
    return np.asarray(np.clip(edges - np.median(edges), 0, None), np.float32)


def _outline(mask: Mask) -> Mask:
    """The pixels on both sides of the outlines."""
    return np.asarray(ndimage.binary_dilation(mask) ^ ndimage.binary_erosion(mask, border_value=1))


def _agreement(mask: Mask, edges: Floats) -> float:
    """The mean edge along the outlines of a mask, times the share of all edges that lies there.

    The first prefers outlines of seeds, which are sharp, to those of shadows, which are soft; the second masks that
    leave out no seed, and no half of one.
    """
    outline = _outline(mask)
    total = float(edges.sum(dtype=np.float64))
    if not total or not outline.any():
        return 0.0
    near = ndimage.binary_dilation(outline)
    return float(edges[outline].mean(dtype=np.float64)) * float(edges[near].sum(dtype=np.float64)) / total


def is_apart(values: Floats, level: float) -> bool:
    """Whether there is a valley between background and seeds: tails of noise, and light that falls unevenly, have none.

    Arguments:
        values: The channel at each pixel, (H, W).
        level: The value from which on a pixel is of a seed.
    """
    between = int(np.count_nonzero((values >= level - 0.25) & (values < level + 0.25)))
    return between < _MOST_BETWEEN * int(np.count_nonzero(values >= level))
