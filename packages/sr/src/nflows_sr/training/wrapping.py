r"""Stage 3: the feature wrapping learns what the decoder may take back from the small picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast, get_args

import torch
from torch import Tensor, nn

from nflows_core.evaluation import Perceptual, PerceptualDistance, build_perceptual
from nflows_core.training import EngineConfig, Items, Objective, Place, Task, TrainingItems, items_for_test
from nflows_sr.data.crops import Pair, enlarged
from nflows_sr.diffusion.finding import find_folder
from nflows_sr.diffusion.folder import widths_of_autoencoder
from nflows_sr.diffusion.latents import encoded
from nflows_sr.diffusion.stable_sr import StableSR
from nflows_sr.diffusion.wrapping import FeatureWrapping
from nflows_sr.training.diffusion import ENGINE, GUIDANCE, GuidanceSettings, Noisy, NoisyPairs, crops
from nflows_sr.training.recipe import Recipe, TrainingData


@dataclass(frozen=True)
class WrappingSettings:
    """The settings of the training of a feature wrapping.

    Crops are made as those of the run that guides.

    Arguments:
        guide: The run of what guides the diffusion.
        steps: The steps in which the diffusion makes the latents that are decoded.
        perceptual: The network that judges how the pictures look, as `build_perceptual` knows it; nothing for none.
    """

    guide: str
    steps: int = 20
    perceptual: str | None = "vgg"

    def __post_init__(self) -> None:
        object.__setattr__(self, "guide", str(Path(self.guide).absolute()))
        if self.steps < 1:
            raise ValueError(f"`steps`: expected a number above 0, got {self.steps}")
        judges = get_args(Perceptual)
        if self.perceptual not in (None, *judges):
            raise ValueError(f"`perceptual`: expected {', '.join(judges)} or none, got {self.perceptual!r}")


class Wrapping(Task[FeatureWrapping, Noisy]):
    r"""Lowers the distance of decoded pictures from what they should be, by Adam.

    .. math:: \overline{|\hat y - y|} + d(\hat y, y)

    :math:`\hat y` is decoded at the full fidelity from a latent that the guided diffusion makes in a few steps, so that
    the wrapping learns to repair just what is lost there; d is the perceptual distance. StableSR's has a discriminator
    too, with a weight of 0.025.

    Arguments:
        model: The wrapping.
        guided: The guided diffusion.
        pairs: The crops that it is trained on.
        config: The settings.
        test_pairs: The crops that it is tested on.
        steps: The steps of the diffusion.
        perceptual: The judge of how different pictures look, if any.
    """

    measures = ("absolute_error",)

    def __init__(
        self,
        model: FeatureWrapping,
        guided: StableSR,
        pairs: Items[Pair],
        config: EngineConfig,
        test_pairs: Items[Pair],
        *,
        steps: int = 20,
        perceptual: PerceptualDistance | None = None,
    ) -> None:
        super().__init__(model, config)
        guided.base.schedule.check_steps(steps)
        self.guided, self.steps, self.perceptual = guided, steps, perceptual
        self.pairs, self.test_pairs = NoisyPairs(pairs, guided.base), NoisyPairs(test_pairs, guided.base)

    def objectives(self) -> Sequence[Objective[Noisy]]:
        """The distance."""
        device = next(self.model.parameters()).device
        self.guided = self.guided.to(device)
        if self.perceptual is not None:
            self.perceptual.to(device)
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)
        return [Objective("distance", self.model, adam, self._loss)]

    def training_batches(self, place: Place) -> TrainingItems[Noisy]:
        return TrainingItems(self.pairs, self.config, place)

    def test_batches(self, place: Place) -> Iterable[Noisy]:
        return items_for_test(self.test_pairs, self.config, place)

    def measure(self, model: FeatureWrapping, batch: Noisy) -> Mapping[str, Tensor]:
        return {"absolute_error": (self._decoded(model, batch) - batch[1]).abs().mean((1, 2, 3))}

    def _loss(self, model: nn.Module, batch: Noisy) -> Tensor:
        made, large = self._decoded(model, batch), batch[1]
        absolute = (made - large).abs().mean()
        if self.perceptual is None:
            return absolute
        seen: Tensor = self.perceptual(2 * made - 1, 2 * large - 1)
        return absolute + seen.mean()

    def _decoded(self, model: nn.Module, batch: Noisy) -> Tensor:
        small, large, noise, _ = batch
        base, low = self.guided.base, enlarged(small, large)
        with torch.no_grad():
            start = encoded(base.autoencoder, low)
            predict = partial(self.guided.predict, start)
            sampler = base.schedule.few_steps  # none of which draws any more noise
            latents = base.schedule.sample(predict, start, noise, torch.Generator(), sampler, self.steps)
        made: Tensor = model(base.autoencoder, latents, low)
        return made


def build_wrapping(settings: WrappingSettings) -> FeatureWrapping:
    """The untrained wrapping."""
    return FeatureWrapping(widths_of_autoencoder(find_folder(_guide(settings).base)))


def wrapping(model: FeatureWrapping, settings: WrappingSettings, data: TrainingData, config: EngineConfig) -> Wrapping:
    """The training of some settings."""
    from nflows_sr.training.guided import load_guided  # which knows this recipe

    guide, judge = _guide(settings), settings.perceptual
    train, test = (crops(part, guide.degradation, guide.scale, guide.crop) for part in (data.train, data.test))
    perceptual = None if judge is None else build_perceptual(cast(Perceptual, judge))
    guided = load_guided(Path(settings.guide))
    return Wrapping(model, guided, train, config, test, steps=settings.steps, perceptual=perceptual)


def _guide(settings: WrappingSettings) -> GuidanceSettings:
    """The settings of the run that guides."""
    from nflows_sr.training.runs import read_run  # which knows this recipe

    run = read_run(Path(settings.guide))
    if run.model != "stable-sr":
        raise ValueError(f"`guide`: {settings.guide} is a run of {run.model}; give one of stable-sr")
    return GUIDANCE.configured(run.settings)


WRAPPING = Recipe(
    "what lets the decoder of such a model take back features of the picture",
    WrappingSettings,
    build_wrapping,
    wrapping,
    ENGINE,
)
