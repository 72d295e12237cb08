r"""The affine map after which a sample of spectra has zero mean and unit covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_LEAST_EIGENVALUE = 1e-10
"""The smallest eigenvalue of the correlation matrix: what is below is the rounding of a band that others determine."""


@dataclass(frozen=True)
class Whitening:
    r"""An affine map of spectra, :math:`z = (x - \mu) W`, with :math:`W W^\top = \Sigma^{-1}`.

    The bands of a scene are nearly proportional to each other, since all of them see the same illumination. Whitened,
    the small differences between them, where the minerals are, are as large as the brightness.

    Arguments:
        mean: :math:`\mu`, in the unit of the spectra, :math:`(C,)`.
        matrix: :math:`W`, in its inverse, :math:`(C, C)`.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    @classmethod
    def fit(cls, spectra: NDArray[np.float32]) -> Self:
        r"""The principal components of a sample, :math:`(N, C)`, each scaled to unit variance.

        Raises:
            ValueError: The sample is too small, not finite, or a band is constant or determined by others.
        """
        bands = _check_sample(spectra)
        x = spectra.astype(np.float64)
        mean, scale = x.mean(0), x.std(0)
        if constant := [str(band + 1) for band in np.flatnonzero(scale <= 1e-6 * np.abs(mean))]:
            raise ValueError(
                f"band {', '.join(constant)} is constant and has no density; leave it out: `exclude_bands`"
            )
        variances, directions = np.linalg.eigh(np.corrcoef(x, rowvar=False).reshape(bands, bands))
        if determined := _determined(x / scale, int((variances < _LEAST_EIGENVALUE).sum())):
            raise ValueError(
                f"band {', '.join(determined)} is determined by the others, so spectra have no density; leave it out"
            )
        components = directions / scale[:, None]
        matrix = components / np.sqrt(variances * len(x) / (len(x) - 1))
        return cls(mean.astype(np.float32), matrix.astype(np.float32))

    @property
    def log_det(self) -> float:
        r""":math:`\log |\det W|`, by which the log-density of the spectra exceeds that of what they are mapped to."""
        return float(np.linalg.slogdet(self.matrix.astype(np.float64))[1])

    def apply(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`."""
        whitened: NDArray[np.float32] = np.matmul(spectra - self.mean, self.matrix)
        return whitened


def _determined(scaled: NDArray[np.float64], count: int) -> list[str]:
    """So many bands, counted from 1, without which no others are linear combinations of the rest."""
    from scipy.linalg import qr

    if not count:
        return []
    pivots = qr(scaled - scaled.mean(0), mode="r", pivoting=True)[1]
    return [str(band + 1) for band in sorted(pivots[-count:])]


def check_spectra(spectra: NDArray[np.float32], bands: int) -> None:
    """Refuses what is no matrix of finite spectra with this many bands."""
    if spectra.ndim != 2 or spectra.shape[1] != bands:
        raise ValueError(f"expected spectra of shape (N, {bands}), got {spectra.shape}; give the bands of the fit")
    finite = np.isfinite(spectra).all(1)
    if not finite.all():
        raise ValueError(
            f"{np.count_nonzero(~finite)} of {len(spectra)} spectra are not finite; leave out the pixels without data"
        )


def _check_sample(spectra: NDArray[np.float32]) -> int:
    if spectra.ndim != 2:
        raise ValueError(f"expected spectra of shape (N, bands), got {spectra.shape}")
    bands: int = spectra.shape[1]
    check_spectra(spectra, bands)
    if len(spectra) < (least := 20 * bands):
        raise ValueError(f"{len(spectra)} spectra are too few for a density of {bands} bands; give at least {least}")
    return bands
