"""The recipes of stage 1: autoencoders of any size, with couplings or without, of a Gaussian latent or of codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast, get_args

from nflows_core.evaluation import VGG16, Perceptual, build_perceptual
from nflows_core.training import EngineConfig
from nflows_sr.autoencoders import Shape, Trained, build_autoencoder, choose_trained
from nflows_sr.autoencoders.pretrained import find_weight_file
from nflows_sr.data.crops import CropPairs, WholePairs
from nflows_sr.losses import PatchDiscriminator
from nflows_sr.training.autoencoder import Adversaries, LossWeights, StageOne
from nflows_sr.training.recipe import Recipe, TrainingData

ENGINE = {"batch_size": 8, "learning_rate": 4.5e-6 * 8, "ema_decay": 0.999}
"""Latent diffusion's learning rate, 4.5e-6 for each picture of an update."""

_WIDEST = 4  # times the first width, as Stable Diffusion's


@dataclass(frozen=True)
class AutoencoderSettings:
    """The settings of an autoencoder with a Gaussian latent, and of its training.

    Arguments:
        scale: How many times the sides of a picture grow.
        crop: The side of the small crops; that of the large ones, ``scale`` times as long, divides by 2 to the power of
            ``levels - 1``.
        width: Channels of the first level, doubled with each further one up to four times.
        levels: Levels, each half as large as the one before.
        layers: Blocks of a level.
        groups: Groups of each normalization.
        latent_channels: Channels of the latent.
        trained: Which weights learn: everything, or couplings.
        pretrained: The folder, in diffusers' layout, or the file of an autoencoder whose weights it begins with.
        perceptual: What judges how pictures look: vgg, efficientnet-lite0 or none.
        vgg: The file of VGG16's weights; else they are looked for, and downloaded.
        perceptual_weight: The weight of that judgement.
        latent_weight: The weight of what a latent costs.
        adversarial_weight: The weight of the discriminator's judgement.
        discriminator_start: Updates before the discriminator takes part.
        discriminator_width: Channels of the discriminator's first layer.
        discriminator_layers: Its layers of stride 2.

    Raises:
        ValueError: A setting is out of its range, or two do not fit together.
    """

    scale: int = 4
    crop: int = 32
    width: int = 128
    levels: int = 4
    layers: int = 2
    groups: int = 32
    latent_channels: int = 4
    trained: str = "everything"
    pretrained: str | None = None
    perceptual: str | None = "vgg"
    vgg: str | None = None
    perceptual_weight: float = 1.0
    latent_weight: float = 1e-6
    adversarial_weight: float = 0.5
    discriminator_start: int = 50_000
    discriminator_width: int = 64
    discriminator_layers: int = 3

    def __post_init__(self) -> None:
        self.loss_weights()
        for name in ("pretrained", "vgg"):  # a run is resumed from other folders than it was begun in
            if path := getattr(self, name):
                object.__setattr__(self, name, str(Path(path).absolute()))
        for name, least in (("scale", 1), ("crop", 1), ("levels", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"`{name}`: expected {least} or more, got {getattr(self, name)}")
        if self.trained not in get_args(Trained):
            raise ValueError(f"`trained`: expected one of {', '.join(get_args(Trained))}, got {self.trained!r}")
        if self.perceptual not in (*get_args(Perceptual), None):
            raise ValueError(
                f"`perceptual`: expected {', '.join(get_args(Perceptual))} or none, got {self.perceptual!r}"
            )
        factor = self.shape(coupled=False).factor
        if self.scale * self.crop % factor:
            raise ValueError(f"`crop`: large crops must divide by {factor}, got {self.scale} x {self.crop}")

    def shape(self, *, coupled: bool) -> Shape:
        """The sizes of the autoencoder."""
        widths = tuple(self.width * min(1 << level, _WIDEST) for level in range(self.levels))
        return Shape(coupled, widths, self.layers, self.groups, self.latent_channels, getattr(self, "codes", 0))

    def loss_weights(self) -> LossWeights:
        """How much each part of the objective counts."""
        return LossWeights(
            self.perceptual_weight, self.latent_weight, self.adversarial_weight, self.discriminator_start
        )


@dataclass(frozen=True)
class CodedSettings(AutoencoderSettings):
    """The settings of an autoencoder with a codebook, and of its training.

    Arguments:
        latent_weight: The weight of codebook and commitment loss.
        adversarial_weight: The weight of the discriminator's judgement, latent diffusion's for codes.
        codes: Entries of the codebook.
    """

    latent_weight: float = 1.0
    adversarial_weight: float = 0.75
    codes: int = 16384


def build(settings: AutoencoderSettings, *, coupled: bool) -> Adversaries:
    """The untrained autoencoder with its discriminator."""
    autoencoder = choose_trained(build_autoencoder(settings.shape(coupled=coupled)), cast(Trained, settings.trained))
    return Adversaries(autoencoder, PatchDiscriminator(settings.discriminator_width, settings.discriminator_layers))


def stage_one(model: Adversaries, settings: AutoencoderSettings, data: TrainingData, config: EngineConfig) -> StageOne:
    """Lowers latent diffusion's objective on crops, and tests it on as many crops of the held-out pictures as fit."""
    train, test = (CropPairs(WholePairs.of(part, settings.scale), settings.crop) for part in (data.train, data.test))
    vgg = Path(settings.vgg) if settings.vgg else VGG16
    judge = build_perceptual(cast(Perceptual, settings.perceptual), vgg) if settings.perceptual else None
    pretrained = find_weight_file(Path(settings.pretrained)) if settings.pretrained else None
    return StageOne(
        model, train, config, test, weights=settings.loss_weights(), perceptual=judge, pretrained=pretrained
    )


def _recipe(summary: str, settings: type[AutoencoderSettings], *, coupled: bool) -> Recipe[AutoencoderSettings]:
    return Recipe(summary, settings, partial(build, coupled=coupled), stage_one, ENGINE)


AFFINE_AE = _recipe("an autoencoder of couplings", AutoencoderSettings, coupled=True)
AE_KL = _recipe("Stable Diffusion's autoencoder", AutoencoderSettings, coupled=False)
AFFINE_VQGAN = _recipe("an autoencoder of couplings with a codebook", CodedSettings, coupled=True)
VQGAN = _recipe("an autoencoder with a codebook", CodedSettings, coupled=False)
