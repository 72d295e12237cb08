from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made_up_art import pixels
from nflows_core.classifiers.calibration import temperature
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.pictures.work import Writing
from nflows_core.runtime.tensors import CheckpointError
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig
from nflows_heritage.cli import heritage
from nflows_heritage.distortions import CLEAN, DISTORTIONS, KINDS, LEVELS
from nflows_heritage.inspection import FILE, Inspector, load_inspector
from nflows_heritage.inspection import process as inspecting
from nflows_heritage.inspection.classes import CLASSES, class_of
from nflows_heritage.inspection.inspector import new_network
from nflows_heritage.inspection.training import ENGINE, examples, train_inspector
from nflows_heritage.restoring import AUTO, Restoration, RestoreFiles
from nflows_heritage.restoring import process as restoring
from nflows_heritage.views import InMemory, mosaic, reduced


def constant(kind: str, level: int, least: float = 0.5) -> Inspector:
    """An inspector that is sure of one thing."""
    torch.manual_seed(0)
    inspector = Inspector(new_network(), 1.0, least)
    with torch.no_grad():
        inspector.network.head.weight.zero_()
        inspector.network.head.bias.zero_()
        inspector.network.head.bias[class_of(kind, level)] = 9.0
    return inspector


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_a_reduced_picture_is_made_of_means(height: int, width: int, side: int) -> None:
    source = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    small = reduced(InMemory(source), side)
    assert small.shape == (side, side, 3)
    assert small.min() >= source.min() / 255 - 1e-6
    assert small.max() <= source.max() / 255 + 1e-6
    if height % side == 0 and width % side == 0:
        blocks = source.reshape(side, height // side, side, width // side, 3).mean((1, 3))
        np.testing.assert_allclose(small, blocks / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mosaic_has_parts_as_they_are_and_the_whole_small(dtype: type) -> None:
    source = pixels(300, 500, dtype=dtype)
    shown = mosaic(InMemory(source))
    assert shown.shape == (192, 256, 3)
    eight = (source >> 8).astype(np.uint8) if dtype == np.uint16 else source
    np.testing.assert_array_equal(shown[:64, :64], eight[18:82, 30:94])  # its middle is that of a twelfth
    small = np.rint(255 * reduced(InMemory(source), 64)).astype(np.uint8)
    np.testing.assert_array_equal(shown[-64:, -64:], small)


@given(st.integers(1, 80), st.integers(1, 80), st.sampled_from([1, 2, 3, 4]))
def test_pictures_of_any_size_have_a_mosaic(height: int, width: int, channels: int) -> None:
    assert mosaic(InMemory(pixels(height, width, channels))).shape == (192, 256, 3)


def test_a_temperature_makes_what_is_too_sure_as_sure_as_it_is_right() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 3, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1)[:, 0]
    for factor in (0.5, 1.0, 4.0):
        assert temperature(factor * logits, labels) == pytest.approx(factor, rel=0.1)


def test_a_kind_is_the_sum_of_its_levels_and_its_level_their_mean() -> None:
    inspector = constant("rain", 3)
    probabilities = torch.zeros(len(CLASSES))
    probabilities[class_of(CLEAN, 0)] = 0.3
    probabilities[class_of("rain", 2)], probabilities[class_of("rain", 4)] = 0.1, 0.3
    probabilities[class_of("blur", 1)] = 0.3
    found = inspector.findings(probabilities)
    assert found.kind == "rain"
    assert found.level == pytest.approx(3.5)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert list(found.probabilities) == list(KINDS)
    sure = constant(CLEAN, 0, least=0.25).findings(probabilities)
    assert (sure.kind, sure.level) == (CLEAN, None)


def test_every_class_is_a_kind_at_a_level() -> None:
    assert len(CLASSES) == 1 + len(DISTORTIONS) * len(LEVELS)
    assert CLASSES[class_of("fade", 2.4)] == "fade 2"
    assert class_of(CLEAN, 3) == 0


def test_what_was_saved_says_the_same(tmp_path: Path) -> None:
    inspector = constant("water", 5)
    inspector.save(tmp_path)
    picture = InMemory(pixels(90, 120))
    assert load_inspector(tmp_path)(picture) == inspector(picture)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / FILE).write_bytes((tmp_path / FILE).read_bytes()[:999])
    with pytest.raises(CheckpointError, match="cut short"):
        load_inspector(tmp_path / "cut")
    with pytest.raises(CommandError, match="say the type yourself"):
        load_inspector(tmp_path / "nowhere")


def test_examples_have_every_class_and_are_learned_from() -> None:
    made = examples([pixels(140, 150, seed=number) for number in range(4)], 96, 0)
    again = examples([pixels(140, 150, seed=number) for number in range(4)], 96, 0)
    assert torch.equal(made.x, again.x)
    assert made.x.shape == (96, 3, 192, 256)
    kinds = {CLASSES[int(label)].rsplit(" ", 1)[0] for label in made.labels}
    assert kinds == set(KINDS)
    config = EngineConfig(**{**ENGINE, "epochs": 1, "batch_size": 32, "warmup_steps": 0})
    inspector = train_inspector(made, made, config)
    assert 0 < inspector.least <= 1
    assert inspector.temperature > 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number, name in enumerate("ab"):
        write_picture(tmp_path / "in" / f"{name}.png", Picture(pixels(64, 80, seed=number)))
    return tmp_path / "in"


def test_a_picture_is_inspected_into_a_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constant("fade", 4).save(tmp_path)
    monkeypatch.setattr(inspecting, "SHIPPED", tmp_path)
    told = inspecting.InspectFiles()(folder / "a.png", tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["kind"] == told["numbers"]["kind"] == "fade"
    assert found["level"] == pytest.approx(4, abs=0.01)
    assert found["sha256"] == sha256(folder / "a.png")


def test_what_is_clean_comes_back_to_the_bit_with_nothing_marked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constant(CLEAN, 0).save(tmp_path)
    monkeypatch.setattr(restoring, "SHIPPED", tmp_path)
    process = RestoreFiles(Restoration(AUTO), Writing(0, "keep", None))
    told = process(folder / "a.png", tmp_path / "a.png")["numbers"]
    assert (told["note"], told["changed_percent"]) == ("nothing to restore", 0)
    before, after = (read_picture(place / "a.png").pixels for place in (folder, tmp_path))
    np.testing.assert_array_equal(before, after)
    assert not read_picture(tmp_path / "a-change.png").pixels.any()
    assert call_command(heritage, "replay", tmp_path / "a.json", "-o", tmp_path / "again.png") == 0
