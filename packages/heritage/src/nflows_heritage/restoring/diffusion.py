"""The engine that is a diffusion of nflows-sr, fine-tuned on the damage of art."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from nflows_core.runtime.tiles import Rows
from nflows_sr.engines import EngineSettings, PictureEngine, load_engine


class Diffusion:
    """A diffusion that guides itself by the damaged picture, at its own size; whole pictures are in memory.

    Arguments:
        engine: The engine of nflows-sr at a scale of 1.
        weights: The folder or run that it is of.
    """

    def __init__(self, engine: PictureEngine, weights: Path) -> None:
        self.engine, self.weights = engine, weights

    def prepare(self, picture: Rows, kind: str, seed: int) -> _Whole:
        """Nothing is asked of the picture beforehand; the kind of damage the diffusion sees for itself."""
        return _Whole(self.engine, max(picture.shape[:2]), seed)


class _Whole:
    halo, unit = 0, 1

    def __init__(self, engine: PictureEngine, side: int, seed: int) -> None:
        self.engine, self.side, self.seed = engine, side, seed
        self.described: Mapping[str, Any] = {"seed_of_picture": seed}

    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        return self.engine.enlarge(tile, self.seed)


def load_diffusion(path: Path) -> Diffusion:
    """The engine of a folder of diffusers, or of a run of ``stable-sr``.

    Raises:
        CommandError: Weights are missing; exit code 3.
        ValueError: It is no diffusion that restores at its own size, or damaged.
        ModuleNotFoundError: nflows-sr's extra ``diffusion`` is not installed.
    """
    engine = load_engine(EngineSettings(str(path), scale=1))
    if not isinstance(engine, PictureEngine) or engine.scale != 1:
        raise ValueError(f"`engine` {path}: enlarges, and cannot restore at the size of the picture")
    return Diffusion(engine, path)
