"""``nflows privacy redact --boxes``: what is filled, where decoys lie, what stays, and what travels along."""

from __future__ import annotations

import csv
import json
import os
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from made_up_videos import write_video
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_privacy.annotations.annotated import SHARES, Annotations, Marked
from nflows_privacy.annotations.groups import GTSDB_CLASSES
from nflows_privacy.annotations.placing import upright_box
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.cli import privacy
from nflows_privacy.masks import MASK_SCALE, cover, mask_of
from nflows_privacy.redaction.decoys import Holes, Plan, boxes_of, decoy_seed, features_of, systematic
from nflows_privacy.regions import Box, Region

WIDTH, HEIGHT = 160, 120
SIGNS = {
    "a": [((20, 20, 30, 30), 38), ((100, 40, 112, 52), 12)],
    "b": [((60, 30, 74, 42), 12)],
    "c": [((130, 60, 140, 70), 13)],
    "d": [],
}


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)


def pixels_of(name: str, shape: tuple[int, ...] = (HEIGHT, WIDTH, 3), kind: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(sum(map(ord, name))).integers(0, np.iinfo(kind).max, shape).astype(kind)


def write_scenes(suffix: str = ".png") -> None:
    Path("in").mkdir()
    for name in SIGNS:
        write_picture(Path("in", name + suffix), Picture(pixels_of(name)))
    lines = [
        ";".join(map(str, (f"{name}{suffix}", *box, number))) for name, found in SIGNS.items() for box, number in found
    ]
    Path("gt.txt").write_text("\n".join(lines))


def redact(*arguments: object) -> int:
    return call_command(privacy, "redact", *arguments)


def erase(*arguments: object, boxes: str = "gt.txt", what: str = "sign") -> int:
    return redact("in", "--boxes", boxes, "--what", what, *arguments)


def rows_of(folder: str = "out") -> list[dict[str, str]]:
    with Path(folder, "boxes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def holes_of(rows: list[dict[str, str]], name: str, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.bool_]:
    boxes = [
        Box(*(float(row[side]) for side in ("left", "top", "right", "bottom")))
        for row in rows
        if row["image"] == name and "1" in (row["erased"], row["decoy"])
    ]
    places = [cover(box.grown(MASK_SCALE), height, width) for box in boxes]
    return mask_of([place for place in places if place is not None], height, width)


def bytes_of(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*") if path.suffix in (".png", ".csv", ".tif")}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_outside_of_holes_every_pixel_is_what_it_was(suffix: str) -> None:
    write_scenes(suffix)
    assert erase("-o", "out", "--decoys", 2) == 0
    rows = rows_of()
    for name, found in SIGNS.items():
        (target,) = Path("out").glob(f"{name}.*")
        before, after = read_picture(Path("in", name + suffix)).pixels, read_picture(target).pixels
        changed, holes = (before != after).any(axis=2), holes_of(rows, target.name)
        assert not changed[~holes].any()
        assert changed[holes].mean() > 0.9
        own = [row for row in rows if row["image"] == target.name]
        assert sum(row["erased"] == "1" for row in own) == len(found)
        assert sum(row["decoy"] == "1" for row in own) == (2 * len(found) if found else len(own))
        assert len(own) >= 3


@pytest.mark.parametrize(("channels", "kind"), [(1, np.uint8), (4, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_grey_alpha_and_16_bits_stay_too(channels: int, kind: Any) -> None:
    Path("in").mkdir()
    pixels = pixels_of("a", (HEIGHT, WIDTH, channels), kind)
    if channels == 4:
        pixels[..., 3] = 255
    write_picture(Path("in", "a.png"), Picture(pixels))
    Path("gt.txt").write_text("a.png;20;20;30;30;38\na.png;100;40;112;52;12")
    assert erase("-o", "out", "--decoys", 1) == 0
    after = read_picture(Path("out", "a.png")).pixels
    assert after.dtype == kind
    assert np.array_equal(after[~holes_of(rows_of(), "a.png")], pixels[~holes_of(rows_of(), "a.png")])


def test_what_fills_a_hole_knows_nothing_of_what_was_there() -> None:
    write_scenes()
    assert erase("-o", "out", "--decoys", 2) == 0
    changed = pixels_of("b")
    changed[30:42, 60:74] = 0
    Path("in", "b.png").unlink()
    write_picture(Path("in", "b.png"), Picture(changed))
    assert erase("-o", "again", "--decoys", 2) == 0
    assert bytes_of("out") == bytes_of("again")


def test_the_same_seed_gives_the_same_bytes_in_any_company_and_another_seed_others() -> None:
    write_scenes()
    assert erase("-o", "out", "--decoys", 2, "--seed", 3) == 0
    for name in reversed(SIGNS):
        company = dict.fromkeys(
            (f"in/{name}.png", "in/a.png")
        )  # lines of the benchmark do not name pictures without signs
        options = ("--boxes", "gt.txt", "--what", "sign", "--decoys", 2, "--seed", 3)
        assert redact(*company, *options, "-o", name) == 0
        assert Path(name, f"{name}.png").read_bytes() == Path("out", f"{name}.png").read_bytes()
    assert erase("-o", "other", "--decoys", 2, "--seed", 4) == 0
    assert bytes_of("other")["b.png"] != bytes_of("out")["b.png"]


def test_a_cluster_writes_the_same_bytes() -> None:
    write_scenes()
    assert erase("-o", "here", "--decoys", 2) == 0
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        assert erase("-o", "there", "--decoys", 2, "--dask", cluster.scheduler_address) == 0
    assert bytes_of("here") == bytes_of("there")


def test_memory_does_not_grow_with_the_number_of_files() -> None:
    Path("many").mkdir()
    for number in range(60):
        write_picture(Path("many", f"{number:02}.png"), Picture(pixels_of(str(number), (100, 140, 3))))
    lines = [f"{number:02}.png;{number % 30};10;{number % 30 + 8};18;{number % 9}" for number in range(60)]
    Path("gt.txt").write_text("\n".join(lines))
    inputs, peaks = sorted(Path("many").iterdir()), []
    for out, count in (("warm", 30), ("few", 30), ("all", 60)):
        tracemalloc.start()
        options = ("--boxes", "gt.txt", "--what", "sign", "--decoys", 1)
        assert redact(*inputs[:count], *options, "-o", out) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 30 * 20_000  # far below a picture for each file; reports show as many of both


def test_boxes_and_decoys_travel_and_are_read_again() -> None:
    write_scenes()
    Path("boxes.csv").write_text(
        "image,left,top,right,bottom,class,name,track,tilted\n"
        "a.png,20,20,30,30,38,keep right (mandatory),7,yes\na.png,100,40,112,52,12,priority road (other),8,\n"
        "b.png,60,30,74,42,12,priority road (other),8,no\n"
    )
    assert erase("-o", "out", "--decoys", 2, boxes="boxes.csv", what="keep-right,other") == 0
    found = read_boxes("out/boxes.csv")
    first, second, *decoys = found.regions("out/a.png", WIDTH, HEIGHT)
    assert (first.box, first.kind) == (Box(20, 20, 30, 30), "keep right (mandatory)")
    assert dict(first.attributes) == {"erased": "1", "decoy": "0", "track": "7", "tilted": "yes", "class": "38"}
    assert dict(second.attributes)["track"] == "8"
    assert [(one.kind, dict(one.attributes)) for one in decoys] == [("decoy", {"erased": "0", "decoy": "1"})] * 4
    assert found.pictures["a.png"].size == (WIDTH, HEIGHT)
    assert erase("-o", "some", boxes="boxes.csv", what="38") == 0
    assert Counter(row["erased"] for row in rows_of("some") if row["left"]) == {"1": 1, "0": 2}
    assert np.array_equal(read_picture("some/b.png").pixels, pixels_of("b"))


def test_erasing_what_was_erased_keeps_what_the_table_says_of_it() -> None:
    write_scenes()
    assert erase("-o", "out", "--decoys", 2, what="12") == 0
    assert redact("out", "--boxes", "out/boxes.csv", "--what", "keep-right", "-o", "twice") == 0
    first, second = (
        {tuple(row.values())[:6]: (row["erased"], row["decoy"]) for row in rows_of(folder)}
        for folder in ("out", "twice")
    )
    assert first.keys() == second.keys()
    changed = {key for key, marks in first.items() if second[key] != marks}
    assert {key[5] for key in changed} == {"keep right (mandatory)"}


def test_every_scene_has_as_many_holes_where_their_number_must_not_tell() -> None:
    write_scenes()
    assert erase("-o", "out", "--decoys", 2, "--same-number") == 0
    assert set(Counter(row["image"] for row in rows_of()).values()) == {6}


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_boxes_of_a_picture_that_its_exif_turns_turn_too(orientation: int, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in").mkdir()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels_of("a")).save("in/a.png", exif=exif)
    Path("boxes.csv").write_text(
        "image,left,top,right,bottom,name,picture_width,picture_height\n"
        f"a.png,100,40,120,52,keep right (mandatory),{WIDTH},{HEIGHT}\n"
    )
    assert erase("-o", "out", boxes="boxes.csv") == 0
    told = capsys.readouterr().err
    after, is_turned = read_picture("out/a.png").pixels, orientation in (6, 8)
    height, width = after.shape[:2]
    assert (width, height) == ((HEIGHT, WIDTH) if is_turned else (WIDTH, HEIGHT))
    (row,) = rows_of()
    expected = Box(100, 40, 120, 52)
    expected = upright_box(expected, orientation, width, height) if is_turned else expected
    assert tuple(float(row[side]) for side in ("left", "top", "right", "bottom")) == expected
    assert (int(row["picture_width"]), int(row["picture_height"])) == (width, height)
    changed = (after != read_picture("in/a.png").pixels).any(axis=2)
    assert not changed[~holes_of(rows_of(), "a.png", height, width)].any()
    assert changed.any()
    assert ("1 pictures are turned by their EXIF" in told) == (orientation != 1)


def test_what_is_wrong_with_boxes_is_named_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    with Path("gt.txt").open("a") as file:
        file.write(
            "\na.png;200;10;220;30;1\nb.png;5;5;5;9;1\nb.png;9;5;5;9;1\nb.png;60;30;74;42;12\nc.png;20;90;30;99;77\n"
            "zz.png;1;1;9;9;3\n"
        )
    assert erase("-o", "out", "--decoys", 1) == 0
    told = capsys.readouterr().err
    for line in (
        "1 boxes lie outside of their picture and are left out: a.png (200 10 220 30)",
        "1 boxes have no area and are left out: ",
        "1 boxes have left > right or top > bottom and are left out: ",
        "1 boxes are of a class without a name: class 77 (",
        "1 pictures or boxes are listed twice and count once: ",
        "1 pictures with boxes are not among the inputs: zz.png",
    ):
        assert [text for text in told.splitlines() if text.startswith("--boxes gt.txt: " + line)], line
    assert sorted(path.stem for path in Path("out").glob("*.png")) == list(SIGNS)
    assert "class 77" in {row["name"] for row in rows_of() if row["erased"] == "1"}
    not_taken = json.loads(Path("out", "report.json").read_text())["not_taken"]
    assert not_taken["boxes have no area and are left out"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--boxes", "gt.txt"), "has no box of face, plate; it has give way (other)"),
        (("--boxes", "gt.txt", "--what", "unicorn"), "has no box of unicorn; it has give way (other)"),
        (("--boxes", "gt.txt", "--what", "sign", "--detector", "yunet"), "--detector: with --boxes nothing is looked"),
        (("--decoys", "2"), "belong to --boxes: give a file of boxes"),
        (("--boxes", "none.csv", "--what", "sign"), "none.csv"),
        (("--boxes", "broken.csv", "--what", "sign"), "names no picture"),
        (("--boxes", "gt.txt", "--what", "sign", "--decoys", "-1"), "--decoys"),
        (("--boxes", "gt.txt", "--what", "sign", "--strength", "2"), "telea has none"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scenes()
    Path("broken.csv").write_text("image,left,top,right,bottom,name\n,0,0,1,1,cone\n")
    assert redact("in", "-o", "out", *arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["train2017/{}.png", "/data/x/{}.jpg", "other/{}0.png"])
@pytest.mark.parametrize("more", [(), ("--decoys", 1)])
def test_boxes_of_none_of_the_pictures_are_refused_before_anything_is_written(
    name: str, more: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    write_scenes()
    Path("boxes.csv").write_text(f"image,left,top,right,bottom,name\n{name.format('a')},20,20,30,30,stop\n")
    assert erase("-o", "out", *more, boxes="boxes.csv") == 2
    told = capsys.readouterr().err
    assert "boxes.csv: does not name any of the 4 pictures, such as in/a.png; " in told
    assert ("differs from in/a.png by its folders" in told) == (name != "other/{}0.png")
    assert not Path("out").exists()


def test_the_last_lines_say_how_many_boxes_are_filled(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    assert erase("-o", "out", what="priority-road") == 0
    assert "\n2 boxes filled in 4 files\n" in capsys.readouterr().err
    assert erase("-o", "more", "--decoys", 3, what="sign") == 0
    number = sum(row["decoy"] == "1" for row in rows_of("more"))
    assert f"\n4 boxes filled and {number} decoys in 4 files\n" in capsys.readouterr().err


def test_faces_are_never_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    for rows in ("a.png,0,0,9,9,face\n", "a.png,9,0,1,9,face\nb.png,,,,,\nc.png,,,,,\nd.png,,,,,\n"):
        Path("faces.csv").write_text(f"image,left,top,right,bottom,name\n{rows}")
        assert erase("-o", "out", boxes="faces.csv", what="face") == 2
        told = capsys.readouterr().err
        assert "says nothing of" in told or "line 2: box: expected left < right" in told


def test_a_video_and_a_picture_without_room_fail_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    write_video(Path("in", "e.mp4"))
    write_picture(Path("in", "tiny.png"), Picture(pixels_of("t", (12, 12, 3))))
    assert erase("-o", "out", "--decoys", 2) == 1
    told = capsys.readouterr().err
    assert "e.mp4: a file of boxes tells of no frames of a video; leave videos out" in told
    assert (
        "tiny.png: there is no room for one more decoy in 12 x 12 pixels; give fewer `decoys`, or boxes of 3 pixels"
        in told
    )
    assert sorted(path.stem for path in Path("out").glob("*.png")) == list(SIGNS)


def test_what_is_done_is_left_out_until_the_boxes_change() -> None:
    write_scenes()
    assert erase("-o", "out", "--decoys", 1, "--skip-existing") == 0
    first, table = Path("out", "b.png").stat().st_mtime_ns, rows_of()
    assert erase("-o", "out", "--decoys", 1, "--skip-existing") == 0
    assert (Path("out", "b.png").stat().st_mtime_ns, rows_of()) == (first, table)
    Path("gt.txt").write_text(Path("gt.txt").read_text() + "\nb.png;10;90;20;100;12")
    assert erase("-o", "out", "--decoys", 1, "--skip-existing") == 0
    assert Path("out", "b.png").stat().st_mtime_ns != first


corners = st.tuples(st.integers(0, 700), st.integers(0, 500), st.integers(8, 60), st.integers(8, 60))
marks = st.lists(st.tuples(corners, st.sampled_from(GTSDB_CLASSES[10:15])), max_size=3)
sets = st.lists(marks, min_size=2, max_size=6).filter(lambda found: any(found))


def annotations_of(found: list[Any], size: tuple[int, int] | None) -> Annotations:
    pictures = {}
    for number, signs in enumerate(found):
        regions = [Region(Box(x, y, x + w, y + h), kind) for (x, y, w, h), kind in signs]
        pictures[f"{number}.jpg"] = Marked(tuple(dict.fromkeys(regions)), size)
    return Annotations("memory", pictures)


@given(sets, st.integers(0, 3), st.booleans(), st.booleans(), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_decoys_touch_neither_signs_nor_each_other_nor_the_edge(
    found: list[Any], count: int, same_number: bool, in_shares: bool, seed: int
) -> None:
    size = (800, 600)
    annotations = annotations_of(found, size if in_shares else None)
    holes, plan = Holes.of(annotations, ("sign",)), Plan(count, MASK_SCALE, same_number)
    most = max(len(one.regions) for one in annotations.pictures.values())
    for name, marked in annotations.pictures.items():
        kept = [region.box for region in marked.regions]
        decoys = holes.decoys(name, marked.regions, kept, size, plan, decoy_seed(seed, name))
        assert decoys == holes.decoys(name, marked.regions, kept, size, plan, decoy_seed(seed, name))
        if same_number:
            assert len(kept) + len(decoys) == len(kept) * (count + 1) + (most - len(kept)) * (count + 1)
        elif kept:
            assert len(decoys) == count * len(kept)
        drawn = [box.grown(MASK_SCALE) for box in decoys]
        assert all(box.left >= 0 and box.top >= 0 and box.right <= 800 and box.bottom <= 600 for box in drawn)
        signs = mask_of([place for box in kept if (place := cover(box.grown(MASK_SCALE), 600, 800))], 600, 800)
        total = signs.astype(int)
        for box in drawn:
            place = cover(box, 600, 800)
            assert place is not None
            total[place.slices] += 1 + signs[place.slices]
        assert total.max() <= 1
        if not in_shares:
            assert all(value == round(value) for box in decoys for value in box)


def test_boxes_in_shares_give_decoys_in_the_pixels_of_each_picture() -> None:
    region = Region(Box(0.4, 0.4, 0.5, 0.5), "cone")
    other = Region(Box(0.1, 0.1, 0.2, 0.2), "post")
    holes = Holes.of(Annotations("m", {"a": Marked((region,), SHARES), "b": Marked((other,), SHARES)}), ("sign",))
    found = [holes.decoys("a", [], [], (2000, 1000), Plan(1, 1.3), seed)[0] for seed in range(20)]
    assert np.median([box.width / box.height for box in found]) == pytest.approx(2, rel=0.3)
    assert max(box.right for box in found) > 200


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_sign_where_no_other_of_its_class_is_near_has_decoys_of_the_others(comes_first: bool) -> None:
    """A camera that stands, and one sign elsewhere: it ended never, or in an IndexError, by the order of the table."""
    alone = Region(Box(1193, 358, 1269, 436), "alone")
    others = {f"p{i}": Marked((Region(Box(600 + i, 400 - i, 640 + 2 * i, 440 + i), "usual"),)) for i in range(7)}
    pictures = {"far": Marked((alone,)), **others} if comes_first else {**others, "far": Marked((alone,))}
    holes = Holes.of(Annotations("boxes", pictures), ("sign",))
    found = holes.decoys("far", [alone], [alone.box], (1360, 800), Plan(2, MASK_SCALE), 0)
    assert len(found) == 2
    assert all(box.right < 1000 for box in found)


def test_a_box_far_outside_is_no_place_for_a_decoy() -> None:
    signs = [((10 * n, 5 * n, 20, 20), GTSDB_CLASSES[n % 2]) for n in range(30)]
    sound = annotations_of([signs], None)
    far = Region(Box(1e300, 0, 1.5e300, 9), GTSDB_CLASSES[0])
    more = Annotations("memory", {**sound.pictures, "far.jpg": Marked((far,))})
    places = [Holes.of(one, ("sign",)) for one in (sound, more)]
    assert np.array_equal(places[0].features, places[1].features)
    drawn = [one.decoys(None, [], [], (400, 300), Plan(1, 1.3), 0) for one in places]
    assert all(0 <= box.left < box.right <= 400 for found in drawn for box in found)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_each_class_comes_as_often_as_its_share_says(counts: list[int], count: int) -> None:
    shares = np.array(counts) / sum(counts)
    generator = np.random.default_rng(0)
    drawn = np.array([np.bincount(systematic(generator, shares, count), minlength=len(counts)) for _ in range(1500)])
    assert (drawn.sum(axis=1) == count).all()
    assert (np.abs(drawn - count * shares) < 1 + 1e-9).all()
    error = 4 * np.sqrt(0.25 / len(drawn))
    assert drawn.mean(axis=0) == pytest.approx(count * shares, abs=error)


@given(st.lists(corners, min_size=1, max_size=4))
def test_features_are_boxes(found: list[tuple[int, int, int, int]]) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in found], dtype=np.float64)
    assert boxes_of(features_of(boxes)) == pytest.approx(boxes)
