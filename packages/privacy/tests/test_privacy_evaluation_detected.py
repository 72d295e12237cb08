"""``nflows privacy evaluate --task detect``: boxes that were found beside those of a person, by class and by width."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nflows_core.data import DataError
from nflows_core.runtime.files import sha256
from nflows_core.runtime.report import read_csv, write_csv
from nflows_core.testing import call_command
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.coco import write_coco
from nflows_privacy.annotations.found import Found, write_found
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.cli import privacy
from nflows_privacy.evaluation.detected import marked_scenes
from nflows_privacy.regions import Box, Region
from nflows_privacy.training import testing
from nflows_privacy.training.scoring import Judged

SIDE = 200
STOP, KEEP = "stop (other)", "keep right (mandatory)"
MARKED = {
    "a.png": [Region(Box(10, 10, 30, 30), STOP), Region(Box(60, 60, 100, 100), KEEP)],
    "b.png": [Region(Box(10, 10, 90, 90), STOP)],
    "c.png": [],
}
SEEN = {
    "a.png": [
        Region(Box(10, 10, 30, 30), STOP, 0.9),
        Region(Box(60, 60, 100, 100), KEEP, 0.8),
        Region(Box(120, 120, 130, 130), KEEP, 0.95),
    ],
    "b.png": [Region(Box(10, 10, 90, 84), STOP, 0.05)],
    "c.png": [],
}
"""One thing of "keep right" is made up, surer than the true one; one "stop" is seen, faintly and a little too low."""


def table(path: Path, marked: dict[str, list[Region]]) -> Path:
    write_csv(path, [row for name, regions in marked.items() for row in rows_of(name, regions)])
    return path


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """The boxes of a person, with the pictures beside them."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed, name in enumerate(MARKED):
        pixels = np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return table(folder / "boxes.csv", MARKED)


def evaluate(boxes: Path, found: Path, *options: object) -> int:
    arguments = ("--task", "detect", "--boxes", boxes, "-o", found.parent / "report", *options)
    return call_command(privacy, "evaluate", boxes.parent, found, *arguments)


def rows(boxes: Path, found: Path, *options: object) -> dict[tuple[str, str], dict[str, Any]]:
    assert evaluate(boxes, found, *options) == 0
    report = json.loads((found.parent / "report" / "report.json").read_text())
    (told,) = report["tables"].values()
    return {(row["width"], row["class"]): row for row in told}


def test_known_boxes_have_known_precisions_by_class_and_by_width(boxes: Path, tmp_path: Path) -> None:
    found = rows(boxes, table(tmp_path / "found.csv", SEEN), "--threshold", 0.5)
    stop, keep, both = (found["all", name] for name in (STOP, KEEP, "all"))
    assert (stop["boxes"], stop["found"], stop["false"], stop["mAP50"]) == (2, 1, 0, 1), "a faint one counts for mAP"
    assert (keep["boxes"], keep["found"], keep["false"], keep["mAP50"]) == (1, 1, 1, 0.5)
    assert (both["recall"], both["mAP50"]) == (0.75, 0.75), "means over the classes"
    assert stop["mAP50_95"] == pytest.approx((9 * 1 + 51 / 101) / 10), "an overlap of .925 is none of .95"
    assert found["0 to 32", KEEP]["boxes"] == 0
    assert found["0 to 32", KEEP]["false"] == 1
    assert found["32 to 64", KEEP]["false"] == 0
    assert (found["64 or more", STOP]["recall"], found["64 or more", STOP]["mAP50"]) == (0, 1)
    read = read_csv(tmp_path / "report" / "measures.csv")
    assert [(row["width"], row["class"]) for row in read] == list(found)


def test_a_table_coco_and_what_detect_wrote_are_measured_alike(boxes: Path, tmp_path: Path) -> None:
    expected = rows(boxes, table(tmp_path / "found.csv", SEEN))
    (tmp_path / "found").mkdir()
    for name, regions in SEEN.items():
        source = boxes.parent / name
        write_found(tmp_path / "found" / f"{name}.json", Found(sha256(source), SIDE, SIDE, tuple(regions)))
    assert rows(boxes, tmp_path / "found") == expected
    marked = {name: Marked(tuple(regions), (SIDE, SIDE)) for name, regions in SEEN.items()}
    write_coco(tmp_path / "coco.json", Annotations("found", marked, (STOP, KEEP)))
    assert rows(boxes, tmp_path / "coco.json") == expected


def test_groups_are_those_of_the_classes_that_were_found(boxes: Path, tmp_path: Path) -> None:
    found = rows(boxes, table(tmp_path / "found.csv", SEEN), "--classes", "groups")
    assert found["all", "other"]["boxes"] == 2
    assert found["all", "mandatory"]["mAP50"] == 0.5
    named = {name: [Region(one.box, "other", one.score) for one in regions] for name, regions in SEEN.items()}
    assert rows(boxes, table(tmp_path / "named.csv", named), "--classes", "groups")["all", "other"]["found"] == 1


