"""Pictures before and after, from files to the report, through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from narrow_judge import narrow_judge
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_privacy.cli import privacy
from nflows_privacy.detection import Look, NamedDetector, choice
from nflows_privacy.evaluation import Pair, Question, find_pairs, measure
from nflows_privacy.evaluation.metadata import leaking
from nflows_privacy.regions import Box, Region

Run = Callable[..., dict[str, Any]]
Pixels = NDArray[np.uint8]
FACES = (Box(4, 4, 14, 14), Box(24, 10, 34, 22))


class Reds:
    """Finds the squares that `FACES` names where they are red in the middle: a detector that is never wrong."""

    kinds = frozenset({"face"})

    def __call__(self, pixels: Pixels, look: Look = Look.THOROUGH) -> list[Region]:
        middles = ((box, pixels[int(box.top + box.bottom) // 2, int(box.left + box.right) // 2]) for box in FACES)
        return [Region(box, "face", 0.9) for box, colour in middles if tuple(colour) == (255, 0, 0)]


REDS = NamedDetector(lambda settings: Reds())


def street(faces: tuple[Box, ...] = FACES) -> Pixels:
    pixels = np.random.default_rng(0).integers(0, 200, (40, 48, 3), np.uint8)
    for left, top, right, bottom in faces:
        pixels[int(top) : int(bottom), int(left) : int(right)] = 255, 0, 0
    return pixels


def filled(pixels: Pixels, *boxes: Box) -> Pixels:
    pixels = pixels.copy()
    for left, top, right, bottom in boxes:
        pixels[int(top) : int(bottom), int(left) : int(right)] = 0
    return pixels


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, Picture(pixels))


@pytest.fixture
def evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, by the detector of red squares."""
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    monkeypatch.setitem(choice._OWN, "reds", f"{__name__}:REDS")

    def run(*options: object, code: int = 0) -> dict[str, Any]:
        arguments = (
            "evaluate",
            tmp_path / "before",
            tmp_path / "after",
            "-o",
            tmp_path / "out",
            "--what",
            "face",
            "--detector",
            "reds",
        )
        assert call_command(privacy, *arguments, *options, "--json") == code
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    return run


def of(report: dict[str, Any], measure: str) -> dict[str, Any]:
    return next(row for row in report["tables"]["Measures"] if row["measure"] == measure)


