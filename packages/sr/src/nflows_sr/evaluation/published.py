"""What others have published on Set5 and Set14, made small by MATLAB's ``imresize``, measured as we do.

The costs are counted from the layers of the papers, for a result of 1280 x 720, as Ahn et al. (2018, "Fast, accurate,
and lightweight super-resolution with cascading residual network") proposed to compare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RESULT_PIXELS = 1280 * 720
"""The size of the result that costs are given for."""


@dataclass(frozen=True)
class Published:
    """A model at one scale, as its paper states it.

    Arguments:
        model: The name of the model.
        source: The paper.
        scale: The scale.
        parameters: The number of its parameters.
        multiply_adds: The multiplications that are added up for a result of 1280 x 720.
        psnr_db: The PSNR by set, in decibels.
    """

    model: str
    source: str
    scale: int
    parameters: int | None
    multiply_adds: int | None
    psnr_db: Mapping[str, float]


def published(scale: int) -> list[Published]:
    """The models that were published for a scale."""
    return [_entry(name, scale) for name in _PSNR_DB if scale in _PSNR_DB[name]]


# By scale, on Set5 and on Set14.
_PSNR_DB: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "bicubic": {2: (33.66, 30.24), 3: (30.39, 27.55), 4: (28.42, 26.00)},
    "SRCNN": {2: (36.66, 32.45), 3: (32.75, 29.30), 4: (30.49, 27.50)},
    "VDSR": {2: (37.53, 33.03), 3: (33.66, 29.77), 4: (31.35, 28.01)},
    "EDSR": {2: (38.11, 33.92), 3: (34.65, 30.52), 4: (32.46, 28.80)},
}
_SOURCES = {
    "bicubic": "Kim et al. 2016, arXiv 1511.04587",
    "SRCNN": "Dong et al. 2016, arXiv 1501.00092, 9-5-5 trained on ImageNet",
    "VDSR": "Kim et al. 2016, arXiv 1511.04587",
    "EDSR": "Lim et al. 2017, arXiv 1707.02921",
}


def _entry(name: str, scale: int) -> Published:
    count, operations = _COSTS[name](scale) if name in _COSTS else (None, None)
    psnr_db = dict(zip(("Set5", "Set14"), _PSNR_DB[name][scale], strict=True))
    return Published(name, _SOURCES[name], scale, count, operations, psnr_db)


def _conv(kernel: int, inputs: int, outputs: int) -> int:
    """The weights of a convolution, which are its multiply-adds for a pixel too."""
    return kernel**2 * inputs * outputs


def _srcnn(scale: int) -> tuple[int, int]:
    """Three layers, 9-5-5 with 64 and 32 features, on the enlarged luma."""
    weights = _conv(9, 1, 64) + _conv(5, 64, 32) + _conv(5, 32, 1)
    return weights + 64 + 32 + 1, weights * RESULT_PIXELS


def _vdsr(scale: int) -> tuple[int, int]:
    """Twenty layers of 64 features on the enlarged luma."""
    weights = _conv(3, 1, 64) + 18 * _conv(3, 64, 64) + _conv(3, 64, 1)
    return weights + 19 * 64 + 1, weights * RESULT_PIXELS


def _edsr(scale: int) -> tuple[int, int]:
    """32 residual blocks of 256 features on the small picture; a scale of 4 is two steps of 2."""
    small = _conv(3, 3, 256) + 65 * _conv(3, 256, 256)
    steps = [2, 2] if scale == 4 else [scale]
    widened = [step**2 for step in steps]
    growing = sum(_conv(3, 256, 256 * more) for more in widened)
    last = _conv(3, 256, 3)
    parameters = small + growing + last + 256 * (66 + sum(widened)) + 3
    pixels = [RESULT_PIXELS // scale**2 * steps[0] ** (2 * done) for done in range(len(steps))]
    grown = sum(_conv(3, 256, 256 * more) * count for more, count in zip(widened, pixels, strict=True))
    return parameters, small * (RESULT_PIXELS // scale**2) + grown + last * RESULT_PIXELS


_COSTS = {"SRCNN": _srcnn, "VDSR": _vdsr, "EDSR": _edsr}
