r"""A classifier of pictures: features, dropout, and one linear layer, whatever network makes the features."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_PIXELS = 2**18  # of a batch: about what fits the cache of a CPU
_MEMORY = torch.channels_last  # twice as fast on a CPU, and no slower on a GPU


class Classifier(nn.Module):
    r"""The logits :math:`W\, \mathrm{dropout}(f(\hat x)) + b` of pictures, :math:`\hat x = (x - \mu) / \sigma`.

    Pictures have values in [0, 1] and, once it is trained, always the size that it was trained on.

    Arguments:
        body: The network f, from normalized pictures to features :math:`(B, F)`.
        width: The number F of features.
        classes: The number of classes.
        mean: The mean :math:`\mu` of each channel, or of all.
        std: The standard deviation :math:`\sigma` likewise.
        dropout: The part of the features that is dropped in training, and by `sampled_probabilities`.

    Raises:
        ValueError: There are fewer than two classes, or ``dropout`` is not in [0, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        width: int,
        classes: int,
        *,
        mean: Sequence[float] = (0.5,),
        std: Sequence[float] = (0.5,),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"`classes`: a classifier tells two or more apart, got {classes}")
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout`: expected a part in [0, 1), got {dropout}")
        self.body = body.to(memory_format=_MEMORY)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        # In the weights: those of a library are the only place that knows them.
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def features(self, x: Tensor) -> Tensor:
        """What is before the last layer, :math:`(B, F)`, of pictures in [0, 1], :math:`(B, C, H, W)`."""
        normalized = ((x - self.mean) / self.std).contiguous(memory_format=_MEMORY)
        features: Tensor = self.body(normalized)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """The logits :math:`(B, K)` of pictures in [0, 1]."""
        logits: Tensor = self.head(self.dropout(self.features(x)))
        return logits


def as_unit(pixels: Tensor) -> Tensor:
    """Pictures in bytes as floats in [0, 1]; floats stay as they are."""
    return pixels if pixels.is_floating_point() else pixels.float() / 255


@torch.no_grad()
def features_of(network: Classifier, pixels: Tensor, batch_size: int | None = None) -> Tensor:
    """The features of pictures, :math:`(N, F)` on the CPU; the network is in evaluation mode meanwhile.

    Arguments:
        network: The classifier.
        pixels: The pictures in bytes, or floats in [0, 1], :math:`(N, C, H, W)`.
        batch_size: How many are computed at a time; by default as many as suit their size.
    """
    return _batched(network, pixels, batch_size, features=True)


@torch.no_grad()
def probabilities_of(network: Classifier, pixels: Tensor, batch_size: int | None = None) -> Tensor:
    """The probabilities of the classes, :math:`(N, K)` on the CPU; arguments as those of `features_of`."""
    return _batched(network, pixels, batch_size, features=False).softmax(1)


@torch.no_grad()
def sampled_probabilities(network: Classifier, features: Tensor, draws: int, seed: int) -> Tensor:
    r"""The probabilities under so many networks drawn by dropout, :math:`(N, S, K)` (Gal & Ghahramani 2016).

    A draw :math:`s` is one network: it drops the same features of every picture, so that a joint entropy of several
    pictures may be computed from them, :math:`p(y_1, y_2) = \operatorname{mean}_s p_s(y_1) p_s(y_2)`.

    Arguments:
        network: The classifier.
        features: What `features_of` gives.
        draws: The number S of networks.
        seed: The seed of what is dropped.

    Raises:
        ValueError: The classifier has no dropout, so that all draws would be one.
    """
    kept = 1 - network.dropout.p
    if kept == 1:
        raise ValueError("`network`: without dropout all draws are the same; build the classifier with `dropout`")
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(draws, features.shape[1], generator=generator).lt(kept).float() / kept
    weight, bias = network.head.weight.cpu(), network.head.bias.cpu()
    drawn = features @ (masks[:, None] * weight).flatten(0, 1).T  # all draws at once: five times as fast
    return (drawn.reshape(len(features), draws, -1) + bias).softmax(2)


def _batched(network: Classifier, pixels: Tensor, batch_size: int | None, features: bool) -> Tensor:
    batch_size = batch_size or max(1, _PIXELS // max(1, math.prod(pixels.shape[2:])))
    was_training, device = network.training, network.head.weight.device
    network.eval()
    try:
        call = network.features if features else network
        parts = [call(as_unit(part.to(device))).cpu() for part in torch.split(pixels, batch_size)]
    finally:
        network.train(was_training)
    return torch.cat(parts)
