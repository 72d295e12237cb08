r"""What makes crops of a class: a GAN or a flow, by the same three steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nflows_agri.generation import biggan
from nflows_core.distributions.dequantization import to_8_bits
from nflows_core.distributions.generator import check_seed, seeded_generator
from nflows_core.flow import Flow
from nflows_core.latents.vectors import decode_vectors
from nflows_core.training.processes import processes

_BATCH = 32
"""So many crops are made at once."""


class CropGenerator(ABC):
    r"""Makes crops of a class: a latent is drawn, the class becomes an embedding, and both are decoded to pixels.

    Arguments:
        network: The trained network, in evaluation mode.
        classes: The names of the classes.
        side: The side of the crops, in pixels.
    """

    def __init__(self, network: Any, classes: Sequence[str], side: int) -> None:
        self.network = network.to(processes().device).eval()
        self.classes = tuple(classes)
        self.side = side

    @abstractmethod
    def latent(self, seed: int) -> Tensor:
        """A latent, :math:`(D,)` on the CPU; the same from the same seed on every machine."""

    @abstractmethod
    def embedding(self, labels: Tensor) -> Tensor:
        """The embedding of each class, :math:`(B, E)`, on the device of the network."""

    @abstractmethod
    def decode(self, latents: Tensor, embedding: Tensor) -> Tensor:
        """The crops of latents :math:`(B, D)` and embeddings :math:`(B, E)`, uint8 :math:`(B, 3, S, S)`."""

    @torch.no_grad()
    def sample(self, labels: Tensor, seed: int) -> Tensor:
        """Crops of classes, uint8 :math:`(B, 3, S, S)` on the CPU.

        Each has a seed of its own: the crop at place i is the one that ``seed + i`` would begin with.

        Arguments:
            labels: The classes, int64 :math:`(B,)`.
            seed: The seed of the first crop.
        """
        check_seed(seed + len(labels))
        made = torch.empty(len(labels), 3, self.side, self.side, dtype=torch.uint8)
        for start in range(0, len(labels), _BATCH):
            own = labels[start : start + _BATCH]
            latents = self.latents(range(seed + start, seed + start + len(own)))
            made[start : start + _BATCH] = self.decode(latents, self.embedding(own)).cpu()
        return made

    def latents(self, seeds: Sequence[int]) -> Tensor:
        """The latents of seeds, :math:`(B, D)`, on the device of the network."""
        return torch.stack([self.latent(seed) for seed in seeds]).to(processes().device)


class GanGenerator(CropGenerator):
    r"""Crops by BigGAN's generator.

    Arguments:
        network: The generator.
        classes: The names of the classes.
        truncation: The bound of each entry of a latent, beyond which normal numbers are drawn again (Brock et al. 2019,
            section 3.1): lower ones give likelier and less varied crops. None draws all.

    Raises:
        ValueError: ``truncation`` is not above 0.
    """

    def __init__(self, network: biggan.Generator, classes: Sequence[str], truncation: float | None = None) -> None:
        super().__init__(network, classes, network.side)
        if truncation is not None and not truncation > 0:
            raise ValueError(f"`truncation`: expected a number above 0, got {truncation}")
        self.truncation = truncation

    def latent(self, seed: int) -> Tensor:
        latent, source = torch.empty(self.network.latent_features), seeded_generator(seed)
        if self.truncation is None:
            return latent.normal_(generator=source)
        return torch.nn.init.trunc_normal_(latent, a=-self.truncation, b=self.truncation, generator=source)

    def embedding(self, labels: Tensor) -> Tensor:
        embedding: Tensor = self.network.embedding(labels.to(processes().device))
        return embedding

    def decode(self, latents: Tensor, embedding: Tensor) -> Tensor:
        made: Tensor = self.network.decode(latents, embedding)
        return ((made + 1) * 127.5).round().to(torch.uint8)


class FlowGenerator(CropGenerator):
    r"""Crops by a flow that is conditioned on the class.

    Arguments:
        network: The flow.
        classes: The names of the classes.
        temperature: The standard deviation of the latents; lower ones give likelier and less varied crops.

    Raises:
        ValueError: ``temperature`` is below 0.
    """

    def __init__(self, network: Flow, classes: Sequence[str], temperature: float = 1.0) -> None:
        super().__init__(network, classes, network.shape[1])
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"`temperature`: expected a finite number, 0 or more, got {temperature}")
        self.temperature = temperature

    def latent(self, seed: int) -> Tensor:
        entries = 3 * self.side**2
        return self.temperature * torch.randn(entries, generator=seeded_generator(seed))

    def embedding(self, labels: Tensor) -> Tensor:
        return one_hot(labels.to(processes().device), len(self.classes)).to(self.network.dtype)

    def decode(self, latents: Tensor, embedding: Tensor) -> Tensor:
        return to_8_bits(decode_vectors(self.network, latents, embedding), self.network.quantization)
