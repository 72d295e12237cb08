r"""What to look at in the field: where the anomalies of a scene are, and how their spectra differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.anomaly.likeness import Library, Likeness
from nflows_geo.anomaly.unusual import Groups, Unusual, group
from nflows_geo.raster import Grid, degrees, geographic
from nflows_geo.scene import BLOCK_SIZE, OpenScene, Scene
from nflows_geo.spectra import ndvi, spectra_at, valid_pixels

MOST = 1000
"""Anomalies that are listed at most."""
REACH = 15
"""Pixels to each side of an anomaly's peak that are its surroundings."""

_ENOUGH = 20
"""Pixels that surroundings need, for a mean and a standard deviation that tell something."""


@dataclass(frozen=True)
class AnomalyList:
    """The most unusual groups of pixels, the highest score first.

    Arguments:
        groups: What they are, N of them.
        total: How many there are with those that are not listed.
        x: The easting of the middle of each one's most unusual pixel, in units of the scene's CRS, (N,).
        y: Its northing, (N,).
        longitude: The longitude of the same place in degrees, WGS 84 or another body's own, (N,); NaN without one.
        latitude: The latitude of the same place, (N,).
        against_scene: How far each one's mean spectrum is from the mean of the scene, in its standard deviations,
            (N, bands).
        against_surroundings: The same for the pixels around it; NaN where there are too few.
        ndvi: The normalized difference vegetation index, (N,); nothing if it is not known which bands it is of.
        likeness: What each one's mean spectrum is like; nothing if that cannot be compared.
    """

    groups: Groups
    total: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    against_scene: NDArray[np.float64]
    against_surroundings: NDArray[np.float64]
    ndvi: NDArray[np.float64] | None
    likeness: Likeness | None = None

    def __len__(self) -> int:
        return len(self.groups)


def list_anomalies(
    scene: Scene,
    unusual: Unusual,
    sample: NDArray[np.float32],
    most: int = MOST,
    *,
    library: Library | None = None,
) -> AnomalyList:
    """Groups the unusual pixels of a scene and describes them.

    Arguments:
        scene: The scene, which is read again around each.
        unusual: Its pixels above the threshold.
        sample: A sample of its spectra, (N, bands).
        most: How many groups are listed at most.
        library: What they are compared with: each with its surroundings, or the scene where there are too few of these.
    """
    groups, total = group(unusual, scene.grid.width, most)
    rows, columns = np.divmod(groups.peaks, scene.grid.width)
    x, y = scene.grid.place(columns + 0.5, rows + 0.5)
    longitude, latitude = degrees(scene.grid.crs, x, y)
    usual, deviation = sample.mean(0, dtype=np.float64), sample.std(0, dtype=np.float64)
    around, spread = _surroundings(scene, groups, np.sort(unusual.places))
    return AnomalyList(
        groups,
        total,
        x,
        y,
        longitude,
        latitude,
        (groups.spectra - usual) / np.where(deviation > 0, deviation, np.nan),
        (groups.spectra - around) / np.where(spread > 0, spread, np.nan),
        ndvi(groups.spectra, scene.wavelengths),
        None if library is None else library.nearest(groups.spectra, np.where(np.isnan(around), usual, around)),
    )


def unknown_columns(grid: Grid) -> list[str]:
    """What cannot be told of anomalies on a grid: areas without a CRS, degrees of one that is local."""
    places = ["longitude", "latitude"] if geographic(grid.crs) is None else []
    return [*places, "area_m2"] if grid.crs is None else places


def _surroundings(
    scene: Scene, groups: Groups, unusual: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the bands around each group, (N, bands); NaN where there are too few pixels."""
    rows, columns = np.divmod(groups.peaks, scene.grid.width)
    mean, spread = (np.full(groups.spectra.shape, np.nan) for _ in range(2))
    with scene.opened() as opened:
        # Anomalies in one block of a file one after the other, so that it is decoded once.
        for index in np.lexsort((columns // BLOCK_SIZE, rows // BLOCK_SIZE)):
            around = _usual_around(opened, int(rows[index]), int(columns[index]), unusual)
            if len(around) >= _ENOUGH:
                mean[index], spread[index] = around.mean(0, dtype=np.float64), around.std(0, dtype=np.float64)
    return mean, spread


def _usual_around(opened: OpenScene, row: int, column: int, unusual: NDArray[np.int64]) -> NDArray[np.float32]:
    """Valid spectra around a pixel that are not unusual themselves, (N, bands)."""
    grid = opened.scene.grid
    top, left = max(0, row - REACH), max(0, column - REACH)
    height, width = min(grid.height, row + REACH + 1) - top, min(grid.width, column + REACH + 1) - left
    block = opened.read(Window(left, top, width, height))
    places = (top + np.arange(height))[:, None] * grid.width + left + np.arange(width)
    nearest = np.searchsorted(unusual, places).clip(max=max(0, len(unusual) - 1))
    return spectra_at(block, valid_pixels(block) & (unusual[nearest] != places))
