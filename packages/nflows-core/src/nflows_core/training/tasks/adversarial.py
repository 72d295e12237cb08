r"""A generator of pictures of given classes, and the discriminator that it is trained against."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import reduce
from torch import Tensor, nn

from nflows_core.data.images import DataError, Images
from nflows_core.training.adversarial_losses import hinge_loss, lecam_penalty, orthogonal_penalty, r1_penalty
from nflows_core.training.batch_statistics import gather_statistics, latents_of
from nflows_core.training.batches.balanced import BalancedImages, batch_of
from nflows_core.training.batches.labelled import Labelled
from nflows_core.training.config import EngineConfig
from nflows_core.training.diff_augment import DRAWS, check_policies, diff_augment
from nflows_core.training.task import Objective, Place, Task

_BETAS = (0.0, 0.999)  # of Adam, as in Brock et al. 2019
_LECAM_DECAY = 0.99
_DIVERGED = 1e4
"""The loss above which a run is given up; logits of a discriminator that is of any use are some tens."""
_COMPARED = 32
"""So many pictures of a class, made and real, are compared in a test."""


@dataclass(frozen=True)
class AdversarialSettings:
    r"""What keeps adversaries in bounds where there are few pictures.

    Arguments:
        augmentation: What is done to real and made pictures alike before the discriminator sees them; see `Policy`.
        lecam: The weight of `lecam_penalty` in the discriminator's loss.
        r1: The weight of `r1_penalty` in it.
        orthogonal: The weight of `orthogonal_penalty` in the generator's loss.

    Raises:
        ValueError: There is no such policy, or a weight is below 0.
    """

    augmentation: tuple[str, ...] = ("mirror", "translation", "cutout")
    lecam: float = 0.1
    r1: float = 0.0
    orthogonal: float = 0.0

    def __post_init__(self) -> None:
        check_policies(self.augmentation)
        for name in ("lecam", "r1", "orthogonal"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"`{name}`: expected a finite number, 0 or more, got {getattr(self, name)}")


class AdversarialPair(nn.Module):
    r"""A generator and a discriminator, and the averages of the logits that `lecam_penalty` compares with.

    Arguments:
        generator: Maps latents :math:`(B, D)` and classes :math:`(B,)` to pictures in [-1, 1]; its ``latent_features``
            is :math:`D`.
        discriminator: Maps pictures and their classes to logits, :math:`(B,)`.
    """

    real_mean: Tensor
    made_mean: Tensor

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator: Any = generator
        self.discriminator: Any = discriminator
        self.register_buffer("real_mean", torch.zeros(()))
        self.register_buffer("made_mean", torch.zeros(()))


class AdversarialTask(Task[AdversarialPair, Labelled]):
    r"""Trains a generator by the hinge loss, each class as often as the others (Brock et al. 2019).

    The discriminator lowers `hinge_loss` with its penalties, of real and made pictures that `diff_augment` has changed
    alike; the generator lowers :math:`-\overline{D(T(G(z, y)), y)}`.

    Tested is ``diversity``: the mean distance of the pixels of pictures that are made of one class, divided by that of
    as many real ones, the mean of the classes. It is 1 where they differ as much, and falls to 0 when all become one
    picture.

    Arguments:
        model: What is trained.
        images: The real pictures, 8-bit, with labels.
        config: The settings of the engine; ``batch_size`` is a multiple of the number of classes.
        settings: What keeps the adversaries in bounds.

    Raises:
        DataError: There are no labels, or a class has fewer than 2 pictures.
    """

    measures = ("diversity",)

    def __init__(
        self,
        model: AdversarialPair,
        images: Images,
        config: EngineConfig,
        settings: AdversarialSettings = AdversarialSettings(),
    ) -> None:
        super().__init__(model.to(memory_format=torch.channels_last), config)
        self.labels = _checked_labels(images)
        self.images = images
        self.settings = settings

    def objectives(self) -> Sequence[Objective[Labelled]]:
        """The discriminator's, and then the generator's against what that has become."""
        discriminator, generator = self.model.discriminator, self.model.generator
        return [
            Objective("discriminator", discriminator, self._adam(discriminator), self._discriminator_loss, _DIVERGED),
            Objective("generator", generator, self._adam(generator), self._generator_loss, _DIVERGED),
        ]

    def training_batches(self, place: Place) -> BalancedImages:
        return BalancedImages(self.images, self.labels, self.config, place)

    def test_batches(self, place: Place) -> Iterable[Labelled]:
        numbers = range(place.process, len(self.images.classes), place.processes)
        chosen = [_spread((self.labels == number).nonzero()[:, 0]) for number in numbers]
        return [batch_of(self.images, self.labels, torch.cat(chosen), place.device)] if chosen else []

    def measure(self, model: AdversarialPair, batch: Labelled) -> Mapping[str, Tensor]:
        generator = copy.deepcopy(model.generator)  # what the engine averages must not change in a test
        gather_statistics(generator, len(self.images.classes), self.config.batch_size, self.config.seed)
        latents = latents_of(len(batch.x), generator.latent_features, self.config.seed).to(batch.x)
        parts = (torch.split(tensor, self.config.batch_size) for tensor in (latents, batch.labels))
        made = torch.cat([generator(*part) for part in zip(*parts, strict=True)])
        diversity = torch.empty(len(made), device=made.device)
        for number in torch.unique(batch.labels):
            own = batch.labels == number
            diversity[own] = _mean_distances(made[own]) / _mean_distances(batch.x[own]).mean()
        return {"diversity": diversity}

    def _adam(self, module: nn.Module) -> torch.optim.Adam:
        return torch.optim.Adam(module.parameters(), self.config.learning_rate, betas=_BETAS)

    def _discriminator_loss(self, discriminator: nn.Module, batch: Labelled) -> Tensor:
        with torch.no_grad():
            made = self._made(self.model.generator, batch)
        x = batch.x.detach().requires_grad_(self.settings.r1 > 0)
        draws = self._draws(x)
        seen = torch.cat([diff_augment(pictures, draws, self.settings.augmentation) for pictures in (x, made)])
        real, fake = discriminator(seen, batch.labels.repeat(2)).chunk(2)
        loss = hinge_loss(real, fake)
        if self.settings.r1:
            loss = loss + self.settings.r1 * r1_penalty(real, x)
        if self.settings.lecam:
            self._follow(real, fake)
            penalty = lecam_penalty(real, fake, self.model.real_mean, self.model.made_mean)
            loss = loss + self.settings.lecam * penalty
        return loss

    def _generator_loss(self, generator: nn.Module, batch: Labelled) -> Tensor:
        made = self._made(generator, batch)
        seen = diff_augment(made, self._draws(made), self.settings.augmentation)
        loss: Tensor = -self.model.discriminator(seen, batch.labels).mean()
        if self.settings.orthogonal:
            loss = loss + self.settings.orthogonal * orthogonal_penalty(_filters(generator))
        return loss

    def _made(self, generator: nn.Module, batch: Labelled) -> Tensor:
        latents = torch.randn(len(batch.x), self.model.generator.latent_features, device=batch.x.device)
        made: Tensor = generator(latents, batch.labels)
        return made

    def _draws(self, x: Tensor) -> Tensor:
        return torch.rand(len(x), DRAWS, device=x.device)

    @torch.no_grad()
    def _follow(self, real: Tensor, made: Tensor) -> None:
        """Takes the logits of all processes into their averages."""
        now = reduce(torch.stack([real.mean(), made.mean()]), "mean")
        for average, value in zip((self.model.real_mean, self.model.made_mean), now, strict=True):
            average.lerp_(value.to(average), 1 - _LECAM_DECAY)


def _spread(indices: Tensor) -> Tensor:
    """Some of the indices, evenly over all: pictures that follow each other are often of one kind."""
    places = torch.linspace(0, len(indices) - 1, min(_COMPARED, len(indices)))
    return indices[places.round().long()]


def _filters(network: nn.Module) -> list[Tensor]:
    """The weights of all layers; embeddings are no filters."""
    embeddings = (module for module in network.modules() if isinstance(module, nn.Embedding))
    left_out = {id(weight) for module in embeddings for weight in module.parameters()}
    return [weight for weight in network.parameters() if weight.ndim > 1 and id(weight) not in left_out]


def _mean_distances(x: Tensor) -> Tensor:
    r"""The mean distance of each picture's pixels from those of the others, :math:`(B,)`."""
    rows = x.flatten(1).float()
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").sum(1) / (len(x) - 1)


def _checked_labels(images: Images) -> Tensor:
    if images.labels is None or not images.classes:
        raise DataError("a generator of classes needs labelled pictures, and these have no labels")
    counts = images.labels.bincount(minlength=len(images.classes)).tolist()
    if few := [(name, n) for name, n in zip(images.classes, counts, strict=True) if n < 2]:
        name, n = few[0]
        raise DataError(
            f"the class {name} has {n} picture{'' if n == 1 else 's'} to learn from, and needs 2 or more; give more, "
            "or leave the class out"
        )
    return images.labels
