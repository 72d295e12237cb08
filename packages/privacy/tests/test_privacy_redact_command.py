"""``nflows privacy redact`` and ``verify`` on files: what is written, what is not, and what is told."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from made_up_videos import write_video
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import read_picture
from nflows_core.testing import call_command
from nflows_privacy.annotations.found import Found, write_found
from nflows_privacy.cli import privacy
from nflows_privacy.detection import choice
from nflows_privacy.regions import Box, Region
from square_detector import RED, Squares


@pytest.fixture(autouse=True)
def _squares_are_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_OWN", {"squares": "square_detector:SQUARES"})
    monkeypatch.setattr(choice, "_DEFAULTS", {"face": "squares"})


def scene(*places: tuple[int, int, int], width: int = 80) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(0).integers(1, 250, (60, width, 3)).astype(np.uint8)
    for top, left, side in places:
        pixels[top : top + side, left : left + side] = RED
    return pixels


def save(path: Path, pixels: NDArray[np.uint8], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def redact(*arguments: object) -> int:
    return call_command(privacy, "redact", "--what", "face", *arguments)


def verify(*arguments: object) -> int:
    return call_command(privacy, "verify", "--what", "face", *arguments)


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_a_folder_is_redacted_and_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, places in (("a.png", [(5, 5, 8)]), ("b/c.tif", [(30, 30, 9), (5, 60, 4)]), ("b/none.bmp", [])):
        save(tmp_path / "in" / name, scene(*places))
    assert verify(tmp_path / "in") == 1
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert verify(tmp_path / "out") == 0
    for name, places in (("a.png", [(5, 5, 8)]), ("b/c.tif", [(30, 30, 9), (5, 60, 4)]), ("b/none.png", [])):
        after = read_picture(tmp_path / "out" / name).pixels
        changed = (after != scene(*places)).any(axis=2)
        allowed = np.zeros_like(changed)
        for top, left, side in places:
            allowed[top - 2 : top + side + 2, left - 2 : left + side + 2] = True
        assert not changed[~allowed].any()
        assert Squares()(after) == []
    rows = {Path(row["file"]).name: row for row in report_of(tmp_path / "out")["tables"]["Files"]}
    assert [rows[name]["faces"] for name in ("a.png", "c.tif", "none.bmp")] == [1, 2, 0]


def test_the_report_shows_no_picture_before(tmp_path: Path) -> None:
    save(tmp_path / "a.png", scene((5, 5, 20)))
    assert redact(tmp_path / "a.png", "-o", tmp_path / "out") == 0
    page = (tmp_path / "out" / "report.html").read_text()
    shown = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert len(shown) == 2
    for text in shown:
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            assert Squares()(np.asarray(picture.convert("RGB"))) == []


def test_a_jpeg_becomes_png_since_all_else_stays_to_the_bit(tmp_path: Path) -> None:
    source = save(tmp_path / "a.jpg", scene((5, 5, 20)), quality=95)
    before = read_picture(source).pixels
    assert redact(source, "-o", tmp_path / "out") == 0
    after = read_picture(tmp_path / "out" / "a.png").pixels
    assert np.array_equal(after[30:, 30:], before[30:, 30:])


def test_pictures_that_differ_by_their_suffix_fail_until_each_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "a.png"):
        save(tmp_path / "in" / name, scene((5, 5, 20)))
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 1
    told = capsys.readouterr().err
    for other in ("a.jpg", "a.png"):
        assert (
            f"so would {tmp_path / 'in' / other}; rename one, or give them folders of their own, or give --format same"
            in told
        )
    assert not (tmp_path / "out" / "a.png").exists()
    assert redact(tmp_path / "in", "-o", tmp_path / "out", "--format", "same") == 0
    for name in ("a.jpg", "a.png"):
        assert Squares()(read_picture(tmp_path / "out" / name).pixels) == []


def test_pictures_that_no_format_keeps_apart_get_no_such_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.bmp", "a.png"):
        save(tmp_path / "in" / name, scene((5, 5, 20)))
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert "rename one, or give them folders of their own" in told
    assert "--format same" not in told


def test_place_serial_number_and_thumbnail_are_gone_and_the_picture_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by 90 degrees
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0xA431] = "SERIAL-4711"
    exif.get_ifd(0x8769)[0x927C] = b"MAKERNOTE-4711"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 15.0), 3: "E", 4: (11.0, 34.0, 55.0)})
    source = save(tmp_path / "a.jpg", scene((5, 5, 20)), exif=exif)
    assert b"SERIAL-4711" in source.read_bytes()
    assert redact(source, "-o", tmp_path / "out") == 0
    written = (tmp_path / "out" / "a.png").read_bytes()
    with Image.open(tmp_path / "out" / "a.png") as again:
        assert again.size == (60, 80)
        assert not again.getexif().get_ifd(0x8825)
        assert again.getexif().get(0x0112, 1) == 1
    for secret in (b"SERIAL-4711", b"MAKERNOTE-4711"):
        assert secret not in written


def test_who_asks_for_metadata_is_told_that_videos_keep_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "in" / "a.png", scene())
    write_video(tmp_path / "in" / "b.mp4", metadata={"title": "Smith's"})
    for policy in ("keep", "strip-gps", "strip-private"):
        assert redact(tmp_path / "in", "-o", tmp_path / policy, "--metadata", policy) == 0
        told = f"--metadata {policy} is for pictures: 1 videos lose all tags, which the report names"
        assert (told in capsys.readouterr().err) == (policy != "strip-private")
        row = next(row for row in report_of(tmp_path / policy)["tables"]["Files"] if row["file"].endswith("b.mp4"))
        assert "title" in str(row["left_out"])
        assert b"Smith" not in (tmp_path / policy / "b.mp4").read_bytes()


def test_one_bad_file_leaves_nothing_of_itself_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Squares, "fails_on", 77)
    for name, width in (("a", 80), ("b", 77), ("d", 80)):
        save(tmp_path / "in" / f"{name}.png", scene((5, 5, 8), width=width))
    whole = save(tmp_path / "in" / "c.jpg", scene((5, 5, 8))).read_bytes()
    (tmp_path / "in" / "c.jpg").write_bytes(whole[: len(whole) // 2])
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 1
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["a.png", "d.png"]
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix == ".tmp"]
    told = capsys.readouterr().err
    assert "b.png: RuntimeError: the network cannot be run" in told
    assert "c.jpg: " in told


def test_what_was_found_and_reviewed_decides_whatever_the_file_is_called(tmp_path: Path) -> None:
    source = save(tmp_path / "in" / "a.png", scene((5, 5, 8), (40, 40, 6)))
    chosen = Found(sha256(source), 80, 60, (Region(Box(5, 5, 13, 13), "face"),))
    (tmp_path / "found").mkdir()
    write_found(tmp_path / "found" / "other.json", chosen)
    source.rename(tmp_path / "in" / "renamed.png")
    assert redact(tmp_path / "in", "-o", tmp_path / "out", "--found", tmp_path / "found") == 0
    after = read_picture(tmp_path / "out" / "renamed.png").pixels
    assert [tuple(map(int, region.box)) for region in Squares()(after)] == [(40, 40, 46, 46)]


def test_what_was_found_in_another_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "in" / "a.png", scene((5, 5, 8)))
    (tmp_path / "found").mkdir()
    write_found(tmp_path / "found" / "a.json", Found(sha256(source), 80, 60))
    save(source, scene((5, 5, 9)))
    assert redact(tmp_path / "in", "-o", tmp_path / "out", "--found", tmp_path / "found") == 1
    assert "tells nothing of a file with these bytes" in capsys.readouterr().err
    assert not (tmp_path / "out" / "a.png").exists()


def test_a_review_of_what_is_done_already_makes_it_be_done_again(tmp_path: Path) -> None:
    source = save(tmp_path / "in" / "a.png", scene((5, 5, 8), (40, 40, 6)))
    (tmp_path / "found").mkdir()
    arguments = [tmp_path / "in", "-o", tmp_path / "out", "--found", tmp_path / "found", "--skip-existing"]
    write_found(tmp_path / "found" / "a.json", Found(sha256(source), 80, 60, (Region(Box(5, 5, 13, 13), "face"),)))
    assert redact(*arguments) == 0
    first = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    assert redact(*arguments) == 0
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == first
    write_found(tmp_path / "found" / "a.json", Found(sha256(source), 80, 60, (Region(Box(40, 40, 46, 46), "face"),)))
    assert redact(*arguments) == 0
    after = read_picture(tmp_path / "out" / "a.png").pixels
    assert [tuple(map(int, region.box)) for region in Squares()(after)] == [(5, 5, 13, 13)]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", scene((5, 5, 8)))
    for out in ("one", "two"):
        assert redact(tmp_path / "in", "-o", tmp_path / out, "--seed", 3) == 0
    assert (tmp_path / "one" / "a.png").read_bytes() == (tmp_path / "two" / "a.png").read_bytes()


def test_inputs_are_never_changed(tmp_path: Path) -> None:
    source = save(tmp_path / "in" / "a.png", scene((5, 5, 8)))
    before, time = source.read_bytes(), source.stat().st_mtime_ns
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert redact(tmp_path / "in", "-o", tmp_path / "in") == 2
    assert (source.read_bytes(), source.stat().st_mtime_ns) == (before, time)


def test_verify_names_what_is_left_and_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "in" / "a.png", scene((5, 7, 8)))
    save(tmp_path / "in" / "clean.png", scene())
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    assert verify(tmp_path / "in", "-o", tmp_path / "report") == 1
    report = report_of(tmp_path / "report")
    (left,), (failed,) = report["tables"]["Left"], report["tables"]["Failures"]
    assert (Path(left["file"]).name, left["left"], left["top"], left["width"]) == ("a.png", 7, 5, 8)
    assert Path(failed["file"]).name == "broken.png"
    assert (report["files"], report["failed"], report["files_with_something_left"]) == (3, 1, 1)
    assert "1 faces left in 1 of 3 files, 1 failed" in capsys.readouterr().err


def test_verify_refuses_a_folder_without_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    assert verify(tmp_path) == 2
    assert "no picture and no video" in capsys.readouterr().err


def test_verify_prints_its_report_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "a.png", scene())
    assert verify(tmp_path / "a.png", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files_with_something_left"] == 0


def test_a_kind_that_no_detector_finds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "a.png", scene())
    assert call_command(privacy, "redact", tmp_path / "a.png", "-o", tmp_path / "out", "--what", "tattoo") == 2
    assert "tattoo" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_annotations_travel_along(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.jpg", scene((5, 5, 8)))
    coco = {"images": [{"id": 1, "file_name": "a.jpg", "width": 80, "height": 60}], "annotations": [], "categories": []}
    (tmp_path / "in" / "boxes.json").write_text(json.dumps(coco))
    (tmp_path / "in" / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert (tmp_path / "out" / "a.txt").read_bytes() == (tmp_path / "in" / "a.txt").read_bytes()
    carried = json.loads((tmp_path / "out" / "boxes.json").read_text())
    assert carried == {**coco, "images": [{**coco["images"][0], "file_name": "a.png"}]}


def test_annotations_with_a_picture_in_them_stay_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "in" / "a.jpg", scene((5, 5, 8)))
    picture = base64.b64encode(source.read_bytes()).decode()
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 80, "height": 60, "thumbnail": picture}],
        "annotations": [],
        "categories": [],
    }
    (tmp_path / "in" / "boxes.json").write_text(json.dumps(coco))
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert not (tmp_path / "out" / "boxes.json").exists()
    assert "1 not copied" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["b.heic", "b.jpg_orig", "b", ".b.png"])
def test_verify_is_no_gate_for_what_it_does_not_look_at(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "in" / "a.png", scene())
    (tmp_path / "in" / "labels.txt").write_text("0 .5 .5 .1 .1")
    assert verify(tmp_path / "in") == 0
    (tmp_path / "in" / name).write_bytes((tmp_path / "in" / "a.png").read_bytes())
    assert verify(tmp_path / "in", "--json") == 1
    told = capsys.readouterr()
    assert "not looked at" in told.err
    assert sum(json.loads(told.out[told.out.index("{") :])["not_looked_at"].values()) == 1


def test_a_result_of_before_is_named_where_it_cannot_be_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = save(tmp_path / "in" / "a.png", scene((5, 5, 8)))
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 0
    source.write_bytes(b"damaged")
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 1
    assert "what stands in" in capsys.readouterr().err


@pytest.mark.parametrize("box", [Box(-9, -9, -1, -1), Box(0.1, 0.1, 0.5, 0.6), Box(200, 10, 210, 20)])
def test_a_box_that_hides_nothing_is_refused(tmp_path: Path, box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "in" / "a.png", scene((5, 5, 8)))
    (tmp_path / "found").mkdir()
    write_found(tmp_path / "found" / "a.json", Found(sha256(source), 80, 60, (Region(box, "face"),)))
    assert redact(tmp_path / "in", "-o", tmp_path / "out", "--found", tmp_path / "found") == 1
    assert "hides nothing" in capsys.readouterr().err


def test_one_damaged_file_of_regions_stops_no_other_picture(tmp_path: Path) -> None:
    for name, side in (("a", 8), ("b", 9)):
        source = save(tmp_path / "in" / f"{name}.png", scene((5, 5, side)))
        found = Found(sha256(source), 80, 60, (Region(Box(5, 5, 14, 14), "face"),))
        (tmp_path / "found").mkdir(exist_ok=True)
        write_found(tmp_path / "found" / f"{name}.json", found)
    (tmp_path / "found" / "b.json").write_text("{}")
    assert redact(tmp_path / "in", "-o", tmp_path / "out", "--found", tmp_path / "found") == 1
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["a.png"]


def test_a_damaged_file_of_regions_is_not_made_up_for_by_that_of_a_twin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found").mkdir()
    for name in "ab":
        source = save(tmp_path / "in" / f"{name}.png", scene((5, 5, 8), (40, 40, 6)))
        write_found(tmp_path / "found" / f"{name}.png.json", Found(sha256(source), 80, 60))
    save(tmp_path / "in" / "c.png", scene((5, 5, 9)))
    write_found(tmp_path / "found" / "c.png.json", Found(sha256(tmp_path / "in" / "c.png"), 80, 60))
    arguments = [tmp_path / "in", "-o", tmp_path / "out", "--found", tmp_path / "found"]
    assert redact(*arguments) == 0
    damaged = tmp_path / "found" / "a.png.json"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    capsys.readouterr()
    assert redact(*arguments, "--skip-existing", "--json") == 1
    told = capsys.readouterr()
    assert told.err.count("one file there cannot be understood: a.png.json") == 1
    report = json.loads(told.out)
    assert report["not_taken"] == {"files of --found that cannot be understood": 1}
    failures = {Path(one["file"]).name: one["reason"] for one in report["tables"]["Failures"]}
    assert list(failures) == ["a.png", "b.png"], "the same bytes had all regions of both files"
    assert all(str(damaged) in reason for reason in failures.values())


@pytest.mark.parametrize("orientation", [1, 6])
def test_boxes_of_turned_pictures_are_doubted_aloud(
    tmp_path: Path, orientation: int, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / "in" / "a.jpg", scene((5, 5, 8)), exif=exif)
    (tmp_path / "in" / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert redact(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert ("1 pictures are upright now" in capsys.readouterr().err) == (orientation == 6)
