r"""The batch statistics of a generator whose weights are averages."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

_PASSES = 16


@torch.no_grad()
def gather_statistics(generator: Any, classes: int, batch_size: int, seed: int) -> None:
    """Gives a generator the batch statistics of its own weights, all classes equally often.

    Averaged weights never made a batch: the statistics that were kept in the training are those of other weights. Brock
    et al. (2019, appendix C) gather them anew, as this does, from sixteen batches.

    Arguments:
        generator: As `AdversarialPair` has it, changed in place.
        classes: The number of classes.
        batch_size: The size of a batch, as in the training.
        seed: The seed of the latents.
    """
    device = next(generator.parameters()).device
    labels = torch.arange(batch_size, device=device) % classes
    latents = latents_of(_PASSES * batch_size, generator.latent_features, seed).to(device)
    update_bn(torch.split(latents, batch_size), _OfLabels(generator, labels).train(generator.training))


class _OfLabels(nn.Module):
    """A generator that makes the same classes of every batch of latents."""

    def __init__(self, generator: nn.Module, labels: Tensor) -> None:
        super().__init__()
        self.generator, self.labels = generator, labels

    def forward(self, latents: Tensor) -> Tensor:
        made: Tensor = self.generator(latents, self.labels)
        return made


def latents_of(n: int, features: int, seed: int) -> Tensor:
    """Standard normal latents of a seed, on the CPU."""
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed))
