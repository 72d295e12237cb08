r"""How unusual a spectrum is in its scene: a first look for what is rare, such as altered rock.

Three detectors of one interface. None sees a pixel's neighbours, and none is told what to look for: scores are higher
where a spectrum is rarer, whatever the reason, be it a mineral, a roof or a cloud's edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.spectra import Whitening, check_spectra
from nflows_geo.tiling import one_thread

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

    from nflows_core.training import EngineConfig
    from nflows_geo.spectra.density import SpectralFlow


class Detector(Protocol):
    """What gives spectra a score.

    Its ``unit`` says what the score is.
    """

    unit: ClassVar[str]

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], seed: int = 0) -> Self:
        """Learns what is usual from a sample of reflectances, :math:`(N, C)`, the unusual among them.

        Raises:
            ValueError: There are too few spectra, some are not finite, or a band is constant or determined by others.
        """
        ...

    def score(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of spectra, :math:`(N, C)`, higher where they are more unusual; :math:`(N,)`."""
        ...


@dataclass(frozen=True)
class FlowDetector:
    r"""The score :math:`-\log p(x)` in nats, by the exact density of a `SpectralFlow`.

    Beside the others it is measured by `detection`; what came of it stands in the package's README and in
    ``benchmarks/results/anomaly-planted-sistan.json``.
    """

    unit: ClassVar[str] = "negative log-density, nats"
    density: SpectralFlow

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], seed: int = 0, training: EngineConfig | None = None) -> Self:
        """Trains the flow, with the settings of `SpectralFlow` if not with others."""
        from nflows_geo.spectra.density import TRAINING, SpectralFlow

        # Loaded by now: spectra are small matrices, and more threads cost more than they bring.
        with one_thread():
            return cls(SpectralFlow.fit(spectra, seed, training or TRAINING))

    def score(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        return -self.density.log_prob(spectra)


@dataclass(frozen=True)
class RxDetector:
    r"""The squared Mahalanobis distance to the mean of the scene (Reed & Yu 1990), the standard of the field.

    .. math:: (x - \mu)^\top \Sigma^{-1} (x - \mu)

    Up to constants it is :math:`-\log p` of a Gaussian. Where the scene is of several units, what lies between them is
    usual to it, since the mean lies there too.
    """

    unit: ClassVar[str] = "squared Mahalanobis distance"
    whitening: Whitening

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], seed: int = 0) -> Self:
        return cls(Whitening.fit(spectra))

    def score(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        check_spectra(spectra, len(self.whitening.mean))
        whitened = self.whitening.apply(spectra)
        return np.asarray(np.einsum("nc,nc->n", whitened, whitened))


@dataclass(frozen=True)
class IsolationForestDetector:
    """How few random cuts isolate a spectrum (Liu et al. 2008, section 3), scikit-learn's, on whitened spectra.

    A cut is across one band, and the bands of a scene are nearly proportional: without whitening it hardly sees what
    differs between them.
    """

    unit: ClassVar[str] = "isolation score, 0 to 1"
    whitening: Whitening
    forest: IsolationForest

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], seed: int = 0) -> Self:
        from sklearn.ensemble import IsolationForest

        whitening = Whitening.fit(spectra)
        return cls(whitening, IsolationForest(random_state=seed).fit(whitening.apply(spectra)))

    def score(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        check_spectra(spectra, len(self.whitening.mean))
        # The forest's own sign is the other: its lowest scores are the most unusual.
        return np.negative(self.forest.score_samples(self.whitening.apply(spectra))).astype(np.float32)  # type: ignore[no-any-return]


DETECTORS: dict[str, Callable[[NDArray[np.float32], int], Detector]] = {
    "flow": FlowDetector.fit,
    "rx": RxDetector.fit,
    "isolation-forest": IsolationForestDetector.fit,
}
"""What fits a detector to spectra with a seed, by the names of the detectors."""


def threshold(scores: NDArray[np.float32], false_alarm_rate: float) -> float:
    """The score that this part of a scene's usual spectra exceeds.

    It is a quantile of the scores, and so the rate holds as far as anomalies are a negligible part of them.

    Arguments:
        scores: The scores of a sample of the scene, :math:`(N,)`.
        false_alarm_rate: The part of them that exceeds the threshold, in (0, 1).

    Raises:
        ValueError: The rate is not in (0, 1), or the sample too small for it.
    """
    check_rate(false_alarm_rate, len(scores))
    return float(np.quantile(scores, 1 - false_alarm_rate, method="higher"))


def check_rate(false_alarm_rate: float, scores: int) -> None:
    """Refuses a rate that so many scores tell nothing of, before they are computed.

    Raises:
        ValueError: See `threshold`.
    """
    if not 0 < false_alarm_rate < 1:
        raise ValueError(f"the false-alarm rate must be between 0 and 1, got {false_alarm_rate}")
    if scores * false_alarm_rate < 1:
        raise ValueError(
            f"a false-alarm rate of {false_alarm_rate:g} takes at least {1 / false_alarm_rate:.0f} scores, "
            f"got {scores}; give a higher rate"
        )
