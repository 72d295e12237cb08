"""`apps/train_upscaler.py` trains, measures and ships, and does nothing twice."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from nflows_core.training import EngineConfig
from nflows_sr import shipped
from nflows_sr.training import RECIPES, read_run

APP = Path(__file__).parents[2] / "apps" / "train_upscaler.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_upscaler", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APPLICATION = load()


def save_pictures(folder: Path, count: int) -> Path:
    """Blurred noise, in which each picture has a few crops of each scale."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (24, 24, 3), np.uint8))
        coarse.resize((76, 73)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Where the networks of scales 2 and 3 were shipped, and the cards of both."""
    folder = tmp_path_factory.mktemp("upscaler")
    data, measured = save_pictures(folder / "pictures", 24), save_pictures(folder / "Some", 2)
    options = ("--on", measured, "-o", folder / "runs", "--epochs", 1, "--scales", 2, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "FOLDER", folder / "shipped")
        patch.setattr(sys, "argv", [str(word) for word in (APP, data, *options)])
        APPLICATION.main()
        weights = folder / "runs" / "x2" / "model.safetensors"
        before = weights.stat().st_mtime_ns
        APPLICATION.main()
        assert weights.stat().st_mtime_ns == before
        cards = [(shipped.find("coupling", scale) / "README.md").read_text(encoding="utf-8") for scale in (2, 3)]
    return folder, cards[0], cards[1]


def test_a_run_of_other_epochs_is_not_taken_for_this_one(printed: tuple[Path, str, str]) -> None:
    folder, _, _ = printed
    config = EngineConfig(epochs=7, mixed_precision="bf16", **RECIPES["coupling"].engine)
    with pytest.raises(ValueError, match=r"x2 is of 1 epochs and other settings; give these, or another --output"):
        APPLICATION.trained(folder / "pictures", folder / "runs" / "x2", "coupling", {"scale": 2}, config, None, "x2")


def test_a_card_has_the_figures_of_its_run(printed: tuple[Path, str, str]) -> None:
    folder, card, _ = printed
    assert re.search(r"\| Some \| [\d.]+ / 0\.\d+ \| [\d.]+ / 0\.\d+ \|", card)
    assert f"On {read_run(folder / 'runs' / 'x2').fingerprint['train'].images} pictures" in card
    assert "1 epochs, in\n" in card
    assert "{" not in card.partition("    settings")[0]


def test_the_second_scale_begins_with_the_first(printed: tuple[Path, str, str]) -> None:
    folder, _, card = printed
    assert "1 epochs from the weights of x2" in card
    assert read_run(folder / "shipped" / "coupling-x3").start == "coupling-x2"
    assert read_run(folder / "runs" / "x3").start == str(folder / "runs" / "x2")
