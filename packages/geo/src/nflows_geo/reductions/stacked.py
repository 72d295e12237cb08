r"""Stacked autoencoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.reductions.training import EPOCHS, Activation, Encoder, train_autoencoder
from nflows_geo.spectra import PercentileScaling, Sample

LEVELS = 2


@dataclass(frozen=True)
class Preset:
    """What the paper and its public notebook do differently.

    Arguments:
        name: The name of the preset.
        activation: The activation of the hidden layers.
        deep: Whether the autoencoder of each level has a hidden layer on both sides of its code, 6-4-2-4-6 for six
            bands, or is one layer: 6-4-6, then 4-2-4.
        concatenate: Whether a level is given the code of the one before together with its input.
        batch_size: Spectra of an update.
        activity_penalty: The weight of the mean absolute code in the loss.
    """

    name: str
    activation: Activation
    deep: bool
    concatenate: bool
    batch_size: int
    activity_penalty: float


PAPER = Preset("paper", "relu", deep=False, concatenate=False, batch_size=32, activity_penalty=0.0)
NOTEBOOK = Preset("notebook", "selu", deep=True, concatenate=True, batch_size=64, activity_penalty=1e-4)


@dataclass(frozen=True)
class StackedAutoencoder:
    """The code of autoencoders that were trained greedily, each on what the one before made of the spectra.

    For six bands the layers are 4 and 2 wide, and in proportion for others. The first level's output is a sigmoid, as
    its input is in the unit interval; later ones, whose input is not, are linear.

    Arguments:
        preset: One of `PAPER` and `NOTEBOOK`.
        scaling: The scaling of the bands.
        encoders: The encoder of each level.
        errors: The mean squared error of each level's own input.

    Source: Nagar, Farahbakhsh, Awange and Chandra, Adv. Space Res. 74 (2024), and its public notebook.
    """

    preset: Preset
    scaling: PercentileScaling
    encoders: tuple[Encoder, ...]
    errors: tuple[float, ...]

    @classmethod
    def fit(cls, sample: Sample, seed: int, preset: Preset) -> Self:
        """Trains the levels on a sample, one after the other."""
        scaling = PercentileScaling.fit(sample.spectra)
        inputs, encoders, errors = scaling.transform(sample.spectra), [], []
        for level in range(LEVELS):
            encoder, error = train_autoencoder(
                inputs,
                _hidden(sample.spectra.shape[1], level, preset),
                seed + level,
                activation=preset.activation,
                bounded=level == 0,
                batch_size=preset.batch_size,
                activity_penalty=preset.activity_penalty,
            )
            inputs = _next_inputs(encoder, inputs, preset)
            encoders.append(encoder)
            errors.append(error)
        return cls(preset, scaling, tuple(encoders), tuple(errors))

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`, to the last level's codes, :math:`(N, D)`."""
        inputs = self.scaling.transform(spectra)
        for encoder in self.encoders[:-1]:
            inputs = _next_inputs(encoder, inputs, self.preset)
        return self.encoders[-1](inputs)

    def describe(self) -> dict[str, Any]:
        """The scaling, the width of the code and the errors, for a report."""
        return {
            "preset": self.preset.name,
            "scaling": self.scaling.describe(),
            "components": len(self.encoders[-1].weights[-1][1]),
            "epochs": EPOCHS,
            "mean_squared_errors": list(self.errors),
        }


def _hidden(bands: int, level: int, preset: Preset) -> list[int]:
    wide, narrow = max(2, round(2 * bands / 3)), max(2, round(bands / 3))
    return [wide, narrow] if preset.deep else [(wide, narrow)[level]]


def _next_inputs(encoder: Encoder, inputs: NDArray[np.float32], preset: Preset) -> NDArray[np.float32]:
    code = encoder(inputs)
    return np.concatenate([code, inputs], axis=1) if preset.concatenate else code
