"""A map made smoother."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.ownership import refuse_results
from nflows_core.runtime.report import digested
from nflows_geo.mapping import MARGIN, majority_filter, open_map
from nflows_geo.raster import Tile, write_cog
from nflows_geo.scene import open_scene, provenance, refuse_inputs
from nflows_geo.tiling import Part, Tiling, gathered


@dataclass
class Counts:
    """Pixels that have a unit, and those of them that got another one."""

    mapped_pixels: int = 0
    changed_pixels: int = 0

    def __iadd__(self, other: Counts) -> Counts:
        self.mapped_pixels += other.mapped_pixels
        self.changed_pixels += other.changed_pixels
        return self


def smooth_map(source: Path, target: Path, *, tiling: Tiling | None = None) -> dict[str, Any]:
    """Writes a map in which every pixel has the unit of the majority around it; units keep numbers, names and colours.

    Arguments:
        source: A map.
        target: The new one.
        tiling: How the map is worked on; on the threads of this machine, if not given.

    Returns:
        How many pixels have a unit, how many got another one, and the digests of both maps.

    Raises:
        FileExistsError: The target is read, or part of the results of another command.
        ValueError: It is no map.
    """
    rough, scene, counts = open_map(source), open_scene(source), Counts()
    refuse_inputs([target], scene)
    refuse_results([target])
    method = ", ".join(filter(None, (rough.tags.get("METHOD"), "majority filter")))
    kept = {key: text for key, text in rough.tags.items() if key.startswith(("CLASS_", "SEED"))}

    def count(part: Part[Counts]) -> None:
        nonlocal counts
        counts += part.told

    with (tiling or Tiling()).started() as run:
        write_cog(
            target,
            rough.grid,
            gathered(run.parts(rough, _draw_tile, layers=1, margin=MARGIN), count),
            dtype="uint8",
            bands=["unit"],
            nodata=0,
            colours=rough.colours,
            tags=kept | provenance(scene, method),
        )
    return {
        "mapped_pixels": counts.mapped_pixels,
        "changed_pixels": counts.changed_pixels,
        "inputs": digested(scene.inputs, scene.digests),
        "outputs": digested({target.name: target}),
    }


def _draw_tile(tile: Tile, padded: NDArray[np.uint8]) -> Part[Counts]:
    before, after = tile.crop(padded), tile.crop(majority_filter(padded))
    return Part(tile.core, after, Counts(int(np.count_nonzero(after)), int(np.count_nonzero(before != after))))
