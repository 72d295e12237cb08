r"""What is seen of a scene: of the road as a whole, and of each place where a sign may have stood, from near.

Both are features of EfficientNet-Lite0 as ImageNet left it. A hundred scenes teach a linear layer what they mean, and
no network where to look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_core.classifiers import EfficientNetLite0
from nflows_privacy.masks import Rectangle

# Chosen on 148 scenes of GTSDB, five folds: several sizes of the picture and a grid are each worth some .03; a second
# grid, the whole picture at its own size, and turns, crops and lights in training were worth nothing.
SIDES = (339, 508, 789)
"""The sides, in pixels, of squares as large as the pictures that are looked at."""
_GRID, _LOWER = (2, 3), (1, 3)
_STAGES = (4, 6)
_CHANNELS = (112, 320, EfficientNetLite0.width)  # of the two stages and the head
_STRIDE = 32
_LARGER = 1.1  # how much larger than a picture it may be looked at: enlarged, it shows nothing more

_AROUND = (2.5, 4.0, 8.0)  # how many times as wide as a hole what is seen around it is
_LEAST = (48, 96, 160)  # and at least so many pixels
_NEAR = 128  # the side at which a place is looked at
_LOWERED = 0.25  # the part of its side by which its middle lies below the hole's: a pole stands there
_BATCH = 36

Pixels = NDArray[np.uint8]

_CELLS = (math.prod(_GRID), math.prod(_LOWER))
_ROAD_BLOCK = tuple(channels * cells for channels in _CHANNELS for cells in _CELLS)
PLACE_BLOCKS = tuple(channels * cells for _ in _AROUND for channels, cells in zip(_CHANNELS, (5, 5, 1), strict=True))
"""The lengths of the blocks of features that a place has."""


def sides_for(sizes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Those of `SIDES` that pictures of these widths and heights fill; the smallest, if they fill none."""
    smallest = min(math.sqrt(width * height) for width, height in sizes)
    return tuple(side for side in SIDES if side <= _LARGER * smallest) or SIDES[:1]


