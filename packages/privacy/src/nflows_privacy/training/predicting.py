"""What a network finds in a picture: at one scale, in tiles where the picture is large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from nflows_privacy.training.cells import cells, decode, flat
from nflows_privacy.training.network import BoxNetwork
from nflows_privacy.training.scenes import padded

_TILE, _SHARED = 1536, 256
"""The side of a tile in pixels, and what two neighbours share: more than what is found at one scale."""
_SAME = 0.5
"""Intersection over union above which the surer of two boxes of a class is kept."""
_MOST = 1000
"""Boxes of a tile that are looked at, the surest: more are noise."""

Boxes = tuple[Tensor, Tensor, Tensor]
"""Boxes :math:`(N, 4)`, their scores :math:`(N,)`, and the numbers of their classes :math:`(N,)`, the surest first."""


@torch.inference_mode()
def predict(network: BoxNetwork, pixels: NDArray[np.uint8], threshold: float) -> Boxes:
    """The boxes in a picture, those above a score, none twice.

    Arguments:
        network: The network, in evaluation mode.
        pixels: The picture in RGB, :math:`(H, W, 3)`.
        threshold: The score from which a box counts.
    """
    found = [
        _in_tile(network, pixels, rows, columns, threshold)
        for rows in _parts(pixels.shape[0])
        for columns in _parts(pixels.shape[1])
    ]
    boxes, scores, classes = (torch.cat(parts) for parts in zip(*found, strict=True))
    kept = batched_nms(boxes, scores, classes, _SAME)
    return boxes[kept], scores[kept], classes[kept]


def _parts(side: int) -> Iterator[slice]:
    """The tiles along an axis."""
    start = 0
    while side - start > _TILE:
        yield slice(start, start + _TILE)
        start += _TILE - _SHARED
    yield slice(start, side)


def _in_tile(network: BoxNetwork, pixels: NDArray[np.uint8], rows: slice, columns: slice, threshold: float) -> Boxes:
    tile = padded(pixels[rows, columns])
    device = next(network.parameters()).device
    inputs = torch.from_numpy(tile).to(device).permute(2, 0, 1)[None].float() / 255
    predictions = flat(network(inputs.contiguous(memory_format=torch.channels_last)))[0].float().cpu()
    scores, classes = predictions[:, :-4].sigmoid().max(1)
    chosen = scores.topk(min(_MOST, len(scores))).indices
    chosen = chosen[scores[chosen] >= threshold]
    boxes = decode(predictions[chosen, -4:], cells(*tile.shape[:2])[chosen])
    whole = _is_whole(boxes, rows, columns, pixels.shape[0], pixels.shape[1])
    shift = torch.tensor([columns.start, rows.start, columns.start, rows.start])
    return (boxes + shift)[whole], scores[chosen][whole], classes[chosen][whole]


def _is_whole(boxes: Tensor, rows: slice, columns: slice, height: int, width: int) -> Tensor:
    """Which boxes of a tile are not cut off by an edge behind which the picture goes on: the next tile has these."""
    whole = torch.ones(len(boxes), dtype=torch.bool)
    for axis, part, side in ((0, columns, width), (1, rows, height)):
        if part.start > 0:
            whole &= boxes[:, axis] > 1
        if part.stop < side:
            whole &= boxes[:, axis + 2] < part.stop - part.start - 1
    return whole
