"""`apps/missing_signs` along a drive of 200 frames: a row for each place, and not for each frame.

What a categoriser says is put in its place, for a place is to be lost by nothing but what a test takes away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from missing_signs_learned import CLASSES, app
from numpy.typing import NDArray
from PIL import Image

from made_up_roads import NOTHING, draw_drive
from nflows_core.runtime.report import read_csv, write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing import judging
from nflows_privacy.missing.categoriser import Said
from nflows_privacy.regions import Region

FRAMES, SIZE = 200, (224, 128)
FIRST, SECOND, THIRD = range(56, 66), range(123, 133), range(190, 200)
"""The frames of the places; the third asks for the sign of the second, and it does not stand."""
_MARK = 60  # the brightness of a corner of the picture, times the number of what the road asks for


class Oracle:
    """Says what the corner of a picture says."""

    def __call__(self, pixels: NDArray[np.uint8], holes: Sequence[Rectangle], surest: float = 0.0) -> Said:
        number = round(float(pixels[-1, -1].mean()) / _MARK)
        missing = 0.1 if number == 0 else 0.9
        return Said(np.array([0.8, 0.2] if number == 1 else [0.2, 0.8]), missing, np.zeros(len(holes)))

    def has_learned(self, digest: str) -> bool:
        return False

    def reasons(self, pixels: NDArray[np.uint8], number: int) -> NDArray[np.float64]:
        return np.ones((4, 4))


@pytest.fixture(scope="module")
def drive(learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ``pictures`` of a drive, ``seen`` without their signs, and what was ``found``."""
    folder = tmp_path_factory.mktemp("drive")
    write_drive(folder)
    tables = ("--boxes", folder / "boxes.csv", "--scenes", folder / "drive.csv")
    assert app("erase", folder / "pictures", *tables, "-o", folder / "seen", "--seed", 3) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "_kept", lambda run: Oracle())
        assert app("categorise", folder / "seen", "--model", learned / "run", "-o", folder / "found") == 0
    return folder


def write_drive(folder: Path) -> None:
    (folder / "pictures").mkdir()
    boxes, rows = [], []
    for number, road in enumerate(draw_drive((*CLASSES, CLASSES[1]), np.random.default_rng(4), FRAMES)):
        name = f"{number:04}.png"
        picture = Image.fromarray(road.pixels).resize(SIZE)
        picture.paste((_MARK * [NOTHING, *sorted(CLASSES)].index(road.kind),) * 3, (SIZE[0] - 4, SIZE[1] - 4, *SIZE))
        picture.save(folder / "pictures" / name)
        stands = road.box is not None and number not in THIRD
        boxes += rows_of(name, [Region(road.box.scaled(0.5, 0.5), road.kind)] if stands else [])
        rows.append({"image": name, "drive": "a7", "frame": number})
    write_csv(folder / "boxes.csv", boxes)
    write_csv(folder / "drive.csv", rows)
    write_csv(folder / "gps.csv", [{"frame": n, "lat": 50 + n / 1000, "lon": 8 - n / 500} for n in range(0, FRAMES, 9)])


def report(folder: Path, output: Path, *options: object) -> list[dict[str, str]]:
    assert app("report", folder, "-o", output, *options) == 0
    return read_csv(output / "places.csv")


def lost(drive: Path, folder: Path, numbers: Sequence[int]) -> Path:
    """What was found, without what was said of some frames."""
    shutil.copytree(drive / "found", folder)
    for number in numbers:
        (found,) = folder.glob(f"*/{number:04}.json")
        found.unlink()
    return folder


def test_each_frame_is_one_scene_without_its_signs(drive: Path) -> None:
    rows = read_csv(drive / "seen" / "scenes.csv")
    assert sorted(row["source"] for row in rows) == [f"{number:04}.png" for number in range(FRAMES)]
    assert [row["source"] for row in rows if row["missing"] == "1"] == [
        f"{number:04}.png" for number in (*FIRST, *SECOND)
    ]
    assert {row["context"] for row in rows} == {""}
    assert {row["group"] for row in rows} == {"a7"}


