"""The training of ResShift's network, between the latents of bad pictures and of good ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nflows_core.training import EngineConfig, Items, Objective, Place, Task, TrainingItems, items_for_test
from nflows_sr.autoencoders.pretrained import load_pretrained
from nflows_sr.data.crops import Pair, enlarged
from nflows_sr.diffusion.latents import encoded, factor
from nflows_sr.diffusion.res_shift import restored_latents, shifting_network
from nflows_sr.diffusion.shifting import ShiftSchedule
from nflows_sr.training.diffusion import autoencoder_of_run, check_crops, crops
from nflows_sr.training.recipe import Recipe, TrainingData

Noisy = tuple[Tensor, Tensor, Tensor, Tensor]
"""A pair, noise of the shape of its latent, and a step."""

ENGINE = {"batch_size": 8, "learning_rate": 5e-5, "warmup_steps": 500, "ema_decay": 0.999}
_UNIT = 4
"""Latents are halved twice."""


@dataclass(frozen=True)
class ShiftSettings:
    """The settings of ResShift and of its training.

    Arguments:
        autoencoder: The folder, in diffusers' layout, of an autoencoder with a Gaussian latent, or the run of one.
        degradation: How small pictures are made; see `find_degradation`.
        scale: How many times the sides grow.
        crop: The side of the small crops that it is trained on.
        width: The features of the first level, a multiple of 8.
        steps: The steps of the chain.
        kappa: The noise at its end.
    """

    autoencoder: str
    degradation: str = "real"
    scale: int = 4
    crop: int = 64
    width: int = 160
    steps: int = 15
    kappa: float = 2.0

    def __post_init__(self) -> None:
        if Path(self.autoencoder).exists():  # a run is used from other folders than it was trained in
            object.__setattr__(self, "autoencoder", str(Path(self.autoencoder).absolute()))
        check_crops(self.degradation, self.scale, self.crop)
        if self.width < 8 or self.width % 8:
            raise ValueError(f"`width`: expected a multiple of 8, got {self.width}")
        self.schedule  # noqa: B018 - checks the rest

    @property
    def schedule(self) -> ShiftSchedule:
        """The chain."""
        return ShiftSchedule(self.steps, self.kappa)


class ResidualShifting(Task[nn.Module, Noisy]):
    r"""Lowers the mean squared error of good latents (equation 8, all steps with one weight), by Adam.

    .. math:: \operatorname{mean} |f(x_t, y, t) - x|^2

    Arguments:
        model: The network.
        autoencoder: What makes latents; it does not learn.
        schedule: The chain.
        pairs: The crops that it is trained on.
        config: The settings.
        test_pairs: The crops that it is tested on, at the same steps with the same noise in each test.

    Raises:
        ValueError: Latents of crops of this size cannot be halved twice.
    """

    measures = ("latent_error",)

    def __init__(
        self,
        model: nn.Module,
        autoencoder: Any,
        schedule: ShiftSchedule,
        pairs: Items[Pair],
        config: EngineConfig,
        test_pairs: Items[Pair],
    ) -> None:
        super().__init__(model, config)
        self.autoencoder, self.schedule = autoencoder.eval().requires_grad_(False), schedule
        self.pairs, self.test_pairs = (_NoisyPairs(each, autoencoder, schedule) for each in (pairs, test_pairs))

    def objectives(self) -> Sequence[Objective[Noisy]]:
        """The mean squared error."""
        self.autoencoder = self.autoencoder.to(next(self.model.parameters()).device)
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)
        return [Objective("latent_error", self.model, adam, lambda model, batch: self._errors(model, batch).mean())]

    def training_batches(self, place: Place) -> TrainingItems[Noisy]:
        return TrainingItems(self.pairs, self.config, place)

    def test_batches(self, place: Place) -> Iterable[Noisy]:
        return items_for_test(self.test_pairs, self.config, place)

    def measure(self, model: nn.Module, batch: Noisy) -> Mapping[str, Tensor]:
        return {"latent_error": self._errors(model, batch)}

    def _errors(self, model: nn.Module, batch: Noisy) -> Tensor:
        small, large, noise, times = batch
        with torch.no_grad():
            bad, good = (encoded(self.autoencoder, pictures) for pictures in (enlarged(small, large), large))
        latents = self.schedule.shifted(good, bad, noise, times)
        restored = restored_latents(model, self.schedule, latents, bad, times)
        return (restored - good).square().mean((1, 2, 3))


class _NoisyPairs:
    """Pairs of crops, each with noise for its latent and a step, that depend on nothing but its seed."""

    def __init__(self, pairs: Items[Pair], autoencoder: Any, schedule: ShiftSchedule) -> None:
        self.pairs, self.steps = pairs, schedule.steps
        self.channels, self.factor = int(autoencoder.config.latent_channels), factor(autoencoder)
        unit = self.factor * _UNIT
        if (side := pairs.read(0, 0)[1].shape[-1]) % unit:
            raise ValueError(f"`crop`: a large crop has {side} pixels, and this model needs a multiple of {unit}")

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, seed: int) -> Noisy:
        small, large = self.pairs.read(index, seed)
        generator = torch.Generator().manual_seed(seed ^ 1)  # another one than that of the pair
        time = torch.randint(1, self.steps + 1, (), generator=generator)
        height, width = (side // self.factor for side in large.shape[1:])
        return small, large, torch.randn(self.channels, height, width, generator=generator), time


def load_autoencoder(path: Path) -> Any:
    """The autoencoder of a folder in diffusers' layout, or of a run.

    Raises:
        CommandError: There is none; exit code 3.
        ValueError: It is damaged, or has codes instead of a Gaussian latent.
    """
    from nflows_sr.training.runs import is_run  # which knows this recipe

    if is_run(path):
        return autoencoder_of_run(path)
    return load_pretrained(path, coupled=False)[0]


def build_network(settings: ShiftSettings) -> nn.Module:
    """The untrained network."""
    channels = int(load_autoencoder(Path(settings.autoencoder)).config.latent_channels)
    return shifting_network(channels, settings.width)


def res_shift(
    network: nn.Module, settings: ShiftSettings, data: TrainingData, config: EngineConfig
) -> ResidualShifting:
    """The training of some settings."""
    train, test = (crops(part, settings.degradation, settings.scale, settings.crop) for part in (data.train, data.test))
    autoencoder = load_autoencoder(Path(settings.autoencoder))
    return ResidualShifting(network, autoencoder, settings.schedule, train, config, test)


RES_SHIFT = Recipe(
    "a short chain from bad latents to good ones, as ResShift", ShiftSettings, build_network, res_shift, ENGINE
)
