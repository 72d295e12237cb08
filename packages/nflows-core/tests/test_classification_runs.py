"""A classifier from a table of pictures to its probabilities: folds, resumption, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.classification import (
    ClassifierRun,
    ClassifierSettings,
    coverage_curve,
    evaluate,
    load_network,
    macro_f1,
    read_run,
    resume,
    train,
)
from nflows_core.classification.report import curves, figures, progress_figures, sheets, tables
from nflows_core.classifiers import probabilities_of
from nflows_core.data import DataError, folds, grouped_split, images_of, read_labelled, write_labelled
from nflows_core.data.parts import Parts
from nflows_core.runs import RunError
from nflows_core.testing import one_thread
from nflows_core.training import EngineConfig, StepMetrics

CONFIG = EngineConfig(epochs=20, batch_size=6, learning_rate=0.01, ema_decay=0.8, checkpoint_steps=3)
COLOURS = {"give_way": (200, 40, 40), "works": (200, 160, 30)}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of twelve drives, each of three scenes of one class, in three folds of whole drives."""
    folder, generator = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    rows = [("file", "class", "group")]
    for number in range(36):
        label = sorted(COLOURS)[number // 3 % 2]
        pixels = generator.integers(0, 60, (20, 24, 3)) + np.array(COLOURS[label]) // 2
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        rows.append((f"{number}.png", label, f"drive{number // 3}"))
    (folder / "scenes.csv").write_text("\n".join(map(",".join, rows)))
    write_labelled(folder / "folds.csv", grouped_split(read_labelled(folder / "scenes.csv"), folds(3)))
    return folder / "folds.csv"


def run_of(scenes: Path, **changes: Any) -> ClassifierRun:
    settings = ClassifierSettings(tuple(sorted(COLOURS)), size=16, dropout=0.25)
    return replace(ClassifierRun(settings, CONFIG, str(scenes), fold="1"), **changes)


@pytest.fixture(scope="module")
def trained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(run_of(scenes), read_labelled(scenes), folder)
    return folder


def test_a_fold_that_it_never_saw_is_told_apart_and_reported(trained: Path) -> None:
    run = read_run(trained, ClassifierRun)
    parts = run.parts(run.files())
    assert parts.test is not None
    test = images_of(parts.test, run.settings.size)
    tested = evaluate(load_network(trained, run), test, parts.test.groups)
    assert macro_f1(tested.confusion) > 0.9
    curve = coverage_curve(tested.probabilities.max(1), tested.found == tested.labels)
    assert curve[0].accuracy == figures(tested, 0)["accuracy"]
    by_class, taken, *_ = tables(tested, "scenes")
    assert [row["scenes"] for row in by_class.rows] == tested.confusion.sum(1).tolist()
    assert [row["true class"] for row in taken.rows] == sorted(COLOURS)
    assert next(curve.caption for curve in curves(trained)) == "macro-F1 of the averaged weights"
    best = progress_figures(trained)["best_val_macro_f1"]
    assert best is not None
    assert 0.5 < best <= 1
    wrong = replace(tested, labels=1 - tested.labels)
    assert sum(len(kind) > 0 for kind in sheets(wrong, test)[0].rows) == 2, "each class is taken for the other"


def test_a_run_is_read_as_it_was_written(trained: Path, scenes: Path) -> None:
    run = read_run(trained, ClassifierRun)
    assert replace(run, fingerprint={}) == run_of(scenes)
    assert set(run.fingerprint) == {"train", "val", "test"}


class StoppedError(Exception):
    """A training that somebody stops."""


def stop_at(step: int) -> Callable[[StepMetrics, int], None]:
    def progress(metrics: StepMetrics, steps: int) -> None:
        if metrics.step == step:
            raise StoppedError

    return progress


def test_stopped_and_resumed_is_the_run_that_was_not(trained: Path, scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train(run_of(scenes), read_labelled(scenes), tmp_path / "run", progress=stop_at(4))
    assert not (tmp_path / "run" / "model.safetensors").exists()
    resume(read_run(tmp_path / "run", ClassifierRun), tmp_path / "run")
    ours, theirs = ((folder / "model.safetensors").read_bytes() for folder in (trained, tmp_path / "run"))
    assert ours == theirs


def test_the_same_seed_gives_the_same_probabilities_and_another_one_others(scenes: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=1)
    pixels = images_of(read_labelled(scenes), 16).pixels
    found = [
        probabilities_of(train(run_of(scenes, training=of), read_labelled(scenes), tmp_path / name), pixels)
        for name, of in (("a", config), ("b", config), ("c", replace(config, seed=1)))
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_what_is_learned_besides_is_written_once_there_is_a_run_or_nothing_is(scenes: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def besides(run: ClassifierRun, parts: Parts) -> Callable[[], None]:
        seen.append(f"{len(parts.train)} of {run.fold}, {(tmp_path / 'run' / 'config.json').exists()}")
        return lambda: seen.append(str((tmp_path / "run" / "config.json").exists()))

    def fail(run: ClassifierRun, parts: Parts) -> Callable[[], None]:
        raise ValueError("too few")

    run = run_of(scenes, training=replace(CONFIG, epochs=1))
    train(run, read_labelled(scenes), tmp_path / "run", besides=besides)
    assert seen == [f"{len(run.parts(run.files()).train)} of 1, False", "True"]
    with pytest.raises(ValueError, match="too few"):
        train(run, read_labelled(scenes), tmp_path / "failed", besides=fail)
    assert not (tmp_path / "failed" / "config.json").exists()


def test_a_solved_run_needs_no_engine_and_knows_its_classes(scenes: Path, tmp_path: Path) -> None:
    settings = ClassifierSettings(tuple(sorted(COLOURS)), "frozen", size=32)
    run = run_of(scenes, settings=settings)
    network = train(run, read_labelled(scenes), tmp_path / "run")
    parts = run.parts(run.files())
    assert parts.test is not None
    tested = evaluate(network, images_of(parts.test, 32), parts.test.groups)
    assert macro_f1(tested.confusion) == 1
    written = (tmp_path / "run" / "model.safetensors").read_bytes()
    resume(read_run(tmp_path / "run", ClassifierRun), tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == written


def test_other_pictures_are_refused_and_moved_ones_are_not(trained: Path, scenes: Path, tmp_path: Path) -> None:
    folder, moved = shutil.copytree(trained, tmp_path / "run"), tmp_path / "moved"
    scenes.parent.rename(moved)
    try:
        run = read_run(folder, ClassifierRun)
        with pytest.raises(DataError, match="no such file or folder"):
            resume(run, folder)
        resume(run, folder, moved / "folds.csv")
        kept = (moved / "0.png").read_bytes()
        Image.new("RGB", (9, 9)).save(moved / "0.png")
        with pytest.raises(DataError, match=r"was trained on other data: its \w+ pictures are"):
            resume(run, folder, moved / "folds.csv")
        (moved / "0.png").write_bytes(kept)
    finally:
        moved.rename(scenes.parent)


def test_a_taken_folder_and_one_in_the_pictures_are_refused(trained: Path, scenes: Path) -> None:
    files = read_labelled(scenes)
    with pytest.raises(FileExistsError, match="a run is there"):
        train(run_of(scenes), files, trained)
    with pytest.raises(DataError, match="lies in the data"):
        train(run_of(scenes), files, scenes.parent / "run")
    with pytest.raises(ValueError, match="`fold`: the data are split into the folds 1, 2, 3"):
        train(run_of(scenes, fold=None), files, trained, overwrite=True)
    assert (trained / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "classifier run"}, "its kind is not 'picture classifier run'"),
        ({"data": 3}, "an entry is missing or of another type"),
        ({"settings": {"classes": ["a", "b"], "size": "16"}}, "settings.size is '16', which no classifier has"),
        ({"settings": {"classes": ["a", "b"], "pure": ["a"]}}, "settings.pure is .* which no classifier has"),
        ({"settings": {"classes": ["a", "b"], "pretrained": 1}}, "settings.pretrained is 1"),
        ({"settings": {"classes": ["a"]}}, "`classes`: expected 2 to 1000"),
        ({"training": {"epochs": 0}}, "epochs must be at least 1"),
    ],
)
def test_a_foreign_configuration_is_refused_by_its_entry(
    trained: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    content = json.loads((trained / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content | change))
    with pytest.raises(RunError, match=message):
        read_run(tmp_path, ClassifierRun)


def test_settings_out_of_range_are_refused() -> None:
    for change, message in (
        ({"size": 10**6}, "`size`"),
        ({"classes": ("a",)}, "`classes`"),
        ({"balance": "much"}, "`balance`"),
        ({"label_smoothing": 1.0}, "`label_smoothing`"),
    ):
        with pytest.raises(ValueError, match=message):
            ClassifierSettings(**{"classes": ("a", "b"), **change})  # type: ignore[arg-type]
