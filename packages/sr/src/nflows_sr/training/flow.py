r"""The training of a flow that enlarges the luma of pictures, by its likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from nflows_core.training import EngineConfig, Objective, Task, TrainingItems, items_for_test
from nflows_core.training.batches.items import Items
from nflows_core.training.task import Place
from nflows_core.training.tasks.restoration import psnr
from nflows_sr.data.crops import CropPairs, Pair
from nflows_sr.networks.flow import Encoded, UpscalingFlow, bits_per_pixel
from nflows_sr.training.recipe import Recipe, TrainingData
from nflows_sr.training.upscaler import ENGINE, CouplingSettings, luma_pairs

_DIVERGED = 100.0
"""Bits per pixel above which a run is given up; a uniform guess needs 8."""


@dataclass(frozen=True)
class FlowSettings(CouplingSettings):
    """The settings of `UpscalingFlow` and of its training.

    Arguments of its own:
        depth: The number of steps of the flow.
    """

    depth: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_size("depth", self.depth)


class Dequantized:
    r"""Pairs whose large pictures are rounded to whole grey levels, and uniform noise as wide as one added.

    .. math:: y = (Y + u) / 255, \qquad u \sim U[-\tfrac12, \tfrac12)

    A density of whole levels would be infinite; with the noise, its bits bound those of the levels from above. The mean
    of the noise is zero, so that pictures of temperature 0 are no brighter than those of a regression.

    Arguments:
        pairs: Small and large pictures in [0, 1].
    """

    def __init__(self, pairs: Items[Pair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, seed: int) -> Pair:
        """A small picture and its large one; the seed decides the crop and the noise."""
        small, large = self.pairs.read(index, seed)
        noise = torch.rand(large.shape, generator=torch.Generator().manual_seed(seed))
        return small, ((255 * large).round() + noise - 0.5) / 255


class LargeGivenSmall(Task[UpscalingFlow, Pair]):
    r"""Minimizes the bits per pixel of large pictures given the small ones, by Adam, in two terms.

    .. math:: -\frac{\log_2 p(y \mid x)}{s^2 h w} + \log_2 255 + \log_2 (2 e b), \qquad
        b = 255 \operatorname{mean} |y - \hat y|

    The first are the bits of the flow. The second are those of a Laplace distribution about what is expected, as wide
    as the errors are, by which that is learned as in a regression; see `UpscalingFlow`.

    Tested are the bits per pixel of whole pictures, and the PSNR of those of temperature 0.

    Arguments:
        flow: The flow.
        pairs: The crops that it is trained on.
        config: The settings.
        test_pairs: The pictures that the averaged weights are tested on.
    """

    measures = ("bits_per_pixel", "psnr")

    def __init__(self, flow: UpscalingFlow, pairs: Items[Pair], config: EngineConfig, test_pairs: Items[Pair]) -> None:
        super().__init__(flow, config)
        self.pairs, self.test_pairs = pairs, test_pairs

    def objectives(self) -> Sequence[Objective[Pair]]:
        """The bits of both terms."""
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)
        return [Objective("bits", self.model, adam, _bits, limit=_DIVERGED)]

    def training_batches(self, place: Place) -> TrainingItems[Pair]:
        return TrainingItems(Dequantized(self.pairs), self.config, place)

    def initialize(self, place: Place) -> None:
        # The same batch in every process, and not that of the first update: where ActNorm has made the means zero,
        # gradients would be nothing but rounding.
        alone = replace(place, process=0, processes=1)
        self.model.initialize(*next(iter(self.training_batches(alone).training(1))))

    def test_batches(self, place: Place) -> Iterable[Pair]:
        return items_for_test(Dequantized(self.test_pairs), replace(self.config, batch_size=1), place)

    def measure(self, model: UpscalingFlow, batch: Pair) -> Mapping[str, Tensor]:
        small, large = batch
        ratio = psnr(model.inverse(small), large, model.scale)
        return {"bits_per_pixel": bits_per_pixel(model(small, large)), "psnr": ratio}


def _bits(model: nn.Module, batch: Pair) -> Tensor:
    encoded: Encoded = model(*batch)
    error = 255 * (batch[1] - encoded.expected).abs().mean()
    return bits_per_pixel(encoded).mean() + (2 * math.e * error).log2()


def build(settings: FlowSettings) -> UpscalingFlow:
    """The untrained flow."""
    return UpscalingFlow(settings.scale, settings.channels, settings.width, settings.blocks, settings.depth)


def task(flow: UpscalingFlow, settings: FlowSettings, data: TrainingData, config: EngineConfig) -> LargeGivenSmall:
    """Lowers the bits of the luma given the small one's."""
    train, test = luma_pairs(data, settings.scale)
    return LargeGivenSmall(flow, CropPairs(train, settings.crop), config, test)


FLOW = Recipe("a flow of small couplings: all that a picture may be of", FlowSettings, build, task, ENGINE)
