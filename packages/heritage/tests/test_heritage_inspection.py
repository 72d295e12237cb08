from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up_art import drawn, pixels
from nflows_core.classifiers.calibration import temperature
from nflows_core.data import DataError
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.tensors import CheckpointError
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig, Place, Trainer
from nflows_heritage.classic import estimated
from nflows_heritage.classic.look import Look
from nflows_heritage.cli import heritage
from nflows_heritage.distortions import CLEAN, DISTORTIONS, KINDS, LEVELS
from nflows_heritage.inspection import FILE, Inspector, load_inspector
from nflows_heritage.inspection import process as inspecting
from nflows_heritage.inspection.classes import CLASSES, class_of, kind_of, kinds_of, level_of
from nflows_heritage.inspection.inspector import LEAST_SIDE, Committee, EvidenceClassifier, blank
from nflows_heritage.inspection.statistics import COUNT, statistics
from nflows_heritage.inspection.traces import ENGINE as TRACE_ENGINE
from nflows_heritage.inspection.traces import TracedCrops, TraceNetwork
from nflows_heritage.inspection.training import ENGINE, LEAST_ODDS, examples, least_odds, train_inspector
from nflows_heritage.inspection.variety import drawing
from nflows_heritage.networks import SmallUNet
from nflows_heritage.networks.pixel_finding import PixelFinding
from nflows_heritage.restoring import process as restoring
from nflows_heritage.views import InMemory


def constant(kind: str, level: int) -> Inspector:
    """An inspector that is sure of one thing."""
    inspector = blank()
    with torch.no_grad():
        for member in inspector.classifier.members:
            assert isinstance(member, EvidenceClassifier)
            member.head.weight.zero_()
            member.head.bias.zero_()
            member.head.bias[class_of(kind, level)] = 9.0
    return inspector


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 140), st.integers(1, 140), st.sampled_from([1, 2, 3, 4]))
def test_pictures_that_are_large_enough_are_inspected(height: int, width: int, channels: int) -> None:
    picture = InMemory(pixels(height, width, channels))
    if min(height, width) < LEAST_SIDE:
        with pytest.raises(ValueError, match=f"{width} x {height} pixels do not show"):
            blank()(picture)
    else:
        assert sum(blank()(picture).probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_grey_picture_has_the_evidence_of_the_same_in_colour() -> None:
    grey = pixels(90, 100, 1)
    one, three = (Look.at(np.broadcast_to(grey, (90, 100, channels))) for channels in (1, 3))
    np.testing.assert_allclose(statistics(one), statistics(three), rtol=1e-4, atol=1e-4)
    assert len(statistics(one)) == COUNT


def test_traces_lie_where_the_picture_was_changed() -> None:
    crops = TracedCrops([pixels(120, 130, seed=number) for number in range(3)], 40, 64)
    shown = [crops.read(number, 0) for number in range(len(crops))]
    assert all(picture.shape == (3, 64, 64) and places.shape == (2, 64, 64) for picture, places in shown)
    rained, stained = (sum(float(places[trace].sum()) for _, places in shown) for trace in (0, 1))
    assert min(rained, stained) > 0
    assert not any(float(places.amax((1, 2)).sum()) > 1 for _, places in shown)
    again = crops.read(7, 0)
    assert torch.equal(again[0], shown[7][0])
    with pytest.raises(DataError, match="no picture has 200 x 200 pixels"):
        TracedCrops([pixels(120, 130)], 4, 200)


def test_a_network_learns_where_traces_are() -> None:
    torch.manual_seed(0)
    crops = TracedCrops([pixels(120, 130, seed=number) for number in range(3)], 64, 64)
    config = EngineConfig(**{**TRACE_ENGINE, "epochs": 6, "warmup_steps": 0, "ema_decay": 0.8})
    task = PixelFinding(TraceNetwork(), crops, config, TracedCrops([pixels(120, 130, seed=9)], 24, 64))
    batches = list(task.test_batches(Place(0, 1, torch.device("cpu"))))

    def f1(network: SmallUNet) -> float:
        measured = [task.measure(network.eval(), batch) for batch in batches]
        means = {name: torch.cat([one[name] for one in measured]).mean() for name in measured[0]}
        return float(task.summarize(means)["f1"])

    assert f1(Trainer(task).fit()) > 0.3


def test_a_temperature_makes_what_is_too_sure_as_sure_as_it_is_right() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 3, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1)[:, 0]
    for factor in (0.5, 1.0, 4.0):
        assert temperature(factor * logits, labels) == pytest.approx(factor, rel=0.1)


def test_a_committee_says_the_mean_of_its_members() -> None:
    torch.manual_seed(0)
    members = [EvidenceClassifier(torch.zeros(5), torch.ones(5)).eval() for _ in range(3)]
    evidence = torch.randn(7, 5)
    expected = torch.stack([member(evidence).softmax(1) for member in members]).mean(0)
    torch.testing.assert_close(Committee(members)(evidence).exp(), expected)


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
    inspector.odds = {**inspector.odds, "rain": 1.5}
    careful = inspector.findings(probabilities)
    assert (careful.kind, careful.level) == (CLEAN, None)


