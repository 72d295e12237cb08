"""The engine that is one network for damage of many kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.tiles import Rows
from nflows_heritage import shipped
from nflows_heritage.classic import Method, estimated, recorded
from nflows_heritage.networks import Restorer
from nflows_heritage.restoring.classic import MethodTiles
from nflows_heritage.training.damaged import KINDS
from nflows_heritage.training.restorer import RESTORER
from nflows_heritage.views import Colours
from nflows_sr.training.runs import load_model, read_run

SHIPPED = shipped.FOLDER / "restorer"
"""The run that comes with the package."""
_HALO = 48
"""In pixels. The receptive field is larger, but what lies beyond changes a pixel by .011 of 255 levels at most, on four
kinds of damage with the weights that are shipped."""
_SIDE = 1024


class Unified:
    """A `Restorer` for pictures of any size.

    Arguments:
        network: The trained network.
        weights: The file that they are from.
        kinds: The kinds of damage that it is for; the method restores others alone.
    """

    def __init__(self, network: Restorer, weights: Path, kinds: Sequence[str] = KINDS) -> None:
        self.network, self.weights, self.kinds = network.eval(), weights, kinds

    def prepare(self, picture: Rows, kind: str, seed: int) -> _Tiles | MethodTiles:
        """Looks at the picture, as the method does that goes before; nothing is drawn."""
        method = estimated(kind, Colours(picture))
        return _Tiles(self.network, KINDS.index(kind), method) if kind in self.kinds else MethodTiles(method)


class _Tiles:
    side = _SIDE

    def __init__(self, network: Restorer, kind: int, method: Method) -> None:
        self.network, self.kind, self.unit = network, torch.tensor([kind]), network.unit
        self.before, self.halo = MethodTiles(method), method.halo + _HALO
        self.described: Mapping[str, Any] = recorded(method)

    @torch.no_grad()
    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        made = self.before(tile, corner)
        x, made = (picture.expand(3, -1, -1)[None] for picture in (tile, made))
        restored: Tensor = self.network((x, made, self.kind))[0]
        return restored.mean(0, keepdim=True) if len(tile) == 1 else restored


def load_run(folder: Path) -> Unified:
    """The engine of a run of ``nflows heritage train``.

    Raises:
        RunError: The folder is no run, or nothing was trained yet.
        CheckpointError: The weights are damaged.
    """
    run = read_run(folder)
    network = load_model(folder, run)
    assert isinstance(network, Restorer)  # as `is_run` has said
    return Unified(network, folder / WEIGHTS_FILE, RESTORER.configured(run.settings).kinds)


def load_shipped() -> Unified:
    """The engine that comes with the package.

    Raises:
        CommandError: This copy of the package has no weights; exit code 3.
    """
    if not SHIPPED.exists():
        raise CommandError(f"unified: this copy has no {SHIPPED}; install nflows-heritage again", ExitCode.WEIGHTS)
    return load_run(SHIPPED)
