r"""What an edit does to an attribute that can be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nflows_core.distributions.dequantization import quantize
from nflows_core.latents.attributes import Measure
from nflows_core.runtime.intervals import normal, wilson


@dataclass(frozen=True, eq=False)
class EditResponse:
    """An attribute measured on edited images.

    Arguments:
        amounts: The amounts of the edits, in standard deviations of the attribute.
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
        errors = self.values.std(0) / math.sqrt(len(self.values))
        return [normal(mean, float(error)) for mean, error in zip(self.means, errors, strict=True)]

    @property
    def increasing(self) -> float:
        """The fraction of images whose attribute is larger at each amount than at the next smaller one."""
        ordered = self.values[:, torch.tensor(self.amounts).argsort()]
        return (ordered.diff(dim=1) > 0).all(1).double().mean().item()

    @property
    def increasing_interval(self) -> tuple[float, float]:
        """The 95 % interval of that fraction (Wilson 1927)."""
        return wilson(self.increasing * len(self.values), len(self.values))


def edit_response(edited: Tensor, amounts: Sequence[float], measure: Measure, quantization: int = 256) -> EditResponse:
    """Measures an attribute on what files of the edited images would hold.

    Arguments:
        edited: The edited images that `edit` returned, :math:`(B, A, C, H, W)`.
        amounts: The amounts of the edits, in standard deviations of the attribute.
        measure: The measure of the attribute: one of `MEASURES`, or your own.
        quantization: The number of values that a pixel can take.
    """
    pixels = quantize(edited.flatten(0, 1), quantization).double() / (quantization - 1)
    return EditResponse(tuple(amounts), measure(pixels).reshape(edited.shape[:2]))
