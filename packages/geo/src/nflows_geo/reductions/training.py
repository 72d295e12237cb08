r"""Autoencoders of spectra: trained with torch, used with NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nflows_core.training import Autoencoder, EngineConfig, Reconstruction, Trainer
from nflows_geo.tiling import one_thread

Activation = Literal["relu", "selu"]
EPOCHS = 10
_TRAINING = EngineConfig(epochs=EPOCHS, learning_rate=1e-3, schedule="constant", clip_norm=1e9, ema_decay=0.0)
"""The settings of Keras, with which the thesis trained."""
_ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "selu": nn.SELU}
# Klambauer et al. 2017, equation 14.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@dataclass(frozen=True)
class Encoder:
    r"""Layers :math:`h \mapsto \phi(h W + b)`, one after the other.

    Arguments:
        weights: :math:`W` and :math:`b` of each.
        activation: :math:`\phi`.
    """

    weights: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    activation: Activation

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The codes, :math:`(N, D)`, of inputs, :math:`(N, C)`."""
        codes = inputs
        for matrix, bias in self.weights:
            codes = _activate(codes @ matrix + bias, self.activation)
        return codes


def train_autoencoder(
    inputs: NDArray[np.float32],
    hidden: Sequence[int],
    seed: int,
    *,
    activation: Activation = "relu",
    bounded: bool = True,
    batch_size: int = 32,
    activity_penalty: float = 0.0,
) -> tuple[Encoder, float]:
    """Trains an autoencoder, which mirrors its encoder, with Adam on the mean squared error for ten epochs.

    Arguments:
        inputs: The vectors, :math:`(N, C)`.
        hidden: Widths of the encoder's layers; the last is that of the code.
        seed: Decides the first weights and the order of the inputs.
        activation: The activation of every layer but the output.
        bounded: Whether the inputs are in the unit interval, and the output is a sigmoid.
        batch_size: Inputs of an update.
        activity_penalty: The weight of the mean absolute code in the loss.

    Returns:
        The encoder, and the mean squared error of the inputs.

    Raises:
        DivergedError: The loss stopped being finite.
    """
    widths = [inputs.shape[1], *hidden]
    # Whoever limits the threads before torch is loaded, as `learn` may, does not limit torch's.
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = _layers(widths, activation)
        decoder = _layers(widths[::-1], activation)
        decoder[-1] = nn.Sigmoid() if bounded else nn.Identity()
        x = torch.from_numpy(inputs)
        _initialize_biases(encoder, decoder, x, bounded)
        config = replace(_TRAINING, batch_size=batch_size, seed=seed)
        task = Reconstruction(Autoencoder(encoder, decoder), x, config, activity_penalty)
        trained = Trainer(task).fit().cpu()
        with torch.no_grad():
            error = float((trained(x)[1] - x).square().mean())
    linear = [layer for layer in trained.encoder.modules() if isinstance(layer, nn.Linear)]
    weights = tuple((_array(layer.weight.T), _array(layer.bias)) for layer in linear)
    return Encoder(weights, activation), error


def _layers(widths: Sequence[int], activation: Activation) -> nn.Sequential:
    """Linear layers with Glorot's weights and no bias, each with its activation."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


@torch.no_grad()
def _initialize_biases(encoder: nn.Sequential, decoder: nn.Sequential, x: torch.Tensor, bounded: bool) -> None:
    """Moves the encoder's activations' inputs to a mean of one standard deviation, and the output to that of x.

    Spectra are all positive, so a unit may be negative for each of them and never learn, or be driven there while the
    output is far off; and a code of such units is constant. Source: Salimans and Kingma, Weight normalization (2016),
    section 3, for setting biases by the data.
    """
    hidden = x
    for layer in encoder:
        if isinstance(layer, nn.Linear):
            std, mean = torch.std_mean(layer(hidden), 0)
            layer.bias.add_(std - mean)
        hidden = layer(hidden)
    target = x.mean(0)
    output = [layer for layer in decoder if isinstance(layer, nn.Linear)][-1]
    output.bias.add_((target.logit() if bounded else target) - decoder[:-1](hidden).mean(0))


def _activate(x: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    if activation == "relu":
        return np.maximum(x, np.float32(0))
    negative = _SELU_ALPHA * np.expm1(np.minimum(x, np.float32(0)))
    return np.asarray(_SELU_SCALE * np.where(x > 0, x, negative), np.float32)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().numpy())