def test_a_class_that_counts_is_meant_by_its_name_or_by_one_word(boxes: Path, tmp_path: Path) -> None:
    seen = table(tmp_path / "found.csv", SEEN)
    named = rows(boxes, seen, "--classes", f"{KEEP}, {STOP}")
    assert {name for _, name in named} == {STOP, KEEP, "all"}
    assert rows(boxes, seen, "--classes", "keep-right,stop") == named
    assert {name for _, name in rows(boxes, seen, "--classes", "keep-right")} == {KEEP}


def test_the_score_from_which_boxes_are_counted_stands_above_the_numbers(
    boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = table(tmp_path / "found.csv", SEEN)
    for options, score in (((), "0.5"), (("--threshold", 0.04), "0.04")):
        assert evaluate(boxes, seen, *options) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first == f"found, false, precision and recall are of boxes of score {score} or more"


def test_what_nobody_marked_and_what_lacks_faint_boxes_is_told(
    boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = {**SEEN, "b.png": [Region(Box(0, 0, 9, 9), "lamp", 0.5)]}
    assert evaluate(boxes, table(tmp_path / "found.csv", seen), "--json") == 0
    told = capsys.readouterr()
    assert "1 boxes of lamp do not count: nobody marked one" in told.err
    assert "no box has a score below 0.5" in told.err
    assert "--threshold .05" in told.err
    report = json.loads(told.out)
    assert report["boxes_of_other_classes"] == {"lamp": 1}
    assert (report["pictures"], report["boxes"], report["lowest_score"]) == (3, 3, 0.5)


def test_what_cannot_be_measured_is_refused(boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(seen: dict[str, list[Region]], *options: object) -> str:
        assert evaluate(boxes, table(tmp_path / "found.csv", seen), *options) == 2
        return capsys.readouterr().err

    lacking = refused({"a.png": SEEN["a.png"]})
    assert "tells nothing of 2 pictures: b.png, c.png; detect there too" in lacking
    lamps = {name: [Region(Box(0, 0, 9, 9), "lamp", 0.5)] for name in SEEN}
    assert f"finds lamp, and none of {KEEP}, {STOP}; give classes that agree" in refused(lamps)
    assert "--classes: " in refused(lamps)
    assert "has no scores, by which boxes are ranked" in refused(MARKED)
    assert "--detector is not for --task detect" in refused(SEEN, "--detector", "yunet")
    assert "--found is not for --task detect" in refused(SEEN, "--found", tmp_path)
    assert "no box of sign in" in refused(SEEN, "--classes", "sign")
    assert not (tmp_path / "report").exists()


def test_options_of_the_other_task_are_refused(boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (privacy, "evaluate", boxes.parent, boxes.parent, "-o", tmp_path / "report")
    assert call_command(*arguments, "--task", "detect") == 2
    assert "give the boxes of a person by --boxes" in capsys.readouterr().err
    assert call_command(*arguments, "--classes", "groups") == 2
    assert "--classes is for --task detect" in capsys.readouterr().err


def test_what_detect_wrote_of_other_bytes_tells_nothing(
    boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found").mkdir()
    for number, (name, regions) in enumerate(SEEN.items()):
        digest = f"{number:064}" if name == "b.png" else sha256(boxes.parent / name)
        write_found(tmp_path / "found" / f"{name}.json", Found(digest, SIDE, SIDE, tuple(regions)))
    assert evaluate(boxes, tmp_path / "found") == 2
    assert "tells nothing of 1 pictures: b.png" in capsys.readouterr().err


def test_a_folder_without_pictures_has_nothing_to_measure(boxes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures; give the folder that has them"):
        marked_scenes(tmp_path / "empty", boxes)


def test_each_box_counts_in_one_range_of_widths_and_so_does_each_false_one() -> None:
    generator = np.random.default_rng(0)
    sides = generator.uniform(8, 100, 40)
    corners = np.stack([110.0 * np.arange(40), np.zeros(40)], axis=1)
    true = np.hstack([corners, corners + sides[:, None]])
    found = true + generator.normal(0, 4, true.shape).clip(-7, 7) * [0, 0, 1, 1]
    picture = Judged(found, generator.random(40), true, np.empty((0, 4)))
    whole = testing.Tested(["sign"], [[picture]])
    parts = [whole.of_width(*width).rows(0.5)[0] for width in testing.WIDTHS]
    (row,) = whole.rows(0.5)
    for name in ("boxes", "found", "false"):
        counts = [part[name] for part in parts]
        assert all(isinstance(count, int) for count in counts)
        assert sum(count for count in counts if isinstance(count, int)) == row[name]
