"""Where the examples in docstrings run: beside a small scene and labels of a part of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _beside_a_scene(request: pytest.FixtureRequest) -> None:
    """Writes ``scene.tif``, four bands of 60 x 60 pixels of three units, and ``labels.tif``, a third of its pixels."""
    if isinstance(request.node, pytest.DoctestItem):
        from geo_files import write_raster
        from made_up_scenes import shaded_scene

        folder: Path = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
        request.getfixturevalue("doctest_namespace").update(np=np, Path=Path)
        pixels, units = shaded_scene(0, 60)
        write_raster(folder / "scene.tif", pixels)
        write_raster(folder / "labels.tif", np.where(np.arange(60) < 20, units + 1, 0).astype(np.uint8), nodata=0)