def test_one_face_of_four_that_is_left_is_a_rate_of_a_quarter_with_both_intervals(
    tmp_path: Path, evaluate: Run
) -> None:
    for name in ("a/1", "a/2"):
        save(tmp_path / "before" / f"{name}.png", street())
    save(tmp_path / "after" / "a/1.png", filled(street(), *FACES))
    save(tmp_path / "after" / "a/2.png", filled(street(), FACES[0]))
    report = evaluate()
    found = of(report, "faces found again")
    assert (found["value"], found["n"]) == (0.25, 4)
    assert found["wilson_interval_95"] == pytest.approx([0.0456, 0.6994], abs=1e-4)
    assert found["interval_95_over_pictures"] == [0, 0.5]
    assert of(report, "pictures changed outside of what should be gone")["value"] == 0
    assert [row["picture"] for row in report["tables"]["Pictures"]] == ["a/2.png", "a/1.png"]
    assert [row["found_again_check"] for row in report["tables"]["Regions"]] == [False, True, False, False]
    assert report["faces found again"] == "1 of 4 (95 %: 4.6 to 69.9 %)"
    assert "pictures changed outside of what should be gone" not in report
    missing = {row["what"]: row["why"] for row in report["tables"]["Not measured"]}
    assert all("weights are missing" in missing[name] for name in ("identity", "LPIPS"))
    assert not any("LPIPS" in row["measure"] for row in report["tables"]["Measures"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index("a/2.png") < page.index("a/1.png")


def test_redact_is_held_to_the_places_that_its_log_names(tmp_path: Path, evaluate: Run) -> None:
    save(tmp_path / "before" / "a.png", street())
    arguments = (tmp_path / "before", "-o", tmp_path / "after", "--what", "face", "--detector", "reds")
    assert call_command(privacy, "redact", *arguments) == 0
    (tmp_path / "one.csv").write_text("image,left,top,right,bottom,name\na.png,4,4,14,14,face\n")
    marked = "--boxes", tmp_path / "one.csv"
    assert of(evaluate(*marked), "pictures changed outside of what should be gone")["value"] == 0
    pixels = read_picture(tmp_path / "after" / "a.png").pixels.copy()
    pixels[0, 47] ^= 1
    save(tmp_path / "after" / "a.png", pixels)
    assert of(evaluate(*marked), "pictures changed outside of what should be gone")["value"] == 1
    (tmp_path / "after" / "status.jsonl").unlink()
    (row,) = evaluate(*marked)["tables"]["Pictures"]
    assert row["pixels_changed_outside"] > 100


def test_surroundings_that_look_different_are_measured_for_each_region_and_picture_with_an_interval(
    tmp_path: Path, evaluate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nflows_core.evaluation.build_perceptual", lambda name: narrow_judge())
    for index, boxes in enumerate(((), FACES[:1], FACES)):
        save(tmp_path / "before" / f"{index}.png", street())
        save(tmp_path / "after" / f"{index}.png", filled(street(), *boxes))
    report = evaluate()
    regions = {(row["picture"], tuple(row["box"])): row["lpips_in_ring"] for row in report["tables"]["Regions"]}
    pictures = {row["picture"]: row["lpips_in_rings"] for row in report["tables"]["Pictures"]}
    assert 0 == pictures["0.png"] < pictures["1.png"] < pictures["2.png"]
    assert pictures["2.png"] == pytest.approx(np.mean([regions["2.png", box] for box in FACES]))
    row = of(report, "LPIPS in a ring around the masks")
    assert (row["value"], row["n"]) == (pytest.approx(np.mean(list(pictures.values()))), 3)
    assert row["interval_95_over_pictures"] == pytest.approx([0, pictures["2.png"]])
    assert [row["what"] for row in report["tables"]["Not measured"]] == ["identity"]
    assert {"what": "LPIPS", "why": "--no-lpips"} in evaluate("--no-lpips")["tables"]["Not measured"]


def test_a_file_of_another_format_is_the_same_picture_and_says_how_much_it_lost(tmp_path: Path, evaluate: Run) -> None:
    save(tmp_path / "before" / "1.png", street())
    (tmp_path / "after").mkdir()
    Image.fromarray(filled(street(), *FACES)).save(tmp_path / "after" / "1_anonymized.jpg", quality=60)
    report = evaluate()
    row = report["tables"]["Pictures"][0]
    assert row["pixels_changed_outside"] > 500
    assert 10 < row["psnr_outside_db"] < 40
    assert row["found_again"] == 0


def test_what_has_no_counterpart_is_named_and_fails(
    tmp_path: Path, evaluate: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "before" / "1.png", street())
    save(tmp_path / "before" / "2.png", street())
    save(tmp_path / "after" / "1.png", filled(street(), *FACES))
    save(tmp_path / "after" / "3.png", street())
    report = evaluate(code=1)
    assert report["tables"]["Alone"] == [
        {"picture": "2.png", "there_is_none": "after"},
        {"picture": "3.png", "there_is_none": "before"},
    ]


def test_a_video_is_said_not_to_be_measured(tmp_path: Path, evaluate: Run, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "before" / "1.png", street())
    save(tmp_path / "after" / "1.png", filled(street(), *FACES))
    video = tmp_path / "before" / "drive" / "clip.MP4"
    video.parent.mkdir()
    video.touch()
    report = evaluate()
    assert report["tables"]["Not measured"][0] == {
        "what": "drive/clip.MP4",
        "why": "a video; `nflows privacy verify` looks at videos",
    }
    with pytest.raises(ValueError, match=r"clip\.MP4 is a video; pictures are compared, and `verify` looks at videos"):
        find_pairs(video, video)


def test_a_picture_that_cannot_be_compared_does_not_stop_the_others(tmp_path: Path, evaluate: Run) -> None:
    for name in "12":
        save(tmp_path / "before" / f"{name}.png", street())
    save(tmp_path / "after" / "1.png", street()[:-1])
    save(tmp_path / "after" / "2.png", street())
    report = evaluate(code=1)
    assert report["tables"]["Failures"][0]["why"].startswith("was 48 x 40 with 3 channels of 8 bits, and is 48 x 39")
    assert of(report, "faces found again")["value"] == 1


def test_the_same_seed_gives_the_same_intervals(tmp_path: Path, evaluate: Run) -> None:
    for index in range(5):
        save(tmp_path / "before" / f"{index}.png", street())
        save(tmp_path / "after" / f"{index}.png", filled(street(), *FACES[: index % 3]))
    first, again, other = evaluate(), evaluate(), evaluate("--seed", 1)
    assert first["tables"] == again["tables"]
    assert first["tables"]["Measures"] != other["tables"]["Measures"]


def test_what_should_be_gone_may_stand_in_anyones_file(
    tmp_path: Path, evaluate: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "before" / "1.png", street())
    save(tmp_path / "after" / "1.png", filled(street(), FACES[0]))
    (tmp_path / "boxes.csv").write_text("image,class,left,top,right,bottom\n1.png,face,4,4,14,14\n")
    report = evaluate("--boxes", tmp_path / "boxes.csv")
    assert (of(report, "faces found again")["value"], of(report, "faces found again")["n"]) == (0, 1)
    assert of(report, "found where nothing was, check, a picture")["value"] == 1
    capsys.readouterr()
    both = ("--boxes", tmp_path / "boxes.csv", "--found", tmp_path / "before")
    folders = (tmp_path / "before", tmp_path / "after", "-o", tmp_path / "out")
    assert call_command(privacy, "evaluate", *folders, "--detector", "reds", *both) == 2
    assert "--found and --boxes both say what should be gone" in capsys.readouterr().err


def test_regions_that_are_not_asked_for_do_not_count(tmp_path: Path) -> None:
    save(tmp_path / "1.png", street())
    car = Region(Box(0, 0, 40, 40), "car")
    question = Question(lambda pair, pixels: [car, *Reds()(pixels)], frozenset({"face"}), Reds(), 1.3)
    measured = measure(Pair("1.png", tmp_path / "1.png", tmp_path / "1.png"), question)
    assert [region.kind for region in measured.regions] == ["face", "face"]
    assert measured.again == (True, True)


def test_deeper_samples_are_compared_as_a_screen_shows_them(tmp_path: Path) -> None:
    deep = street().astype(np.uint16) << 8
    write_picture(tmp_path / "1.png", Picture(deep))
    save(tmp_path / "2.png", street())
    question = Question(lambda pair, pixels: Reds()(pixels), frozenset({"face"}), Reds(), 1.3)
    measured = measure(Pair("1.png", tmp_path / "1.png", tmp_path / "2.png"), question)
    assert (measured.change.share, measured.change.outside) == (0, 0)


def test_pairs_are_found_by_relative_name_whatever_the_suffix(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "b/2.jpg", "3.png"):
        save(tmp_path / "before" / name, street())
    for name in ("a/1.png", "b/1.jpg", "b/2_anonymized.png", "3.webp"):
        save(tmp_path / "after" / name, street())
    found = {pair.name: pair.after.name for pair in find_pairs(tmp_path / "before", tmp_path / "after").pairs}
    assert found == {"a/1.png": "1.png", "b/1.png": "1.jpg", "b/2.jpg": "2_anonymized.png", "3.png": "3.webp"}


def test_pictures_that_differ_by_suffix_alone_are_not_guessed(tmp_path: Path) -> None:
    for name in ("before/1.png", "before/1.jpg", "after/1.webp"):
        save(tmp_path / name, street())
    with pytest.raises(ValueError, match=r"1\.jpg: several pictures have its name"):
        find_pairs(tmp_path / "before", tmp_path / "after")


def test_folders_without_a_name_in_common_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "before" / "1.png", street())
    save(tmp_path / "after" / "2.png", street())
    with pytest.raises(ValueError, match="has no picture of the name of one in"):
        find_pairs(tmp_path / "before", tmp_path / "after")
    with pytest.raises(ValueError, match="give two folders or two pictures"):
        find_pairs(tmp_path / "before" / "1.png", tmp_path / "after")


def test_metadata_that_may_tell_who_or_where_is_named(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Ann at home"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 0.0)})
    exif.get_ifd(0x8769)[0xA431] = "SN 1234"
    Image.fromarray(street()).save(tmp_path / "1.jpg", exif=exif, comment="by Ann")
    assert set(leaking(tmp_path / "1.jpg")) == {
        "ImageDescription",
        "GPSLatitudeRef",
        "GPSLatitude",
        "BodySerialNumber",
        "text Comment",
    }


def test_what_only_says_how_a_picture_looks_is_no_leak(tmp_path: Path) -> None:
    save(tmp_path / "1.png", street())
    Image.fromarray(street()).save(tmp_path / "2.jpg", dpi=(72, 72))
    Image.fromarray(street()).save(tmp_path / "3.tif", compression="tiff_deflate")
    assert [leaking(tmp_path / name) for name in ("1.png", "2.jpg", "3.tif")] == [[], [], []]


def test_a_folder_of_somebody_else_is_not_written_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "before" / "1.png", street())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    folders = (tmp_path / "before", tmp_path / "before", "-o", tmp_path / "out")
    assert call_command(privacy, "evaluate", *folders) == 2
    assert "has files without the mark of an nflows command" in capsys.readouterr().err
