"""Pictures made up, and a restorer that has learned a little of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, write_picture
from nflows_core.testing import call_command
from nflows_heritage.cli import heritage

Samples = NDArray[np.float32]
SMALL = "restorer:width=4,blocks=1,tile=16,region=32,regions=11"


def pixels(height: int, width: int, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> NDArray[Any]:
    most = int(np.iinfo(dtype).max)
    random = np.random.default_rng(seed)
    coarse = random.integers(0, most + 1, (-(-height // 8), -(-width // 8), channels)).astype(dtype)
    return coarse.repeat(8, 0).repeat(8, 1)[:height, :width]


def drawn(side: int = 128, channels: int = 3, seed: int = 0) -> Samples:
    """Discs of even colours with edges one pixel wide, from dark to light."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side, channels), 0.3)
    for _ in range(60):
        place, size = random.uniform(0, side, 2), random.uniform(2, side / 6 + 2)
        colour = random.uniform(0.05, 0.95, channels)
        share = np.clip(size - np.hypot(rows - place[0], columns - place[1]) + 0.5, 0, 1)[..., None]
        picture += share * (colour - picture)
    return picture.astype(np.float32)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learned a little, quickly, so that it changes what it sees."""
    return trained_a_little_on(tmp_path_factory.mktemp("restorer"), "all")


def trained_a_little_on(folder: Path, kind: str) -> Path:
    """The run of a network that has learned a little of one kind of damage, or of all."""
    (folder / "good").mkdir()
    for number in range(12):
        write_picture(folder / "good" / f"{number}.png", Picture(pixels(48, 48, seed=number)))
    model, options = f"{SMALL},kind={kind}", ("--learning-rate", 0.02, "--warmup-steps", 0, "--ema-decay", 0)
    arguments = (*options, folder / "good", "-o", folder / "run", "--model", model, "--epochs", 2)
    assert call_command(heritage, "train", *arguments) == 0
    return folder / "run"
