"""The benchmarks of detectors of traffic signs: what the floor learns of, what counts, and who is taken for whom."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from coloured_squares import COLOURS, save_squares
from nflows_privacy.training.data import Source, read_scenes
from nflows_privacy.training.scenes import Scene
from nflows_privacy.training.settings import NetworkSettings

LEFT, RIGHT, STOP = "keep left (mandatory)", "keep right (mandatory)", "stop (other)"


@pytest.fixture(scope="module", autouse=True)
def _benchmarks() -> Iterator[None]:
    """The folder of the benchmarks is no package."""
    pytest.importorskip("sklearn")
    pytest.importorskip("skimage")
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    yield
    sys.path.pop(0)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[list[Scene]]:
    boxes = save_squares(tmp_path_factory.mktemp("squares"), 16)
    scenes = list(read_scenes(Source(boxes), NetworkSettings(tuple(COLOURS))).scenes)
    return [scenes[:8], scenes[8:]]


def test_the_floor_finds_coloured_squares(parts: list[list[Scene]]) -> None:
    from sign_floor import floor

    for row in floor(parts, tuple(COLOURS)).rows(0.4):
        assert isinstance(row["mAP50"], float)
        assert row["mAP50"] > 0.9


def test_the_floor_learns_nothing_of_the_pictures_that_it_is_tested_on(parts: list[list[Scene]]) -> None:
    from sign_floor import floor

    moved = [replace(one, boxes=one.boxes[::-1] + 3, labels=1 - one.labels) for one in parts[0]]
    found = floor(parts, tuple(COLOURS)).pictures[: len(moved)]
    again = floor([moved, parts[1]], tuple(COLOURS)).pictures[: len(moved)]
    for one, other in zip(found, again, strict=True):
        for judged, others in zip(one, other, strict=True):
            np.testing.assert_array_equal(judged.found, others.found)
            np.testing.assert_array_equal(judged.scores, others.scores)


def test_each_picture_is_held_out_once() -> None:
    from bench_signs import FOLDS, folds

    pictures = [Path(f"{number:03}.jpg") for number in range(23)]
    several = folds(pictures, 0)
    assert len(several) == FOLDS
    assert sorted(picture for fold in several for picture in fold) == pictures


def test_signs_are_counted_as_what_they_are_taken_for_in_a_mirror_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ablate_signs

    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    boxes = np.array([[2, 2, 12, 12], [30, 2, 40, 12], [60, 20, 70, 30]], np.float32)
    scene = Scene(tmp_path / "a.png", boxes, np.array([1, 1, 2]), np.array([0, 0, -3]), 40, 80)

    def predict(network: object, seen: np.ndarray, threshold: float) -> tuple[torch.Tensor, ...]:
        """Always sees "keep right" at the outer place, less surely "keep left", and never the one in the middle."""
        place = boxes[0] if seen[0, 0, 0] else np.array([68, 2, 78, 12], np.float32)
        return torch.from_numpy(np.stack([place, place])), torch.tensor([0.9, 0.5]), torch.tensor([1, 0])

    monkeypatch.setattr(ablate_signs, "predict", predict)
    monkeypatch.setattr(ablate_signs, "load_network", lambda folder, run: None)
    settings = SimpleNamespace(settings=NetworkSettings((LEFT, RIGHT, STOP), (RIGHT, LEFT, "")))
    monkeypatch.setattr(ablate_signs, "read_run", lambda folder: settings)
    found = ablate_signs.taken_for(tmp_path, [scene])
    assert found == {RIGHT: {RIGHT: 1, "nothing": 1}, LEFT: {RIGHT: 1, "nothing": 1}}
    variant = ablate_signs.Variant("fine", settings.settings)
    rows = {row["class"]: row for row in ablate_signs.confusion(variant, [tmp_path], [scene])}
    assert [rows[LEFT][name] for name in ("signs", "itself", "mirror", "other", "missed")] == [2, 0, 1, 0, 1]
    assert [rows[RIGHT][name] for name in ("signs", "itself", "mirror", "other", "missed")] == [2, 1, 0, 0, 1]
