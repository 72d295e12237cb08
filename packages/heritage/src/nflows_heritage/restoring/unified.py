"""The engine that is one network for all that pictures of art suffer from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.tiles import Rows
from nflows_heritage import shipped
from nflows_heritage.classic import KINDS, Method, estimated, recorded
from nflows_heritage.networks import Restorer
from nflows_heritage.networks.restorer import THUMBNAIL
from nflows_heritage.views import Colours, reduced
from nflows_sr.training.runs import load_model, read_run

SHIPPED = shipped.FOLDER / "restorer"
"""The run that comes with the package."""
_HALO = 64
"""In pixels. The receptive field is larger; how little lies beyond is to be measured on weights that are shipped."""
_SIDE = 1024


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
        """Looks at the whole picture, as the method does that goes before; nothing is drawn."""
        colours = Colours(picture)
        small = torch.from_numpy(reduced(colours, THUMBNAIL)).permute(2, 0, 1).expand(3, -1, -1)
        context = self.network.context(small[None], torch.tensor([KINDS.index(kind)]))
        return _Tiles(self.network, context, estimated(kind, colours))


class _Tiles:
    side = _SIDE

    def __init__(self, network: Restorer, context: Tensor, method: Method) -> None:
        self.network, self.context, self.unit = network, context, network.unit
        self.method, self.halo = method, method.halo + _HALO
        self.described: Mapping[str, Any] = recorded(method)

    @torch.no_grad()
    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        samples = np.ascontiguousarray(tile.permute(1, 2, 0).numpy())
        made = torch.from_numpy(np.ascontiguousarray(self.method(samples, corner))).permute(2, 0, 1)
        x, made = (picture.expand(3, -1, -1)[None] for picture in (tile, made))
        restored = self.network.restored(x, made, self.context)[0]
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


def load_shipped() -> Unified:
    """The engine that comes with the package.

    Raises:
        CommandError: This copy of the package has no weights; exit code 3.
    """
    if not SHIPPED.exists():
        raise CommandError(f"unified: this copy has no {SHIPPED}; install nflows-heritage again", ExitCode.WEIGHTS)
    return load_run(SHIPPED)
