r"""The training of one small network for all kinds of damage."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from nflows_core.training import EngineConfig
from nflows_core.training.tasks.restoration import Restoration, charbonnier
from nflows_heritage.networks import Restorer
from nflows_heritage.training.damaged import DamagedPictures, DamagedTiles
from nflows_sr.training.recipe import Recipe, TrainingData

ENGINE = {"batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 200, "ema_decay": 0.999}
_MOST = 512
_TESTED = 192
"""The longest side of what is tested on after each epoch."""


@dataclass(frozen=True)
class RestorerSettings:
    """The settings of a `Restorer` and of its training.

    Arguments:
        width: The features at half of the size; at a fourth there are twice as many, at an eighth three times.
        blocks: The coupling blocks at each size but the last, which has one more.
        tile: The side of the tiles that it is trained on.
        region: The side of what is damaged as a whole.
    """

    width: int = 32
    blocks: int = 3
    tile: int = 80
    region: int = 192

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 1 <= value <= _MOST:
                raise ValueError(f"`{name}`: expected a number from 1 to {_MOST}, got {value}")
        if self.width % 2:
            raise ValueError(f"`width`: expected an even number, got {self.width}")
        if self.region < self.tile:
            raise ValueError(f"`region`: expected the side of a tile, {self.tile}, or more, got {self.region}")


def build(settings: RestorerSettings) -> Restorer:
    """The untrained network."""
    width, blocks = settings.width, settings.blocks
    return Restorer((width, 2 * width, 3 * width), (blocks, blocks, blocks + 1))


def restoration(
    network: Restorer, settings: RestorerSettings, data: TrainingData, config: EngineConfig
) -> Restoration[Restorer]:
    """Lowers the mean absolute error of tiles, and tests the ratio of whole pictures."""
    tiles = DamagedTiles(data.train, settings.tile, settings.region)
    return Restoration(network, tiles, config, DamagedPictures(data.test, _TESTED), distance=charbonnier, workers=1)


RESTORER = Recipe("a network of couplings for all damage of art", RestorerSettings, build, restoration, ENGINE)
