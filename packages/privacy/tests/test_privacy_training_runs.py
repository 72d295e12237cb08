"""``nflows privacy train``: squares learned in seconds, resumed as if never stopped, and found by other commands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from coloured_squares import COLOURS, SIDE, save_squares, squares
from nflows_core.data import DataError
from nflows_core.data.split import belongs
from nflows_core.runs.kind import RunError
from nflows_core.runtime.report import read_csv, write_csv
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig, StepMetrics
from nflows_privacy.annotations.found import read_found
from nflows_privacy.cli import privacy
from nflows_privacy.detection import DetectorSettings, Look, kinds_for, load_detector
from nflows_privacy.regions import boxes_array, iou
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.data import Source, classes_of, read_scenes
from nflows_privacy.training.experiment import resume, train
from nflows_privacy.training.network import fused
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network, read_run
from nflows_privacy.training.scenes import RandomCrops
from nflows_privacy.training.settings import NetworkSettings

TINY = NetworkSettings(tuple(COLOURS), tuple(COLOURS), widths=(8, 16, 16, 16), blocks=(0, 1, 0, 0), crop=SIDE)
RED = replace(TINY, classes=("red",), mirrors=("red",))
FAST = EngineConfig(epochs=40, batch_size=8, learning_rate=0.01, warmup_steps=10, clip_norm=5.0, ema_decay=0.95)
SHORT = replace(FAST, epochs=2, checkpoint_steps=2)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_squares(tmp_path_factory.mktemp("squares"), 40)


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and its report."""
    from nflows_privacy.training.report import report_run

    folder = tmp_path_factory.mktemp("runs") / "run"
    train(Source(table), folder, TINY, FAST)
    report_run(folder, "Squares")
    return folder