def test_a_drive_has_a_row_for_each_place_and_none_for_a_frame(drive: Path, tmp_path: Path) -> None:
    rows = report(drive / "found", tmp_path / "report")
    assert [(row["first"], row["last"], row["sign"], row["present"]) for row in rows] == [
        (str(FIRST[0]), str(FIRST[-1]), CLASSES[0], "1"),
        (str(SECOND[0]), str(SECOND[-1]), CLASSES[1], "1"),
        (str(THIRD[0]), str(THIRD[-1]), CLASSES[1], "0"),
    ]
    assert [(row["frames"], row["frames_fused"], row["drive"]) for row in rows] == [("10", "10", "a7")] * 3
    assert [float(row["probability"]) for row in rows] == pytest.approx([0.72] * 3, abs=1e-3)
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (told["scenes"], told["frames"], told["places"], told["nothing_missing"]) == (200, 200, 3, 170)
    assert told["places_where_such_a_sign_stands"] == 2


def test_places_lie_where_the_receiver_was_and_on_the_line_between(drive: Path, tmp_path: Path) -> None:
    rows = report(drive / "found", tmp_path / "report", "--positions", drive / "gps.csv")
    for row in rows:
        number = int(Path(row["picture"]).stem)
        assert float(row["latitude"]) == pytest.approx(50 + number / 1000, abs=1e-6)
        assert float(row["longitude"]) == pytest.approx(8 - number / 500, abs=1e-6)
    points = json.loads((tmp_path / "report" / "places.geojson").read_text())["features"]
    assert [one["id"] for one in points] == [row["id"] for row in rows]
    assert points[0]["geometry"]["coordinates"] == pytest.approx([float(rows[0]["longitude"]), 50.06], abs=0.01)


def test_positions_may_name_pictures_as_the_person_does(drive: Path, tmp_path: Path) -> None:
    named = [{"image": f"{n:04}.png", "latitude": 50 + n / 1000, "longitude": 8} for n in range(FRAMES)]
    write_csv(tmp_path / "gps.csv", named)
    rows = report(drive / "found", tmp_path / "report", "--positions", tmp_path / "gps.csv")
    assert [float(row["latitude"]) for row in rows] == [50 + int(Path(row["picture"]).stem) / 1000 for row in rows]
    assert json.loads((tmp_path / "report" / "report.json").read_text())["frames_without_position"] == 0


@pytest.mark.parametrize(("count", "spans"), [(3, [(56, 65)]), (4, [(56, 58), (63, 65)])])
def test_three_lost_frames_change_no_id_and_four_make_two_places(
    count: int, spans: list[Any], drive: Path, tmp_path: Path
) -> None:
    before = report(drive / "found", tmp_path / "before")
    after = report(lost(drive, tmp_path / "found", range(59, 59 + count)), tmp_path / "after")
    of_first = [row for row in after if row["sign"] == CLASSES[0]]
    assert [(int(row["first"]), int(row["last"])) for row in of_first] == spans
    assert sum(int(row["frames"]) for row in of_first) == 10 - count
    assert of_first[0]["id"] == before[0]["id"]
    assert after[-2:] == before[-2:]
    assert len({row["id"] for row in after}) == len(after)
    assert {row["present"] for row in of_first} == {"1"}


def test_nobody_knows_of_signs_of_whose_class_there_is_no_box(drive: Path, tmp_path: Path) -> None:
    shutil.copytree(drive / "found", tmp_path / "found")
    for path in (tmp_path / "found").glob("missing/*.json"):
        path.write_text(path.read_text().replace(f'"kind": "{CLASSES[1]}"', '"kind": "other words"'))
    assert [row["present"] for row in report(tmp_path / "found", tmp_path / "report")] == ["1", "", ""]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("frame,lat,lon\n1,north,8\n", "gps.csv, line 2: expected degrees as 47.5, got latitude 'north'"),
        ("frame,lat,lon\n1,95,8\n", "gps.csv, line 2: "),
        ("frame,lat,lon\nx,50,8\n", "line 2: expected a whole number from 0 on as the number of a frame, got 'x'"),
        ("frame,lat\n1,50\n", "gps.csv: expected columns latitude, longitude, and picture or frame"),
        ("image,lat,lon\nother.png,50,8\n", "gps.csv: names none of the frames, such as "),
        ("drive,frame,lat,lon\nb9,1,50,8\n", "gps.csv: names none of the frames, such as "),
        ("frame,lat,lon\n1,50,8\n1,51,8\n", "line 3: is of the same frame as line 2; leave one out"),
        ("", "gps.csv: expected columns latitude, longitude"),
        ("\0\0\0", "gps.csv"),
    ],
)
def test_positions_that_make_no_sense_are_refused_in_a_line(
    table: str, message: str, drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gps.csv").write_text(table)
    assert app("report", drive / "found", "-o", tmp_path / "report", "--positions", tmp_path / "gps.csv") == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "report").exists()
