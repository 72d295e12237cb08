"""``nflows privacy detect``: files of regions, tables and a report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import distributed
import numpy as np
import pytest

from made_up_videos import HEIGHT, WIDTH, write_video
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command, kill_at_call
from nflows_privacy.annotations.found import read_found, require_source
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.cli import privacy
from nflows_privacy.detection import choice
from nflows_privacy.regions import Box, Region

SQUARE = Region(Box(7, 5, 17, 15), "face", 0.9)


@pytest.fixture(autouse=True)
def _squares_are_faces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(choice, "_OWN", {"squares": "square_detector:SQUARES"})
    monkeypatch.setattr(choice, "_DEFAULTS", {"face": "squares", "plate": "squares"})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/deep/a.jpg.png", "in/deep/b.png"):
        picture(Path(name))


def picture(path: Path, squares: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(60, 190, (40, 50, 3), np.uint8)
    for number in range(squares):
        pixels[5:15, 7 + 20 * number : 17 + 20 * number] = (255, 0, 0)
    write_picture(path, Picture(pixels))


def detect(*arguments: object) -> int:
    return call_command(privacy, "detect", "in", *arguments)


def test_each_picture_gets_a_file_of_its_regions_that_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    picture(Path("in/deep/b.png"), squares=2)
    picture(Path("in/none.png"), squares=0)
    assert detect("-o", "out", "--coco", "all.json", "--json") == 0
    told = capsys.readouterr()
    assert "4 face, 0 plate in 4 files" in told.err
    report = json.loads(told.out)
    assert [row["n"] for row in report["tables"]["Numbers"]] == [4, 4, 4]
    assert [row["boxes"] for row in report["tables"]["Files"]] == [1, 0, 1, 2]
    assert "b.png" in Path("out/report.html").read_text()
    for name in ("a.png", "deep/a.jpg.png", "deep/b.png"):
        found = read_found(f"out/{name}.json")
        require_source(found, f"in/{name}")
        assert (found.width, found.height, found.regions[0]) == (50, 40, SQUARE)
    for exported in ("all.json", "out/boxes.csv"):
        read = read_boxes(exported)
        assert len(read.pictures) == 4
        assert read.regions("in/deep/b.png", 50, 40) == [SQUARE, Region(Box(27, 5, 37, 15), "face", 0.9)]
        assert read.regions("in/none.png", 50, 40) == []


def test_a_run_goes_on_and_does_again_only_what_changed() -> None:
    assert detect("-o", "out") == 0
    first = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.png.json")}
    picture(Path("in/deep/b.png"), squares=2)
    assert detect("-o", "out", "--skip-existing") == 0
    changed = {path.name for path, time in first.items() if path.stat().st_mtime_ns != time}
    assert changed == {"b.png.json"}
    assert len(read_found("out/deep/b.png.json").regions) == 2
    assert detect("-o", "out", "--skip-existing", "--threshold", ".3") == 0
    assert all(path.stat().st_mtime_ns != time for path, time in first.items())


def test_killed_and_gone_on_with_it_is_the_run_that_was_not() -> None:
    assert detect("-o", "whole") == 0
    kill_at_call("os.fsync", 4, "redact_squares", "privacy", "detect", "in", "-o", "out", "--what", "face")
    files = {path.name: path.read_bytes() for path in Path("out").rglob("*.png.json")}
    assert len(files) < 3
    assert files.items() <= {path.name: path.read_bytes() for path in Path("whole").rglob("*.png.json")}.items()
    assert detect("-o", "out", "--what", "face", "--skip-existing") == 0
    for path in [*Path("whole").rglob("*.png.json"), Path("whole/boxes.csv")]:
        assert Path("out", path.relative_to("whole")).read_bytes() == path.read_bytes()


def test_a_video_gets_the_regions_of_each_frame(capsys: pytest.CaptureFixture[str]) -> None:
    write_video(Path("in/drive.mp4"), range(12), codec="libx264rgb", pixel_format="rgb24", colours=(0, 2))
    assert detect("-o", "out", "--what", "face", "--json") == 0
    found = read_found("out/drive.mp4.json")
    require_source(found, "in/drive.mp4")
    assert (found.width, found.height, found.regions) == (WIDTH, HEIGHT, ())
    assert found.frames is not None
    for step, regions in enumerate(found.frames):
        (region,) = regions
        assert region.box.left <= 6 + 2 * step
        assert region.box.right >= 16 + 2 * step
    (row,) = [row for row in json.loads(capsys.readouterr().out)["tables"]["Files"] if row["frames"] is not None]
    assert (row["frames"], row["boxes"]) == (12, 12)
    assert all(row["image"] != "drive.mp4" for row in read_csv("out/boxes.csv"))


def labels(folder: str, lines: str) -> None:
    for name in ("a", "deep/a.jpg", "deep/b"):
        path = Path(folder, "labels", f"{name}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines)
    Path(folder, "classes.txt").write_text("license plate\nface\nperson\n")


def test_boxes_of_people_are_all_kept_and_detectors_add_to_them_if_asked() -> None:
    labels("marked", "1 0.24 0.25 0.2 0.25\n1 0.24 0.25 0.2 0.3\n0 0.8 0.8 0.1 0.1\n2 0.5 0.5 1 1\n")
    assert detect("-o", "out", "--boxes", "marked") == 0
    marked = read_found("out/a.png.json").regions
    assert [(one.kind, one.score) for one in marked] == [("face", 1), ("face", 1), ("plate", 1)]
    assert marked[0].box == pytest.approx(SQUARE.box, abs=0.011)
    assert detect("-o", "both", "--boxes", "marked", "--detector", "squares") == 0
    assert read_found("both/a.png.json").regions == marked
    labels("empty", "")
    assert detect("-o", "seen", "--boxes", "empty", "--detector", "squares") == 0
    assert read_found("seen/a.png.json").regions == (SQUARE,)


def test_boxes_that_say_nothing_of_a_picture_end_it_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    labels("marked", "2 0.5 0.5 0.1 0.1\n")
    Path("marked/labels/deep/b.txt").unlink()
    assert detect("-o", "out", "--boxes", "marked") == 2
    assert "says nothing of in/deep/b.png" in capsys.readouterr().err
    labels("marked", "")
    Path("marked/classes.txt").write_text("person\n")
    assert detect("-o", "out", "--boxes", "marked") == 2
    assert "--what: " in (told := capsys.readouterr().err)
    assert "has person, and none of face, plate" in told
    assert detect("-o", "out", "--what", "sign", "--detector", "squares") == 2
    assert "squares finds face, and none of sign" in capsys.readouterr().err
    assert detect("-o", "out", "--coco", "out/all.json") == 2
    assert "--coco: give a file elsewhere" in capsys.readouterr().err
    assert not Path("out").exists()


GTSDB = "a.png;7;5;17;15;12\na.png;27;5;37;15;38\nb.png;7;5;17;15;14\nb.png;60;5;70;15;14\nzz.png;1;2;9;9;1\n"


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("sign", ["keep right (mandatory)", "priority road (other)", "stop (other)"]),
        ("other", ["priority road (other)", "stop (other)"]),
        ("12", ["priority road (other)"]),
        ("priority-road", ["priority road (other)"]),
        ("stop,keep-right", ["keep right (mandatory)", "stop (other)"]),
    ],
)
def test_signs_that_people_marked_are_found_by_class_group_or_as_signs(
    what: str, kinds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("gt.txt").write_text(GTSDB)
    assert detect("-o", "out", "--boxes", "gt.txt", "--what", what, "--coco", "all.json") == 0
    regions = [one for path in Path("out").rglob("*.png.json") for one in read_found(path).regions]
    assert sorted(one.kind for one in regions) == kinds
    told = capsys.readouterr().err
    assert "1 pictures are not named in" in told
    assert "in/deep/a.jpg.png" in told
    assert "1 pictures with boxes are not among the inputs: zz.png" in told
    assert "1 boxes lie outside of their picture and are left out: b.png (60 5 70 15)" in told
    if what == "sign":
        assert "3 sign in 3 files" in told
        assert list(read_boxes("all.json").classes) == kinds


def test_signs_that_people_marked_are_redacted_where_they_are() -> None:
    for name, squares in (("a.jpg.png", 2), ("b.png", 0)):  # else one picture, since bytes count
        picture(Path("in/deep", name), squares)
    Path("gt.txt").write_text(GTSDB)
    assert detect("-o", "out", "--boxes", "gt.txt", "--what", "sign") == 0
    before = {path: read_picture(path).pixels for path in Path("in").rglob("*.png")}
    assert (
        call_command(privacy, "redact", "in", "-o", "done", "--found", "out", "--what", "face", "--how", "solid") == 0
    )
    for path, pixels in before.items():
        changed = (read_picture(Path("done", path.relative_to("in"))).pixels != pixels).any(axis=2)
        found = read_found(Path("out", path.relative_to("in")).with_name(f"{path.name}.json"))
        assert changed.any() == bool(found.regions)
        for one in found.regions:
            left, top, right, bottom = map(int, one.box)
            assert changed[top:bottom, left:right].all()


def test_boxes_of_signs_of_none_of_the_pictures_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("gt.txt").write_text("zz.png;1;2;9;9;1\n")
    assert detect("-o", "out", "--boxes", "gt.txt", "--what", "sign") == 2
    assert "gt.txt: does not name any of the 3 pictures, such as in/a.png" in capsys.readouterr().err
    Path("gt.txt").write_text(GTSDB)
    assert detect("-o", "out", "--boxes", "gt.txt", "--what", "cone,face") == 2
    assert detect("-o", "out", "--boxes", "gt.txt", "--what", "cone") == 2
    assert "and none of cone; say a class, a group, or sign" in capsys.readouterr().err
    assert detect("-o", "out", "--boxes", "gt.txt") == 2
    assert "and none of face, plate; say a class, a group, or sign" in capsys.readouterr().err
    assert not Path("out").exists()


def test_what_fails_is_named_and_has_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/bad.jpg").write_bytes(b"\xff\xd8\xff")
    assert detect("-o", "out") == 1
    assert "in/bad.jpg: " in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").rglob("*.json")) == sorted(
        [".nflows.json", "a.jpg.png.json", "a.png.json", "b.png.json", "report.json"]
    )


def test_one_picture_has_one_file_by_any_name() -> None:
    assert call_command(privacy, "detect", "in/a.png", "-o", "one.json", "--what", "face") == 0
    assert read_found("one.json").regions == (SQUARE,)


@pytest.fixture
def address() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as local:
        yield local.scheduler_address


def test_two_workers_give_the_bytes_of_one_process(address: str) -> None:
    assert detect("-o", "here") == 0
    assert detect("-o", "there", "--dask", address) == 0
    here = {path.name: path.read_bytes() for path in Path("here").rglob("*.png.json")}
    assert here == {path.name: path.read_bytes() for path in Path("there").rglob("*.png.json")}


def test_what_was_found_is_what_is_redacted() -> None:
    assert detect("-o", "out") == 0
    assert call_command(privacy, "redact", "in", "-o", "redacted", "--found", "out", "--what", "face") == 0
    assert call_command(privacy, "verify", "redacted", "--what", "face") == 0
