"""The engine without weights: for each kind of damage, what undoes it, with parameters from the picture itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nflows_core.runtime.tiles import Rows
from nflows_heritage.classic import Method, estimated, recorded
from nflows_heritage.views import Colours

_SIDE = 1024


class Classic:
    """Chooses a `Method` for each picture."""

    weights: Path | None = None

    def prepare(self, picture: Rows, kind: str, seed: int) -> MethodTiles:
        """Looks at the picture for the parameters of what it suffers from."""
        return MethodTiles(estimated(kind, Colours(picture)))


class MethodTiles:
    """The tiles of a picture, by a method."""

    unit, side = 1, _SIDE

    def __init__(self, method: Method) -> None:
        self.method, self.halo = method, method.halo
        self.described: Mapping[str, Any] = recorded(method)

    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        samples = np.ascontiguousarray(tile.permute(1, 2, 0).numpy())
        return torch.from_numpy(np.ascontiguousarray(self.method(samples, corner))).permute(2, 0, 1)
