"""Blurs that run one way, and three ways to undo one: the exact inverse, a bounded one, and Wiener's filter.

Pictures are float64 grey levels of 255, :math:`(H, W, C)`. The taps of a kernel are :math:`(k_h, k_w)`, the one on the
pixel itself first: light from :math:`i` rows above and :math:`j` columns to the left arrives by tap :math:`(i, j)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import wiener

import invconv

Pixels = NDArray[np.float64]
Taps = NDArray[np.float64]

_RAMP = 32
"""Pixels over which a picture fades to black beside its frame, before Wiener's filter takes it for periodic."""
_ROUNDING = 1e-18
"""The share of the variance of a picture that Wiener's filter takes for noise where there is none."""


def blur(pixels: Pixels, taps: Taps) -> Pixels:
    """The picture :math:`y = k * x`, black above it and to its left."""
    return _as_picture(invconv.conv2d(_as_images(pixels), _as_kernel(taps)))


def undo(pixels: Pixels, taps: Taps) -> Pixels:
    """The exact inverse of `blur`: :math:`x_p = (y_p - \\sum_{t \\ne 0} k_t x_{p-t}) / k_0`."""
    return _as_picture(invconv.inverse_conv2d(_as_images(pixels), _as_kernel(taps)))


def response(taps: Taps, size: tuple[int, int]) -> Taps:
    """The kernel of the inverse :math:`g`, :math:`(H, W)`, the tap on the pixel itself first."""
    return np.asarray(invconv.impulse_response(_as_kernel(taps), size)[0, 0, ::-1, ::-1], np.float64)


def amplification(taps: Taps, size: tuple[int, int]) -> float:
    """The largest :math:`\\max |T^{-1} n| / \\max |n|` on pictures of this size, :math:`\\sum_t |g_t|`."""
    return float(invconv.amplification(_as_kernel(taps), size).exact)


def noise_gain(taps: Taps, size: tuple[int, int]) -> float:
    r"""The root mean square of :math:`T^{-1} n` over a picture, for white noise of standard deviation 1.

    A pixel gets the noise of those that the inverse reaches back to, :math:`\sum_{t \le p} g_t^2`; their mean is

    .. math:: \sum_t g_t^2 (1 - t_y / H) (1 - t_x / W),

    which is :math:`\|g\|_2^2` where the response is much shorter than the picture.
    """
    shares = np.outer(*(1 - np.arange(side) / side for side in size))
    with np.errstate(over="ignore", invalid="ignore"):
        gain = np.sqrt((response(taps, size) ** 2 * shares).sum())
    return float(np.nan_to_num(gain, nan=np.inf))


def bounded(taps: Taps, size: tuple[int, int], most: float) -> Taps:
    r"""The kernel whose inverse amplifies no more than ``most`` times, and that is as near to this one as that allows.

    Its taps are :math:`r^{t_y + t_x} k_t`, divided by their sum, so that grey stays grey. The response of the inverse
    is then :math:`r^{t_y + t_x} g_t` by the same factor: it forgets what lies far away. With :math:`r = 1` it is the
    exact inverse, with :math:`r = 0` it leaves the picture as it is. Both factors of its amplification grow with
    :math:`r`, since no tap is negative, and :math:`r` is found by bisection.

    Arguments:
        taps: The kernel.
        size: The height and width of the picture.
        most: The largest amplification, at least 1.

    Raises:
        ValueError: ``most`` is below 1, or no bound.
    """
    if not most >= 1:
        raise ValueError(f"most: no inverse that keeps a grey picture amplifies less than once, got {most}")
    if most == np.inf:
        raise ValueError("most: expected a finite bound, got inf; without a bound it is the exact inverse")
    if amplification(taps, size) <= most:
        return taps
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if amplification(damped(taps, middle), size) <= most else (low, middle)
    return damped(taps, low)


def fitting(likely: Pixels, taps: Taps, sigma: float) -> Taps:
    """The kernel of the bounded inverse with the least `expected_error`.

    Arguments:
        likely: What is near to the sharp picture, as Wiener's filter finds it.
        taps: The kernel that blurred it.
        sigma: The standard deviation of the noise.
    """
    ratios = [*(1 - 2.0 ** (-np.arange(25) / 2)), 1.0]
    return min((damped(taps, ratio) for ratio in ratios), key=lambda one: expected_error(likely, taps, one, sigma))


