r"""How much what was filled shows in its surroundings: the learned perceptual distance in a ring around each mask.

Within a mask a distance would reward what hides nothing. Around it every pixel may be what it was, and yet look
different beside what was filled: the features of a network see both, and so does a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.evaluation import PerceptualDistance
from nflows_core.evaluation.perceptual import LEAST_SIDE, Vgg16
from nflows_privacy.masks import Rectangle, cover, mask_of
from nflows_privacy.regions import Box

RING = 1.5
"""How many times as wide and high as a mask the ring around it reaches."""
_SIDE = 512
"""The sides of the parts in which a large ring is measured, a multiple of the stride."""

Seen = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@torch.inference_mode()
def ring_distances(
    judge: PerceptualDistance, before: Seen, after: Seen, boxes: Sequence[Box], mask_scale: float
) -> list[float | None]:
    r"""The mean perceptual distance of two pictures in the ring of each box.

    .. math:: d_i = \frac{1}{|R_i|} \sum_{p \in R_i} d_p(x, y), \quad
        R_i = C(\rho s B_i) \setminus \bigcup_j C(s B_j)

    where :math:`d_p` is the distance at a pixel (`PerceptualDistance.map`; Zhang et al. 2018), :math:`s B` a box whose
    sides are s times as long about the same middle, C the pixels of the picture that it touches, s the scale of the
    masks and :math:`\rho` = `RING`. Only the surroundings of a ring are looked at, as far as VGG16 sees; they begin
    where its features do, so that large pictures have the values that they have as a whole.

    Arguments:
        judge: Tells the distance.
        before: The pixels x, :math:`(H, W, 3)`, RGB.
        after: The pixels y.
        boxes: The boxes :math:`B_i`.
        mask_scale: The scale s.

    Returns:
        The distance of each box; nothing where its ring has no pixel, as when others cover it, or where the picture is
        smaller than what the network sees.
    """
    height, width = before.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return [None] * len(boxes)
    masks = [cover(box.grown(mask_scale), height, width) for box in boxes]
    masked = mask_of([mask for mask in masks if mask is not None], height, width)
    around = (cover(box.grown(RING * mask_scale), height, width) for box in boxes)
    return [ring and _distance(judge, before, after, ring, masked) for ring in around]


def _distance(judge: PerceptualDistance, before: Seen, after: Seen, ring: Rectangle, masked: Mask) -> float | None:
    total, pixels = 0.0, 0
    for part in _parts(ring):
        counted = ~masked[part.slices]
        if counted.any():
            window = _surroundings(part, *masked.shape)
            distances = judge.map(*(_tensor(picture[window.slices], judge) for picture in (before, after)))[0]
            inside = distances[part.moved(-window.top, -window.left).slices].double().cpu().numpy()
            total += float(inside[counted].sum())
            pixels += int(counted.sum())
    return total / pixels if pixels else None


def _parts(whole: Rectangle) -> Iterator[Rectangle]:
    for top in range(whole.top, whole.bottom, _SIDE):
        for left in range(whole.left, whole.right, _SIDE):
            yield Rectangle(top, left, min(top + _SIDE, whole.bottom), min(left + _SIDE, whole.right))


def _surroundings(part: Rectangle, height: int, width: int) -> Rectangle:
    """All that its pixels see, in whole strides of the network."""
    left, top, right, bottom = part.left, part.top, part.right, part.bottom
    seen = Box(left - Vgg16.reach, top - Vgg16.reach, right + Vgg16.reach, bottom + Vgg16.reach)
    found = cover(seen, height, width, Vgg16.stride)
    assert found is not None  # as the part lies in the picture
    return found


def _tensor(pixels: Seen, judge: PerceptualDistance) -> Tensor:
    """Bytes on the scale that judges take, :math:`(1, 3, h, w)`."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(judge.heads[0].device)
    return tensor.permute(2, 0, 1)[None].float() / 127.5 - 1
