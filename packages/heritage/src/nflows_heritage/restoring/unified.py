"""The engine that is one network for all that pictures of art suffer from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.tiles import Rows
from nflows_heritage.networks import Restorer
from nflows_heritage.networks.restorer import THUMBNAIL
from nflows_heritage.views import reduced
from nflows_sr.training.runs import load_model, read_run

_HALO = 64
"""In pixels. The receptive field is larger; how little lies beyond is to be measured on weights that are shipped."""
_SIDE = 512


class Unified:
    """A `Restorer` for pictures of any size.

    Arguments:
        network: The trained network.
        weights: The file that they are from.
    """

    def __init__(self, network: Restorer, weights: Path) -> None:
        self.network, self.weights = network.eval(), weights

    @torch.no_grad()
    def prepare(self, picture: Rows, kind: str, seed: int) -> _Tiles:
        """Looks at the whole picture; the kind of damage the network sees for itself, and nothing is drawn."""
        small = torch.from_numpy(reduced(picture, THUMBNAIL)).permute(2, 0, 1)
        colours = small[:3] if len(small) >= 3 else small[:1].expand(3, -1, -1)
        return _Tiles(self.network, self.network.context(colours[None]))


class _Tiles:
    halo, side = _HALO, _SIDE

    def __init__(self, network: Restorer, context: Tensor) -> None:
        self.network, self.context, self.unit = network, context, network.unit
        self.described: Mapping[str, Any] = {}

    @torch.no_grad()
    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        restored = self.network.restored(tile.expand(3, -1, -1)[None], self.context)[0]
        return restored.mean(0, keepdim=True) if len(tile) == 1 else restored


def load_run(folder: Path) -> Unified:
    """The engine of a run of ``nflows heritage train``.

    Raises:
        RunError: The folder is no run, or nothing was trained yet.
        CheckpointError: The weights are damaged.
    """
    network = load_model(folder, read_run(folder))
    assert isinstance(network, Restorer)  # as `is_run` has said
    return Unified(network, folder / WEIGHTS_FILE)
