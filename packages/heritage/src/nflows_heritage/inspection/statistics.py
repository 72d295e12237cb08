r"""What each kind of damage would leave in a picture, in numbers: the evidence that an inspector weighs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, gaussian_filter, uniform_filter
from skimage.filters import threshold_otsu

from nflows_heritage.classic.blocks import evenness_in
from nflows_heritage.classic.cosines import Samples
from nflows_heritage.classic.impulses import impulses_in, loneliness_in
from nflows_heritage.classic.look import Look, Region
from nflows_heritage.classic.noise import noise_in
from nflows_heritage.classic.rain import streaks_in
from nflows_heritage.classic.spectra import spectrum_of
from nflows_heritage.classic.unsharp import motion_in
from nflows_heritage.classic.zoom_centre import zoom_in

Values = NDArray[np.float64]

COUNT = 96
"""How many numbers the statistics of a picture are."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_SIDE = 64
_SIDES = range(2, 11)
_RINGS = np.array([2, 3, 4, 6, 8, 11, 14, 18, 22, 26, 30, 33])
"""Where rings of frequencies begin, in cycles a square, and where the last one ends."""
_SECTORS = 8
_RARE = 1e-4
_FINE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)[..., None] / 6
"""What a smooth surface leaves nothing of, and white noise as much as it is (Immerkaer 1996)."""
_LIGHTS = (0.15, 0.3, 0.45, 0.6, 0.75)
"""Between these lie the places whose detail is compared."""
_COARSE = 128
"""The shorter side of what stains are looked for in."""
_SMOOTH = 2
"""Over how many of its pixels warmth is smoothed."""
_NEAR_RIM = 0.3
"""How near to the limit, in standard deviations of the warmth, a rim lies."""


def statistics(look: Look) -> NDArray[np.float32]:
    """The evidence in a picture, a vector of always as many numbers; in a grey one all channels are the same."""
    look = in_colour(look)
    parts = [region.samples for region in look.regions]
    groups = (
        _colours(look.overview),
        _spectrum(parts),
        _noise(parts),
        evenness_in(look.regions)[list(_SIDES)],
        _motions(look, parts),
        _streaks(parts),
        _stain(look.overview),
    )
    return np.concatenate(groups).astype(np.float32)


def in_colour(look: Look) -> Look:
    """The same look, of a grey picture with three channels."""

    def coloured(samples: Samples) -> Samples:
        return np.repeat(samples, 3, axis=2) if samples.shape[2] == 1 else samples

    regions = tuple(Region(coloured(region.samples), region.corner) for region in look.regions)
    return Look((*look.shape[:2], 3), regions, coloured(look.overview))


def _colours(overview: Samples) -> Values:
    """Where light and colours lie: dirt and fading draw them together, and water makes them brown in places."""
    luma = overview @ _LUMA
    chroma = np.sqrt(np.mean((overview - luma[..., None]) ** 2))
    ends = np.quantile(overview, (0.01, 0.99), axis=(0, 1)).ravel()
    warmth = np.quantile(overview[..., 0] - overview[..., 2], (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))
    return np.concatenate([np.quantile(luma, _QUANTILES), [luma.std(), chroma], ends, warmth])


def _spectrum(parts: Sequence[Samples]) -> Values:
    """The logarithm of the power in rings of frequencies, and of sectors of three rings beside all of them."""
    spectrum = spectrum_of(parts, _SIDE)
    down, across = np.broadcast_arrays(spectrum.down[:, None], spectrum.across)
    ring = np.digitize(spectrum.radius * _SIDE, _RINGS) - 1
    sector = np.floor(np.mod(np.arctan2(down, across) / np.pi + 0.5 / _SECTORS, 1) * _SECTORS).astype(int)
    log = np.log(spectrum.power + 0.1)
    rings = np.array([log[ring == number].mean() for number in range(len(_RINGS) - 1)])
    wide = np.array(
        [[log[(ring // 3 == third) & (sector == one)].mean() for one in range(_SECTORS)] for third in (0, 1, 2)]
    )
    return np.concatenate([rings, np.sort((wide - wide.mean(1, keepdims=True)), axis=1).ravel()])


def _noise(parts: Sequence[Samples]) -> Values:
    """The noise, of either kind, the fine detail in places of each light, and pixels that are black or white, and how
    many of them are alone."""
    sigmas = [noise_in(parts, in_proportion) for in_proportion in (False, True)]
    values = np.array([*sigmas, *_detail_by_light(parts), *impulses_in(parts)])
    least = np.array([1e-3, 1e-2, *[1e-3] * (len(_LIGHTS) + 1), _RARE, _RARE])
    return np.concatenate([np.log(values + least), loneliness_in(parts)])


def _detail_by_light(parts: Sequence[Samples]) -> Values:
    """What the smoother third of the places has of fine detail, darker places first: the same where noise is alike
    everywhere, more in light places where it is in proportion."""
    fine = np.concatenate([np.abs(convolve(part, _FINE, mode="mirror")).ravel() for part in parts])
    light = np.concatenate([uniform_filter(part, (5, 5, 1), mode="mirror").ravel() for part in parts])
    bands = np.digitize(light, _LIGHTS)
    found = [
        np.quantile(fine[bands == band], 1 / 3) if (bands == band).any() else np.nan for band in range(len(_LIGHTS) + 1)
    ]
    return np.where(np.isnan(found), np.nanmean(found), found)


def _motions(look: Look, parts: Sequence[Samples]) -> Values:
    """How long a motion would be, and a zoom, and how much either explains."""
    length, _, moved = motion_in(parts)
    zoom, _, _, zoomed = zoom_in(look.regions, *look.shape[:2])
    return np.array([length / 10, moved, 10 * zoom, zoomed])


def _streaks(parts: Sequence[Samples]) -> Values:
    """How much of the picture is in light lines of one direction, and in others, by their opacity."""
    _, most, others = streaks_in(parts)
    return np.log(np.concatenate([most, others]) + _RARE)


def _stain(overview: Samples) -> Values:
    """How the warmer and the colder places of a picture differ, as brown stains and clean paper do."""
    step = max(1, min(overview.shape[:2]) // _COARSE)
    small = uniform_filter(overview, (step, step, 1), mode="mirror")
    warmth = gaussian_filter(np.log((small[..., 0] + 0.05) / (small[..., 2] + 0.05)), _SMOOTH * step)
    limit = threshold_otsu(warmth) if np.ptp(warmth) > 0 else 0.0
    spread, is_warm = max(float(warmth.std()), 1e-6), warmth > limit
    luma = overview @ _LUMA
    detail = np.abs(luma - gaussian_filter(luma, 1))
    rim = np.abs(warmth - limit) < _NEAR_RIM * spread
    share = float(is_warm.mean())
    if not 0.01 < share < 0.99:
        return np.array([share, spread, 0, 0, 0, 0])
    warm, cold = (np.log([luma[mask].mean() + 0.02, detail[mask].mean() + 1e-3]) for mask in (is_warm, ~is_warm))
    edge = np.log(luma[rim].mean() + 0.02) if rim.any() else (warm[0] + cold[0]) / 2
    apart = warmth[is_warm].mean() - warmth[~is_warm].mean()
    return np.array([share, spread, apart / spread, *(warm - cold), edge - min(warm[0], cold[0])])