class Looks(nn.Module):
    """The features of scenes.

    Arguments:
        sides: The sizes at which a road is looked at, some of `SIDES`.
    """

    def __init__(self, sides: Sequence[int] = SIDES) -> None:
        super().__init__()
        self.sides = tuple(sides)
        self.network = EfficientNetLite0().frozen()

    @classmethod
    def pretrained(cls, sides: Sequence[int] = SIDES) -> Looks:
        """With the weights of `EfficientNetLite0.pretrained`.

        Raises:
            ModuleNotFoundError: Their package is not installed.
        """
        looks = cls(sides)
        looks.network = EfficientNetLite0.pretrained().frozen()
        return looks

    @property
    def width(self) -> int:
        """The number D of a road's features."""
        return sum(_ROAD_BLOCK) * len(self.sides)

    @staticmethod
    def blocks_of(width: int) -> tuple[int, ...]:
        """The lengths of the blocks of so many features of a road."""
        return _ROAD_BLOCK * (width // sum(_ROAD_BLOCK))

    @torch.no_grad()
    def road(self, pixels: Pixels) -> Tensor:
        r"""The features of a picture :math:`(H, W, 3)`: each block is means over the cells of a grid, :math:`(D,)`."""
        return torch.cat([_gridded(self._maps(pixels, side)) for side in self.sides])

    def shares(self, pixels: Pixels, weight: Tensor, mean: Tensor) -> Tensor:
        r"""How much each place of a picture adds to a linear function of its road's features, :math:`(h, w)`.

        Means over cells are linear in the maps m that they are taken of, so that the places' shares
        :math:`\sum_c m_c \, \partial f / \partial m_c`, less what the mean has in the same cells, sum to
        :math:`w \cdot (\mathrm{road}(x) - \mu)` (class activation maps, Zhou et al. 2016). They are summed over the
        maps, on the grid of the largest one.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`.
            weight: The weights w of the features, :math:`(D,)`.
            mean: The features :math:`\mu` of the road that it is compared with, :math:`(D,)`.
        """
        length = sum(_ROAD_BLOCK)
        parts = zip(self.sides, torch.split(weight, length), torch.split(mean, length), strict=True)
        looked = [_shares(self._maps(pixels, side), *part) for side, *part in parts]
        finest = max((one.shape for maps in looked for one in maps), key=math.prod)
        return torch.stack([_spread(one, finest) for maps in looked for one in maps]).sum(0)

    @torch.no_grad()
    def places(self, pixels: Pixels, holes: Sequence[Rectangle]) -> Tensor:
        """The features of each place in a picture :math:`(H, W, 3)`, from near and from further off, :math:`(n, F)`."""
        crops = [_around(pixels, hole, *around) for around in zip(_AROUND, _LEAST, strict=True) for hole in holes]
        if not crops:
            return torch.zeros(0, sum(PLACE_BLOCKS))
        batches = [np.stack(crops[start : start + _BATCH]) for start in range(0, len(crops), _BATCH)]
        features = torch.cat([self._near(torch.from_numpy(batch)) for batch in batches])
        return features.reshape(len(_AROUND), len(holes), -1).movedim(0, 1).flatten(1)

    @torch.no_grad()
    def _maps(self, pixels: Pixels, side: int) -> list[Tensor]:
        return self._seen(torch.from_numpy(_sized(pixels, side))[None])

    def _near(self, crops: Tensor) -> Tensor:
        *maps, head = self._seen(crops)
        quartered = [part for m in maps for part in (m.mean((2, 3)), F.adaptive_avg_pool2d(m, 2).flatten(1))]
        return torch.cat([*quartered, head.mean((2, 3))], 1)

    def _seen(self, pictures: Tensor) -> list[Tensor]:
        """The maps of the stages and of the head, of pictures in bytes, :math:`(B, H, W, 3)`."""
        x = pictures.movedim(3, 1).float() / 127.5 - 1
        maps = self.network.maps(x)
        return [*(maps[stage] for stage in _STAGES), self.network.head(maps[-1])]


def _gridded(maps: Sequence[Tensor]) -> Tensor:
    """The means of maps :math:`(1, C, h, w)` over the cells of the whole and of the lower half."""
    return torch.cat([F.adaptive_avg_pool2d(part, grid).flatten() for m in maps for part, grid in _parts(m)])


def _parts(m: Tensor) -> tuple[tuple[Tensor, tuple[int, int]], ...]:
    return (m, _GRID), (m[:, :, m.shape[2] // 2 :], _LOWER)


@torch.enable_grad()  # type: ignore[untyped-decorator, unused-ignore]
def _shares(maps: Sequence[Tensor], weight: Tensor, mean: Tensor) -> list[Tensor]:
    """The shares of the places of each map in a linear function of `_gridded` less the mean's, :math:`(h, w)`."""
    leaves, ones = _leaves(maps), _leaves([torch.ones_like(m[:, :1]) for m in maps])
    means = zip(torch.split(weight * mean, list(_ROAD_BLOCK)), _CELLS * len(maps), strict=True)
    of_cells = [mean.view(-1, cells).sum(0) for mean, cells in means]
    (_gridded(leaves) @ weight + _gridded(ones) @ torch.cat(of_cells)).backward()  # type: ignore[no-untyped-call, unused-ignore]
    return [
        (m.detach() * m.grad).sum((0, 1)) - one.grad[0, 0]
        for m, one in zip(leaves, ones, strict=True)
        if m.grad is not None and one.grad is not None
    ]


def _leaves(maps: Sequence[Tensor]) -> list[Tensor]:
    return [m.detach().clone().requires_grad_() for m in maps]


def _spread(shares: Tensor, size: torch.Size) -> Tensor:
    """Shares on a finer grid, of the same sum."""
    down, across = (_dealt(*lengths) for lengths in zip(shares.shape, size, strict=True))
    return down.T @ shares @ across


def _dealt(coarse: int, fine: int) -> Tensor:
    """How each of some lengths is dealt out, smoothly and in full, to finer ones, :math:`(n, n')`."""
    weights = F.interpolate(torch.eye(coarse)[None], size=fine, mode="linear", align_corners=False)[0]
    return weights / weights.sum(1, keepdim=True)


def _sized(pixels: Pixels, side: int) -> Pixels:
    """A picture about as large as a square of this side, in its proportions, with sides that the network divides."""
    height, width = pixels.shape[:2]
    scale = side / math.sqrt(height * width)
    size = [max(1, round(length * scale / _STRIDE)) * _STRIDE for length in (width, height)]
    return _resized(pixels, size[0], size[1])


def _around(pixels: Pixels, hole: Rectangle, times: float, least: int) -> Pixels:
    """A square around and below a hole, moved into the picture; no larger than this."""
    height, width = pixels.shape[:2]
    size = math.sqrt((hole.bottom - hole.top) * (hole.right - hole.left))
    side = min(height, width, max(least, round(times * size)))
    left = round((hole.left + hole.right - side) / 2)
    top = round((hole.top + hole.bottom - side) / 2 + _LOWERED * side)
    left, top = min(max(0, left), width - side), min(max(0, top), height - side)
    return _resized(pixels[top : top + side, left : left + side], _NEAR, _NEAR)


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=how), np.uint8)
