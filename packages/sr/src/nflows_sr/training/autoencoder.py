r"""Stage 1: an autoencoder that learns to enlarge, against a discriminator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nflows_core.evaluation import PerceptualDistance
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.weights import load_state
from nflows_core.training import (
    EngineConfig,
    Items,
    Objective,
    Place,
    Task,
    TrainingItems,
    hinge_loss,
    items_for_test,
)
from nflows_sr.autoencoders import Reconstructor, take_over
from nflows_sr.data.crops import Pair, enlarged
from nflows_sr.losses import PatchDiscriminator, adaptive_weight

_BETAS = (0.5, 0.9)  # of Adam, as in Esser et al. 2021


@dataclass(frozen=True)
class LossWeights:
    r"""How much each part of the objective of stage 1 counts.

    Arguments:
        perceptual: The weight of the perceptual distance.
        latent: The weight of what a latent costs: of a Gaussian one, its divergence summed over its entries.
        adversarial: The weight of the discriminator's part, after it was made as strong as the others.
        start: Updates before the discriminator takes part.

    Raises:
        ValueError: One is below 0.
    """

    perceptual: float = 1.0
    latent: float = 1e-6
    adversarial: float = 0.5
    start: int = 50_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise ValueError(f"`{name}`: expected a finite number, 0 or more, got {value}")


class Adversaries(nn.Module):
    """An autoencoder and a discriminator, with the weight that the latter's part had last.

    Arguments:
        autoencoder: As `build_autoencoder` makes it.
        discriminator: The discriminator.
    """

    def __init__(self, autoencoder: Any, discriminator: PatchDiscriminator) -> None:
        super().__init__()
        self.reconstructor = Reconstructor(autoencoder)
        self.discriminator = discriminator
        self.adversarial_weight: Tensor
        self.register_buffer("adversarial_weight", torch.zeros(()))


@dataclass(frozen=True)
class Batch:
    """What an update sees.

    Arguments:
        step: The number of the update, from 0.
        blurred: Small pictures, enlarged, in [-1, 1], :math:`(B, 3, H, W)`.
        sharp: What they were, likewise.
    """

    step: int
    blurred: Tensor
    sharp: Tensor


class StageOne(Task[Adversaries, Batch]):
    r"""Trains an autoencoder to make large pictures of small ones (Rombach et al. 2022, appendix G, with a target).

    A small picture, enlarged bicubically, goes in; :math:`\hat y` comes out, and y is what it should be. Lowered is

    .. math:: \underbrace{\overbrace{\overline{|\hat y - y|} + w_p \, d(\hat y, y)}^{rec}
        + w_z \operatorname{cost}(z)}_{total} - \lambda w_a \overline{D(\hat y)}

    with `adaptive_weight` :math:`\lambda`, and by the discriminator `hinge_loss`. Tested are, as in tables 4.3 and 4.4
    of the thesis, which does not define them:

    - ``rec``, of the mean of a Gaussian latent;
    - ``nll``, the same of a latent that is drawn, up to constants a negative log-likelihood under Laplace noise;
    - ``total``, that with the latent's cost;
    - ``ae``, all of it, with the discriminator's weight of the last update.

    Codes are not drawn: their ``rec`` is their ``nll``.

    Arguments:
        model: What is trained.
        pairs: The crops that it is trained on.
        config: The settings of the engine.
        test_pairs: The crops that it is tested on, all of one size.
        weights: How much each part of the objective counts.
        perceptual: The judge d of how different pictures look; without one, :math:`w_p` is 0.
        pretrained: The file of an autoencoder's weights with which the training begins, as far as this one has them.
    """

    measures = ("rec", "ae", "nll", "total")

    def __init__(
        self,
        model: Adversaries,
        pairs: Items[Pair],
        config: EngineConfig,
        test_pairs: Items[Pair],
        *,
        weights: LossWeights,
        perceptual: PerceptualDistance | None,
        pretrained: Path | None = None,
    ) -> None:
        super().__init__(model, config)
        self.pairs, self.test_pairs = pairs, test_pairs
        self.weights, self.perceptual, self.pretrained = weights, perceptual, pretrained

    def initialize(self, place: Place) -> None:
        if self.pretrained is not None:
            loaded = take_over(self.model.reconstructor.autoencoder, load_state(self.pretrained), self.pretrained)
            if place.process == 0:
                echo(f"{self.pretrained}: {loaded}", err=True)
        elif self.model.reconstructor.has_codes:
            self._spread_codes(replace(place, process=0))  # the same in every process

    def objectives(self) -> Sequence[Objective[Batch]]:
        """The autoencoder's and the discriminator's."""
        if self.perceptual is not None:  # it is no part of the model, whose checkpoints would hold it
            self.perceptual.to(self.model.adversarial_weight.device)
        ours, theirs = self.model.reconstructor, self.model.discriminator
        return [
            Objective("autoencoder_loss", ours, self._adam(ours), self._autoencoder_loss),
            Objective("discriminator_loss", theirs, self._adam(theirs), self._discriminator_loss),
        ]

    def training_batches(self, place: Place) -> _Numbered:
        return _Numbered(TrainingItems(self.pairs, self.config, place))

    def test_batches(self, place: Place) -> Iterable[Batch]:
        return (_batch(0, pair) for pair in items_for_test(self.test_pairs, self.config, place))

    def measure(self, model: Adversaries, batch: Batch) -> Mapping[str, Tensor]:
        made, cost = model.reconstructor(batch.blurred, mode=True)
        rec = nll = self._distance(made, batch.sharp)
        if not model.reconstructor.has_codes:
            made, cost = model.reconstructor(batch.blurred, torch.Generator().manual_seed(self.config.seed))
            nll = self._distance(made, batch.sharp)
        total = nll + self.weights.latent * cost
        fooled = model.discriminator(made).mean((1, 2, 3))
        return {"rec": rec, "ae": total - model.adversarial_weight * fooled, "nll": nll, "total": total}

    @torch.no_grad()
    def _spread_codes(self, place: Place) -> None:
        """Puts the codes where latents are: from codes near zero the latents drift away faster than codes follow."""
        codes = self.model.reconstructor.autoencoder.quantize.embedding.weight
        batch = next(iter(self.training_batches(place).training(0)))
        latents = self.model.reconstructor.autoencoder.encode(batch.blurred).latents
        noise = torch.randn(codes.shape, generator=torch.Generator().manual_seed(self.config.seed)).to(codes)
        codes.copy_(latents.mean((0, 2, 3)) + latents.std((0, 2, 3)) * noise)

    def _adam(self, module: nn.Module) -> torch.optim.Adam:
        learnable = [parameter for parameter in module.parameters() if parameter.requires_grad]
        return torch.optim.Adam(learnable, self.config.learning_rate, betas=_BETAS)

    def _autoencoder_loss(self, reconstructor: nn.Module, batch: Batch) -> Tensor:
        made, cost = reconstructor(batch.blurred)
        rec = self._distance(made, batch.sharp).mean()
        total: Tensor = rec + self.weights.latent * cost.mean()
        if batch.step < self.weights.start:
            return total
        adversarial: Tensor = -self.model.discriminator(made).mean()
        weight = adaptive_weight(rec, adversarial, self.model.reconstructor.last_layer)
        self.model.adversarial_weight.copy_(self.weights.adversarial * weight)
        return total + self.model.adversarial_weight * adversarial

    def _discriminator_loss(self, discriminator: nn.Module, batch: Batch) -> Tensor:
        if batch.step < self.weights.start:
            return 0 * discriminator(batch.sharp).mean()  # type: ignore[no-any-return]
        with torch.no_grad():
            made, _ = self.model.reconstructor(batch.blurred)
        return hinge_loss(discriminator(batch.sharp), discriminator(made))

    def _distance(self, made: Tensor, sharp: Tensor) -> Tensor:
        """``rec`` of each picture, :math:`(B,)`."""
        absolute: Tensor = (made - sharp).abs().mean((1, 2, 3))
        if self.perceptual is None:
            return absolute
        seen: Tensor = self.perceptual(made, sharp)
        return absolute + self.weights.perceptual * seen


class _Numbered:
    """Batches that know the number of their update, before and after which losses differ."""

    def __init__(self, items: TrainingItems[Pair]) -> None:
        self.items = items
        self.steps_per_epoch = items.steps_per_epoch
        self.sampling = items.sampling

    def training(self, step: int) -> Iterator[Batch]:
        return (_batch(step, pair) for pair in self.items.training(step))


def _batch(step: int, pair: Pair) -> Batch:
    small, large = pair
    return Batch(step, 2 * enlarged(small, large) - 1, 2 * large - 1)
