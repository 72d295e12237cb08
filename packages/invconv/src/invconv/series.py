r"""The impulse response of the inverse: a matrix power series in two variables, inverted by doubling.

With one group turned so that its zeros stand at the top left, :math:`T` is the series
:math:`K(z_1, z_2) = \sum_t K_t z_1^{t_1} z_2^{t_2}` and :math:`T^{-1}` its inverse :math:`G`, of which an image of
:math:`H \times W` pixels uses that many terms. With :math:`K G = I + E` the step :math:`G \leftarrow G - G E` doubles
the number of correct terms. It doubles in one variable at a time, first :math:`z_2` in the first row and then
:math:`z_1` with all :math:`W` terms of :math:`z_2`: in both at once the error :math:`z_1^m + z_2^m` squared would
still hold the term :math:`z_1^m z_2^m`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from invconv import geometry
from invconv.anchor_ops import anchor_inverses


def impulse_response(weight: Tensor, size: tuple[int, int], corners: tuple[str, ...]) -> Tensor:
    """The kernel of the inverse, [C, n, H, W], in the layout of ``weight``."""
    if not weight.is_meta:
        anchor_inverses(weight.detach(), corners)  # for its errors
    response = inverse_series(taps(weight.double(), corners), size)
    return _turn(response, corners).flatten(0, 1).to(weight.dtype)


def taps(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The taps of each group by their distance from the anchor, which comes first: [G, n, n, kh, kw]."""
    return _turn(weight.reshape(len(corners), -1, *weight.shape[1:]), corners)


def _turn(blocks: Tensor, corners: tuple[str, ...]) -> Tensor:
    return torch.stack(
        [block.flip(geometry.turned_axes(corner)) for block, corner in zip(blocks, corners, strict=True)]
    )


def inverse_series(taps: Tensor, size: tuple[int, int]) -> Tensor:
    """The first terms of the inverse of each group's series, [G, n, n, H, W]."""
    height, width = size
    taps = taps[..., :height, :width]
    first = torch.linalg.inv(taps[..., 0, 0])[..., None, None]
    row = _double(taps[..., :1, :].mT, first, (width, 1)).mT
    return _double(taps, row, size)


def _double(taps: Tensor, terms: Tensor, size: tuple[int, int]) -> Tensor:
    """Continues the inverse of a series from its first rows to ``size[0]``; all of its columns are there."""
    height, width = size
    reach = taps.shape[-2] - 1
    if reach == 0:
        return F.pad(terms, (0, 0, 0, height - terms.shape[-2]))
    while (rows := terms.shape[-2]) < height:
        # E has rows only just behind those of G, as many as K reaches back, and they come from the last ones of G.
        last = terms[..., -reach:, :]
        error = product(taps, last, width)[..., last.shape[-2] :, :]
        more = product(terms, error, width)[..., : min(rows, height - rows), :]
        terms = torch.cat([terms, -more], dim=-2)
    return terms


def product(a: Tensor, b: Tensor, width: int) -> Tensor:
    """The product of two matrix series, [G, n, n, rows, columns], with all of its rows and the first columns."""
    rows = a.shape[-2] + b.shape[-2] - 1
    grid = fft_size(rows), fft_size(a.shape[-1] + b.shape[-1] - 1)
    spectra = torch.fft.rfft2(a, s=grid), torch.fft.rfft2(b, s=grid)
    terms: Tensor = torch.fft.irfft2(torch.einsum("gcdij,gdeij->gceij", *spectra), s=grid)
    return terms[..., :rows, :width]


def fft_size(least: int) -> int:
    """The next length that has no prime factor above 7, for which FFTs are fast."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
