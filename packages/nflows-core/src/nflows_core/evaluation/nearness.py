r"""How near samples are to real pictures, as FID and KID say it, by features that need no download."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nflows_core.classifiers import EfficientNetLite0
from nflows_core.evaluation.generated import frechet_distance, kernel_distance
from nflows_core.runtime.intervals import student

FEATURES = "EfficientNet-Lite0, ImageNet's weights, 1280 features of pictures scaled to 96 x 96"
"""What `PictureFeatures` are, for reports: distances by other features are other numbers."""
LEAST_PICTURES = 100
"""Of fewer, the parts that the standard error of a kernel distance is from would have less than ten each."""

_SIDE = 96
_BATCH = 100
_PARTS = 10


class PictureFeatures:
    """The last layer of EfficientNet-Lite0 (`FEATURES`), on the device of a flow.

    Not Inception's, which would have to be downloaded: the distances compare with each other, and not with published
    FIDs. Grey pictures are taken as colours of three equal channels; all are scaled bilinearly, without aliasing.

    Arguments:
        device: Where the features are computed.

    Raises:
        ModuleNotFoundError: The weights are not installed.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = EfficientNetLite0.pretrained().frozen().to(self.device)

    @torch.no_grad()
    def __call__(self, pixels: Tensor, quantization: int = 256) -> Tensor:
        """The features, :math:`(N, 1280)` on the CPU, of integers in [0, n), :math:`(N, C, H, W)`, C one or three.

        Raises:
            ValueError: The pictures have another number of channels.
        """
        if pixels.shape[1] not in (1, 3):
            raise ValueError(f"features are of pictures with one or three channels, these have {pixels.shape[1]}")
        parts = [self._features(part, quantization) for part in torch.split(pixels, _BATCH)]
        return torch.cat([torch.empty(0, EfficientNetLite0.width), *parts])

    def _features(self, pixels: Tensor, quantization: int) -> Tensor:
        x = pixels.to(self.device).float() / (quantization - 1)
        x = interpolate(x, (_SIDE, _SIDE), mode="bilinear", antialias=True).expand(-1, 3, -1, -1)
        features: Tensor = self.network((2 * x - 1).contiguous(memory_format=torch.channels_last))
        return features.cpu()


@dataclass(frozen=True)
class Nearness:
    """Two distances of samples from real pictures.

    Arguments:
        frechet: The Fréchet distance, or nothing where one side has too few pictures for a covariance.
        kernel: The kernel distance: the mean of those of ten parts, unbiased as they are.
        kernel_error: The standard error of that mean.
        kernel_interval: Its 95 % interval, by Student's t.
    """

    frechet: float | None
    kernel: float
    kernel_error: float
    kernel_interval: tuple[float, float]


def nearness(real: Tensor, made: Tensor, seed: int = 0) -> Nearness:
    r"""The Fréchet and the kernel distance of features, :math:`(N, D)` and :math:`(M, D)`.

    For the kernel distance both sides are shared out at random into ten parts: ten independent estimates (Bińkowski et
    al. 2018 draw their blocks with replacement, from which no standard error follows). The covariance of N vectors has
    a rank of N - 1 at most, so that a Fréchet distance of D features needs more than D of each, and is given for no
    fewer; from there on its bias still falls with the numbers, which have to be the same where two are compared.

    Arguments:
        real: The features of real pictures.
        made: Those of samples.
        seed: The seed of the parts.

    Raises:
        ValueError: There are fewer than `LEAST_PICTURES` of either, or they have other lengths.
    """
    fewest = min(len(real), len(made))
    if fewest < LEAST_PICTURES:
        raise ValueError(
            f"distances need {LEAST_PICTURES} pictures of each or more, got {len(real)} real ones and {len(made)} "
            "samples; give more"
        )
    generator = torch.Generator().manual_seed(seed)
    shuffled = (one[torch.randperm(len(one), generator=generator)] for one in (real, made))
    parts = zip(*(torch.tensor_split(one, _PARTS) for one in shuffled), strict=True)
    distances = [kernel_distance(first, second) for first, second in parts]
    mean, low, high = student(distances)
    error = torch.tensor(distances, dtype=torch.float64).std().item() / _PARTS**0.5
    frechet = frechet_distance(real, made) if fewest > real.shape[1] else None
    return Nearness(frechet, mean, error, (low, high))
