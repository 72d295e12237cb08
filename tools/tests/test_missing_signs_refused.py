"""`apps/missing_signs` on what makes no sense: one line that says what, where and what to do, and an exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from missing_signs_learned import CLASSES, app, erase
from PIL import Image

from nflows_core.runtime.report import read_csv, write_csv

Captured = pytest.CaptureFixture[str]
JUDGE = ("categorise", "seen", "--model", "run", "-o", "out")


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, learned: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("more", "erased", "seen"):
        shutil.copytree(learned / name, name)
    shutil.copytree(learned / "run", "run", ignore=shutil.ignore_patterns("observed"))


def refused(capsys: Captured, message: str, *arguments: object) -> None:
    """Ends with exit code 2 and this one line."""
    capsys.readouterr()
    assert app(*arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert len([line for line in told.splitlines() if line and not line.startswith("Try ")]) == 1


def add_boxes(*lines: str) -> None:
    with Path("more", "boxes.csv").open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("00000.png,-9,10,20,30,x,1.0", "1 boxes reach out of their picture and are cut off there: 00000.png"),
        ("00000.png,900,10,930,40,x,1.0", "1 boxes lie outside of their picture and are left out: 00000.png"),
        ("00000.png,10,10,10,40,x,1.0", "1 boxes have no area and are left out: "),
        ("00000.png,30,10,10,40,x,1.0", "1 boxes have left > right or top > bottom and are left out: "),
        ("00000.png,10,10,30,nan,x,1.0", "1 boxes have no four finite numbers and are left out: "),
        ("00000.png,10,10,30,40,,1.0", "1 boxes are of a class without a name: "),
        ("gone.png,10,10,30,40,x,1.0", "1 pictures with boxes are not among the inputs: gone.png"),
    ],
)
def test_what_is_wrong_with_single_boxes_is_named_and_the_rest_goes_on(
    line: str, message: str, capsys: Captured
) -> None:
    add_boxes(line)
    assert erase("more", "out") == 0
    told = capsys.readouterr().err
    assert f"--boxes more/boxes.csv: {message}" in told
    if message.endswith(": "):
        assert "boxes.csv, line 7" in told
    assert len(read_csv("out/scenes.csv")) == 9


def test_a_picture_that_is_listed_twice_counts_once(capsys: Captured) -> None:
    with Path("more", "scenes.csv").open("a") as file:
        file.write(f"00000.png,{read_csv('more/scenes.csv')[0]['context']},0\n")
    assert erase("more", "out") == 0
    assert "1 pictures or boxes are listed twice and count once: 00000.png (line 7)" in capsys.readouterr().err
    assert len(read_csv("out/scenes.csv")) == 9


def test_a_class_with_one_example_is_refused_with_its_name(capsys: Captured) -> None:
    rows = read_csv("more/scenes.csv")
    rows[1]["context"] = "works"
    write_csv("more/scenes.csv", rows)
    message = (
        f"one picture cannot teach a class, and it is all there is of {CLASSES[0]} (00000.png), works (00001.png);"
    )
    tables = ("--boxes", "more/boxes.csv", "--scenes", "more/scenes.csv")
    refused(capsys, message, "erase", "more/images", *tables, "-o", "out")
    assert not Path("out").exists()


def test_boxes_turn_with_a_picture_that_its_exif_turns(capsys: Captured) -> None:
    path = Path("more", "images", "00000.png")
    with Image.open(path) as picture:
        turned = picture.transpose(Image.Transpose.ROTATE_90)  # which the EXIF turns back
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(path, exif=exif)
    assert erase("more", "out") == 0
    assert "1 pictures are turned by their EXIF" in capsys.readouterr().err
    options = ("--model", "run", "--missing", 0, "--certainty", 0)
    assert app("categorise", "out", "-o", "found", *options) == 0
    assert app("categorise", "seen", "-o", "upright", *options) == 0
    upright, found = (json.loads(Path(one, "missing", "00000.json").read_text()) for one in ("upright", "found"))
    assert [hole[:4] for hole in upright["holes"]] == [hole[:4] for hole in found["holes"]]
    assert upright["signs"] == found["signs"]


def test_what_is_no_folder_of_scenes_is_refused(capsys: Captured) -> None:
    Path("empty").mkdir()
    refused(capsys, "empty: has no scenes.csv; give the folder that `missing_signs erase` made",
            "categorise", "empty", "-o", "out")  # fmt: skip
    refused(capsys, "has no scenes.csv", "categorise", "empty", "--model", "run", "-o", "out")
    refused(capsys, "more/images", "categorise", "more/images", "--model", "run", "-o", "out")
    refused(capsys, "empty: has no verdicts; give the folder that `missing_signs categorise --model` wrote",
            "report", "empty", "-o", "out")  # fmt: skip
    refused(capsys, "empty is no run folder, it has no config.json: give the folder that training wrote",
            "audit", "empty")  # fmt: skip
    refused(capsys, "is no run folder", "categorise", "seen", "--model", "empty", "-o", "out")
    refused(capsys, "empty", "erase", "empty", "--boxes", "more/boxes.csv", "-o", "out")
    assert not Path("out").exists()


def test_a_run_that_has_not_learned_is_refused(capsys: Captured) -> None:
    Path("run", "model.safetensors").unlink()
    refused(capsys, "its training stopped at once; go on with it", *JUDGE)
    refused(capsys, "run has not learned yet; go on with it by `missing_signs categorise --resume`", "audit", "run")
    assert not Path("out").exists()


def test_weights_that_are_damaged_are_refused(capsys: Captured) -> None:
    weights = Path("run", "model.safetensors")
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    refused(
        capsys, "model.safetensors is damaged, or of another run", "categorise", "seen", "--model", "run", "-o", "out"
    )


def change_contexts(change: Callable[[str], str]) -> None:
    rows = read_csv("seen/scenes.csv")
    write_csv("seen/scenes.csv", [{**row, "context": change(row["context"])} for row in rows])


def test_scenes_of_other_classes_than_the_run_knows_are_refused_and_of_some_others_told(capsys: Captured) -> None:
    change_contexts(lambda context: context.replace(CLASSES[1], "works"))
    assert app("categorise", "seen", "--model", "run", "-o", "found") == 0
    told = capsys.readouterr().err
    assert f"seen asks for works, which run has not learned; it knows {', '.join(sorted(CLASSES))}, and says" in told
    change_contexts(lambda context: context and "works")
    refused(
        capsys, "seen asks for works, which run has not learned", "categorise", "seen", "--model", "run", "-o", "out"
    )


def test_scenes_of_one_class_or_few_places_are_refused_before_they_are_looked_at(capsys: Captured) -> None:
    refused(capsys, "has 2 places that show nothing of each other, and each of 5 folds needs one",
            "categorise", "seen", "-o", "out")  # fmt: skip
    change_contexts(lambda context: context and "works")
    refused(
        capsys, "signs of 1 contexts are missing; give two or more to tell apart", "categorise", "seen", "-o", "out"
    )
    change_contexts(lambda context: "")
    refused(capsys, "signs of 0 contexts are missing", "categorise", "seen", "-o", "out")
    assert not Path("out").exists()


def test_one_damaged_scene_is_named_the_rest_goes_on_and_the_exit_code_tells(learned: Path, capsys: Captured) -> None:
    Path("seen", "missing", "00001.png").write_bytes(b"no picture")
    assert app("categorise", "seen", "--model", "run", "-o", "found") == 1
    assert "seen/missing/00001.png: " in capsys.readouterr().err
    assert len(list(Path("found").glob("*/*.json"))) == 8
    assert app("report", "found", "-o", "report") == 0
    assert json.loads(Path("report", "report.json").read_text())["frames"] == 5  # of this one, that with its sign


def test_a_folder_of_somebody_else_is_not_written_to(capsys: Captured) -> None:
    Path("mine").mkdir()
    Path("mine", "letter.txt").write_text("dear")
    assert app("categorise", "seen", "--model", "run", "-o", "found") == 0
    says = "mine: has files without the mark of an nflows command, such as letter.txt"
    for arguments in (
        ("erase", "more/images", "--boxes", "more/boxes.csv"),
        ("categorise", "erased"),
        ("categorise", "erased", "--overwrite"),
        ("categorise", "seen", "--model", "run"),
        ("report", "found"),
    ):
        refused(capsys, says, *arguments, "-o", "mine")
    for arguments in (("categorise", "seen", "--model", "run"), ("report", "found")):
        refused(capsys, "holds another kind of result", *arguments, "-o", "seen")
    assert [path.name for path in Path("mine").iterdir()] == ["letter.txt"]


def test_a_run_is_neither_overwritten_nor_resumed_unasked(capsys: Captured) -> None:
    before = Path("run", "model.safetensors").read_bytes()
    refused(capsys, "a run is there; resume it, overwrite it or choose another folder",
            "categorise", "erased", "-o", "run")  # fmt: skip
    refused(capsys, "run was begun on other scenes than seen, with another seed or another --found",
            "categorise", "seen", "-o", "run", "--resume")  # fmt: skip
    refused(capsys, "with another seed", "categorise", "erased", "-o", "run", "--resume", "--seed", 1)
    refused(capsys, "is no run folder", "categorise", "erased", "-o", "none", "--resume")
    assert Path("run", "model.safetensors").read_bytes() == before


def test_a_run_is_kept_where_another_cannot_be_begun(capsys: Captured) -> None:
    before = Path("run", "model.safetensors").read_bytes()
    Path("run", "observed").mkdir()
    Path("run", "observed", "letter.txt").write_text("dear")
    refused(
        capsys, "has files without the mark of an nflows command", "categorise", "erased", "-o", "run", "--overwrite"
    )
    assert Path("run", "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume",), "--resume: belongs to learning; leave it out, or --model"),
        (("--overwrite",), "--overwrite: belongs to learning; leave it out, or --model"),
    ],
)
def test_options_of_learning_are_refused_in_judging(options: tuple[str, ...], message: str, capsys: Captured) -> None:
    refused(capsys, message, "categorise", "seen", "--model", "run", "-o", "out", *options)


@pytest.mark.parametrize("options", [("--missing", ".5"), ("--certainty", ".5"), ("--skip-existing",)])
def test_options_of_judging_are_refused_in_learning(options: tuple[str, ...], capsys: Captured) -> None:
    refused(capsys, f"{options[0]}: belongs to judging; give --model too, or leave it out",
            "categorise", "erased", "-o", "out", *options)  # fmt: skip


def test_verdicts_that_are_damaged_or_of_two_runs_are_refused(capsys: Captured) -> None:
    assert app("categorise", "seen", "--model", "run", "-o", "found") == 0
    path = Path("found", "missing", "00001.json")
    said = path.read_text()
    path.write_text(said.replace(CLASSES[0], "works"))
    refused(capsys, "found: has verdicts of 2 categorisers; judge all scenes by one", "report", "found", "-o", "out")
    path.write_text(said[: len(said) // 2])
    refused(capsys, "found/missing/00001.json", "report", "found", "-o", "out")
    assert not Path("out").exists()
