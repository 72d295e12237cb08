r"""Anomalies whose place is known: spectra of a scene mixed with those of minerals that it lacks.

So a detector is measured on the scene itself, where there is no other truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WAVELENGTHS = (482.0, 561.0, 655.0, 705.0, 740.0, 783.0, 842.0, 865.0, 1609.0, 2201.0)
"""Centres, in nanometres, of broad bands that Landsat's OLI and Sentinel-2's MSI have, at which minerals are given."""

MINERALS: Mapping[str, tuple[float, ...]] = {
    "alunite": (0.66, 0.70, 0.73, 0.74, 0.75, 0.76, 0.77, 0.77, 0.74, 0.46),
    "kaolinite": (0.66, 0.74, 0.78, 0.79, 0.80, 0.81, 0.82, 0.82, 0.83, 0.60),
    "jarosite": (0.12, 0.32, 0.46, 0.51, 0.51, 0.47, 0.41, 0.40, 0.70, 0.50),
    "hematite": (0.05, 0.08, 0.23, 0.28, 0.30, 0.28, 0.24, 0.24, 0.45, 0.42),
    "goethite": (0.06, 0.14, 0.22, 0.26, 0.28, 0.25, 0.21, 0.20, 0.43, 0.38),
}
r"""Reflectances at `WAVELENGTHS` of minerals of hydrothermal alteration, approximate.

Rounded typical values of powders after the shapes in the USGS spectral library (Kokaly et al. 2017): the clays and
sulfates absorb at 2.2 µm, the iron minerals in the blue and about 0.9 µm. Samples of one mineral differ by more than
the rounding, with grain size above all: they are for planting, and not for identification.
"""

_REACH = 60.0
"""Nanometres outside of `WAVELENGTHS` at which the nearest value still is used."""


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


def is_known(wavelength: float) -> bool:
    """Whether the minerals' reflectance is known in a band with this centre in nanometres."""
    return WAVELENGTHS[0] - _REACH <= wavelength <= WAVELENGTHS[-1] + _REACH


def mineral_spectrum(name: str, wavelengths: Sequence[float]) -> NDArray[np.float32]:
    """A mineral's reflectance in broad bands, interpolated between `WAVELENGTHS`; :math:`(C,)`.

    Arguments:
        name: One of `MINERALS`.
        wavelengths: The bands' centres in nanometres.

    Raises:
        ValueError: The mineral is unknown, or a band lies outside of what is known of it.
    """
    if name not in MINERALS:
        raise ValueError(f"mineral must be one of {', '.join(MINERALS)}, got {name!r}")
    if outside := [f"{wavelength:g}" for wavelength in wavelengths if not is_known(wavelength)]:
        low, high = WAVELENGTHS[0] - _REACH, WAVELENGTHS[-1] + _REACH
        raise ValueError(
            f"minerals are known from {low:g} to {high:g} nm; leave out the band at {', '.join(outside)} nm"
        )
    return np.interp(wavelengths, WAVELENGTHS, MINERALS[name]).astype(np.float32)


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
        minerals: Reflectances as `mineral_spectrum` gives them, :math:`(M, C)`.
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
