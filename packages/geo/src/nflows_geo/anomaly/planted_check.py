"""How well the detectors find minerals planted in the very scene that they look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nflows_geo.anomaly.detection import detection
from nflows_geo.scene import Scene, sample_spectra
from nflows_geo.spectra import are_reflectances
from nflows_geo.spectra.materials import RANGE
from nflows_geo.spectra.responses import is_known
from nflows_geo.tiling import one_thread

FRACTIONS: Mapping[str, tuple[float, float]] = {
    "20 to 60 % of a pixel": (0.2, 0.6),
    "5 to 20 % of a pixel": (0.05, 0.2),
}
"""How much of a planted pixel the mineral covers."""


def plantable_bands(scene: Scene) -> list[int]:
    """The bands in which minerals can be planted; those beyond 2.5 µm are left out.

    Raises:
        ValueError: There are less than two, or it is not known where some bands are.
    """
    if unknown := [band.name for band in scene.bands if band.wavelength_nm is None]:
        raise ValueError(
            f"{scene.name}: planting minerals needs the wavelength of band {', '.join(unknown)}; "
            "say by `sensor` and `bands` what the bands are"
        )
    known = [i for i, band in enumerate(scene.bands) if is_known(band.wavelength_nm)]
    if len(known) < 2:
        raise ValueError(
            f"{scene.name}: planting minerals needs two bands between {RANGE[0]:g} and {RANGE[1]:g} nm, got "
            f"{len(known)}; leave it out"
        )
    return known


def planted_check(
    scene: Scene, seed: int, *, seeds: Sequence[int] = range(5), advance: Callable[[str], None] = lambda message: None
) -> dict[str, list[dict[str, Any]]]:
    """The areas of `detection`, for much and for little of a mineral in a pixel.

    Arguments:
        scene: A scene of reflectances, with bands whose wavelengths are known.
        seed: Chooses the sample of the scene.
        seeds: The seeds of what is planted where, and of the fits.
        advance: Is told after each of `FRACTIONS`.

    Returns:
        Rows by how much was planted.

    Raises:
        ValueError: The bands are not known, no pixel is valid, the values are no reflectances, or see `detection`.
    """
    known = plantable_bands(scene)
    spectra = np.ascontiguousarray(sample_spectra(scene, seed)[:, known])
    if not are_reflectances(spectra):
        raise ValueError(
            f"{scene.name}: planting minerals needs reflectances from 0 to 1, but half of the values exceed "
            f"{float(np.median(spectra)):g}; give the product folder, or scale the raster"
        )
    wavelengths = [scene.bands[i].wavelength_nm or 0 for i in known]
    checked = {}
    for caption, fractions in FRACTIONS.items():
        with one_thread():
            rows = detection(spectra, wavelengths, fractions=fractions, seeds=seeds)
        checked[caption] = [_row(row) for row in rows]
        advance(f"minerals in {caption}")
    return checked


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = row["auroc_interval_95"]
    kept = {key: row[key] for key in ("mineral", "detector", "n", "auroc")}
    return kept | {"auroc_interval_95_low": low, "auroc_interval_95_high": high}
