"""Where results are from: the tags of a raster that say it, and that none is written over what it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nflows_core.runtime.ownership import refuse_overwriting
from nflows_geo.raster import ForeignSourceError, RasterError, companions, files_of, require_place
from nflows_geo.scene.scene import Scene

PACKAGES = ("nflows-geo", "rasterio", "scikit-learn")
"""The packages whose versions decide the numbers of a report, beside those of nflows-core."""


def provenance(scene: Scene, method: str, seed: int | None = None) -> dict[str, str]:
    """Tags of a raster that was made from a scene: method, seed, version and the digest of the inputs."""
    tags = {"METHOD": method, "SOFTWARE": f"nflows-geo {_version()}", "INPUT_SHA256": scene.sha256()}
    return tags if seed is None else tags | {"SEED": str(seed)}


def refuse_inputs(outputs: Iterable[Path], scene: Scene, others: Iterable[Path | None] = ()) -> None:
    """Refuses to write over what a scene is read from; to be called before anything is computed.

    Arguments:
        outputs: The files that will be written.
        scene: The scene.
        others: What is read besides, as labels; it need not be a raster, nor be given.

    Raises:
        FileExistsError: An output is an input, whatever it is called, or an input would go with the file that an output
            replaces; it names that. Or beside an output lies what belongs to a file that is gone.
    """
    outputs = list(outputs)
    layers = {placed.layer.path for placed in (*scene.placed_bands, *scene.placed_masks)}
    read = [file for path in (*layers, *filter(None, others)) for file in _files(path)]
    going = [companion for output in outputs for companion in companions(output)]
    refuse_overwriting([*outputs, *going], [*read, *scene.metadata])
    require_place(outputs)


def _files(path: Path) -> list[Path]:
    try:
        return files_of(path)
    except (RasterError, ForeignSourceError, FileNotFoundError):  # points; and what is wrong is told when it is read
        return [path]


def _version() -> str:
    try:
        return version("nflows-geo")
    except PackageNotFoundError:
        return "(not installed)"