def test_every_class_is_a_kind_at_a_level() -> None:
    assert len(CLASSES) == 1 + len(DISTORTIONS) * len(LEVELS)
    assert CLASSES[class_of("fade", 2.4)] == "fade 2"
    for label, name in enumerate(CLASSES):
        level = level_of(label)
        assert name == (kind_of(label) if level is None else f"{kind_of(label)} {level}")
        assert KINDS[kinds_of(torch.tensor(label))] == kind_of(label)
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
    good, traces = [pixels(72, 80, seed=number) for number in range(4)], TraceNetwork().eval()
    told: list[int] = []
    made = examples(good, 96, 0, traces, advance=told.append)
    assert told == list(range(96))
    again = examples(good, 5, 0, traces)
    assert torch.equal(made.x[:5], again.x)
    kinds = {CLASSES[int(label)].rsplit(" ", 1)[0] for label in made.labels}
    assert kinds == set(KINDS)
    config = EngineConfig(**{**ENGINE, "epochs": 1, "batch_size": 32, "warmup_steps": 0})
    clean = examples(good, 6, 1, traces, 1.0)
    assert not clean.labels.any()
    inspector = train_inspector(traces, made, made, clean.x, config)
    assert min(inspector.odds.values()) >= 1
    assert inspector.temperature > 0


@given(st.integers(0, 2**31), st.floats(0, 0.2))
def test_the_least_odds_raise_no_more_alarms_than_they_may_and_miss_the_fewest(seed: int, alarms: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    clean, damaged = (torch.randn(60, 4, generator=draw).mul(2).softmax(1) for _ in range(2))
    kinds = torch.randint(0, 4, (60,), generator=draw)

    def believed(probabilities: torch.Tensor, odds: list[float]) -> torch.Tensor:
        likeliest = 1 + probabilities[:, 1:].argmax(1)
        own = probabilities[range(60), likeliest] / probabilities[:, 0]
        return torch.where(own >= torch.tensor([0, *odds])[likeliest], likeliest, 0)

    odds = least_odds(clean, damaged, kinds, alarms)
    assert int((believed(clean, odds) > 0).sum()) <= alarms * 60
    even = [1.05 * float(clean[:, 1:].amax(1).div(clean[:, 0]).max())] * 3  # no alarm at all

    def found(odds: list[float]) -> float:
        right = (believed(damaged, odds) == kinds).double()
        return sum(float(right[kinds == kind].mean()) for kind in range(1, 4) if (kinds == kind).any())

    assert found(odds) >= found([max(LEAST_ODDS, one) for one in even]) - 1e-9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number, name in enumerate("ab"):
        write_picture(tmp_path / "in" / f"{name}.png", Picture(pixels(64, 80, seed=number)))
    return tmp_path / "in"


def test_pictures_are_inspected_into_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    constant("rain", 4).save(tmp_path)
    monkeypatch.setattr("nflows_heritage.inspection.SHIPPED", tmp_path)
    monkeypatch.setattr(inspecting, "SHIPPED", tmp_path)
    (folder / "broken.png").write_bytes(b"\x89PNG")
    assert call_command(heritage, "inspect", folder, "-o", tmp_path / "out", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [row["kind"] for row in report["tables"]["Pictures"]] == ["rain", "rain"]
    found = json.loads((tmp_path / "out" / "a.json").read_text())
    assert found["kind"] == "rain"
    assert found["level"] == pytest.approx(4, abs=0.01)
    assert found["sha256"] == sha256(folder / "a.png")


def test_what_looks_damaged_but_has_nothing_to_undo_comes_back_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    constant("salt-and-pepper", 2).save(tmp_path)
    monkeypatch.setattr(restoring, "SHIPPED", tmp_path)
    even = np.full((80, 90, 3), 90, np.uint8)
    assert constant("salt-and-pepper", 2)(InMemory(even)).kind == CLEAN
    assert constant("rain", 2)(InMemory(even)).kind == "rain"  # which the network sees, not the method
    write_picture(tmp_path / "even.png", Picture(even))
    assert call_command(heritage, "restore", tmp_path / "even.png", "-o", tmp_path / "out", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["tables"]["Pictures"]
    assert (row["kind"], row["note"], row["changed_percent"]) == (CLEAN, "nothing to restore", 0)
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "even.png").pixels, even)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_drawings_and_texts_are_no_noise(seed: int) -> None:
    random = np.random.default_rng(seed)
    sheet = drawing(np.rint(255 * drawn(128, seed=seed % 7)).astype(np.uint8), random)
    assert sheet.shape == (128, 128, 3)
    assert estimated("salt-and-pepper", sheet).is_idle


def test_what_is_clean_comes_back_to_the_bit_with_nothing_marked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    constant(CLEAN, 0).save(tmp_path)
    monkeypatch.setattr("nflows_heritage.inspection.SHIPPED", tmp_path)
    monkeypatch.setattr(restoring, "SHIPPED", tmp_path)
    assert call_command(heritage, "restore", folder, "-o", tmp_path / "out", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["tables"]["Pictures"]
    assert [row["note"] for row in rows] == ["nothing to restore"] * 2
    assert [row["changed_percent"] for row in rows] == [0, 0]
    for name in "ab":
        before, after = (read_picture(place / f"{name}.png").pixels for place in (folder, tmp_path / "out"))
        np.testing.assert_array_equal(before, after)
        assert not read_picture(tmp_path / "out" / f"{name}-change.png").pixels.any()
    record = tmp_path / "out" / "a.json"
    assert call_command(heritage, "replay", record, "-o", tmp_path / "again.png") == 0
