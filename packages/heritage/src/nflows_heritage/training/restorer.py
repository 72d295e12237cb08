r"""The training of one small network for many kinds of damage."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nflows_core.training import EngineConfig
from nflows_core.training.tasks.restoration import Restoration
from nflows_heritage.networks import Restorer
from nflows_heritage.training.damaged import KINDS, DamagedPictures, DamagedTiles
from nflows_sr.training.recipe import Recipe, TrainingData

ENGINE = {"batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 200, "ema_decay": 0.999}
ALL = "all"
_MOST = {"width": 512, "blocks": 512, "tile": 512, "region": 512, "regions": 100_000}
_TESTED = 192
"""The longest side of what is tested on after each epoch."""
_LEAST_ERROR = 1e-4
"""A mean squared error below which less is hardly better: 40 decibels. Much less would leave the gradient to pictures
that lack nothing."""


@dataclass(frozen=True)
class RestorerSettings:
    """The settings of a `Restorer` and of its training.

    Arguments:
        width: The features at half of the size, a multiple of four; at a fourth and an eighth there are half as many
            more.
        blocks: The coupling blocks at half and at an eighth of the size; at a fourth there is one less, if it can be.
        tile: The side of the tiles that it is trained on.
        region: The side of what is damaged as a whole.
        regions: How many regions are damaged.
        kind: The one kind of damage that it is for, or ``all``.
    """

    width: int = 64
    blocks: int = 3
    tile: int = 80
    region: int = 256
    regions: int = 2176
    kind: str = ALL

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 1 <= (value := getattr(self, name)) <= most:
                raise ValueError(f"`{name}`: expected a number from 1 to {most}, got {value}")
        if self.kind not in (ALL, *KINDS):
            raise ValueError(f"`kind`: expected {ALL} or one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.width % 4:
            raise ValueError(f"`width`: expected a multiple of four, got {self.width}")
        if self.region < self.tile:
            raise ValueError(f"`region`: expected the side of a tile, {self.tile}, or more, got {self.region}")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of damage that it is for."""
        return KINDS if self.kind == ALL else (self.kind,)


def build(settings: RestorerSettings) -> Restorer:
    """The untrained network."""
    further, blocks = 3 * settings.width // 2, settings.blocks
    return Restorer(len(KINDS), (settings.width, further, further), (blocks, max(blocks - 1, 1), blocks))


def restoration(
    network: Restorer, settings: RestorerSettings, data: TrainingData, config: EngineConfig
) -> Restoration[Restorer]:
    """Lowers the `log_error` of tiles, and tests the ratio of whole pictures."""
    tiles = DamagedTiles(data.train, settings.tile, settings.region, settings.regions, settings.kinds)
    tested = DamagedPictures(data.test, _TESTED, settings.kinds)
    return Restoration(network, tiles, config, tested, distance=log_error, workers=1)


def log_error(restored: Tensor, target: Tensor) -> Tensor:
    r"""The mean over pictures of :math:`\log(1 + e / \varepsilon)`, with the mean squared error :math:`e` of each.

    A decibel counts as much whether little is wrong with a picture or much (as in Chen et al. 2022,
    doi 10.1007/978-3-031-20071-7_2), until the error is about :math:`\varepsilon = 10^{-4}`.
    """
    errors = (restored - target).square().mean((1, 2, 3))
    return (errors / _LEAST_ERROR).log1p().mean()


RESTORER = Recipe("a network of couplings for damage of art", RestorerSettings, build, restoration, ENGINE)
