r"""The training of small networks that enlarge the luma of pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from nflows_core.data import DataError
from nflows_core.training import EngineConfig
from nflows_core.training.tasks.restoration import Restoration
from nflows_sr.data.crops import CropPairs, WholePairs, luma_channel
from nflows_sr.networks.upscaler import SCALES, Upscaler, coupling_upscaler, residual_upscaler
from nflows_sr.training.recipe import Recipe, TrainingData

ENGINE = {"batch_size": 8, "learning_rate": 2e-3, "warmup_steps": 100, "ema_decay": 0.999}


# A configuration may come from anywhere, and ask for all of the memory before its weights are found to be others.
_MOST = 4096
_LARGEST = 10_000_000


@dataclass(frozen=True)
class CouplingSettings:
    """The settings of `coupling_upscaler` and of its training.

    Arguments:
        scale: How many times the sides grow.
        channels: The number of features of a pixel.
        width: The number of hidden features of a block.
        blocks: The number of blocks.
        crop: The side of the small crops that it is trained on.
    """

    scale: int = 2
    channels: int = 32
    width: int = 32
    blocks: int = 10
    crop: int = 32

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"`scale`: expected 2, 3 or 4, got {self.scale}")
        for name, value in asdict(self).items():
            if not 1 <= value <= _MOST:
                raise ValueError(f"`{name}`: expected a number from 1 to {_MOST}, got {value}")
        self._check_size("blocks", self.blocks)

    def _check_size(self, repeated: str, count: int) -> None:
        if (size := self.channels * self.width * count) > _LARGEST:
            raise ValueError(f"`channels` x `width` x `{repeated}` is {size:,}; it may be {_LARGEST:,} at most")


@dataclass(frozen=True)
class ResidualSettings(CouplingSettings):
    """The settings of `residual_upscaler` and of its training."""

    blocks: int = 8


def build_coupling(settings: CouplingSettings) -> Upscaler:
    """The untrained network."""
    return coupling_upscaler(settings.scale, settings.channels, settings.width, settings.blocks)


def build_residual(settings: ResidualSettings) -> Upscaler:
    """The untrained network."""
    return residual_upscaler(settings.scale, settings.channels, settings.width, settings.blocks)


def restoration(
    network: Upscaler, settings: CouplingSettings, data: TrainingData, config: EngineConfig
) -> Restoration[Upscaler]:
    """Lowers the mean absolute error of the luma, and tests its PSNR without a border as wide as the scale."""
    train, test = luma_pairs(data, settings.scale)
    crops = CropPairs(train, settings.crop)
    return Restoration(network, crops, config, test, border=settings.scale)


def luma_pairs(data: TrainingData, scale: int) -> tuple[WholePairs, WholePairs]:
    """The luma of the pictures that are trained and tested on, small and large.

    Raises:
        DataError: A picture has no pixels left, or one that is tested on none within its border.
    """
    train, test = (WholePairs.of(part, scale, luma_channel) for part in (data.train, data.test))
    for name, large in zip(data.test.names, test.large, strict=True):
        if min(large.shape[:2]) <= 2 * scale:
            size = f"{large.shape[1]} x {large.shape[0]}"
            raise DataError(
                f"{name}: {size} pixels have none within a border of {scale}; take it out of the tested ones"
            )
    return train, test


COUPLING = Recipe("a small network of coupling blocks", CouplingSettings, build_coupling, restoration, ENGINE)
RESIDUAL = Recipe("a residual network of equal size", ResidualSettings, build_residual, restoration, ENGINE)
