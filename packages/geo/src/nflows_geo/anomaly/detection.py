r"""How well detectors find minerals planted in a scene: what to know before trusting its anomaly map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import student
from nflows_geo.anomaly.detectors import DETECTORS
from nflows_geo.anomaly.planting import MINERALS, aurocs, plant
from nflows_geo.spectra.responses import material_spectra


def detection(
    spectra: NDArray[np.float32],
    wavelengths: Sequence[float],
    *,
    fractions: tuple[float, float] = (0.2, 0.6),
    same_brightness: bool = False,
    detectors: Iterable[str] = tuple(DETECTORS),
    seeds: Sequence[int] = range(5),
) -> list[dict[str, Any]]:
    """Plants 50 spectra of each of `MINERALS`, fits detectors to all spectra with the planted ones, and scores them.

    Arguments:
        spectra: A sample of a scene, as reflectances, :math:`(N, C)`.
        wavelengths: The bands' centres in nanometres.
        fractions: The least and the greatest area fraction of a mineral; see `plant`.
        same_brightness: Whether a mineral is dimmed to the pixel's own brightness; see `plant`.
        detectors: Names in `DETECTORS`.
        seeds: Two seeds or more; with each one, minerals are planted and detectors fitted anew.

    Returns:
        A row for each mineral and detector: the mean of the `aurocs` over the seeds, with a 95 % interval by
        Student's t.

    Raises:
        ValueError: As `plant`, `material_spectra` and `Detector.fit` do, or there are too few seeds.
    """
    if len(seeds) < 2:
        raise ValueError(f"an interval takes at least two seeds, got {len(seeds)}")
    minerals = material_spectra(wavelengths, MINERALS).astype(np.float32)
    areas: dict[str, list[list[float]]] = {name: [] for name in detectors}
    for seed in seeds:
        planted = plant(spectra, minerals, fractions=fractions, same_brightness=same_brightness, seed=seed)
        for name, by_seed in areas.items():
            scores = DETECTORS[name](planted.spectra, seed).score(planted.spectra)
            by_seed.append(aurocs(scores, planted))
    return [
        {"mineral": mineral, "detector": name, **_mean_and_interval([by_mineral[i] for by_mineral in areas[name]])}
        for i, mineral in enumerate(MINERALS)
        for name in areas
    ]


def _mean_and_interval(areas: Sequence[float]) -> dict[str, Any]:
    mean, low, high = student(areas)
    return {"n": len(areas), "auroc": mean, "auroc_interval_95": [low, min(1.0, high)]}
