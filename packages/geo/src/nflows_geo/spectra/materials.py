r"""Reflectance of minerals and surfaces that a geologist looks for, from 0.4 to 2.5 micrometres.

A model of our own, not a measurement: a continuum through a few points, times absorptions with the shape of a Gaussian,

.. math:: \rho(\lambda) = c(\lambda) \prod_i \left(1 - d_i \exp(-4 \ln 2 \, (\lambda - \lambda_i)^2 / w_i^2)\right).

Positions of absorptions are published facts; depths, widths and continua are rounded typical ones of powders and of
dense covers. Samples of one mineral differ from each other by grain size, composition and what they are mixed with, by
far more than the rounding: the shapes tell minerals apart, the brightness does not.

Source: Hunt, Geophysics 42 (1977), the positions of electronic and vibrational absorptions; Clark, King, Klejwa,
Swayze and Vergo, J. Geophys. Res. 95 (1990), those of hydroxyl and carbonate; Hunt and Ashley, Econ. Geol. 74 (1979),
altered rocks; Kokaly et al., USGS Spectral Library Version 7, Data Series 1035 (2017), of iron minerals, plants and
snow. Water: Pope and Fry, Appl. Opt. 36 (1997).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

RANGE = 400.0, 2500.0
"""Where the reflectance of the materials is known, in nanometres."""


@dataclass(frozen=True)
class Material:
    """A mineral or a surface.

    Arguments:
        kind: What it is one of, as it is called where it cannot be told from others.
        continuum: Wavelengths in micrometres and the reflectance there, between which it is linear.
        absorptions: Centre, depth and full width at half maximum of each; centre and width in micrometres.
    """

    kind: str
    continuum: tuple[tuple[float, float], ...]
    absorptions: tuple[tuple[float, float, float], ...] = ()

    def reflectance(self, wavelengths: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The reflectance at wavelengths in nanometres, of their shape; outside of `RANGE` that of its end."""
        micrometres = np.clip(wavelengths, *RANGE) / 1000
        places, values = zip(*self.continuum, strict=True)
        reflectance = np.interp(micrometres, places, values)
        for centre, depth, width in self.absorptions:
            reflectance = reflectance * (1 - depth * np.exp(-4 * np.log(2) * ((micrometres - centre) / width) ** 2))
        return np.asarray(reflectance, np.float64)


def _read() -> dict[str, Material]:
    table = tomllib.loads((files(__package__) / "materials.toml").read_text("utf-8"))
    return {
        name: Material(
            entry["kind"],
            tuple((place, value) for place, value in entry["continuum"]),
            tuple((centre, depth, width) for centre, depth, width in entry.get("absorptions", ())),
        )
        for name, entry in table.items()
    }


MATERIALS: Mapping[str, Material] = _read()
"""The materials by their names: 12 minerals, sand, plants, water and snow, from ``materials.toml``."""
