"""What scikit-image and OpenCV have against each kind of damage, told what they need to know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage import exposure, filters, restoration
from torch import Generator

from nflows_heritage.distortions.blurs import blur_kernel, motion_kernel
from nflows_heritage.distortions.levels import at_level

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Damage:
    """What a peer is told.

    Arguments:
        level: The level.
        seed: The seed of the damage.
    """

    level: int
    seed: int

    def value(self, *values: float) -> float:
        return at_level(self.level, values)


Peer = Callable[[Samples, Damage], Samples]


def _by_channel(function: Callable[[Samples], Samples]) -> Callable[[Samples], Samples]:
    return lambda picture: np.stack([function(picture[..., c]) for c in range(picture.shape[2])], 2)


def _in_colour_or_not(function: Callable[..., Samples]) -> Callable[..., Samples]:
    """Of a grey picture scikit-image wants no channels."""

    def of(picture: Samples, **options: float) -> Samples:
        if picture.shape[2] == 3:
            return function(picture, channel_axis=2, **options)
        return function(picture[..., 0], **options)[..., None]

    return of


def _sigma(picture: Samples, damage: Damage, is_speckle: bool) -> float:
    if is_speckle:
        return damage.value(0.1, 0.2, 0.3, 0.4, 0.5) * float(np.sqrt(np.mean(picture**2)))
    return damage.value(10, 20, 30, 40, 50) / 255


def _denoisers(is_speckle: bool) -> Mapping[str, Peer]:
    def nl_means(picture: Samples, damage: Damage) -> Samples:
        sigma = _sigma(picture, damage, is_speckle)
        denoise = _in_colour_or_not(restoration.denoise_nl_means)
        return denoise(picture, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma)

    def total_variation(picture: Samples, damage: Damage) -> Samples:
        return _in_colour_or_not(restoration.denoise_tv_chambolle)(picture, weight=_sigma(picture, damage, is_speckle))

    def bilateral(picture: Samples, damage: Damage) -> Samples:
        result = cv2.bilateralFilter(picture, 9, 2 * _sigma(picture, damage, is_speckle), 3)
        return result.reshape(picture.shape)

    return {
        "scikit-image non-local means": nl_means,
        "scikit-image total variation": total_variation,
        "OpenCV bilateral": bilateral,
    }


def _kernel(kind: str, damage: Damage) -> Samples:
    if kind == "blur":
        return blur_kernel(damage.value(0.8, 1.2, 1.7, 2.3, 3.0)).numpy()
    angle = math.pi * float(torch.rand((), generator=Generator().manual_seed(damage.seed)))
    return motion_kernel(damage.value(4, 7, 11, 16, 22), angle).numpy()


def _deblurrers(kind: str) -> Mapping[str, Peer]:
    def richardson_lucy(picture: Samples, damage: Damage) -> Samples:
        kernel = _kernel(kind, damage)
        reach = kernel.shape[0]
        padded = np.pad(picture, [(reach, reach), (reach, reach), (0, 0)], mode="reflect")
        result = _by_channel(lambda one: restoration.richardson_lucy(one, kernel, num_iter=20))(padded)
        return result[reach:-reach, reach:-reach]

    def wiener(picture: Samples, damage: Damage) -> Samples:
        kernel = _kernel(kind, damage)
        return _by_channel(lambda one: restoration.unsupervised_wiener(one, kernel, rng=0)[0])(picture)

    return {
        "scikit-image Richardson-Lucy, true kernel": richardson_lucy,
        "scikit-image unsupervised Wiener, true kernel": wiener,
    }


def _clahe(picture: Samples, damage: Damage) -> Samples:
    return exposure.equalize_adapthist(picture if picture.shape[2] == 3 else picture[..., 0]).reshape(picture.shape)


def _stretch(picture: Samples, damage: Damage) -> Samples:
    low, high = np.quantile(picture, (0.01, 0.99))
    return exposure.rescale_intensity(picture, (low, max(high, low + 1 / 255)), (0, 1))


def _unsharp(picture: Samples, damage: Damage) -> Samples:
    return _in_colour_or_not(filters.unsharp_mask)(picture, radius=2, amount=1)


def _median(side: int) -> Peer:
    return lambda picture, damage: _by_channel(lambda one: cv2.medianBlur(one, side))(picture)


def _cubic(picture: Samples, damage: Damage) -> Samples:
    side = round(damage.value(2, 3, 4, 6, 8))
    height, width = picture.shape[:2]
    small = picture[::side, ::side]
    whole = cv2.resize(small, (small.shape[1] * side, small.shape[0] * side), interpolation=cv2.INTER_CUBIC)
    return whole.reshape(*whole.shape[:2], -1)[:height, :width]


def _opening(picture: Samples, damage: Damage) -> Samples:
    return cv2.morphologyEx(picture, cv2.MORPH_OPEN, np.ones((1, 5))).reshape(picture.shape)


PEERS: Mapping[str, Mapping[str, Peer]] = {
    "blur": _deblurrers("blur"),
    "dull": {"scikit-image CLAHE": _clahe, "scikit-image stretched 1 to 99 %": _stretch},
    "fade": {"scikit-image CLAHE": _clahe, "scikit-image stretched 1 to 99 %": _stretch},
    "gaussian": _denoisers(is_speckle=False),
    "motion": _deblurrers("motion"),
    "salt-and-pepper": {"OpenCV median 3 x 3": _median(3), "OpenCV median 5 x 5": _median(5)},
    "speckle": _denoisers(is_speckle=True),
    "pixelate": {"OpenCV cubic, true blocks": _cubic},
    "radial": {"scikit-image unsharp mask": _unsharp},
    "rain": {"OpenCV opening 1 x 5": _opening},
    "water": {},
}
