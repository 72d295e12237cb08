r"""The exact density of the spectra of a scene, by a normalizing flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.bijections import ActNorm, Bijection, Composition, Conv1x1, SplineActivation
from nflows_core.bijections.base import Shape
from nflows_core.bijections.coupling import ConditionalAffine, halves
from nflows_core.bijections.pointwise_network import PointwiseNetwork
from nflows_core.flow import Flow
from nflows_core.runtime.tensors import load_tensors, read_tensors, under_prefix, with_prefix, write_tensors
from nflows_core.training import EngineConfig, Trainer, VectorLikelihood
from nflows_geo.spectra.whitening import Whitening, check_spectra

STEPS = 6
WIDTH = 32
TRAINING = EngineConfig(
    epochs=40, batch_size=2048, learning_rate=1e-2, warmup_steps=100, clip_norm=10.0, ema_decay=0.99
)
"""At most 1,000 updates, of 25 an epoch, whatever the number of spectra."""
MOST_COMPONENTS = 16
"""Components that the flow bends: of many it learns the sample by heart, and what is planted among them is likely."""
_KIND = "spectral flow"
BATCH_SIZE = 8192
"""Spectra at once: few enough that what a layer computes stays in the cache for the next."""


class SpectralFlow:
    r"""The exact density of the spectra of a scene.

    .. math:: \log p(x) = \log N(r; 0, I) + \log N(f(z); 0, I) + \log |\det \partial f / \partial z| + \log |\det W|,
        \qquad (r, z) = (x - \mu) W

    Spectra are whitened by :math:`W` (see `Whitening`) and mapped to noise by a flow :math:`f` of steps of ActNorm, an
    invertible mixing of the bands and an affine coupling (Kingma & Dhariwal 2018, section 3, on images of one pixel); a
    single band, which has nothing to couple, by splines. So the density is in the unit of the spectra and integrates to
    one. It takes no number of units, and their spectra may spread along curves, as shade and mixing make them.

    Of up to 16 bands, :math:`z` is all there is. Of more it is the 16 components of largest variance, and the others,
    :math:`r`, are taken for Gaussian noise: so it still is a density of all bands, and what is odd in a small component
    counts.

    Of spectra in another unit, :math:`c` times as large, all log-densities are smaller by :math:`C \log c`.

    Arguments:
        whitening: The affine map.
        flow: As `spectral_flow` makes it.
    """

    def __init__(self, whitening: Whitening, flow: Flow) -> None:
        self.whitening = whitening
        self.flow = flow.eval()

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], seed: int = 0, training: EngineConfig = TRAINING) -> Self:
        """Maximizes the likelihood of a sample of spectra, some 50,000 of them; see `VectorLikelihood`.

        Arguments:
            spectra: Reflectances, :math:`(N, C)`.
            seed: Decides the first weights and the order of the spectra. The same seed on the same machine, with as
                many threads, gives the same weights.
            training: The other settings.

        Raises:
            ValueError: There are too few spectra, some are not finite, or they have no density; see `Whitening`.
            DivergedError: The training stopped being finite.
        """
        whitening = Whitening.fit(spectra)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            flow = spectral_flow(spectra.shape[1])
        _, bent = _split(whitening.apply(spectra))
        task = VectorLikelihood(flow, _as_images(bent), replace(training, seed=seed))
        return cls(whitening, Trainer(task).fit().cpu())

    @property
    def bands(self) -> int:
        """How many bands a spectrum has."""
        return len(self.whitening.mean)

    @torch.inference_mode()
    def log_prob(self, spectra: NDArray[np.float32], batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """The log-density in nats of spectra, :math:`(N, C)`, so many at once, each in their unit; :math:`(N,)`."""
        parts = [
            _log_normal(rest) + self.flow.log_prob(bent).numpy() for rest, bent in self._batches(spectra, batch_size)
        ]
        return np.asarray(np.concatenate(parts) + np.float32(self.whitening.log_det))

    @torch.inference_mode()
    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectra, :math:`(N, C)`, as latents of the same shape, which are standard normal under the model."""
        parts = [
            np.concatenate([rest, self.flow.encode(bent)[0].flatten(1).numpy()], axis=1)
            for rest, bent in self._batches(spectra, BATCH_SIZE)
        ]
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Writes a safetensors file, whole or not at all."""
        affine = {"mean": torch.from_numpy(self.whitening.mean), "matrix": torch.from_numpy(self.whitening.matrix)}
        write_tensors(path, affine | with_prefix("flow", self.flow.state_dict()), _KIND, bands=self.bands)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is cut short, or something else.
        """
        tensors, header = read_tensors(path, _KIND)
        flow = spectral_flow(header["bands"])
        load_tensors(flow, under_prefix("flow", tensors), path)
        return cls(Whitening(tensors["mean"].numpy(), tensors["matrix"].numpy()), flow)

    def _batches(self, spectra: NDArray[np.float32], batch_size: int) -> Iterator[tuple[NDArray[np.float32], Tensor]]:
        check_spectra(spectra, self.bands)
        for start in range(0, max(1, len(spectra)), batch_size):
            rest, bent = _split(self.whitening.apply(spectra[start : start + batch_size]))
            yield rest, _as_images(bent)


def spectral_flow(bands: int) -> Flow:
    """A flow for the components of whitened spectra that it bends, as images of one pixel; its weights are random."""
    shape = (min(bands, MOST_COMPONENTS), 1, 1)
    step = _spline_step if bands == 1 else _coupling_step
    return Flow([Composition([bijection for _ in range(STEPS) for bijection in step(shape)])])


def _coupling_step(shape: Shape) -> list[Bijection]:
    kept, changed = halves(shape)
    coupling = ConditionalAffine(shape, kept, PointwiseNetwork(kept, 2 * changed, WIDTH))
    return [ActNorm(shape), Conv1x1(shape), coupling]


def _spline_step(shape: Shape) -> list[Bijection]:
    return [ActNorm(shape), SplineActivation(shape, bins=16, tail=8.0)]


def _split(whitened: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The components that count as noise and those that the flow bends; `Whitening` has the largest variance last."""
    noise = max(0, whitened.shape[1] - MOST_COMPONENTS)
    return whitened[:, :noise], whitened[:, noise:]


def _log_normal(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(-0.5 * (np.square(latents).sum(1) + latents.shape[1] * np.float32(np.log(2 * np.pi))))


def _as_images(whitened: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(whitened, np.float32))[:, :, None, None]
