r"""The second-order model of degradation of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833).

Pictures from the world were blurred, shrunk, made noisy and compressed more than once. So a picture goes twice through
blur, resizing, noise and JPEG, each drawn anew, and at last through a filter that rings. The ranges are those that
were published with the model RealESRGAN_x4plus.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from nflows_sr.degradations.jpeg import jpeg
from nflows_sr.degradations.kernels import Shape, blur, gaussian_kernel, sinc_kernel
from nflows_sr.degradations.noise import gaussian_noise, poisson_noise

Range = tuple[float, float]

_SIZES = tuple(range(7, 22, 2))  # of kernels, in pixels
_RESAMPLING = ("area", "bilinear", "bicubic")


@dataclass(frozen=True)
class _Kind:
    """A kind of kernel: how often it is drawn, its formula, the range of its exponent, and whether it is oblong."""

    chance: float
    shape: Shape
    beta: Range
    is_oblong: bool


_KINDS = (
    _Kind(0.45, "gaussian", (1, 1), False),
    _Kind(0.25, "gaussian", (1, 1), True),
    _Kind(0.12, "gaussian", (0.5, 4), False),
    _Kind(0.03, "gaussian", (0.5, 4), True),
    _Kind(0.12, "plateau", (1, 2), False),
    _Kind(0.03, "plateau", (1, 2), True),
)


@dataclass(frozen=True)
class Stage:
    """What is drawn in one of the two passes. Chances are in [0, 1]; a range is drawn from uniformly.

    Arguments:
        blur: The chance that the picture is blurred at all.
        sinc: The chance that the kernel is one that rings, if it is.
        sigma: The standard deviation of kernels, in pixels.
        resize: The chances of enlarging, shrinking and keeping the size.
        factor: The least factor of shrinking, and the largest one of enlarging.
        gaussian: The chance that the noise is Gaussian; it is Poisson's otherwise.
        noise: The standard deviation of Gaussian noise, in levels of 8 bits.
        poisson: The scale of Poisson noise.
        grey: The chance that all channels get the same noise.
        quality: The quality of JPEG.
    """

    blur: float
    sigma: Range
    resize: tuple[float, float, float]
    factor: Range
    noise: Range
    poisson: Range
    sinc: float = 0.1
    gaussian: float = 0.5
    grey: float = 0.4
    quality: Range = (30, 95)


FIRST = Stage(blur=1.0, sigma=(0.2, 3), resize=(0.2, 0.7, 0.1), factor=(0.15, 1.5), noise=(1, 30), poisson=(0.05, 3))
SECOND = Stage(
    blur=0.8, sigma=(0.2, 1.5), resize=(0.3, 0.4, 0.3), factor=(0.3, 1.2), noise=(1, 25), poisson=(0.05, 2.5)
)


def degrade_real(
    image: Tensor,
    scale: int,
    generator: Generator,
    first: Stage = FIRST,
    second: Stage = SECOND,
    final_sinc: float = 0.8,
) -> Tensor:
    """A small, bad picture of a good one; everything random is drawn from a generator.

    Arguments:
        image: The picture (C, H, W) in [0, 1], grey or RGB.
        scale: The factor by which the picture becomes smaller.
        generator: The generator on the CPU; one of the same seed draws the same bytes on any number of threads.
        first: The ranges of the first pass.
        second: The ranges of the second pass, whose factors are of the final size.
        final_sinc: The chance of the filter that rings at the end.

    Returns:
        The picture (C, H // scale, W // scale), its values multiples of 1 / 255.

    Raises:
        ValueError: The picture has another number of channels, or is smaller than the scale.
    """
    if image.ndim != 3 or len(image) not in (1, 3) or min(image.shape[1:]) < scale:
        raise ValueError(f"`image`: expected (1 or 3, H, W) of {scale} pixels or more, got {tuple(image.shape)}")
    height, width = image.shape[1:]
    small = (height // scale, width // scale)
    with _one_thread():
        image = _compressed(_pass(image, (height, width), first, generator), first, generator)
        image = _pass(image, small, second, generator)
        # The order decides whether the last trace is that of the compression or of the filter.
        if _happens(0.5, generator):
            image = _compressed(_finished(image, small, final_sinc, generator), second, generator)
        else:
            image = _finished(_compressed(image, second, generator), small, final_sinc, generator)
        return (image.clamp(0, 1) * 255).round() / 255


def draw_kernel(stage: Stage, generator: Generator) -> Tensor:
    """A kernel of the first step of a pass: one of the six kinds, or one that rings."""
    size = _SIZES[_pick((1,) * len(_SIZES), generator)]
    if _happens(stage.sinc, generator):
        return sinc_kernel(size, _uniform((math.pi / 3 if size < 13 else math.pi / 5, math.pi), generator))
    kind = _KINDS[_pick([kind.chance for kind in _KINDS], generator)]
    sigma = _uniform(stage.sigma, generator)
    if not kind.is_oblong:
        return gaussian_kernel(size, (sigma, sigma), 0.0, _exponent(kind.beta, generator), kind.shape)
    sigmas = (sigma, _uniform(stage.sigma, generator))
    rotation = _uniform((-math.pi, math.pi), generator)
    return gaussian_kernel(size, sigmas, rotation, _exponent(kind.beta, generator), kind.shape)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Since torch rounds differently at the seams between its threads, and then a pixel may become another level."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _pass(image: Tensor, size: tuple[int, int], stage: Stage, generator: Generator) -> Tensor:
    """Blur, resizing and noise; ``size`` is what the factors are of."""
    if _happens(stage.blur, generator):
        image = blur(image, draw_kernel(stage, generator))
    factor = _factor(stage, generator)
    image = _resized(image, (max(int(size[0] * factor), 1), max(int(size[1] * factor), 1)), generator).clamp(0, 1)
    is_gaussian, is_grey = _happens(stage.gaussian, generator), _happens(stage.grey, generator)
    if is_gaussian:
        return gaussian_noise(image, _uniform(stage.noise, generator) / 255, generator, is_grey)
    return poisson_noise(image, _uniform(stage.poisson, generator), generator, is_grey)


def _finished(image: Tensor, size: tuple[int, int], sinc: float, generator: Generator) -> Tensor:
    image = _resized(image, size, generator)
    if not _happens(sinc, generator):
        return image
    kernel_size = _SIZES[_pick((1,) * len(_SIZES), generator)]
    return blur(image, sinc_kernel(kernel_size, _uniform((math.pi / 3, math.pi), generator)))


def _compressed(image: Tensor, stage: Stage, generator: Generator) -> Tensor:
    return jpeg(image, round(_uniform(stage.quality, generator)))


def _resized(image: Tensor, size: tuple[int, int], generator: Generator) -> Tensor:
    """As viewers and cameras do it, which is not MATLAB's way: nothing keeps it from aliasing."""
    return F.interpolate(image[None], size, mode=_RESAMPLING[_pick((1, 1, 1), generator)])[0]


def _factor(stage: Stage, generator: Generator) -> float:
    ranges = ((1.0, stage.factor[1]), (stage.factor[0], 1.0), (1.0, 1.0))
    return _uniform(ranges[_pick(stage.resize, generator)], generator)


def _exponent(beta: Range, generator: Generator) -> float:
    """Below 1 as often as above, although the range above is wider."""
    return _uniform((beta[0], 1.0) if _happens(0.5, generator) else (1.0, beta[1]), generator)


def _uniform(limits: Range, generator: Generator) -> float:
    return limits[0] + (limits[1] - limits[0]) * torch.rand((), generator=generator, dtype=torch.float64).item()


def _happens(chance: float, generator: Generator) -> bool:
    return _uniform((0, 1), generator) < chance


def _pick(chances: Sequence[float], generator: Generator) -> int:
    return int(torch.multinomial(torch.tensor(chances, dtype=torch.float64), 1, generator=generator))
