r"""Anomalies whose place is known: spectra of a scene mixed with those of minerals that it lacks.

So a detector is measured on the scene itself, where there is no other truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINERALS = ("alunite", "kaolinite", "jarosite", "hematite", "goethite")
"""The minerals of hydrothermal alteration that are planted, of `nflows_geo.spectra.materials`."""


@dataclass(frozen=True)
class Planted:
    """Spectra some of which were replaced by mixtures.

    Arguments:
        spectra: All of them, :math:`(N, C)`.
        positions: The rows that were replaced, :math:`(n,)`.
        minerals: The mineral in each of them, counted from 0, :math:`(n,)`.
        fractions: How much of each the mineral covers, :math:`(n,)`.
    """

    spectra: NDArray[np.float32]
    positions: NDArray[np.int64]
    minerals: NDArray[np.int64]
    fractions: NDArray[np.float32]


def plant(
    spectra: NDArray[np.float32],
    minerals: NDArray[np.float32],
    count: int = 50,
    fractions: tuple[float, float] = (0.2, 0.6),
    *,
    same_brightness: bool = False,
    seed: int = 0,
) -> Planted:
    r"""Replaces random spectra, each at most once, by linear mixtures with those of minerals.

    .. math:: x' = (1 - \phi) \, x + \phi \, c \, m, \qquad \phi \sim U[\phi_0, \phi_1]

    with :math:`c = 1`, or, for the same brightness, :math:`c = \|x\| / \|m\|`: powders of pure minerals are brighter
    than most of a scene, and with :math:`c = 1` a detector may find the brightness and not the mineral.

    Arguments:
        spectra: Reflectances, :math:`(N, C)`; they are not changed.
        minerals: Reflectances as `material_spectra` gives them, :math:`(M, C)`.
        count: How many to replace by mixtures with each mineral.
        fractions: The least and the greatest area fraction of the mineral, in (0, 1].
        same_brightness: Whether the mineral is dimmed to the pixel's own brightness.
        seed: Decides which, and their fractions.

    Raises:
        ValueError: The minerals have other bands, the fractions are not in (0, 1], or the scene has too few spectra.
    """
    if minerals.ndim != 2 or minerals.shape[1:] != spectra.shape[1:]:
        raise ValueError(f"minerals of shape {minerals.shape} do not fit spectra of shape {spectra.shape}")
    if not 0 < fractions[0] <= fractions[1] <= 1:
        raise ValueError(f"fractions must increase within (0, 1], got {fractions[0]:g} to {fractions[1]:g}")
    if not 0 < (total := count * len(minerals)) < len(spectra):
        raise ValueError(f"cannot plant {total} spectra among {len(spectra)}")
    generator = np.random.default_rng(seed)
    positions = generator.choice(len(spectra), total, replace=False)
    phi = generator.uniform(*fractions, size=(total, 1)).astype(np.float32)
    kinds = np.arange(len(minerals)).repeat(count)
    own, pure = spectra[positions], minerals[kinds]
    if same_brightness:
        pure = pure * (_brightness(own) / _brightness(pure))
    mixed = spectra.copy()
    mixed[positions] = (1 - phi) * own + phi * pure
    return Planted(mixed, positions, kinds, phi[:, 0])


def aurocs(scores: NDArray[np.float32], planted: Planted) -> list[float]:
    """For each mineral, how often a planted spectrum scores higher than one of the scene (Fawcett 2006, section 7).

    Arguments:
        scores: The scores of all spectra, :math:`(N,)`, higher where they are more unusual.
        planted: The spectra, and which of them are planted.

    Returns:
        Areas under the receiver operating characteristic: 0.5 by chance, 1 where every planted spectrum is found first.
    """
    from sklearn.metrics import roc_auc_score

    usual = np.delete(scores, planted.positions)
    of_minerals = [scores[planted.positions[planted.minerals == kind]] for kind in np.unique(planted.minerals)]
    return [
        float(roc_auc_score(np.repeat([1, 0], [len(own), len(usual)]), np.concatenate([own, usual])))
        for own in of_minerals
    ]


def _brightness(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    norms: NDArray[np.float32] = np.linalg.norm(spectra, axis=1, keepdims=True)
    return norms
