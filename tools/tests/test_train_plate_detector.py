"""`apps/train_plate_detector.py` draws, trains, measures and ships, and does nothing twice."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import plate_shipping
import pytest
import train_plate_detector
from PIL import Image

from nflows_core.data.split import held_out
from nflows_privacy import shipped
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.training.runs import read_run


def save_streets(folder: Path) -> Path:
    """Two coarse pictures that are trained on, and one that is held out."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    names = [f"{index}.jpg" for index in range(100)]
    chosen = [*[name for name in names if not held_out(name)][:2], *[name for name in names if held_out(name)][:1]]
    for name in chosen:
        Image.fromarray(generator.integers(0, 256, (6, 8, 3), np.uint8)).resize((700, 500)).save(folder / name)
    return folder


def test_a_detector_is_trained_in_rounds_and_shipped_with_its_card(tmp_path: Path) -> None:
    streets, output = save_streets(tmp_path / "streets"), tmp_path / "runs"
    options = ("-o", output, "--scenes", 6, "--held-out", 16, "--epochs", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "FOLDER", tmp_path / "shipped")
        patch.setattr(plate_shipping, "LEAST", ((10_000, 0.0), (20_000, 0.0)))  # nothing is learned in one update
        patch.setattr(train_plate_detector, "EARLY", (1,))
        patch.setattr(sys, "argv", [str(word) for word in ("train_plate_detector.py", streets, *options)])
        train_plate_detector.main()
        weights = output / "round-2" / "model.safetensors"
        before = weights.stat().st_mtime_ns
        train_plate_detector.main()
        assert weights.stat().st_mtime_ns == before
    folder = tmp_path / "shipped" / "plates"
    run, card = read_run(folder), (folder / "README.md").read_text(encoding="utf-8")
    assert run.threshold == 0.05  # the lowest, for it finds nothing
    assert run.data == ("made-up plates on streets", None)
    assert run.fingerprint["train"].images == 6
    assert "at 0.5 0.000, 0.000, with 0.00 false boxes a picture" in card
    assert f'"crop": {run.settings.crop}' in card
    assert str(tmp_path) not in card
    plates = read_boxes(output / "scenes-2" / "boxes.csv")
    assert {region.kind for marked in plates.pictures.values() for region in marked.regions} <= {"plate", "ignore"}
    assert len(plates.pictures) == 6
