"""A map made smoother."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.mapping.map_file import MapFile, open_map
from nflows_geo.mapping.smoothing import MARGIN, majority_filter
from nflows_geo.raster.cog import write_cog
from nflows_geo.scene.scene import open_scene
from nflows_geo.scene.stack import provenance
from nflows_geo.steps.reduce import Watch

_SIDE = 2048


def smooth_map(source: Path, target: Path, *, watch: Watch) -> dict[str, int]:
    """Writes a map in which every pixel has the unit of the majority around it; units keep numbers, names and colours.

    Arguments:
        source: A map.
        target: The new one.
        watch: See `Watch`.

    Returns:
        How many pixels have a unit, and how many got another one.

    Raises:
        ValueError: It is no map.
    """
    found = open_map(source)
    counts = {"mapped_pixels": 0, "changed_pixels": 0}
    method = ", ".join(filter(None, (found.tags.get("METHOD"), "majority filter")))
    kept = {key: text for key, text in found.tags.items() if key.startswith(("CLASS_", "SEED"))}
    write_cog(
        target,
        found.grid,
        watch(_filtered(found, counts), found.grid.tile_count(_SIDE)),
        dtype="uint8",
        bands=["unit"],
        nodata=0,
        colours=found.colours,
        tags=kept | provenance(open_scene(source), method),
    )
    return counts


def _filtered(found: MapFile, counts: dict[str, int]) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    for tile, units in found.tiles(_SIDE, MARGIN):
        before, after = tile.crop(units), tile.crop(majority_filter(units))
        counts["mapped_pixels"] += int(np.count_nonzero(after))
        counts["changed_pixels"] += int(np.count_nonzero(before != after))
        yield tile.core, after
