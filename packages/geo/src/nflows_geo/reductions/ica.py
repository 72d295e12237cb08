r"""Independent components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.reductions.pca import LeadingPCA, with_signs
from nflows_geo.spectra import Sample

_MOST_STEPS = 1000


@dataclass(frozen=True)
class ICA:
    r"""The leading principal components, turned until each is as far from a Gaussian as can be.

    .. math:: z = y R, \qquad R^\top R = I, \qquad y = (x - \mu) V \Lambda^{-1/2}

    Each may be one material's for a person to look at. Clusters do not change: k-means and mixtures of Gaussians find
    in turned components what they find in those before.

    Arguments:
        leading: :math:`y`.
        rotation: :math:`R`, :math:`(D, D)`.

    Source: Hyvärinen, Fast and robust fixed-point algorithms for independent component analysis (1999).
    """

    leading: LeadingPCA
    rotation: NDArray[np.float32]

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Turns the components of a sample, from a random start.

        Raises:
            ValueError: A band is constant.
        """
        import warnings

        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        leading = LeadingPCA.fit(sample, seed)
        white = leading.transform(sample.spectra).astype(np.float64)
        analysis = FastICA(whiten=False, random_state=seed, max_iter=_MOST_STEPS, tol=1e-3)
        with warnings.catch_warnings():
            # Two Gaussian components have no best turn: any is as good, and the last one is taken.
            warnings.simplefilter("ignore", ConvergenceWarning)
            analysis.fit(white - white.mean(0))
        return cls(leading, with_signs(analysis.components_.T).astype(np.float32))

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`, to components, :math:`(N, D)`."""
        return np.asarray(self.leading.transform(spectra) @ self.rotation, np.float32)

    def describe(self) -> dict[str, Any]:
        """The components, for a report."""
        return {
            "components": self.rotation.shape[1],
            "loadings": (self.leading.directions @ self.rotation).T.tolist(),
            "of": self.leading.describe(),
        }