def expected_error(sharp: Pixels, taps: Taps, undone: Taps, sigma: float) -> float:
    r"""The mean square of the error, over white noise and over the pixels, if another kernel than the blur's is undone.

    The blur that remains of a picture does not depend on the noise, whose mean is 0. So the error is that of both,

    .. math:: \|T_u^{-1} T x - x\|^2 / N + \sigma^2 \gamma_u^2,

    without an approximation: the frame ends what remains as it ends the noise.

    Arguments:
        sharp: The picture :math:`x`, of :math:`N` values.
        taps: The kernel that blurs it.
        undone: The kernel whose exact inverse is taken, with the `noise_gain` :math:`\gamma_u`.
        sigma: The standard deviation of the noise.

    Returns:
        Squared grey levels; infinity where the inverse overflows.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of responses that explode
        remaining = ((undo(blur(sharp, taps), undone) - sharp) ** 2).mean()
        error = remaining + np.float64(sigma * noise_gain(undone, sharp.shape[:2])) ** 2
    return float(np.nan_to_num(error, nan=np.inf))


def damped(taps: Taps, ratio: float) -> Taps:
    """The taps times a power of ``ratio`` for each step down or to the right, divided by their sum."""
    steps = np.add.outer(*map(np.arange, taps.shape))
    weighted = taps * ratio**steps
    return np.asarray(weighted / weighted.sum())


@dataclass(frozen=True)
class Expectation:
    r"""What photographs have on average: the power of a frequency falls with the square of the frequency.

    The spectrum of the sharp picture is taken for :math:`S = A / |d|^2` with the transfer function :math:`d` of
    differences between neighbours, and :math:`A` is what makes the power of the blurred one right.

    Arguments:
        differences: :math:`|d|^2`, :math:`(H, W)`.
        strength: :math:`A`, in squared grey levels.
        variance: The variance of the noise.
    """

    differences: NDArray[np.float64]
    strength: float
    variance: float

    @classmethod
    def of(cls, pixels: Pixels, taps: Taps, sigma: float) -> Expectation:
        """What is expected of a blurred picture with noise of the standard deviation ``sigma``."""
        rows, columns = (2 - 2 * np.cos(2 * np.pi * np.fft.fftfreq(side)) for side in pixels.shape[:2])
        differences = np.add.outer(rows, columns)
        differences[0, 0] = np.inf  # the mean, which every method keeps
        passed = np.abs(np.fft.fft2(taps, differences.shape)) ** 2
        is_told = (passed > 0.25) & np.isfinite(differences)
        power = (np.abs(np.fft.fft2(pixels, axes=(0, 1))) ** 2).mean(2) / differences.size
        variance = max(sigma**2, _ROUNDING * pixels.var())
        slope = ((power - variance) * differences)[is_told].sum() / passed[is_told].sum()
        strength = max(float(slope), variance)
        return cls(differences, strength, variance)


def filter_wiener(pixels: Pixels, taps: Taps, sigma: float) -> Pixels:
    r"""Wiener's filter, :math:`\bar h y / (|h|^2 + \sigma^2 / S)`, by scikit-image, which takes pictures for periodic.

    To be so, the picture fades to black at the right and below, where it was cut.

    Arguments:
        pixels: The blurred picture, black beyond its frame at the top and left.
        taps: The kernel.
        sigma: The standard deviation of its noise.
    """
    H, W = pixels.shape[:2]
    beyond = [(0, length) for length in taps.shape]
    faded = np.pad(np.pad(pixels, ((0, _RAMP), (0, _RAMP), (0, 0)), "linear_ramp"), [*beyond, (0, 0)])
    expected = Expectation.of(faded, taps, sigma)
    balance = expected.variance / expected.strength
    # scikit-image takes the middle of a kernel for the pixel itself, and half of a spectrum, which is complex.
    centred = np.pad(taps, [(length - 1, 0) for length in taps.shape])
    d = np.sqrt(np.where(np.isfinite(expected.differences), expected.differences, 0)).astype(complex)
    d = d[:, : faded.shape[1] // 2 + 1]
    one = [wiener(channel, centred, balance, d, clip=False)[:H, :W] for channel in np.moveaxis(faded, 2, 0)]
    return np.stack(one, axis=2)


def _as_images(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(np.moveaxis(pixels, 2, 0)[:, None])


def _as_picture(images: NDArray[np.floating[Any]]) -> Pixels:
    return np.moveaxis(images[:, 0].astype(np.float64, copy=False), 0, 2)


def _as_kernel(taps: Taps) -> Taps:
    return taps[None, None, ::-1, ::-1]
