"""From crops to a tested classifier, to predictions, an ONNX file and a purity report, as a person runs it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from nflows_agri.cli import agri
from nflows_agri.inspection.lot import Lot, Thing, judged
from nflows_agri.inspection.predictor import load_predictor
from nflows_agri.inspection.purity import pure_counts
from nflows_agri.inspection.runs import read_run
from nflows_agri.inspection.settings import CropClassifierSettings
from nflows_core.classification.runs import load_network
from nflows_core.data import read_labelled
from nflows_core.runtime.ownership import MARK_FILE
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command, kill_at_call, one_thread

SHAPES = {"broken": (4, 4), "pure": (8, 3), "silkcut": (9, 9)}
TRAINING = (
    *("--size", 16, "--epochs", 12, "--batch-size", 12, "--pure", "pure"),
    *("--ema-decay", 0.8, "--learning-rate", 0.01, "--warmup-steps", 0),
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def draw(path: Path, shape: tuple[int, int], generator: np.random.Generator) -> None:
    """A seed on black, an ellipse of some colour with a pattern of its own."""
    pixels = generator.integers(0, 20, (20, 20, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:20, :20] - 9.5
    inside = (rows / shape[0]) ** 2 + (columns / shape[1]) ** 2 < 1
    pixels[inside] = generator.integers(120, 210, 3) + generator.integers(-40, 40, (inside.sum(), 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight trays of two seeds of each of three classes."""
    folder, generator = tmp_path_factory.mktemp("data") / "crops", np.random.default_rng(0)
    for label, shape in SHAPES.items():
        for tray in range(8):
            for number in range(2):
                draw(folder / label / f"tray{tray}_{number}.png", shape, generator)
    return folder