def test_squares_are_learned(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    assert report["test_mAP50"] > 0.9
    assert report["test_boxes"] == 2 * (report["test_pictures"])
    assert report["train_boxes"] + report["test_boxes"] == 80
    assert [row["class"] for row in next(iter(report["tables"].values()))] == ["blue", "red", "all"]
    assert "Test pictures: green is found" in (run / "report.html").read_text()


def test_a_run_is_a_detector_of_its_classes(run: Path) -> None:
    pixels, regions = squares(999)
    detector = load_detector(DetectorSettings((str(run),), 0.3, "cpu"))
    assert detector.kinds == set(COLOURS)
    for look in Look:
        found = detector(pixels, look)
        best = {region.kind: region for region in reversed(found)}
        overlaps = iou(boxes_array([best[region.kind] for region in regions]), boxes_array(regions)).diagonal()
        assert overlaps.min() > 0.4, look
    assert detector(pixels) == detector(pixels)


def test_what_is_not_to_be_hidden_is_looked_at_once_at_the_size_that_was_trained(run: Path) -> None:
    pixels, _ = squares(999)
    found = load_detector(DetectorSettings((str(run),), 0.3, "cpu"))(pixels)
    boxes, scores, _ = predict(fused(load_network(run, read_run(run))), pixels, 0.3)
    shared = iou(boxes_array(found), boxes.clamp(0, SIDE).numpy())
    assert len(found) >= 2
    assert shared.max(1).min() > 0.999
    assert [region.score for region in found] == pytest.approx(scores[shared.argmax(1)].tolist(), abs=1e-4)
    hiding = load_detector(DetectorSettings((str(run),), 0.3, "cpu", to_hide=True))(pixels)
    others = iou(boxes_array(hiding), boxes.clamp(0, SIDE).numpy()).max(1)
    assert others.min() < 0.999, "a doubled picture shows other boxes"


def test_detect_looks_for_what_the_run_finds_unless_told_otherwise(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(squares(999)[0]).save(tmp_path / "a.png")
    arguments = (privacy, "detect", tmp_path / "a.png", "--detector", run, "--threshold", 0.3)
    assert call_command(*arguments, "-o", tmp_path / "all.json") == 0
    assert {region.kind for region in read_found(tmp_path / "all.json").regions} == set(COLOURS)
    assert call_command(*arguments, "-o", tmp_path / "red.json", "--what", "red") == 0
    assert {region.kind for region in read_found(tmp_path / "red.json").regions} == {"red"}
    capsys.readouterr()
    assert call_command(*arguments, "-o", tmp_path / "no.json", "--what", "face") == 2
    assert "finds blue, red, and none of face" in capsys.readouterr().err


def test_a_run_that_looks_is_measured_as_its_own_report_measures_it(run: Path, table: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in [*table.parent.glob("*.png"), table]:
        if path == table or belongs(path.name, "test"):
            shutil.copy(path, pictures)
    rows = [row for row in read_csv(table) if belongs(row["image"], "test")]
    write_csv(pictures / "boxes.csv", rows)
    arguments = ("--task", "detect", "--boxes", pictures / "boxes.csv", "--threshold", 0.4, "-o", tmp_path / "report")
    assert call_command(privacy, "evaluate", pictures, run, *arguments) == 0
    own, other = (json.loads((folder / "report.json").read_text()) for folder in (run, tmp_path / "report"))
    assert other["mAP50"] == pytest.approx(own["test_mAP50"], abs=0.1), "a detector keeps fewer boxes that overlap"
    assert (other["boxes"], other["found"]) == (own["test_boxes"], own["test_found"])


def test_the_kinds_that_count_are_those_of_runs_and_else_faces_and_plates(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "another"}')
    assert kinds_for(()) == kinds_for(("yunet",)) == kinds_for((str(tmp_path),)) == ("face", "plate")
    assert kinds_for((str(run),)) == ("blue", "red")
    assert kinds_for(("yunet", str(run))) == ("face", "plate", "blue", "red")


def test_a_large_picture_is_looked_at_in_tiles_and_each_thing_is_found_once(run: Path) -> None:
    pixels, regions = squares(999)
    large = np.full((200, 1800, 3), 110, np.uint8)
    lefts = (0, 1280 - SIDE // 2, 1536 - SIDE // 2, 1800 - SIDE)  # about the edges of the tiles
    for left in lefts:
        large[50 : 50 + SIDE, left : left + SIDE] = pixels
    found = load_detector(DetectorSettings((str(run),), 0.3, "cpu"))(large)
    expected = np.vstack([boxes_array(regions) + np.array([left, 50, left, 50]) for left in lefts])
    overlaps = iou(expected, boxes_array(found)) > 0.5
    assert (overlaps.sum(1) == 1).all()


def test_stopped_and_resumed_is_the_run_that_was_not(table: Path, tmp_path: Path) -> None:
    def stop(metrics: StepMetrics, total: int) -> None:
        if metrics.step == total - 3:
            raise InterruptedError("stopped")

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    settings = replace(TINY, dropout=0.5)
    train(Source(table), whole, settings, SHORT)
    with pytest.raises(InterruptedError, match="stopped"):
        train(Source(table), parts, settings, SHORT, progress=stop)
    resume(parts)
    assert (whole / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()


def test_a_run_begins_with_the_weights_of_another_of_other_classes(run: Path, table: Path, tmp_path: Path) -> None:
    frozen = replace(SHORT, epochs=1, learning_rate=1e-9)
    network = train(Source(table), tmp_path / "run", replace(TINY, classes=("red",), mirrors=()), frozen, start=run)
    own, other = network.state_dict(), load_network(run, read_run(run)).state_dict()
    torch.testing.assert_close(own["stem.0.weight"], other["stem.0.weight"], atol=1e-5, rtol=0)
    assert own["outputs.0.weight"].shape != other["outputs.0.weight"].shape
    with pytest.raises(ValueError, match=r"`start`: .* has the backbone residual, widths"):
        train(Source(table), tmp_path / "wide", replace(TINY, widths=(8, 8, 8, 8)), frozen, start=run)


def test_the_command_trains_and_the_same_is_refused_twice(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        "--epochs",
        1,
        "--batch-size",
        4,
        "--size",
        SIDE,
        "--mirror",
        "red",
        "--classes",
        "red",
        "--backbone",
        "residual",
        "--dropout",
        0.25,
    )
    assert call_command(privacy, "train", table, "-o", tmp_path / "run", *options, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["run"]["settings"]["classes"] == ["red"]
    assert report["run"]["settings"]["mirrors"] == ["red"]
    assert report["run"]["settings"]["dropout"] == 0.25
    assert call_command(privacy, "train", table, "-o", tmp_path / "run", *options) == 2
    assert "a run is there" in capsys.readouterr().err
    assert call_command(privacy, "train", table, "-o", tmp_path / "run", "--resume", "--epochs", 9) == 2
    assert "--epochs is 9, but the run to resume has 1" in capsys.readouterr().err
    assert call_command(privacy, "train", table, "-o", tmp_path / "run", "--resume", "--dropout", 0) == 2
    assert "--dropout is 0.0, but the run to resume has 0.25" in capsys.readouterr().err


def test_a_batch_that_is_not_filled_leaves_no_folder(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(privacy, "train", table, "-o", tmp_path / "run", "--size", SIDE, "--batch-size", 1000) == 2
    assert "do not fill one update of 1000" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_unknown_mirror_is_refused(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(privacy, "train", table, "-o", tmp_path / "run", "--mirror", "left=right") == 2
    assert "there is no class 'left'; there are blue, red" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_classes_are_those_of_the_table_and_a_picture_without_boxes_is_background(table: Path) -> None:
    assert classes_of(Source(table)) == ("blue", "red")
    scenes = {scene.path.name: scene for scene in read_scenes(Source(table), RED).scenes}
    assert len(scenes["empty.png"].boxes) == 0
    assert scenes["000.png"].labels.tolist() == [0]


def test_boxes_to_ignore_keep_their_label(table: Path, tmp_path: Path) -> None:
    shutil.copytree(table.parent, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "boxes.csv").read_text().replace("blue", "ignore")
    (tmp_path / "boxes.csv").write_text(text)
    scene = read_scenes(Source(tmp_path / "boxes.csv"), RED).scenes[0]
    assert sorted(scene.labels.tolist()) == [IGNORED, 0]


@pytest.mark.filterwarnings("ignore:.*are not among the inputs")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda text: text.replace("red", "green").replace("blue", "green"),
            "no box of blue, red in the .* pictures of .*; mark some",
        ),
        (lambda text: text.replace("left", "l"), "no annotations that are known"),
        (lambda text: "", "no annotations that are known"),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(
    table: Path, tmp_path: Path, spoil: Callable[[str], str], message: str
) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "000.png")
    (tmp_path / "boxes.csv").write_text(spoil(table.read_text()))
    data = Source(tmp_path / "boxes.csv")
    with pytest.raises(DataError, match=message):
        train(data, tmp_path.parent / "run", TINY, SHORT, test=Source(table))
    assert not (tmp_path.parent / "run").exists()


def test_two_tables_of_one_folder_are_trained_on_and_tested_on_by_what_they_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = save_squares(tmp_path / "images", 8)
    header, *rows = whole.read_text().splitlines()
    whole.unlink()
    tables = {"train": rows[:12], "val": rows[12:], "both": rows[8:]}  # two rows of each picture
    for name, named in tables.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *named]))
    options = (
        "--pictures",
        tmp_path / "images",
        "--epochs",
        1,
        "--batch-size",
        1,
        "--size",
        64,
        "--backbone",
        "residual",
    )
    train_on = (privacy, "train", tmp_path / "train.csv", *options)
    assert call_command(*train_on, "--test", tmp_path / "val.csv", "-o", tmp_path / "run") == 0
    parts = read_run(tmp_path / "run").fingerprint
    assert {name: part.images for name, part in parts.items()} == {"train": 6, "test": 3}, "the empty one is of val"
    capsys.readouterr()
    assert call_command(*train_on, "--test", tmp_path / "both.csv", "-o", tmp_path / "no") == 2
    assert "004.png and 1 others would be trained on too; give others" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


@pytest.mark.filterwarnings("ignore:.*are not named there")
@pytest.mark.parametrize(
    ("marked", "part"), [(False, "are left to train on, [0-9]+ of 41"), (True, "holds out to test on, [0-9]+ of 41")]
)
def test_a_part_without_boxes_is_named(
    table: Path, tmp_path: Path, marked: bool, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *rows = table.read_text().splitlines()
    rows = [row for row in rows if belongs(row.split(",")[0], "train" if marked else "test")]
    (tmp_path / "boxes.csv").write_text("\n".join([header, *rows]))
    options = ("-o", tmp_path / "run", "--pictures", table.parent)
    assert call_command(privacy, "train", tmp_path / "boxes.csv", *options) == 2
    told = capsys.readouterr().err
    assert re.search(f"no box of blue, red in the pictures of .* that .*{part}; both parts need boxes", told)
    assert "by --test" in told
    assert not (tmp_path / "run").exists()


def test_missing_pictures_and_boxes_outside_are_named_and_left_out(table: Path, tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "000.png")
    rows = [
        "image,left,top,right,bottom,name",
        "000.png,200,0,220,10,red",
        "000.png,90,0,120,10,red",
        "gone.png,0,0,9,9,red",
    ]
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    with pytest.warns(RuntimeWarning) as warned:
        scenes = read_scenes(Source(tmp_path / "boxes.csv"), RED).scenes
    told = " ".join(str(one.message) for one in warned)
    assert "1 pictures with boxes are not among the inputs: gone.png" in told
    assert "1 boxes lie outside of their picture and are left out: 000.png (200 0 220 10)" in told
    assert scenes[0].boxes.tolist() == [[90, 0, SIDE, 10]]


def test_pictures_that_the_table_does_not_name_are_told_and_each_fault_once(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    folder = shutil.copytree(table.parent, tmp_path / "squares")
    lines = table.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("empty.png", "002.png"))]
    outside = ["000.png,200,0,220,10,red,1", f"{held_out(table)},200,0,220,10,red,1", "gone.png,0,0,9,9,red,1"]
    (folder / "boxes.csv").write_text("\n".join([*kept, *outside]))
    options = ("--epochs", 1, "--batch-size", 4, "--size", SIDE, "--backbone", "residual")
    assert call_command(privacy, "train", folder / "boxes.csv", "-o", tmp_path / "run", *options) == 0
    told = told_by(recwarn)
    assert len(told) == 3
    assert "2 boxes lie outside of their picture and are left out" in " ".join(told), "of both parts"
    assert f"{folder}/boxes.csv: 2 pictures are not named there, and taken to show nothing: 002.png, empty.png" in told
    recwarn.clear()
    arguments = ("--task", "detect", "--boxes", folder / "boxes.csv", "-o", tmp_path / "report")
    assert call_command(privacy, "evaluate", folder, tmp_path / "run", *arguments) == 0
    assert sorted(told_by(recwarn)) == sorted(told)


def held_out(table: Path) -> str:
    """A picture that is held out."""
    return next(row["image"] for row in read_csv(table) if belongs(row["image"], "test"))


def told_by(warned: pytest.WarningsRecorder) -> list[str]:
    return [str(one.message) for one in warned if issubclass(one.category, RuntimeWarning)]


def test_other_pictures_than_those_of_the_run_are_refused(run: Path, tmp_path: Path) -> None:
    other = save_squares(tmp_path / "others", 40, first=100)
    with pytest.raises(DataError, match=r"trained on other data: its train pictures with their boxes are as many"):
        resume(run, Source(other))


def test_a_run_of_before_there_was_dropout_has_none(run: Path, tmp_path: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert config["settings"].pop("dropout") == 0
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_run(tmp_path).settings == TINY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"box detector run"', '"flow"'),
        ("0.4", "4.0"),
        ("[\n      8,", "[\n      true,"),
        ('"crop": 96', '"crop": "96"'),
        ('"dropout": 0.0', '"dropout": 1.0'),
        ('"dropout": 0.0', '"dropout": true'),
    ],
)
def test_a_configuration_of_another_kind_is_refused(run: Path, tmp_path: Path, old: str, new: str) -> None:
    text = (run / "config.json").read_text()
    assert old in text
    (tmp_path / "config.json").write_text(text.replace(old, new))
    with pytest.raises(RunError, match=re.escape(str(tmp_path))):
        read_run(tmp_path)


def test_crops_depend_on_the_seed_alone_and_their_boxes_lie_about_the_colours(table: Path) -> None:
    crops = RandomCrops(read_scenes(Source(table), RED).scenes, SIDE)
    for seed in range(12):
        pixels, labels, boxes = crops.read(seed % len(crops), seed)
        again = crops.read(seed % len(crops), seed)
        assert all(torch.equal(first, second) for first, second in zip((pixels, labels, boxes), again, strict=True))
        for left, top, right, bottom in boxes[labels == 0].unique(dim=0).round().int().tolist():
            inner = pixels[:, top + 2 : bottom - 2, left + 2 : right - 2].float().mean((1, 2))
            assert inner[0] >= inner[1:].max()  # whatever the light, red stays the most
