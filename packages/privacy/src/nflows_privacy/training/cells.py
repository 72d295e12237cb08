r"""Boxes and the cells that predict them: which cell answers for which box, and how it writes one down.

A cell of a level with stride :math:`s` and the middle :math:`(x, y)` writes a box with the middle :math:`(u, v)`, the
width :math:`w` and the height :math:`h` as

.. math:: \left(\frac{u - x}{s}, \frac{v - y}{s}, \log \frac{w}{s}, \log \frac{h}{s}\right),

so that whatever a network gives is a box with an area.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nflows_privacy.training.network import STRIDES

BACKGROUND, IGNORED = -1, -2
"""The labels of cells that predict no box, and of those whose prediction does not count."""

_LARGEST = 8
"""The side of the largest box of a level, as a square of equal area, in strides; each level has twice the stride."""
_OVERLAP = 1.25
"""How far the sizes of two levels overlap, as a factor: a box near the border belongs to both."""
_RADIUS = 1.5
"""How far from its middle cells answer for a box, in strides (Tian et al. 2020, "FCOS: a simple and strong...")."""
_LOGARITHMS = -5.0, 7.0
"""The range of a written width, which leaves nothing infinite."""


def cells(height: int, width: int) -> Tensor:
    r"""The middles and strides of all cells, level after level and row after row, :math:`(N, 3)`: x, y, s.

    Arguments:
        height: The height of the picture in pixels.
        width: Its width.
    """
    return torch.cat([_level(height, width, stride) for stride in STRIDES])


def flat(maps: Sequence[Tensor]) -> Tensor:
    """The predictions of all levels in the order of `cells`, :math:`(B, N, K + 4)`."""
    return torch.cat([one.flatten(2).transpose(1, 2) for one in maps], dim=1)


def encode(boxes: Tensor, places: Tensor) -> Tensor:
    """Boxes :math:`(..., 4)` as the cells :math:`(..., 3)` write them."""
    middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    stride = places[..., 2:]
    return torch.cat([(middle - places[..., :2]) / stride, (size / stride).log()], dim=-1)


def decode(codes: Tensor, places: Tensor) -> Tensor:
    """The boxes that cells wrote: left, top, right, bottom in pixels, :math:`(..., 4)`."""
    stride = places[..., 2:]
    middle = places[..., :2] + codes[..., :2] * stride
    half = codes[..., 2:].clamp(*_LOGARITHMS).exp() * stride / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def assign(boxes: Tensor, labels: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    r"""What each cell should predict.

    A box is predicted by the cells around its middle and inside of it, on the levels of its size, and by the nearest
    one at least. Of several boxes a cell predicts the smallest.

    Arguments:
        boxes: The boxes :math:`(M, 4)`.
        labels: Their classes :math:`(M,)`, or `IGNORED` of a box whose cells do not count.
        places: The cells :math:`(N, 3)`.

    Returns:
        The class of each cell, `BACKGROUND` or `IGNORED`, :math:`(N,)`, and its box :math:`(N, 4)`.
    """
    counts = labels != IGNORED
    found = torch.full((len(places),), BACKGROUND)
    found[_inside(boxes[~counts], places).any(0)] = IGNORED
    targets = torch.zeros(len(places), 4)
    if counts.any():
        boxes, labels = boxes[counts], labels[counts]
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        cost = torch.where(_answering(boxes, places), area[:, None], torch.inf)
        smallest, chosen = cost.min(0)
        answers = smallest.isfinite()
        found[answers], targets[answers] = labels[chosen[answers]], boxes[chosen[answers]]
    return found, targets


def _level(height: int, width: int, stride: int) -> Tensor:
    rows, columns = (torch.arange(-(-side // stride)) * stride + stride / 2 for side in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y, torch.full_like(x, stride)], dim=-1).reshape(-1, 3)


def _answering(boxes: Tensor, places: Tensor) -> Tensor:
    """Which cells predict which box, :math:`(M, N)`."""
    fitting = _of_its_size(boxes, places)
    middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    distance = (places[None, :, :2] - middle).abs().amax(-1)
    answering = fitting & (distance < _RADIUS * places[:, 2]) & _inside(boxes, places)
    nearest = torch.where(fitting, distance, torch.inf).argmin(1)
    answering[torch.arange(len(boxes)), nearest] = True
    return answering


def _of_its_size(boxes: Tensor, places: Tensor) -> Tensor:
    """Which cells are on a level of a box's size, :math:`(M, N)`."""
    side = (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt()[:, None]
    stride = places[None, :, 2]
    above = (side > _LARGEST / 2 * stride / _OVERLAP) | (stride == STRIDES[0])
    below = (side <= _LARGEST * stride * _OVERLAP) | (stride == STRIDES[-1])
    return above & below


def _inside(boxes: Tensor, places: Tensor) -> Tensor:
    """Which cells have their middle in which box, :math:`(M, N)`."""
    middle = places[None, :, :2]
    return ((middle > boxes[:, None, :2]) & (middle < boxes[:, None, 2:])).all(-1)
