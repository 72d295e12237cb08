r"""Which mineral or surface an anomaly is like, as far as the bands of its scene tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.spectra import absorption_depths, are_reflectances
from nflows_geo.spectra.materials import MATERIALS, Material
from nflows_geo.spectra.responses import is_known, material_spectra, seen

NONE_NEAR, NONE = "none near", "none"
LIMITS = {False: 15.0, True: 30.0}
"""The angle in degrees beyond which no material is near, for few broad bands and for an imaging spectrometer's.

Chosen on made-up mixtures of 20 to 60 % of a material with a rock, in bands of four sensors. ``test_geo_likeness.py``
makes such ones, and holds the limits to name 70 % of them, 97 % of these rightly, and less than 40 % of rocks alone."""
_APART = 15.0
"""The angle in degrees from which on two materials are told apart, chosen on the same mixtures."""
_ROCK = Material("rock", ((0.4, 0.12), (0.7, 0.20), (1.3, 0.26), (2.5, 0.24)))
"""Surroundings before which it is decided what a sensor tells apart, so that it is the same in all of its scenes."""
_LEAST_BANDS = 4
"""Bands that the comparison takes: with three, two ratios would stand for all materials."""
_FINE_BANDS, _FINE_STEP = 30, 30.0
"""An imaging spectrometer has so many bands, half of them not farther from the next one than this in nanometres."""
_LEAST_PART, _MOST_PART = 0.05, 1.5
"""How much of a pixel a material covers by its brightness: less is shade or noise, and more would have to be brighter
than the material is; grains of other size are brighter by half at most."""
_NEVER = 180.0
"""The angle to what does not fit at all."""
_FEW = 3
"""Materials of a group that are called by their names."""


@dataclass(frozen=True)
class Likeness:
    """What anomalies are like.

    Arguments:
        near: Whether the nearest is near enough to be named, (N,).
        nearest: The nearest material, or group of materials that are not told apart, of each; `NONE` if none fits.
        angles: How far its spectrum is from that in degrees, (N,); NaN if none fits.
        next_nearest: The nearest of the others, or `NONE`.
        next_angles: How far it is from that, (N,).
    """

    near: NDArray[np.bool_]
    nearest: list[str]
    angles: NDArray[np.float64]
    next_nearest: list[str]
    next_angles: NDArray[np.float64]

    @property
    def named(self) -> list[str]:
        """What each resembles, or `NONE_NEAR`."""
        return [name if near else NONE_NEAR for name, near in zip(self.nearest, self.near, strict=True)]


@dataclass(frozen=True)
class Library:
    r"""The materials of `MATERIALS` as the bands of a scene see them.

    A pixel of surroundings :math:`s` in which a material :math:`m` covers the part :math:`\phi` has the spectrum
    :math:`a = (1 - \phi) s + \phi m`, times its light. So whatever the part, the light and the grain size, what is left
    of a and m without their share along s points the same way, and the angle between the two is what is compared:

    .. math:: \cos\theta = \frac{a_\perp \cdot m_\perp}{\|a_\perp\| \|m_\perp\|}, \qquad
        a_\perp = a - \frac{a \cdot s}{s \cdot s} s

    in which it is the spectral angle (Kruse et al., Remote Sens. Environ. 44, 1993) of differences. Of the many narrow
    bands of an imaging spectrometer a, m and s are the `absorption_depths`, in which minerals of the same colour
    differ.

    Arguments:
        bands: Indices of the scene's bands whose wavelengths are known and between 0.4 and 2.5 micrometres.
        wavelengths: Their centres in nanometres.
    """

    bands: tuple[int, ...]
    wavelengths: tuple[float, ...]

    @classmethod
    def of(cls, wavelengths: Sequence[float | None], sample: NDArray[np.float32]) -> Self:
        """The materials for a scene with these bands, and a sample of its spectra, (N, bands).

        Raises:
            ValueError: There are fewer than four bands in which materials are known, or no reflectances in them.
        """
        bands = tuple(i for i, centre in enumerate(wavelengths) if is_known(centre))
        if len(bands) < _LEAST_BANDS:
            raise ValueError(
                f"the wavelengths of {len(bands)} bands are known to lie between 400 and 2500 nm, and the comparison "
                f"needs {_LEAST_BANDS}; say what the bands are"
            )
        if not are_reflectances(sample[:, bands]):
            raise ValueError("the values are no reflectances from 0 to 1; give the product folder, or scale the raster")
        return cls(bands, tuple(float(wavelengths[i] or 0) for i in bands))

    @cached_property
    def fine(self) -> bool:
        """Whether the bands are those of an imaging spectrometer, so that single absorptions show."""
        steps = np.diff(np.sort(self.wavelengths))
        return len(self.bands) >= _FINE_BANDS and float(np.median(steps)) <= _FINE_STEP

    @cached_property
    def names(self) -> list[str]:
        """What each material is called, (M,): those that are not told apart, by one name."""
        rock = self._features(seen([_ROCK], self.wavelengths))
        labels = _groups(self._angles(self._materials, rock.repeat(len(MATERIALS), 0)))
        members = {
            label: [name for name, own in zip(MATERIALS, labels, strict=True) if own == label] for label in labels
        }
        return [_name(members[label]) for label in labels]

    def groups(self) -> list[dict[str, str]]:
        """The materials that these bands do not tell apart, for a report."""
        members: dict[str, list[str]] = {}
        for material, name in zip(MATERIALS, self.names, strict=True):
            members.setdefault(name, []).append(material)
        return [{"called": name, "materials": ", ".join(own)} for name, own in members.items() if len(own) > 1]

    def nearest(self, spectra: NDArray[np.float64], surroundings: NDArray[np.float64]) -> Likeness:
        """What spectra are like.

        Arguments:
            spectra: Reflectances of anomalies in all bands of the scene, (N, bands).
            surroundings: Those around each, (N, bands).
        """
        chosen = list(self.bands)
        angles = self._angles(self._features(spectra[:, chosen]), self._features(surroundings[:, chosen]))
        names = np.array(self.names)
        first = _nearest(angles)
        others = np.where(names[first[0]][:, None] == names, _NEVER, angles)
        (nearest, own), (next_nearest, next_own) = ((_named(names, *found)) for found in (first, _nearest(others)))
        return Likeness(own <= LIMITS[self.fine], nearest, own, next_nearest, next_own)

    @cached_property
    def _materials(self) -> NDArray[np.float64]:
        return self._features(material_spectra(self.wavelengths))

    def _features(self, spectra: NDArray[np.float64]) -> NDArray[np.float64]:
        return absorption_depths(spectra, self.wavelengths) if self.fine else spectra

    def _angles(self, features: NDArray[np.float64], surroundings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Between N features and all materials, each apart from its surroundings, in degrees, (N, M)."""
        along = surroundings / np.linalg.norm(surroundings, axis=1, keepdims=True).clip(min=1e-12)
        own = features - np.einsum("nc,nc->n", features, along)[:, None] * along
        materials = self._materials - (along @ self._materials.T)[..., None] * along[:, None]
        products = np.einsum("nc,nmc->nm", own, materials)
        lengths = np.linalg.norm(materials, axis=2)
        cosines = products / (lengths * np.linalg.norm(own, axis=1, keepdims=True)).clip(min=1e-12)
        parts = products / np.square(lengths).clip(min=1e-12)
        possible = (parts >= _LEAST_PART) & (parts <= _MOST_PART)
        return np.where(possible, np.degrees(np.arccos(cosines.clip(-1, 1))), _NEVER)


def _nearest(angles: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which material is the nearest in each row, and how far it is."""
    found = angles.argmin(1)
    return found, np.take_along_axis(angles, found[:, None], 1)[:, 0]


def _named(
    names: NDArray[np.str_], found: NDArray[np.intp], angles: NDArray[np.float64]
) -> tuple[list[str], NDArray[np.float64]]:
    fits = angles < _NEVER
    return np.where(fits, names[found], NONE).tolist(), np.where(fits, angles, np.nan)


def _groups(angles: NDArray[np.float64]) -> NDArray[np.int32]:
    """Labels of materials; any two with different ones are farther from each other than `_APART`."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    both = np.minimum(angles, angles.T)
    np.fill_diagonal(both, 0)
    labels: NDArray[np.int32] = fcluster(linkage(squareform(both, checks=False), "single"), _APART, "distance")
    return labels


def _name(members: Sequence[str]) -> str:
    """One material by its name, a few by theirs, many by what kinds they are."""
    called = members if len(members) <= _FEW else sorted({MATERIALS[name].kind for name in members})
    return " or ".join([*([", ".join(called[:-1])] if called[1:] else []), called[-1]])
