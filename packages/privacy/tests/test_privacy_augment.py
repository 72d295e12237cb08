"""``nflows privacy augment``: boxes stay around what they mark, and mirrors change classes."""

from __future__ import annotations

import csv
import os
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import distributed
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_privacy.annotations.mirrors import mirrors_among
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.cli import privacy
from nflows_privacy.regions import Box, iou
from nflows_privacy.training.augmenting import WAYS, Augmenting
from nflows_privacy.training.data import Source, classes_of
from nflows_privacy.training.scenes import RandomViews, Scene
from nflows_privacy.training.views import View, mosaic, window

WIDTH, HEIGHT = 120, 80
RIGHT, LEFT, STOP = "keep right (mandatory)", "keep left (mandatory)", "stop (other)"
SIGNS = {"a": (RIGHT, 38), "b": (LEFT, 39), "c": (STOP, 14), "d": None, "e": (RIGHT, 38)}
SIDES = ("left", "top", "right", "bottom")


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)


def halves(seed: int) -> NDArray[np.uint8]:
    """A picture whose left half is dark and whose right half is bright."""
    pixels = np.random.default_rng(seed).integers(20, 50, (HEIGHT, WIDTH, 3))
    pixels[:, WIDTH // 2 :] += 180
    return pixels.astype(np.uint8)


def write_scenes() -> None:
    Path("in").mkdir()
    lines = ["image,left,top,right,bottom,class,name,group,track"]
    for number, (name, sign) in enumerate(SIGNS.items()):
        write_picture(Path("in", f"{name}.png"), Picture(halves(number)))
        group = "mandatory" if sign and sign[1] > 20 else "other"
        lines.append(f"{name}.png,50,30,70,50,{sign[1]},{sign[0]},{group},t{number}" if sign else f"{name}.png,,,,,,,,")
    Path("boxes.csv").write_text("\n".join(lines))


def augment(*arguments: object, inputs: tuple[object, ...] = ("in",)) -> int:
    return call_command(privacy, "augment", *inputs, "--boxes", "boxes.csv", *arguments)


def rows_of(folder: str = "out") -> dict[str, list[dict[str, str]]]:
    found = defaultdict(list)
    with Path(folder, "boxes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["image"]].append(row)
    return dict(found)


def bytes_of(folder: str) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*") if path.suffix in (".png", ".csv")}


def is_mirrored(folder: str, row: Mapping[str, str]) -> bool:
    """Whether a box, which is half dark and half bright, is bright on its left."""
    left, top, right, bottom = (round(float(row[side])) for side in SIDES)
    means = read_picture(Path(folder, row["image"])).pixels[top:bottom, left:right].mean(axis=(0, 2))
    middle = len(means) // 2
    return bool(means[:middle].mean() > means[middle:].mean())


def found_of(folder: str, name: str) -> list[dict[str, str]]:
    """The rows of boxes that count in what was made of a picture."""
    rows = [row for image, found in rows_of(folder).items() if image.startswith(name) for row in found]
    return [row for row in rows if row["name"] not in ("", "ignore")]


def drawn(seed: int, colour: int, width: int = 600, height: int = 440) -> View:
    """A square of one of three colours on black, a quarter of the picture away from its edges."""
    generator = np.random.default_rng(seed)
    size = int(generator.integers(height // 4, height // 3))
    left = int(generator.integers(width // 4, 3 * width // 4 - size))
    top = int(generator.integers(height // 4, 3 * height // 4 - size))
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[top : top + size, left : left + size, colour] = 255
    label = np.array([colour])
    return View(pixels, np.array([[left, top, left + size, top + size]], np.float32), label, label)


def overlap(pixels: NDArray[np.uint8], box: NDArray[np.float64], colour: int) -> float:
    """IoU of a box with that around what has a colour, near the box."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = Box(*box).grown(1.2)
    x, y = max(int(left), 0), max(int(top), 0)
    part = pixels[y : min(int(bottom) + 1, height), x : min(int(right) + 1, width)].astype(int)
    rows, columns = np.nonzero(part[..., colour] - part[..., (colour + 1) % 3] >= 128)
    around = np.array([[columns.min() + x, rows.min() + y, columns.max() + 1 + x, rows.max() + 1 + y]], np.float64)
    return float(iou(box[None], around)[0, 0])


@given(seed=st.integers(0, 2**16), scale=st.floats(0.5, 2), left=st.floats(-60, 60), top=st.floats(-60, 60))
def test_a_window_of_two_sides_keeps_the_box_around_the_square(
    seed: int, scale: float, left: float, top: float
) -> None:
    size = round(600 * scale), round(440 * scale)
    part = window(drawn(seed, 0), left, top, scale, size)
    assert part.pixels.shape == (size[1], size[0], 3)
    assert overlap(part.pixels, part.boxes[0].astype(np.float64), 0) >= 0.95


@given(seed=st.integers(0, 2**16), width=st.integers(80, 120), height=st.integers(80, 120))
def test_quarters_of_several_sizes_keep_their_boxes(seed: int, width: int, height: int) -> None:
    sizes = [(width, height), (200 - width, height), (width, 190 - height), (200 - width, 190 - height)]
    parts = [drawn(seed + number, number % 3, *size) for number, size in enumerate(sizes)]
    whole = mosaic(parts)
    assert whole.pixels.shape == (190, 200, 3)
    for box, part in zip(whole.boxes.astype(int), parts, strict=True):
        own = part.boxes[0].astype(int)
        one, other = (pixels[y:v, x:u] for pixels, (x, y, u, v) in ((whole.pixels, box), (part.pixels, own)))
        assert np.array_equal(one, other)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), way=st.sampled_from(sorted(WAYS)))
def test_every_box_of_a_drawn_view_is_around_its_square(seed: int, way: str) -> None:
    parts = [drawn(seed + number, number) for number in range(3)]
    scenes = [Scene(Path(str(number)), v.boxes, v.labels, v.labels, 440, 600) for number, v in enumerate(parts)]
    views = RandomViews(
        scenes,
        replace(WAYS[way], photographed=False, pasted=0),
        lambda scene: parts[int(scene.path.name)].pixels,
        lambda generator: None,
    )
    view = views.view(scenes[0], (600, 440), np.random.default_rng(seed))
    assert view.pixels.shape == (440, 600, 3)
    colours = view.labels.tolist()
    assume(len(set(colours)) == len(colours))
    for box, colour in zip(view.boxes.astype(np.float64), colours, strict=True):
        # What is cut off at a slanted edge has a corner less than the square that the box is about.
        if colour >= 0 and box.min() > 0 and box[2] < 600 and box[3] < 440:
            assert overlap(view.pixels, box, colour) >= 0.95


def test_five_times_the_pictures_are_each_itself_and_four_of_its_size() -> None:
    write_scenes()
    assert augment("-o", "out") == 0
    rows = rows_of()
    names = {f"{name}{end}.png" for name in SIGNS for end in ("", "-1", "-2", "-3", "-4")}
    assert {path.name for path in Path("out").glob("*.png")} == names == set(rows)
    for name, sign in SIGNS.items():
        first = rows[f"{name}.png"][0]
        assert np.array_equal(read_picture(f"out/{name}.png").pixels, read_picture(f"in/{name}.png").pixels)
        assert [first[side] for side in SIDES] == (["50.0", "30.0", "70.0", "50.0"] if sign else [""] * 4)
        assert first["made_from"] == f"{name}.png"
        copies = [read_picture(f"out/{name}-{number}.png").pixels for number in range(1, 5)]
        assert {copy.shape for copy in copies} == {(HEIGHT, WIDTH, 3)}
        assert len({copy.tobytes() for copy in copies}) == 4


def test_boxes_lie_in_their_pictures_and_know_their_track_and_origin() -> None:
    write_scenes()
    assert augment("-o", "out", "--times", 8, "--augment", "pasted") == 0
    tracks = {f"{name}.png": f"t{number}" for number, name in enumerate(SIGNS)}
    joined = 0
    for image, found in rows_of().items():
        names = found[0]["made_from"].split(";")
        assert names[0] == f"{image[0]}.png"
        joined += len(names) > 1
        for row in (row for row in found if row["left"]):
            left, top, right, bottom = (float(row[side]) for side in SIDES)
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT
            if row["name"] != "ignore":
                assert row["track"] in {tracks[name] for name in names}
    assert joined > 3
    assert read_boxes("out/boxes.csv").pictures["a-1.png"].size == (WIDTH, HEIGHT)


def test_mirrors_change_classes_with_all_that_names_them_and_no_other_picture_is_mirrored() -> None:
    write_scenes()
    assert augment("-o", "out", "--times", 16, "--augment", "usual") == 0
    in_mirror = {RIGHT: (LEFT, "39"), LEFT: (RIGHT, "38")}
    seen = set()
    for name, sign in SIGNS.items():
        for row in found_of("out", name) if sign else []:
            mirrored = is_mirrored("out", row)
            seen.add((sign[0], mirrored))
            assert (row["name"], row["class"]) == (in_mirror[sign[0]] if mirrored else (sign[0], str(sign[1])))
            assert row["group"] == ("other" if sign[0] == STOP else "mandatory")
    assert seen == {(RIGHT, True), (RIGHT, False), (LEFT, True), (LEFT, False), (STOP, False)}


def test_a_person_may_say_what_looks_in_a_mirror_like_itself() -> None:
    write_scenes()
    assert augment("-o", "out", "--times", 16, "--augment", "usual", "--mirror", STOP) == 0
    rows = found_of("out", "c")
    assert {is_mirrored("out", row) for row in rows} == {True, False}
    assert {row["name"] for row in rows} == {STOP}


def test_the_way_of_the_thesis_flips_all_and_keeps_the_classes() -> None:
    write_scenes()
    assert augment("-o", "out", "--times", 24, "--augment", "thesis") == 0
    for name in "ab":
        own = [row for row in found_of("out", name) if ";" not in row["made_from"]]
        assert {is_mirrored("out", row) for row in own} == {True, False}
        assert {row["name"] for row in own} == {SIGNS[name][0]}


@pytest.mark.parametrize("way", ["usual", "mosaic", "pasted"])
def test_the_same_seed_gives_the_same_bytes_in_any_order_and_another_seed_others(way: str) -> None:
    write_scenes()
    assert augment("-o", "out", "--augment", way, "--seed", 3) == 0
    files = [f"in/{name}.png" for name in reversed(SIGNS)]
    assert augment("-o", "again", "--augment", way, "--seed", 3, inputs=tuple(files)) == 0
    one, other = bytes_of("out"), bytes_of("again")
    assert {name: one[name] for name in one if name != "boxes.csv"} == {
        name: other[name] for name in other if name != "boxes.csv"
    }
    assert rows_of() == rows_of("again")
    assert augment("-o", "other", "--augment", way, "--seed", 4) == 0
    assert bytes_of("other")["a-1.png"] != one["a-1.png"]
    assert bytes_of("other")["a.png"] == one["a.png"]


def test_what_is_not_joined_knows_nothing_of_the_other_pictures() -> None:
    write_scenes()
    assert augment("-o", "out", "--augment", "usual") == 0
    assert augment("-o", "alone", "--augment", "usual", inputs=("in/b.png",)) == 0
    assert all(bytes_of("out")[name] == content for name, content in bytes_of("alone").items() if name != "boxes.csv")


def test_a_cluster_writes_the_same_bytes() -> None:
    write_scenes()
    assert augment("-o", "here") == 0
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        assert augment("-o", "there", "--dask", cluster.scheduler_address) == 0
    assert bytes_of("here") == bytes_of("there")


def test_what_is_there_stays_unless_it_or_a_picture_it_is_joined_with_has_changed() -> None:
    write_scenes()
    assert augment("-o", "out", "--seed", 2) == 0
    rows, times = rows_of(), {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    with_d = {name[0] for name, found in rows.items() if "d.png" in found[0]["made_from"]}
    assert {"d"} < with_d < set(SIGNS)
    write_picture(Path("in", "d.png"), Picture(halves(77)))
    assert augment("-o", "out", "--seed", 2, "--skip-existing") == 0
    changed = {name[0] for name, time in times.items() if Path("out", name).stat().st_mtime_ns != time}
    assert changed == with_d
    assert augment("-o", "anew", "--seed", 2) == 0
    assert bytes_of("out") == bytes_of("anew")


@pytest.mark.parametrize("way", ["mosaic", "thesis", "usual", "pasted"])
def test_a_picture_of_one_pixel_or_of_one_row_becomes_as_many_as_any(way: str) -> None:
    write_scenes()
    sizes = {"dot": (1, 1), "row": (1, 7), "column": (7, 1)}
    for name, size in sizes.items():
        write_picture(Path("in", f"{name}.png"), Picture(np.full((*size, 3), 90, np.uint8)))
    assert augment("-o", "out", "--times", 24, "--augment", way) == 0
    found = {path.name: read_picture(path).pixels.shape[:2] for path in Path("out").glob("*.png")}
    assert found.keys() == rows_of().keys()
    for name, size in sizes.items():
        assert [found[f"{name}{end}.png"] for end in ("", *(f"-{number}" for number in range(1, 24)))] == [size] * 24


def test_groups_are_learned_from_the_table_that_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    assert augment("-o", "out", "--times", 20) == 0
    assert "ignore" in {row["name"] for found in rows_of().values() for row in found}
    assert classes_of(Source(Path("out/boxes.csv")), groups=True) == ("mandatory", "other")


def test_what_is_missing_or_wrong_is_named_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    with Path("boxes.csv").open("a") as file:
        file.write("\nzz.png,1,1,9,9,14,stop (other),other,\na.png,200,10,220,30,14,stop (other),other,\n")
    write_picture(Path("in", "new.png"), Picture(halves(8)))
    assert augment("-o", "out") == 0
    told = capsys.readouterr().err
    assert "1 pictures with boxes are not among the inputs: zz.png" in told
    assert "1 boxes lie outside of their picture and are left out: a.png (200 10 220 30)" in told
    assert "1 pictures are not named in boxes.csv, and taken to show nothing: new.png" in told
    assert len(rows_of()) == 5 * (len(SIGNS) + 1)


def test_a_picture_that_cannot_be_read_fails_with_those_that_it_is_joined_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_scenes()
    Path("in", "d.png").write_bytes(b"no picture")
    assert augment("-o", "out", "--augment", "usual") == 1
    assert "in/d.png: " in capsys.readouterr().err
    assert {name[0] for name in rows_of()} == set(SIGNS) - {"d"}


def test_copies_of_an_earlier_run_that_would_have_no_rows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    assert augment("-o", "out", "--times", 4) == 0
    there, table = bytes_of("out"), Path("out", "boxes.csv").read_bytes()
    capsys.readouterr()
    assert augment("-o", "out", "--times", 2) == 2
    told = capsys.readouterr().err
    assert "out: has 10 files of an earlier run that this one does not make: a-2.png, a-3.png, b-2.png, …" in told
    assert augment("-o", "out", "--times", 4, "--format", "jpeg") == 2
    assert "has 20 files of an earlier run" in capsys.readouterr().err
    assert (bytes_of("out"), Path("out", "boxes.csv").read_bytes()) == (there, table)
    for path in Path("out").glob("*-[23].png"):
        path.unlink()
    Path("out", "mine.png").write_bytes(b"of a person")
    assert augment("-o", "out", "--times", 2) == 0
    assert {path.name for path in Path("out").glob("*.png")} - {"mine.png"} == rows_of().keys()
    assert augment("-o", "out", "--times", 5) == 0, "more of each are no others"
    assert {path.name for path in Path("out").glob("*.png")} - {"mine.png"} == rows_of().keys()


def test_after_a_failure_the_table_names_every_picture_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    whole = Path("in", "d.png").read_bytes()
    Path("in", "d.png").write_bytes(b"no picture")
    assert augment("-o", "out", "--seed", 2) == 1
    names = {path.name for path in Path("out").glob("*.png")}
    assert names == rows_of().keys()
    assert 0 < len(names) < 20, "some were to be joined with what is no picture"
    Path("in", "d.png").write_bytes(whole)
    assert augment("-o", "out", "--seed", 2) == 0
    complete, rows = bytes_of("out"), rows_of()
    Path("in", "d.png").write_bytes(b"no picture")
    assert augment("-o", "out", "--seed", 2) == 1
    assert bytes_of("out").keys() == complete.keys()
    assert rows_of() == rows, "what stands there is older, and has its boxes still"


def test_a_table_that_is_an_input_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    assert augment("-o", "out") == 0
    table = Path("out", "boxes.csv").read_bytes()
    assert call_command(privacy, "augment", "in", "--boxes", "out/boxes.csv", "-o", "out") == 2
    assert "is an input, which is never changed" in capsys.readouterr().err
    assert Path("out", "boxes.csv").read_bytes() == table


def test_a_run_that_is_stopped_leaves_no_table_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    write_scenes()
    assert augment("-o", "out") == 0
    with monkeypatch.context() as patch:
        patch.setattr("nflows_privacy.training.augmenting.photographed", stop)
        assert augment("-o", "out", "--seed", 1) == ExitCode.INTERRUPTED
    assert not Path("out", "boxes.csv").exists()
    assert augment("-o", "out", "--seed", 1, "--skip-existing") == 0
    assert augment("-o", "anew", "--seed", 1) == 0
    assert bytes_of("out") == bytes_of("anew")


def stop(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_bad_input_is_refused_before_anything_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    write_scenes()
    table = Path("boxes.csv").read_text()
    assert augment("-o", "out", "--times", 1) == 2
    assert "1 is not in the range 2<=x<=1000" in capsys.readouterr().err
    assert augment("-o", "out", "--mirror", "bend=curve") == 2
    assert "--mirror: there is no class 'bend'" in capsys.readouterr().err
    assert augment("-o", "one.png", inputs=("in/a.png",)) == 2
    assert "there are several files of each input; give a folder" in capsys.readouterr().err
    Path("boxes.csv").write_text(table.splitlines()[0] + "\na.png,,,,,,,,\n")
    assert augment("-o", "out") == 2
    assert "boxes.csv: marks nothing in these 5 pictures; give their boxes" in capsys.readouterr().err
    Path("boxes.csv").write_text(table)
    Path("other").mkdir()
    write_picture(Path("other", "a.jpg"), Picture(halves(0)))
    assert augment("-o", "out", inputs=("in", "other")) == 2
    assert "boxes.csv: a.png may be" in capsys.readouterr().err
    assert not Path("out").exists()
    with pytest.raises(ValueError, match=r"`augment`: expected one of mosaic, .*, got 'more'"):
        Augmenting(Path("boxes.csv"), "", (), Path("out"), "", augment="more")


def test_no_class_becomes_one_that_the_table_does_not_have() -> None:
    assert mirrors_among([RIGHT, STOP]) == {}
    assert mirrors_among([RIGHT, LEFT]) == {RIGHT: LEFT, LEFT: RIGHT}
    assert mirrors_among(["ball", "one", "two"], ["ball", "one=two"]) == {"ball": "ball", "one": "two", "two": "one"}
