"""The colours of one picture given to another: a diffusion shifts those of what guides it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nflows_sr.diffusion.settings import Colour

_LEVELS = 5
_LEAST_DEVIATION = 1e-5


def corrected(picture: Tensor, reference: Tensor, colour: Colour) -> Tensor:
    """The picture, changed in place, with the colours of the reference, both :math:`(C, H, W)`; see `Colour`."""
    if colour == "adain":
        return with_statistics(picture, reference)
    if colour == "wavelet":
        for index in range(len(picture)):  # one after the other takes less memory
            channel = picture[index : index + 1]
            channel.sub_(low_frequencies(channel)).add_(low_frequencies(reference[index : index + 1]))
    return picture


def with_statistics(picture: Tensor, reference: Tensor) -> Tensor:
    r"""The picture, changed in place, with the mean and the standard deviation that each channel of the reference has.

    .. math:: \sigma(r) \frac{x - \mu(x)}{\sigma(x)} + \mu(r)

    (Huang and Belongie 2017, "Arbitrary style transfer in real-time with adaptive instance normalization",
    equation 8.) A channel without contrast keeps none.
    """
    deviation, mean = torch.std_mean(picture, (-2, -1), keepdim=True)
    wanted_deviation, wanted_mean = torch.std_mean(reference, (-2, -1), keepdim=True)
    return picture.sub_(mean).mul_(wanted_deviation / deviation.clamp(min=_LEAST_DEVIATION)).add_(wanted_mean)


def low_frequencies(picture: Tensor) -> Tensor:
    r"""The approximation of a wavelet transform of five levels, without decimation (à trous).

    Level l convolves with the kernel :math:`[\tfrac14, \tfrac12, \tfrac14]`, its taps :math:`2^l` pixels apart, along
    rows and columns; pixels beyond an edge repeat the last one. What the picture has besides are the details.
    """
    for level in range(_LEVELS):
        picture = _blurred(_blurred(picture, 2**level).mT, 2**level).mT
    return picture


def _blurred(picture: Tensor, distance: int) -> Tensor:
    """Along rows."""
    padded = F.pad(picture[None], (distance, distance, 0, 0), "replicate")[0]
    width = picture.shape[-1]
    return 0.25 * padded[..., :width] + 0.5 * picture + 0.25 * padded[..., 2 * distance :]
