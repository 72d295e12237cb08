"""Scenes for a categoriser: what is erased and what stands, the same holes, what is kept together, and bad tables."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import click
import distributed
import pytest
from numpy.typing import NDArray
from PIL import Image

from made_up_roads import KINDS, NOTHING, write_roads
from nflows_core.runtime.cli import Command
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.pictures.options import EXACT, PictureOptions, picture_options
from nflows_core.runtime.report import read_csv, write_csv
from nflows_core.testing import call_command
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.cli.erasing import FillChoice
from nflows_privacy.cli.scenes import erase_scenes
from nflows_privacy.drives.frames import Frame
from nflows_privacy.evaluation.erased_places import place_accuracy
from nflows_privacy.masks import mask_of
from nflows_privacy.missing.asked import NOT_THERE, UNLISTED, read_asked
from nflows_privacy.missing.scenes import Scene, read_scenes, scene_holes
from nflows_privacy.missing.together import keep_together

COUNTS = {**dict.fromkeys(KINDS, 3), NOTHING: 2}


@click.command(cls=Command)
@picture_options(metadata="strip-private", is_random=True, format=EXACT)
@click.option("--boxes", type=click.Path(path_type=Path), default="roads/boxes.csv")
@click.option("--scenes", type=click.Path(path_type=Path))
@click.option("--what", default="sign")
@click.option("--decoys", type=int, default=2)
def erase_command(pictures: PictureOptions, boxes: Path, scenes: Path | None, what: str, decoys: int) -> int:
    return erase_scenes(pictures, boxes, scenes, (what,), FillChoice("telea", None, None, "cpu"), decoys)


def erase(*arguments: object, scenes: str | None = "roads/scenes.csv", folder: str = "roads/images") -> int:
    options = () if scenes is None else ("--scenes", scenes)
    return call_command(erase_command, folder, *options, *arguments)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "roads"
    write_roads(folder, COUNTS, seed=1)
    return folder


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, roads: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(roads, "roads")


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory, roads: Path) -> list[Scene]:
    """The scenes of the made-up roads, read again."""
    out = tmp_path_factory.mktemp("erased") / "out"
    options = ("--boxes", roads / "boxes.csv", "-o", out, "--scenes", roads / "scenes.csv")
    assert call_command(erase_command, roads / "images", *options) == 0
    return read_scenes(out)


def pixels(path: Path) -> NDArray[Any]:
    return read_picture(path).pixels


def bytes_of(folder: str) -> dict[str, bytes]:
    found = (path for path in Path(folder).rglob("*") if path.suffix in (".png", ".csv"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def table_of(*rows: str, header: str = "image,context") -> str:
    Path("scenes.csv").write_text("\n".join([header, *rows]) + "\n")
    return "scenes.csv"


def test_each_scene_with_a_sign_is_there_without_it_and_all_with_what_stands(erased: list[Scene], roads: Path) -> None:
    contexts = {row["image"]: row["context"] or None for row in read_csv(roads / "scenes.csv")}
    missing, standing = ([one for one in erased if one.is_missing is wanted] for wanted in (True, False))
    assert [one.source for one in missing] == [name for name, context in contexts.items() if context]
    assert [one.source for one in standing] == [*contexts]
    assert all(one.context == contexts[one.source] for one in erased)
    assert all(one.name == f"{'missing' if one.is_missing else 'standing'}/{one.source}" for one in erased)
    assert all(not one.standing and sum(one.is_erased) == 1 for one in missing)
    assert {one.source: tuple(region.kind for region in one.standing) for one in standing} == {
        name: (context,) if context else () for name, context in contexts.items()
    }


def test_outside_of_the_holes_every_pixel_is_that_of_the_original_and_no_decoy_touches_a_sign(
    erased: list[Scene], roads: Path
) -> None:
    for scene in erased:
        before, after = pixels(roads / "images" / scene.source), pixels(scene.path)
        width, height = scene.size
        assert after.shape[:2] == (height, width)
        changed, holes = (before != after).any(axis=2), mask_of(scene.holes, height, width)
        assert not changed[~holes].any()
        assert changed[holes].mean() > 0.3
        assert sum((one.bottom - one.top) * (one.right - one.left) for one in scene.holes) == holes.sum()
        for region in scene.standing:
            left, top, right, bottom = map(round, region.box)
            assert not changed[top:bottom, left:right].any()


def test_the_number_of_holes_does_not_tell_whether_a_sign_is_missing(erased: list[Scene]) -> None:
    assert {len(one.holes) for one in erased} == {3}
    assert {len(one.is_erased) for one in erased} == {3}


def test_the_true_hole_is_where_the_box_was(erased: list[Scene], roads: Path) -> None:
    boxes = {row["image"]: row for row in read_csv(roads / "boxes.csv")}
    for scene in (one for one in erased if one.is_missing):
        left, top, right, bottom = (float(boxes[scene.source][side]) for side in ("left", "top", "right", "bottom"))
        for hole, is_erased in zip(scene.holes, scene.is_erased, strict=True):
            inside = hole.left <= left and hole.top <= top and hole.right >= right and hole.bottom >= bottom
            assert inside == is_erased


def test_holes_are_those_that_observers_take(erased: list[Scene]) -> None:
    holes = list(scene_holes(erased))
    assert Counter(one.label for one in holes) == dict.fromkeys(KINDS, 3)
    assert all(one.features.shape == (3, 4) and one.is_erased.sum() == 1 for one in holes)
    missing = [one for one in erased if one.is_missing]
    assert [one.group for one in holes] == [one.group for one in missing]
    assert holes[0].features[0, 0] == (missing[0].holes[0].left + missing[0].holes[0].right) / 2
    assert place_accuracy(holes, 0, folds=3).scenes == 12


def test_the_same_seed_gives_the_same_bytes_here_and_on_a_cluster_and_what_is_done_stays() -> None:
    assert erase("-o", "here", "--seed", 4) == 0
    with distributed.LocalCluster(n_workers=1, dashboard_address=None, processes=False) as cluster:
        assert erase("-o", "there", "--seed", 4, "--dask", cluster.scheduler_address) == 0
    assert bytes_of("here") == bytes_of("there")
    times = {path: path.stat().st_mtime_ns for path in Path("here").rglob("*.png")}
    assert erase("-o", "here", "--seed", 4, "--skip-existing") == 0
    assert times == {path: path.stat().st_mtime_ns for path in Path("here").rglob("*.png")}
    assert bytes_of("here") == bytes_of("there")


def test_without_a_table_nothing_can_be_learned_and_each_picture_is_one_scene() -> None:
    assert erase("-o", "out", scenes=None) == 0
    scenes = read_scenes(Path("out"))
    assert {one.context for one in scenes} == {None}
    assert Counter(one.is_missing for one in scenes) == {True: 12, False: 2}
    assert Counter(one.source for one in scenes).most_common(1)[0][1] == 1
    assert list(scene_holes(scenes)) == []


def test_folders_stay_and_frames_of_drives_are_groups() -> None:
    rows, boxes = [], []
    for number, row in enumerate(read_csv("roads/boxes.csv")):
        name = f"{'ab'[number % 2]}/{row['image']}"
        Path("drives", name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("roads", "images", row["image"]), Path("drives", name))
        boxes.append({**row, "image": name})
        rows.append(f"{name},{row['name']},{'ab'[number % 2]},{number}")
    write_csv("boxes.csv", boxes)
    table = table_of(*rows, header="File,Context,Drive,Frame")
    assert erase("-o", "out", "--boxes", "boxes.csv", scenes=table, folder="drives") == 0
    scenes = read_scenes(Path("out"))
    assert {one.group for one in scenes} == {"a", "b"}
    assert scenes[1].frame == Frame("missing/a/00002.png", "a", 2)
    assert {one.source for one in scenes} == {row["image"] for row in boxes}


def test_copies_are_of_one_group_and_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("roads/images/00000.png", "roads/images/copy.png")
    assert erase("-o", "out") == 0
    groups = {one.source: one.group for one in read_scenes(Path("out"))}
    assert groups["copy.png"] == groups["00000.png"] == "00000.png"
    told = capsys.readouterr().err
    assert "pairs of pictures are copies or show one place (00000.png and copy.png" in told
    assert "roads/scenes.csv: 1 pictures are not in the table, and what they ask for is unknown: copy.png" in told
    first = read_csv("out/joined.csv")[0]
    assert {name: first[name] for name in ("first", "second", "kind", "together")} == {
        "first": "00000.png", "second": "copy.png", "kind": "same bytes", "together": "1",
    }  # fmt: skip


def test_groups_that_a_person_says_are_taken_and_what_is_alike_across_them_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy("roads/images/00000.png", "roads/images/copy.png")
    rows = [f"{row['image']},{row['context']},day {n % 2}" for n, row in enumerate(read_csv("roads/scenes.csv"))]
    table = table_of(*rows, "copy.png,,day 1", header="image,context,group")
    assert erase("-o", "out", scenes=table) == 0
    groups = {one.source: one.group for one in read_scenes(Path("out"))}
    assert (groups["00000.png"], groups["copy.png"]) == ("day 0", "day 1")
    assert set(groups.values()) == {"day 0", "day 1"}
    told = capsys.readouterr().err
    assert "but of different groups: a split may divide them; joined.csv has all" in told
    apart = [row for row in read_csv("out/joined.csv") if row["together"] == "0"]
    assert ("00000.png", "copy.png") in {(row["first"], row["second"]) for row in apart}


def test_a_scene_without_a_group_is_of_that_of_its_copy() -> None:
    names = []
    for name, source in (("a.png", 0), ("b.png", 1), ("c.png", 0), ("d.png", 2)):
        shutil.copy(f"roads/images/{source:05}.png", Path(name))
        names.append(name)
    found = keep_together(Path(), names, {"c.png": "drive", "b.png": "other"})
    assert found.groups["a.png"] == found.groups["c.png"] == "drive"
    assert found.groups["b.png"] == "other"
    assert ("a.png", "c.png") in {one[:2] for one in found.joined}


def test_what_a_table_says_twice_or_of_others_is_told_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{row['image']},{row['context']}" for row in read_csv("roads/scenes.csv")]
    assert erase("-o", "out", scenes=table_of(*rows, rows[0], "gone.png,x", "lost.png,")) == 0
    told = capsys.readouterr().err
    assert "scenes.csv: 1 pictures or boxes are listed twice and count once: 00000.png (line 16)" in told
    assert "scenes.csv: 2 pictures are not among the inputs: gone.png, lost.png" in told
    assert json.loads(Path("out", "report.json").read_text())["told"][NOT_THERE] == 2


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([], "image,context", "scenes.csv: has no rows; give a row for each picture"),
        (["00000.png,a", "00000.png,b"], "image,context", "lines 2 and 3 say different things of 00000.png"),
        (["00000.png,gap-in-median"], "name,label", "expected columns image, and context, group, drive or frame"),
        (["00000.png"], "image", "expected columns image, and context, group, drive or frame"),
        (["x.png,a"], "image,context", "names none of the pictures, such as 00000.png"),
        ([",a"], "image,context", "line 2: names no picture"),
        (["00000.png,a,b"], "image,context", "line 2: has more cells than there are columns"),
        (["00000.png,cannot say"], "image,context", "line 2: cannot say is no class; leave the cell empty"),
        (["00000.png,a,x"], "image,picture,context", "the columns image and picture mean the same"),
        (["00000.png,d,1", "00001.png,d,1"], "image,drive,frame", "both are frame 1 of the drive d"),
        (["00000.png,d,-1"], "image,drive,frame", "expected a whole number from 0 on"),
        (
            ["00000.png,one", "00003.png,two", "00004.png,two"],
            "image,context",
            "one picture cannot teach a class, and it is all there is of one (00000.png); give more of it",
        ),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_in_a_line(
    rows: list[str], header: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert erase("-o", "out", scenes=table_of(*rows, header=header)) == 2
    told = capsys.readouterr().err.strip()
    assert message in told
    assert "scenes.csv" in told
    assert len(told.splitlines()) <= 2
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--decoys", 0), "--decoys: expected 1 or more"),
        (("--what", "unicorn"), "has no box of unicorn"),
        (("--boxes", "others.csv"), "no picture of roads/images has a box of sign"),
        (("--boxes", "filled.csv"), "tells of boxes that are erased already"),
        (("--boxes", "faces.csv", "--what", "face"), "faces and plates would stay as they are"),
    ],
)
def test_what_makes_no_sense_of_boxes_is_refused_in_a_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "image,left,top,right,bottom,name"
    Path("others.csv").write_text(f"{header}\nx.png,1,1,9,9,cone\n")
    Path("filled.csv").write_text(f"{header},erased\n00000.png,1,1,9,9,cone,1\n")
    Path("faces.csv").write_text(f"{header}\n00000.png,1,1,9,9,face\n")
    assert erase("-o", "out", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_one_row_that_may_mean_several_pictures_is_refused(tmp_path: Path) -> None:
    table = Path(table_of("1.png,a"))
    with pytest.raises(ValueError, match=r"1\.png may be a/1\.png and b/1\.png; write the folders into the names"):
        read_asked(table, ["a/1.png", "b/1.png"], Faults())


def test_names_of_any_spelling_are_understood() -> None:
    faults = Faults()
    table = Path(table_of(r"scenes\a\1.png, curve ,30.0", "images/2.JPG,,", header=" Picture ,CONTEXT,frame"))
    found = read_asked(table, ["a/1.png", "2.jpg", "3.png"], faults)
    assert {name: (one.context, one.frame.number) for name, one in found.items()} == {
        "a/1.png": ("curve", 30),
        "2.jpg": (None, None),
    }
    assert faults.counts == {UNLISTED: 1}


def test_a_road_that_asks_for_a_sign_and_has_none_lacks_it_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{row['image']},{row['context'] or KINDS[0]}" for row in read_csv("roads/scenes.csv")]
    assert erase("-o", "out", scenes=table_of(*rows)) == 0
    scenes = {one.name: one for one in read_scenes(Path("out"))}
    bare = scenes["standing/00013.png"]
    assert (bare.is_missing, bare.context, any(bare.is_erased)) == (True, KINDS[0], False)
    assert "missing/00013.png" not in scenes
    assert "2 pictures ask for a sign and have no box of any" in capsys.readouterr().err
    assert len(list(scene_holes(scenes.values()))) == 12


@pytest.mark.parametrize("box", ["5,5,4,9,x", "5,5,5,9,x", "5,5,nan,9,x", "5,5,20,20,ignore"])
def test_a_sign_whose_box_is_wrong_or_to_be_ignored_may_stand_and_is_not_missing(
    box: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{row['image']},{row['context'] or KINDS[0]}" for row in read_csv("roads/scenes.csv")]
    with Path("roads", "boxes.csv").open("a") as file:
        file.write(f"00013.png,{box}\n")
    assert erase("-o", "out", scenes=table_of(*rows)) == 0
    assert not [one.name for one in read_scenes(Path("out")) if one.name.endswith("00013.png")]
    told = capsys.readouterr().err
    assert "1 pictures ask for a sign and have boxes that are left out or to be ignored" in told
    assert "1 pictures ask for a sign and have no box of any" in told


def test_what_fails_alone_is_named_and_the_rest_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    Path("roads", "images", "00001.png").write_bytes(b"no picture")
    Image.new("RGB", (448, 256)).save("roads/images/far.png")
    with Path("roads", "boxes.csv").open("a") as file:
        file.write("far.png,900,10,930,40,gap-in-median,1.0\n")
    assert erase("-o", "out") == 1
    told = capsys.readouterr().err
    assert "00001.png" in told
    assert "1 pictures have no sign in them that could be erased" in told
    sources = Counter(one.source for one in read_scenes(Path("out")))
    assert sources["00001.png"] == 0
    assert sources["far.png"] == 1
    assert sources["00000.png"] == 2


def test_several_folders_and_files_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert erase("roads", "-o", "out") == 2
    assert "expected one folder of pictures" in capsys.readouterr().err


def test_json_is_one_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert erase("-o", "out", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["missing"], report["standing"]) == (12, 14)
    assert report == json.loads(Path("out", "report.json").read_text())


@pytest.mark.parametrize(
    ("lose", "message"),
    [
        ("scenes.csv", r"has no scenes\.csv; give the folder that `missing_signs erase` made"),
        ("missing/boxes.csv", r"boxes\.csv: is not there; make the scenes again"),
        ("standing/00002.png", r"standing/00002\.png is not there \(1 of 26 pictures are gone\)"),
    ],
)
def test_what_is_lost_of_a_folder_of_scenes_is_named(
    lose: str, message: str, erased: list[Scene], tmp_path: Path
) -> None:
    shutil.copytree(erased[0].path.parents[1], "copied")
    Path("copied", lose).unlink()
    with pytest.raises(ValueError, match=message):
        read_scenes(Path("copied"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"missing": "yes"}, "expected 0 or 1 in `missing`, got 'yes'"),
        ({"mask_scale": "wide"}, "could not convert"),
        ({"frame": "3"}, "expected a drive and a number, or neither"),
        ({"image": "standing/../roads.png"}, "is not there"),
    ],
)
def test_a_table_of_scenes_that_somebody_has_changed_is_refused(
    change: dict[str, str], message: str, erased: list[Scene]
) -> None:
    shutil.copytree(erased[0].path.parents[1], "copied")
    rows = read_csv("copied/scenes.csv")
    write_csv("copied/scenes.csv", [{**rows[0], **change}, *rows[1:]])
    with pytest.raises(ValueError, match=message):
        read_scenes(Path("copied"))


def test_a_foreign_folder_is_not_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out", "mine.txt").write_text("mine")
    assert erase("-o", "out") == 2
    assert "mine.txt" in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


def test_originals_stay_as_they_were() -> None:
    before = bytes_of("roads")
    assert erase("-o", "out") == 0
    assert bytes_of("roads") == before
