"""Unbalanced crops of three classes, and small generators of them, trained once for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nflows_agri.cli import agri
from nflows_core.runtime.report import write_csv
from nflows_core.testing import call_command, one_thread

CLASSES = ("broken", "pure", "silkcut")
GAN = ("gan", "train", "--size", 32, "--width", 1, "--latent", 8, "--epochs", 3, "--batch-size", 6)
FLOW = ("flow", "train", "--size", 8, "--model", "glow:levels=1,depth=1,width=4", "--epochs", 2, "--batch-size", 8)


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of three classes, unbalanced; those of other parts are no pictures, so that whoever opens one fails."""
    folder = tmp_path_factory.mktemp("crops")
    generator = np.random.default_rng(0)
    rows = []
    for number, (name, count) in enumerate(zip(CLASSES, (6, 30, 9), strict=True)):
        (folder / name).mkdir()
        for index in range(count):
            file = f"{name}/tray{index}_{index}.png"
            part = "train" if index < count - 2 else ("val", "test")[count - 1 - index]
            if part == "train":
                pixels = np.zeros((24, 20, 3), np.uint8)
                pixels[4:-4, 4:-4, number] = 200 + generator.integers(0, 50, (16, 12))
                Image.fromarray(pixels).save(folder / file)
            else:
                (folder / file).write_text("no picture")
            rows.append({"file": file, "class": name, "group": f"{name}{index}", "part": part})
    write_csv(folder / "split.csv", rows)
    return folder / "split.csv"


@pytest.fixture(scope="session")
def gan(split: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gan")
    with one_thread():
        assert call_command(agri, *GAN, split, "-o", folder) == 0
    return folder


@pytest.fixture(scope="session")
def flow(split: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flow")
    with one_thread():
        assert call_command(agri, *FLOW, split, "-o", folder) == 0
    return folder
