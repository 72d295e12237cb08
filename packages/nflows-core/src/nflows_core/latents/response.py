r"""What an edit does to an attribute that can be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nflows_core.distributions.dequantization import quantize
from nflows_core.latents.attributes import Measure

_NORMAL_95 = 1.959964


@dataclass(frozen=True, eq=False)
class EditResponse:
    """An attribute measured on edited images.

    Arguments:
        amounts: Of the edits, in standard deviations of the attribute.
        values: The attribute of each image at each amount, :math:`(B, A)`.
    """

    amounts: tuple[float, ...]
    values: Tensor

    @property
    def means(self) -> list[float]:
        """The mean at each amount."""
        return [float(mean) for mean in self.values.mean(0)]

    @property
    def intervals(self) -> list[tuple[float, float]]:
        """The 95 % interval of each mean, by the normal approximation; of two images or more."""
        margins = _NORMAL_95 * self.values.std(0) / math.sqrt(len(self.values))
        return [(mean - float(margin), mean + float(margin)) for mean, margin in zip(self.means, margins, strict=True)]

    @property
    def increasing(self) -> float:
        """The fraction of images whose attribute is larger at each amount than at the next smaller one."""
        ordered = self.values[:, torch.tensor(self.amounts).argsort()]
        return (ordered.diff(dim=1) > 0).all(1).double().mean().item()

    @property
    def increasing_interval(self) -> tuple[float, float]:
        r"""The 95 % interval of that fraction :math:`p` (Wilson 1927).

        .. math:: \frac{p + c^2 / 2n \pm c \sqrt{p (1 - p) / n + c^2 / 4 n^2}}{1 + c^2 / n}, \qquad c = 1.96
        """
        p, ratio = self.increasing, _NORMAL_95**2 / len(self.values)
        margin = math.sqrt(ratio * p * (1 - p) + ratio**2 / 4)
        return (p + ratio / 2 - margin) / (1 + ratio), (p + ratio / 2 + margin) / (1 + ratio)


def edit_response(edited: Tensor, amounts: Sequence[float], measure: Measure, quantization: int = 256) -> EditResponse:
    """Measures an attribute on what files of the edited images would hold.

    Arguments:
        edited: As `edit` returns it, :math:`(B, A, C, H, W)`.
        amounts: Of the edits.
        measure: One of `MEASURES`, or your own.
        quantization: How many values a pixel can take.
    """
    pixels = quantize(edited.flatten(0, 1), quantization).double() / (quantization - 1)
    return EditResponse(tuple(amounts), measure(pixels).reshape(edited.shape[:2]))