@pytest.fixture(scope="module")
def run(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert call_command(agri, "train", crops, "-o", folder, *TRAINING) == 0
    return folder


def report_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


def test_a_report_tells_what_is_taken_for_what_and_how_surely(run: Path) -> None:
    report = report_of(run)
    counts = np.array(report["tested"]["confusion"])
    assert report["macro_f1"] > 0.8
    assert counts.sum() == report["test_crops"]
    parts = [report[f"{name}_crops"] for name in ("train", "val", "test")]
    assert sum(parts) == 3 * 8 * 2
    assert all(count % (3 * 2) == 0 for count in parts)  # whole trays
    rows = report["tables"]["Test crops, class by class"]
    assert [row["class"] for row in rows] == ["broken", "pure", "silkcut"]
    assert all(low <= row["recall"] <= high for row in rows for low, high in [row["recall_interval_95"]])
    two = pure_counts(counts, report["tested"]["classes"], ["pure"])
    assert report["pure_impure_accuracy"] == pytest.approx(two.diagonal().sum() / two.sum())
    page = (run / "report.html").read_text()
    assert "What is taken for what" in page
    assert "macro-F1 of the averaged weights" in page


def test_each_crop_is_a_row_and_a_bad_one_stops_nothing(
    run: Path, crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lot = shutil.copytree(crops, tmp_path / "lot")
    (lot / "pure" / "torn.png").write_bytes((lot / "pure" / "tray0_0.png").read_bytes()[:50])
    (lot / "notes.txt").write_text("not a crop")
    assert call_command(agri, "predict", run, lot, "-o", tmp_path / "out", "--json") == 1
    rows = read_csv(tmp_path / "out" / "crops.csv")
    assert [row["file"] for row in rows] == sorted(path.relative_to(lot).as_posix() for path in lot.rglob("*.png"))
    said = [row for row in rows if not row["error"]]
    for row in said:
        chances = {name: float(row[f"p_{name}"]) for name in SHAPES}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert max(chances, key=lambda name: chances[name]) == row["class"]
        assert chances[row["class"]] == float(row["probability"])
    right = sum(row["file"].startswith(row["class"]) for row in said)
    assert right > 0.8 * len(said)
    (bad,) = [row for row in rows if row["error"]]
    assert bad["file"] == "pure/torn.png"
    assert bad["class"] == ""
    printed = capsys.readouterr()
    assert "torn.png" in printed.err
    assert "left out .txt (1)" in printed.err
    assert json.loads(printed.out) == report_of(tmp_path / "out")
    assert report_of(tmp_path / "out")["not_readable"] == 1


def test_a_full_disk_leaves_no_half_table(
    run: Path, crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_size > 200:  # a mark finds room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert call_command(agri, "predict", run, crops, "-o", out) == 1
    said = f"nflows: error: {out / 'crops.csv'}: No space left on device; free some space or choose another place"
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert [path.name for path in out.iterdir()] == [MARK_FILE]
    assert call_command(agri, "predict", run, crops, "-o", out) == 0


def test_an_onnx_file_judges_as_its_run_does(run: Path, crops: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    assert call_command(agri, "export", run, "-o", tmp_path / "seeds.onnx") == 0
    for place, name in ((run, "torch"), (tmp_path / "seeds.onnx", "onnx")):
        assert call_command(agri, "purity", place, crops, "-o", tmp_path / name) == 0
    rows = [read_csv(tmp_path / name / "crops.csv") for name in ("torch", "onnx")]
    for ours, theirs in zip(*rows, strict=True):
        assert ours["file"] == theirs["file"]
        assert all(abs(float(ours[f"p_{name}"]) - float(theirs[f"p_{name}"])) < 1e-4 for name in SHAPES)
    first, second = (report_of(tmp_path / name) for name in ("torch", "onnx"))
    assert first["purity_corrected_interval_95"] == second["purity_corrected_interval_95"]


def test_purity_is_counted_and_corrected_by_the_errors_of_the_test(run: Path, crops: Path, tmp_path: Path) -> None:
    assert call_command(agri, "purity", run, crops / "pure", crops / "broken", "-o", tmp_path / "out") == 0
    report, rows = report_of(tmp_path / "out"), read_csv(tmp_path / "out" / "crops.csv")
    found = sum(row["class"] == "pure" for row in rows)
    assert report["purity_counted"] == found / len(rows) == found / 32
    tested = pure_counts(np.array(report_of(run)["tested"]["confusion"]), list(SHAPES), ["pure"])
    assert report["sensitivity"] == tested[0, 0] / tested[0].sum()
    low, high = report["purity_corrected_interval_95"]
    assert low <= report["purity_corrected"] <= high
    assert low < 0.5 < high
    assert call_command(agri, "purity", run, crops, "-o", tmp_path / "two", "--pure", "pure, broken") == 0
    assert report_of(tmp_path / "two")["pure_classes"] == ["pure", "broken"]


def test_two_views_of_a_seed_are_judged_as_one(run: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    for view, shapes in (("top", ("pure", "broken")), ("bottom", ("pure", "silkcut"))):
        for number, name in enumerate(shapes):
            draw(tmp_path / view / f"{number}.png", SHAPES[name], generator)
    places = (tmp_path / "top", tmp_path / "bottom")
    assert call_command(agri, "predict", run, *places, "--views", "-o", tmp_path / "both") == 0
    for place in places:
        assert call_command(agri, "predict", run, place, "-o", tmp_path / f"of_{place.name}") == 0
    both, top, bottom = (read_csv(tmp_path / name / "crops.csv") for name in ("both", "of_top", "of_bottom"))
    assert [row["file"] for row in both] == ["0.png", "1.png"]
    for row, *views in zip(both, top, bottom, strict=True):
        product = {name: np.prod([float(view[f"p_{name}"]) for view in views]) ** 0.5 for name in SHAPES}
        for name, value in product.items():
            assert float(row[f"p_{name}"]) == pytest.approx(value / sum(product.values()), abs=3e-3)  # the root of 1e-6


class Dim:
    """Finds crops unknown whose brightest pixel is dim, in squares of its own side."""

    side = 20

    def scores(self, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, self.side, self.side)
        return images.flatten(1).amax(1) / 255

    def is_unknown(self, scores: Tensor) -> Tensor:
        return scores < 0.3


def test_what_is_unknown_is_put_aside_and_in_no_share(run: Path, crops: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), (40, 20, 30)).save(tmp_path / "dim.png")
    bright = crops / "pure" / "tray0_0.png"
    predictor = replace(load_predictor(run, "cpu"), unknown=Dim())
    views = ((bright,), (tmp_path / "dim.png",), (bright, tmp_path / "dim.png"), (tmp_path / "gone.png",))
    lot = Lot(predictor.classes)
    rows = list(lot.rows(judged(predictor, (Thing(str(number), paths) for number, paths in enumerate(views)))))
    assert [row["unknown"] for row in rows] == [0, 1, 1, None]
    assert [row["familiar"] for row in rows][1:] == [pytest.approx(40 / 255, abs=1e-5)] * 2 + [None]
    assert (lot.judged, lot.aside, len(lot.failed)) == (1, 2, 1)
    assert "gone.png: No such file" in str(rows[3]["error"])


def test_a_run_that_learns_what_its_crops_look_like_puts_others_aside(tmp_path: Path) -> None:
    generator, lot = np.random.default_rng(0), tmp_path / "crops"
    rows = ["file,class,group,part"]
    for label, shape in list(SHAPES.items())[:2]:
        for number in range(60):
            draw(lot / f"{label}{number}.png", shape, generator)
            tray = number // 5
            rows.append(f"{label}{number}.png,{label},{tray},{'train' if tray < 10 else 'test'}")
    (lot / "split.csv").write_text("\n".join(rows))
    command = ("train", lot / "split.csv", "-o", tmp_path / "run", "--size", 16, "--epochs", 1, "--unknown")
    assert call_command(agri, *command) == 0
    strange = tmp_path / "strange"
    strange.mkdir()
    for number in range(4):
        noise = generator.integers(0, 256, (20, 20, 3)).astype(np.uint8)
        Image.fromarray(noise).save(strange / f"{number}.png")
    shares = {}
    for place in (strange, lot):
        assert call_command(agri, "predict", tmp_path / "run", place, "-o", tmp_path / f"of_{place.name}") == 0
        rows = read_csv(tmp_path / f"of_{place.name}" / "crops.csv")
        assert all(0 < float(row["familiar"]) <= 1 for row in rows)
        aside = sum(row["unknown"] == "1" for row in rows)
        assert report_of(tmp_path / f"of_{place.name}")["put_aside"] == aside
        shares[place] = aside / len(rows)
    assert shares[lot] < 0.5 < shares[strange]
    files = read_labelled(lot / "split.csv")
    said = {row["file"]: row for row in rows}
    test = [(file.label, said[file.name]) for file in files.files if file.part == "test"]
    report = report_of(tmp_path / "run")
    assert report["test_put_aside"] == sum(row["unknown"] == "1" for _, row in test)
    kept = [(label, row["class"]) for label, row in test if row["unknown"] == "0"]
    assert np.sum(report["tested_kept"]["confusion"]) == len(kept)
    assert np.trace(report["tested_kept"]["confusion"]) == sum(label == found for label, found in kept)
    assert np.array_equal(load_predictor(tmp_path / "run", "cpu").tested, report["tested_kept"]["confusion"])


def test_too_few_crops_to_know_what_is_usual_are_refused_before_the_training(
    crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(agri, "train", crops, "-o", tmp_path / "run", *TRAINING, "--unknown") == 2
    assert "crops are too few to learn what is likely" in capsys.readouterr().err
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_lot_larger_than_what_is_read_at_a_time_keeps_its_order(run: Path, crops: Path) -> None:
    files = sorted(crops.rglob("*.png")) * 12
    found = list(judged(load_predictor(run, "cpu"), (Thing(str(n), (path,)) for n, path in enumerate(files))))
    assert [one.thing.name for one in found] == [str(number) for number in range(len(files))]
    for one, again in zip(found, found[48:], strict=False):
        assert one.probabilities is not None
        assert again.probabilities is not None
        np.testing.assert_allclose(one.probabilities, again.probabilities, atol=1e-5)


@pytest.mark.parametrize(("mode", "size"), [("RGB", (1, 1)), ("L", (9, 40)), ("P", (300, 2)), ("1", (5, 5))])
def test_odd_pictures_are_judged_too(run: Path, tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
    Image.new(mode, size).save(tmp_path / "odd.png")
    (one,) = judged(load_predictor(run, "cpu"), [Thing("odd", (tmp_path / "odd.png",))])
    assert one.probabilities is not None
    assert one.probabilities.sum() == pytest.approx(1)


def test_killed_and_resumed_is_the_run_that_was_not(run: Path, crops: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    kill_at_call("os.replace", 9, "nflows_core.cli", "agri", "train", crops, "-o", killed, *TRAINING)
    assert not (killed / "model.safetensors").exists()
    with pytest.warns(RuntimeWarning, match="its training has not finished"):
        assert call_command(agri, "predict", killed, crops, "-o", tmp_path / "early") == 0
    assert len(read_csv(tmp_path / "early" / "crops.csv")) == 48
    assert call_command(agri, "train", crops, "-o", killed, "--resume") == 0
    weights = [load_network(place, read_run(place)).state_dict() for place in (run, killed)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert report_of(killed)["tested"]["confusion"] == report_of(run)["tested"]["confusion"]


@pytest.mark.parametrize(
    "options", [["--balance", "oversample"], ["--balance", "weights", "--augment", "turned+light"]]
)
def test_a_split_is_trained_by_its_parts(crops: Path, tmp_path: Path, options: list[str]) -> None:
    rows = ["file,class,group,part"]
    for path in sorted(crops.rglob("*.png")):
        tray = path.stem[4]
        part = "test" if tray < "3" else "train"
        rows.append(f"{path.relative_to(crops).as_posix()},{path.parent.name},{tray},{part}")
    table = shutil.copytree(crops, tmp_path / "data") / "split.csv"
    table.write_text("\n".join(rows))
    command = ("train", table, "--size", 16, "--epochs", 1, "--batch-size", 8, *options, "-o")
    assert call_command(agri, *command, tmp_path / "data" / "run") == 2, "it lies in the data"
    assert call_command(agri, *command, tmp_path / "run") == 0
    report = report_of(tmp_path / "run")
    assert report["test_crops"] == 18
    assert report["photographs"] == 3
    assert report["run"]["settings"]["balance"] == options[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "CROPS", "-o", "OUT", "--model", "resnet18x"), "no classifier 'resnet18x'"),
        (("train", "CROPS", "-o", "OUT", "--size", "8"), "--size: expected 16 to 1024 pixels, got 8"),
        (("train", "CROPS", "-o", "OUT", "--pure", "gold"), "--pure: there is no class 'gold'; there are broken, pure"),
        (("train", "CROPS", "-o", "OUT", "--pure", "pure,broken,silkcut"), "all classes are pure"),
        (("train", "CROPS", "-o", "OUT", "--fold", "1"), "--fold: the data are not split into folds"),
        (("train", "CROPS", "-o", "OUT", "--batch-size", "1000"), "do not fill one update"),
        (("train", "CROPS", "-o", "RUN"), "a run is there; resume it, overwrite it"),
        (("train", "CROPS", "-o", "RUN", "--resume", "--size", "32"), "--size is 32, but the run to resume has 16"),
        (("predict", "CROPS", "CROPS", "-o", "OUT"), "is no run folder, it has no config.json"),
        (("predict", "RUN/config.json", "CROPS", "-o", "OUT"), "is no ONNX network"),
        (("predict", "RUN", "EMPTY", "-o", "OUT"), "holds no pictures"),
        (("predict", "RUN", "CROPS", "-o", "CROPS/out"), "lies in the data"),
        (("predict", "RUN", "CROPS", "-o", "RUN"), "holds another kind of result"),
        (("predict", "RUN", "CROPS", "--views", "-o", "OUT"), "--views: give two folders or more"),
        (("predict", "RUN", "CROPS", "EMPTY", "--views", "-o", "OUT"), "EMPTY lacks broken/tray0_0.png"),
        (("purity", "RUN", "CROPS", "-o", "OUT", "--pure", "gold"), "--pure: there is no class 'gold'"),
        (("purity", "UNTESTED", "CROPS", "-o", "OUT"), "was not tested, so that its errors are not known"),
        (
            ("purity", "NAMELESS", "CROPS", "-o", "OUT"),
            "which classes are pure seed? Choose among broken, pure",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Path, crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "EMPTY").mkdir()
    for name, change in (("UNTESTED", None), ("NAMELESS", ())):
        folder = shutil.copytree(run, tmp_path / name)
        if change is None:
            (folder / "report.json").unlink()
        else:
            config = json.loads((folder / "config.json").read_text())
            config["settings"]["pure"] = change
            (folder / "config.json").write_text(json.dumps(config))
    places = {
        "CROPS": crops,
        "RUN": run,
        **{name: tmp_path / name for name in ("OUT", "EMPTY", "UNTESTED", "NAMELESS")},
    }
    given = [str(places.get(word.partition("/")[0], word)) + "".join(word.partition("/")[1:]) for word in words]
    assert call_command(agri, *given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) <= 3
    assert not (tmp_path / "OUT" / "crops.csv").exists()


def test_a_lot_of_nothing_that_can_be_judged_has_no_share(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lot").mkdir()
    (tmp_path / "lot" / "a.png").write_text("torn")
    assert call_command(agri, "purity", run, tmp_path / "lot", "-o", tmp_path / "out") == 2
    assert "none of 1 crops could be judged" in capsys.readouterr().err


def test_a_report_of_other_weights_says_nothing_of_these(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    assert load_predictor(folder, "cpu").tested is not None
    report = report_of(folder)
    report["inputs"]["weights"]["sha256"] = "0" * 64
    (folder / "report.json").write_text(json.dumps(report))
    assert load_predictor(folder, "cpu").tested is None


def test_without_onnx_the_error_says_what_to_install(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "a.onnx").write_bytes(b"")
    for words in (("export", run), ("predict", tmp_path / "a.onnx", run, "-o", tmp_path / "out")):
        assert call_command(agri, *words) == 2
        assert "pip install 'nflows-agri[onnx]'" in capsys.readouterr().err


def test_settings_of_a_foreign_configuration_are_checked() -> None:
    for change, error, message in (
        ({"pure": ["gold"]}, ValueError, "`pure`: there is no class 'gold'"),
        ({"pure": ["a", "b"]}, ValueError, "`pure`: all classes are pure"),
        ({"pure": "a"}, TypeError, "settings.pure is 'a', which no classifier has"),
        ({"unknown": 1}, TypeError, "settings.unknown is 1, which no classifier has"),
    ):
        with pytest.raises(error, match=message):
            CropClassifierSettings.from_dict({"classes": ["a", "b"], **change})
    assert CropClassifierSettings.from_dict({"classes": ["a", "b"], "pure": ["b"]}).pure == ("b",)
