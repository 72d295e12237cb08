"""A sign that a detector found in a scene is not missing: ``categorise --found``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from missing_signs_learned import app

from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.report import read_csv, write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.missing.scenes import Scene, read_scenes
from nflows_privacy.regions import Box, Region

Captured = pytest.CaptureFixture[str]


def write_found(path: Path, scenes: Path, change: Mapping[str, float] = {}) -> Path:
    """What a good detector would find: signs that stand it is sure of, and of decoys it takes some for signs."""
    rows = []
    for number, scene in enumerate(read_scenes(scenes)):
        score = change.get(scene.name, 0.9 - 0.01 * (number % 3) if scene.standing else 0.4 + 0.01 * (number % 3))
        rows += rows_of(scene.name, [Region(Box(1, 1, 9, 9), "sign", score)])
    write_csv(path, rows)
    return path


@pytest.fixture(scope="module")
def folder(learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ``learned`` with what was found in both folders of scenes, and ``sure``, a run that learned with it."""
    folder = tmp_path_factory.mktemp("found") / "all"
    shutil.copytree(learned, folder)
    for name in ("erased", "seen"):
        write_found(folder / f"{name}.csv", folder / name)
    assert app("categorise", folder / "erased", "-o", folder / "sure", "--found", folder / "erased.csv") == 0
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)


def judged(run: str, output: str, *arguments: object) -> dict[str, float]:
    """The probability that something is missing, of each scene of ``seen``."""
    assert app("categorise", "seen", "--model", run, "-o", output, *arguments) == 0
    found = [read_json(path) for path in sorted(Path(output).glob("*/*.json"))]
    return {one["picture"]: 1 - one["probabilities"][-1] for one in found}


def test_where_a_sign_stands_nothing_is_missing(tmp_path: Path) -> None:
    alone, with_found = judged("run", "alone"), judged("sure", "with", "--found", "seen.csv")
    scenes = {scene.name: scene for scene in read_scenes(Path("seen"))}
    assert all(with_found[name] < 0.5 for name, scene in scenes.items() if scene.standing)
    assert all(with_found[name] > 0.5 for name, scene in scenes.items() if scene.is_missing)
    assert alone != with_found
    said = read_json(Path("with", "standing", "00000.json"))
    assert said["surest_sign"] == pytest.approx(max(float(row["score"]) for row in _rows(said["picture"])))
    assert read_json(Path("alone", "standing", "00000.json"))["surest_sign"] is None


def _rows(picture: str) -> list[dict[str, str]]:
    return [row for row in read_csv(Path("seen.csv")) if row["image"] == picture]


def test_alarms_of_standing_signs_are_fewer_and_the_audit_says_it_again() -> None:
    def alarms() -> dict[str, float]:
        report = read_json(Path("sure", "report.json"))
        return {row["scenes"]: row["rate"] for row in report["tables"]["Scenes that lack nothing"]}

    learned = alarms()
    assert learned["with signs standing"] == 0
    assert app("audit", "sure") == 0
    assert alarms() == learned


def test_a_scene_is_judged_again_when_something_else_was_found_in_it() -> None:
    first = judged("sure", "again", "--found", "seen.csv")
    scene: Scene = next(one for one in read_scenes(Path("seen")) if one.is_missing)
    other = write_found(Path("other.csv"), Path("seen"), {scene.name: 0.95})
    second = judged("sure", "again", "--found", other, "--skip-existing")
    assert {name for name in first if first[name] != second[name]} == {scene.name}
    assert second[scene.name] < first[scene.name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("seen", "--model", "sure", "-o", "out"), "sure learned with what a detector finds in scenes; give --found"),
        (("seen", "--model", "run", "-o", "out", "--found", "seen.csv"), "run learned without what a detector finds"),
        (("seen", "--model", "sure", "-o", "out", "--found", "few.csv"), "few.csv: tells nothing of 9 scenes"),
        (("erased", "-o", "out", "--found", "few.csv"), "few.csv: tells nothing of"),
        (("erased", "-o", "sure", "--resume", "--found", "seen.csv"), "with another seed or another --found"),
        (("erased", "-o", "sure", "--resume"), "with another seed or another --found"),
    ],
)
def test_what_a_detector_found_belongs_to_learning_and_judging_alike(
    arguments: tuple[object, ...], message: str, capsys: Captured
) -> None:
    write_csv(Path("few.csv"), rows_of("missing/none.png", [Region(Box(1, 1, 9, 9), "sign", 0.5)]))
    assert app("categorise", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_an_audit_of_other_findings_is_refused(capsys: Captured) -> None:
    before = Path("erased.csv").read_bytes()
    Path("erased.csv").write_bytes(before.replace(b"0.9", b"0.8"))
    assert app("audit", "sure") == 2
    assert "erased.csv: is not what sure learned with; learn anew" in capsys.readouterr().err
    Path("erased.csv").write_bytes(before)
