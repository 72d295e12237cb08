"""`apps/missing_signs` from pictures to a report: scenes, a categoriser, what it says of others, and places."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from missing_signs_learned import APP, CLASSES, app

from nflows_core.runtime.report import read_csv
from nflows_privacy.drives.places import NOTHING
from nflows_privacy.missing.scenes import read_scenes


@pytest.fixture(scope="module")
def judged(learned: Path) -> Path:
    """What was said of scenes that nothing was learned from: always a class, so that there are places."""
    output = learned / "found"
    options = ("--model", learned / "run", "--missing", 0, "--certainty", 0)
    assert app("categorise", learned / "seen", "-o", output, *options) == 0
    return output


@pytest.fixture(scope="module")
def reported(judged: Path) -> Path:
    output = judged.with_name("reported")
    assert app("report", judged, "-o", output) == 0
    return output


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    found = [content(path) for part in ("missing", "standing") for path in (folder / part).glob("*.json")]
    return {one["picture"]: one for one in found}


def test_the_folder_of_the_app_is_started_by_python() -> None:
    command = [sys.executable, str(APP), "--help"]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    listed = [line.split()[0] for line in ended.stdout.partition("Commands:\n")[2].splitlines()]
    assert listed == ["audit", "augment", "categorise", "erase", "report"]
    assert ended.stdout.startswith("Usage: missing_signs [OPTIONS]")


def test_a_run_says_of_how_many_scenes_it_knows_how_much(learned: Path) -> None:
    report = content(learned / "run" / "report.json")
    assert (report["scenes"], report["places"]) == (10, 10)
    assert report["classes"] == sorted(CLASSES)
    who = {row["who"]: row for row in report["tables"]["Who names the missing sign, and how often"]}
    assert report["accuracy"] == who["categoriser"]["accuracy"]
    assert who["majority"]["accuracy"] == pytest.approx(0.5)
    assert {"categoriser", "places alone", "parts without the sign", "signs standing"} <= who.keys()
    page = (learned / "run" / "report.html").read_text(encoding="utf-8")
    assert report["verdict"] in page
    assert "places alone" in page


def test_audit_says_it_again_and_other_folds_are_other_numbers(
    learned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = content(learned / "run" / "report.json")
    try:
        assert app("audit", learned / "run", "--seed", 5, "--json") == 0
        other = json.loads(capsys.readouterr().out)
    finally:
        assert app("audit", learned / "run") == 0
    said = capsys.readouterr().out
    assert content(learned / "run" / "report.json") == first
    assert other["tables"]["Answers, the surest first"] != first["tables"]["Answers, the surest first"]
    assert other["classes"] == first["classes"]
    assert f"categoriser                {first['accuracy']:.3f}" in said


def test_each_scene_with_and_without_its_signs_is_judged_and_shown(learned: Path, judged: Path) -> None:
    scenes, found = read_csv(learned / "seen" / "scenes.csv"), verdicts(judged)
    assert found.keys() == {row["image"] for row in scenes}
    for row in scenes:
        one = found[row["image"]]
        assert (one["source"], one["context"] or "", one["lacks"]) == (
            row["source"], row["context"], row["missing"] == "1",
        )  # fmt: skip
        assert sum(one["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert one["answer"] == one["classes"][one["probabilities"].index(max(one["probabilities"][:-1]))]
        assert [sign["kind"] for sign in one["signs"]] == ([row["context"]] if row["context"] else [])
    page = (judged / "report.html").read_text(encoding="utf-8")
    assert all(row["image"] in page for row in scenes)


def test_each_original_is_one_place_and_its_sign_stands(learned: Path, judged: Path, reported: Path) -> None:
    found, rows = verdicts(judged), read_csv(reported / "places.csv")
    contexts = {row["image"]: row["context"] for row in read_csv(learned / "more" / "scenes.csv")}
    assert sorted(row["picture"] for row in rows) == sorted(contexts)
    for row in rows:
        name = row["picture"]
        one = found.get(f"missing/{name}", found[f"standing/{name}"])
        assert row["sign"] == one["answer"]
        likely = one["probabilities"][one["classes"].index(row["sign"])]
        assert float(row["probability"]) == pytest.approx(likely, abs=6e-5)
        assert row["present"] == str(int(row["sign"] == contexts[name]))
    report = content(reported / "report.json")
    assert (report["scenes"], report["frames"], report["places"]) == (9, 5, 5)
    standing = sum(row["present"] == "1" for row in rows)
    assert report["places_where_such_a_sign_stands"] == standing
    page = (reported / "report.html").read_text(encoding="utf-8")
    assert all(row["id"] in page for row in rows)


def test_where_contexts_are_known_the_report_counts_all_scenes(judged: Path, reported: Path) -> None:
    found = list(verdicts(judged).values())
    rows = {
        row["what"]: row for row in content(reported / "report.json")["tables"]["Where it is known what is missing"]
    }
    lacking = [one for one in found if one["lacks"]]
    right = sum(one["answer"] == one["context"] for one in lacking)
    named = rows["a sign is missing: the likeliest class is right"]
    assert (named["count"], named["n"]) == (right, 4)
    assert named["rate"] == right / 4
    assert rows["a sign is missing: some class is answered"]["count"] == 4
    alarms = rows["nothing is missing: something else is said"]
    assert (alarms["count"], alarms["n"]) == (5, 5)


def test_scenes_that_were_learned_from_prove_nothing(
    learned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app("categorise", learned / "erased", "--model", learned / "run", "-o", tmp_path / "own") == 0
    assert app("report", tmp_path / "own", "-o", tmp_path / "report") == 0
    report = content(tmp_path / "report" / "report.json")
    scenes = len(read_scenes(learned / "erased"))
    assert report["scenes_learned_from"] == report["scenes"] == scenes
    assert "Where it is known what is missing" not in report["tables"]
    assert f"{scenes} of these scenes were learned from" in capsys.readouterr().err


def test_a_threshold_that_nothing_reaches_gives_no_place_and_no_alarm(
    learned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", learned / "run", "--missing", 1)
    assert app("categorise", learned / "seen", "-o", tmp_path / "found", *options, "--json") == 0
    assert json.loads(capsys.readouterr().out) == content(tmp_path / "found" / "report.json")
    assert {one["answer"] for one in verdicts(tmp_path / "found").values()} == {NOTHING}
    assert app("report", tmp_path / "found", "-o", tmp_path / "report", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == content(tmp_path / "report" / "report.json")
    assert (report["places"], report["nothing_missing"]) == (0, 5)
    assert read_csv(tmp_path / "report" / "places.csv") == []
    assert json.loads((tmp_path / "report" / "places.geojson").read_text())["features"] == []
