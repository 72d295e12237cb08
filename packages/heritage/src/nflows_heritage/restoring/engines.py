"""What restores a picture, whatever it does: prepared for the picture as a whole, then called for each tile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.tiles import Rows
from nflows_heritage.restoring.classic import Classic
from nflows_heritage.restoring.diffusion import load_diffusion
from nflows_heritage.restoring.unified import load_run, load_shipped
from nflows_sr.engines.diffusion import is_diffusion
from nflows_sr.training.runs import is_run


class Prepared(Protocol):
    """What restores the tiles of one picture."""

    @property
    def halo(self) -> int:
        """How far away a pixel matters, in pixels."""

    @property
    def unit(self) -> int:
        """What the places and the sides of tiles must be multiples of."""

    @property
    def side(self) -> int:
        """The side of a tile that suits it."""

    @property
    def described(self) -> Mapping[str, Any]:
        """What was chosen for this picture, in JSON's own types."""

    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        r"""The tile restored; it may leave [0, 1] a little.

        Arguments:
            tile: The tile, :math:`(C, h, w)`, float32 in [0, 1], grey or RGB.
            corner: Its first row and column in the picture.
        """


class Engine(Protocol):
    """What restores pictures."""

    @property
    def weights(self) -> Path | None:
        """The file or folder of its weights, if it has some."""

    def prepare(self, picture: Rows, kind: str, seed: int) -> Prepared:
        """What restores this picture from this kind of damage.

        Raises:
            ValueError: It cannot be done with such a picture.
        """


_NAMED: Mapping[str, Callable[[], Engine]] = {"classic": Classic, "unified": load_shipped}


def resolve(name: str) -> str:
    """The same, a path made absolute; a name goes before a folder of that name."""
    return name if name in _NAMED or not Path(name).exists() else str(Path(name).absolute())


def weights_of(name: str) -> dict[str, Path]:
    """The file of the weights of an engine as ``engine``, if it has some.

    Raises:
        CommandError: There is no such engine; exit code 3.
    """
    weights = load_engine(name).weights
    return {} if weights is None else {"engine": weights}


@keeps_one
def load_engine(name: str) -> Engine:
    """The engine of a name, or of the path of a run; the last one is kept in memory.

    Raises:
        CommandError: There is none; exit code 3.
    """
    if name in _NAMED:
        return _NAMED[name]()
    if is_run(Path(name), "restorer"):
        return load_run(Path(name))
    if is_diffusion(Path(name)):
        return load_diffusion(Path(name))
    raise CommandError(
        f"{name}: no such engine; give {', '.join(_NAMED)}, the folder of a run of nflows heritage train, or of a"
        " diffusion",
        ExitCode.WEIGHTS,
    )
