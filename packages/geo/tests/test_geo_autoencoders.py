from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nflows_geo.reductions.autoencoder import Autoencoder
from nflows_geo.reductions.stacked import NOTEBOOK, PAPER, StackedAutoencoder
from nflows_geo.reductions.training import Activation, Encoder, train_autoencoder
from nflows_geo.spectra import Sample


def make_sample(bands: int = 6, n: int = 1500) -> Sample:
    """Spectra of one degree of freedom and a little noise."""
    rng = np.random.default_rng(0)
    spectra = np.outer(rng.random(n), np.linspace(0.5, 1.5, bands)) + rng.normal(0, 0.01, (n, bands))
    return Sample(*3 * (spectra.astype(np.float32),))


@pytest.mark.parametrize("activation", ["relu", "selu"])
def test_layers_are_those_of_torch(activation: Activation) -> None:
    generator = torch.Generator().manual_seed(0)
    x, matrix, bias = (torch.randn(*shape, generator=generator) for shape in [(50, 4), (4, 3), (3,)])
    expected = {"relu": torch.relu, "selu": torch.selu}[activation](x @ matrix + bias)
    encoder = Encoder(((matrix.numpy(), bias.numpy()),), activation)
    np.testing.assert_allclose(encoder(x.numpy()), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_training_leaves_less_error_than_the_mean_does() -> None:
    sample = make_sample()
    reduction = Autoencoder.fit(sample, 0)
    variance = reduction.scaling.transform(sample.spectra).var(0).mean()
    assert reduction.error < 0.5 * variance
    assert reduction.transform(sample.spectra).shape[1] == 3


@pytest.mark.parametrize(("bands", "widths"), [(6, (4, 2)), (9, (6, 3)), (10, (7, 3))])
def test_the_layers_of_the_paper(bands: int, widths: tuple[int, int]) -> None:
    reduction = StackedAutoencoder.fit(make_sample(bands, 200), 0, PAPER)
    shapes = [[matrix.shape for matrix, _ in encoder.weights] for encoder in reduction.encoders]
    assert shapes == [[(bands, widths[0])], [widths]]


def test_the_layers_of_the_notebook() -> None:
    reduction = StackedAutoencoder.fit(make_sample(n=200), 0, NOTEBOOK)
    shapes = [[matrix.shape for matrix, _ in encoder.weights] for encoder in reduction.encoders]
    assert shapes == [[(6, 4), (4, 2)], [(8, 4), (4, 2)]]


@pytest.mark.parametrize("seed", range(8))
def test_no_unit_of_a_code_is_dead(seed: int) -> None:
    inputs = make_sample(n=300).spectra
    encoder, _ = train_autoencoder(inputs, [4, 2], seed, bounded=False, batch_size=100)
    assert (encoder(inputs).std(0) > 0).all()


def test_another_seed_gives_another_code() -> None:
    sample = make_sample(n=200)
    first, other = (StackedAutoencoder.fit(sample, seed, NOTEBOOK).transform(sample.spectra) for seed in (0, 1))
    assert not np.allclose(first, other)


def test_training_leaves_the_generator_of_others_alone() -> None:
    before = torch.random.get_rng_state()
    Autoencoder.fit(make_sample(n=200), 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_inputs_that_are_absurd_stop_it() -> None:
    inputs: NDArray[np.float32] = np.float32(1e30) * make_sample(3, 100).spectra
    with pytest.raises(FloatingPointError, match="not finite"):
        train_autoencoder(inputs, [2], 0, bounded=False)
