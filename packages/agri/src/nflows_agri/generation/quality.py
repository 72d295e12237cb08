r"""Made crops beside real ones of their class: how near, how varied, and what two halves of the real ones would say."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nflows_agri.generation.generators import CropGenerator
from nflows_core.classifiers import EfficientNetLite0
from nflows_core.data.images import Images
from nflows_core.evaluation import frechet_distance, kernel_distance, mean_distance, precision_recall, vendi_score
from nflows_core.training.processes import processes

Features = Callable[[Tensor], Tensor]
"""Maps crops in bytes, :math:`(N, 3, S, S)`, to features, :math:`(N, D)`."""

_MOST = 256
"""So many crops of a class are compared at most."""
_SIDE = 128
_BATCH = 32
_NEIGHBOURS = 3


def quality(real: Images, generator: CropGenerator, features: Features, seed: int = 0) -> list[dict[str, object]]:
    """A row for each class of four or more real crops: half of them beside as many made, and beside the other half.

    Columns that end in ``_real`` are of the two halves of the real crops: what a perfect generator would reach, with as
    few crops. ``pixels`` is the mean distance of two crops in levels of a pixel, ``vendi`` the score of the features.

    Arguments:
        real: The real crops, with labels.
        generator: What makes the others.
        features: What the crops are compared by.
        seed: The seed of the first made crop of each class, and of the halves.
    """
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    shuffled = real[order]
    rows = []
    for number, name in enumerate(real.classes):
        own = shuffled.pixels[shuffled.labels == number][: 2 * _MOST]
        n = len(own) // 2
        if n < 2:
            continue
        made = generator.sample(torch.full((n,), number), seed)
        rows.append({"class": name, "crops": n, **_compared([own[:n], own[n : 2 * n], made], features)})
    return rows


def pretrained_features() -> Features:
    """Features of EfficientNet-Lite0 with ImageNet's weights, of crops scaled to 128 x 128.

    Raises:
        ModuleNotFoundError: The weights are not installed.
    """
    device = processes().device
    network = EfficientNetLite0.pretrained().frozen().to(device)

    @torch.no_grad()
    def features(pixels: Tensor) -> Tensor:
        parts = []
        for part in torch.split(pixels, _BATCH):
            x = interpolate(part.to(device).float(), (_SIDE, _SIDE), mode="bilinear", antialias=True)
            parts.append(network(x / 127.5 - 1).cpu())
        return torch.cat(parts)

    return features


def _compared(crops: list[Tensor], features: Features) -> dict[str, float]:
    """Two parts of real crops and the made ones."""
    first, second, made = map(features, crops)
    neighbours = min(_NEIGHBOURS, len(first) - 1)
    row: dict[str, float] = {}
    for suffix, pixels, others in (("", crops[2], made), ("_real", crops[1], second)):
        precision, recall = precision_recall(first, others, neighbours)
        row |= {
            f"frechet{suffix}": frechet_distance(first, others),
            f"kernel{suffix}": kernel_distance(first, others),
            f"precision{suffix}": precision,
            f"recall{suffix}": recall,
            f"vendi{suffix}": vendi_score(others),
            f"pixels{suffix}": mean_distance(pixels.flatten(1)) / pixels[0].numel() ** 0.5,
        }
    return row
