r"""Stage 2: what guides a diffusion learns, and the diffusion stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nflows_core.training import EngineConfig, Items, Objective, Place, Task, TrainingItems, items_for_test
from nflows_sr.data.crops import CropPairs, Pair, WholePairs, enlarged
from nflows_sr.data.degraded import find_degradation
from nflows_sr.data.pictures import Pictures
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.finding import find_folder
from nflows_sr.diffusion.folder import StableDiffusion, load_stable_diffusion, unet_of_shape
from nflows_sr.diffusion.latents import encoded, factor
from nflows_sr.diffusion.taps import checkpoint
from nflows_sr.training.autoencoder import Adversaries
from nflows_sr.training.recipe import Recipe, TrainingData

Noisy = tuple[Tensor, Tensor, Tensor, Tensor]
"""A pair, noise of the shape of its latent, and a time."""

ENGINE = {"batch_size": 4, "accumulation_steps": 8, "learning_rate": 5e-5, "schedule": "constant"}
"""StableSR's own: updates of 32 pictures, Adam's rate throughout."""


@dataclass(frozen=True)
class GuidanceSettings:
    """The settings of the training of what guides a diffusion.

    Arguments:
        base: The folder of a Stable Diffusion, as `find_folder` finds it.
        autoencoder: The run of an autoencoder that takes the place of its own; nothing for its own.
        degradation: How small pictures are made, as `find_degradation` knows it: "real" or "bicubic".
        scale: How many times the sides grow.
        crop: The side of the small crops that it is trained on.
        width: The channels of the features that guide.
    """

    base: str
    autoencoder: str | None = None
    degradation: str = "real"
    scale: int = 4
    crop: int = 128
    width: int = 256

    def __post_init__(self) -> None:
        for name in ("base", "autoencoder"):  # a run is used from other folders than it was trained in
            path = getattr(self, name)
            if path is not None and Path(path).exists():
                object.__setattr__(self, name, str(Path(path).absolute()))
        check_crops(self.degradation, self.scale, self.crop)
        if self.width < 8 or self.width % 8:
            raise ValueError(f"`width`: expected a multiple of 8, got {self.width}")


def check_crops(degradation: str, scale: int, crop: int) -> None:
    """Raises a ValueError if no crops can be made so."""
    find_degradation(degradation)
    for name, value in (("scale", scale), ("crop", crop)):
        if value < 1:
            raise ValueError(f"`{name}`: expected a number above 0, got {value}")


class NoisyPairs:
    """Pairs of crops, each with noise for its latent and a time, that depend on nothing but its seed.

    Arguments:
        pairs: The crops.
        base: The diffusion, which knows the shape of latents and the times.

    Raises:
        ValueError: The latents of crops of this size cannot be halved as often as the U-Net does it.
    """

    def __init__(self, pairs: Items[Pair], base: StableDiffusion) -> None:
        self.pairs = pairs
        self.channels = int(base.autoencoder.config.latent_channels)
        self.factor, self.times = factor(base.autoencoder), base.schedule.times
        unit = self.factor * 2 ** (len(base.unet.down_blocks) - 1)
        side = pairs.read(0, 0)[1].shape[-1]
        if side % unit:
            raise ValueError(f"`crop`: a large crop has {side} pixels, and this model needs a multiple of {unit}")

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, seed: int) -> Noisy:
        """A pair with its noise and its time."""
        small, large = self.pairs.read(index, seed)
        generator = torch.Generator().manual_seed(seed ^ 1)  # another one than that of the pair
        time = torch.randint(self.times, (), generator=generator)
        height, width = (side // self.factor for side in large.shape[1:])
        return small, large, torch.randn(self.channels, height, width, generator=generator), time


class Guidance(Task[Conditioning, Noisy]):
    r"""Lowers the mean squared error of what the guided diffusion predicts (StableSR, equation 2), by Adam.

    .. math:: \operatorname{mean} \; |\varepsilon - \varepsilon_\theta(z_t, t, F(z_{LR}, t))|^2

    for a diffusion of noise, and likewise for one of velocities. Only the conditioning learns: the weights of the
    diffusion are in no checkpoint. Its activations are computed again in the backward pass.

    Arguments:
        model: What guides it.
        base: The diffusion.
        pairs: The crops that it is trained on.
        config: The settings.
        test_pairs: The crops that it is tested on, at the same times with the same noise in each test.
    """

    measures = ("denoising_error",)

    def __init__(
        self,
        model: Conditioning,
        base: StableDiffusion,
        pairs: Items[Pair],
        config: EngineConfig,
        test_pairs: Items[Pair],
    ) -> None:
        super().__init__(model, config)
        self.base = base
        self.pairs, self.test_pairs = NoisyPairs(pairs, base), NoisyPairs(test_pairs, base)
        base.unet.enable_gradient_checkpointing(checkpoint)

    @property
    def description(self) -> Mapping[str, Any]:
        """The digest of the diffusion."""
        return {"base": self.base.digest}

    def objectives(self) -> Sequence[Objective[Noisy]]:
        """The mean squared error."""
        self.base = self.base.to(next(self.model.parameters()).device)
        adam = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)
        return [Objective("denoising_error", self.model, adam, lambda model, batch: self._errors(model, batch).mean())]

    def training_batches(self, place: Place) -> TrainingItems[Noisy]:
        return TrainingItems(self.pairs, self.config, place)

    def test_batches(self, place: Place) -> Iterable[Noisy]:
        return items_for_test(self.test_pairs, self.config, place)

    def measure(self, model: Conditioning, batch: Noisy) -> Mapping[str, Tensor]:
        return {"denoising_error": self._errors(model, batch)}

    def _errors(self, model: nn.Module, batch: Noisy) -> Tensor:
        small, large, noise, times = batch
        with torch.no_grad():
            low, latent = (encoded(self.base.autoencoder, pictures) for pictures in (enlarged(small, large), large))
        schedule = self.base.schedule
        predicted = self.base.predict(schedule.noised(latent, noise, times), times, model(low, times))
        return (predicted - schedule.target(latent, noise, times)).square().mean((1, 2, 3))


def crops(pictures: Pictures, degradation: str, scale: int, crop: int) -> Items[Pair]:
    """Crops of pictures, beside small ones that are made by a degradation."""
    pairs = CropPairs(WholePairs.of(pictures, scale), crop)
    return find_degradation(degradation).pairs(pairs, scale)


def load_base(settings: GuidanceSettings) -> StableDiffusion:
    """The diffusion of a training, with its autoencoder.

    Raises:
        CommandError: The folder of the diffusion is missing; exit code 3.
        ValueError: It is damaged, or the run of the autoencoder is none.
    """
    base = load_stable_diffusion(find_folder(settings.base))
    return (
        base if settings.autoencoder is None else base.with_autoencoder(autoencoder_of_run(Path(settings.autoencoder)))
    )


def autoencoder_of_run(folder: Path) -> nn.Module:
    """The trained autoencoder of a run.

    Raises:
        ValueError: The run is of something else.
    """
    from nflows_sr.training.runs import load_model, read_run  # which knows this recipe

    model = load_model(folder, read_run(folder))
    if not isinstance(model, Adversaries):
        raise ValueError(f"`autoencoder`: {folder} is no run of an autoencoder")  # noqa: TRY004 - a folder, no caller
    autoencoder: nn.Module = model.reconstructor.autoencoder
    return autoencoder


def build_conditioning(settings: GuidanceSettings) -> Conditioning:
    """The untrained conditioning."""
    return Conditioning(unet_of_shape(find_folder(settings.base)), settings.width)


def guidance(model: Conditioning, settings: GuidanceSettings, data: TrainingData, config: EngineConfig) -> Guidance:
    """The training of some settings."""
    train, test = (crops(part, settings.degradation, settings.scale, settings.crop) for part in (data.train, data.test))
    return Guidance(model, load_base(settings), train, config, test)


GUIDANCE = Recipe(
    "what guides a Stable Diffusion to enlarge, as StableSR", GuidanceSettings, build_conditioning, guidance, ENGINE
)
