"""Places that lack a sign: made of frames, put on the earth, and written."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from nflows_core.runtime.report import read_csv
from nflows_privacy.drives.degrees import Position, between, exif_position
from nflows_privacy.drives.frames import Frame, frames_of
from nflows_privacy.drives.place_files import write_places
from nflows_privacy.drives.places import CANNOT_SAY, COLUMNS, GAP, NOTHING, Judged, Place, places_of
from nflows_privacy.drives.positions import positions_of
from nflows_privacy.regions import Box, Region

CLASSES = ("keep_right", "give_way", "works")
STRETCHES = (
    ("keep_right", range(10, 31)),
    ("keep_right", range(60, 81)),
    ("give_way", range(70, 91)),
    ("works", range(120, 131)),
    ("works", range(150, 151)),
)
LOST = {**dict.fromkeys((15, 16, 17), NOTHING), **dict.fromkeys((72, 73), CANNOT_SAY)}


def judged(frame: Frame, answer: str, probability: float = 0.7) -> Judged:
    """A frame with this probability of a class that is answered, and the rest shared evenly."""
    names = (*CLASSES, NOTHING)
    sure = names.index(answer) if answer in names else None
    rest = (1 - probability) / len(CLASSES)
    found = np.full(len(names), 0.25) if sure is None else np.full(len(names), rest)
    if sure is not None:
        found[sure] = probability
    return Judged(frame, found, answer)


def drive(answers: Mapping[int, str], name: str = "north") -> list[Judged]:
    return [judged(Frame(f"{name}/{number:04}.jpg", name, number), answer) for number, answer in answers.items()]


def answers_of_a_drive() -> dict[int, str]:
    """200 frames with the stretches, of which two overlap: in turn there, frame by frame."""
    answers = dict.fromkeys(range(200), NOTHING)
    for sign, stretch in STRETCHES:
        for number in stretch:
            if answers[number] == NOTHING or number % 2:
                answers[number] = sign
    return {**answers, **LOST}


def spans(places: Sequence[Place]) -> list[tuple[str, int | None, int | None]]:
    return [(place.sign, place.first, place.last) for place in places]


def test_a_drive_of_200_frames_has_its_five_places() -> None:
    places = places_of(drive(answers_of_a_drive()), CLASSES)
    assert spans(places) == [
        ("keep_right", 10, 30),  # three frames lost within
        ("keep_right", 60, 80),
        ("give_way", 71, 90),  # which overlap
        ("works", 120, 130),
        ("works", 150, 150),
    ]
    assert [(place.frames, place.frames_fused) for place in places] == [(18, 21), (15, 21), (14, 20), (11, 11), (1, 1)]
    assert len({place.id for place in places}) == 5


@pytest.mark.parametrize("reason", [NOTHING, CANNOT_SAY, "works", "absent"])
def test_three_lost_frames_keep_a_place_and_four_make_two(reason: str) -> None:
    for lost, expected in ((3, [(0, 12)]), (4, [(0, 4), (9, 12)])):
        answers = dict.fromkeys(range(13), "give_way") | dict.fromkeys(range(5, 5 + lost), reason)
        there = {number: answer for number, answer in answers.items() if answer != "absent"}
        found = [place for place in places_of(drive(there), CLASSES) if place.sign == "give_way"]
        assert [(place.first, place.last) for place in found] == expected


def test_shuffled_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames = drive(answers_of_a_drive()) + drive(answers_of_a_drive(), "south")
    positions = {one.frame: Position(47 + (one.frame.number or 0) / 1000, 9.5) for one in frames}
    for name in ("ordered", "shuffled"):
        (tmp_path / name).mkdir()
        write_places(tmp_path / name, places_of(frames, CLASSES, positions=positions))
        random.Random(1).shuffle(frames)
    for file in ("places.csv", "places.geojson"):
        assert (tmp_path / "ordered" / file).read_bytes() == (tmp_path / "shuffled" / file).read_bytes()


def test_an_id_stays_when_other_places_come() -> None:
    alone = places_of(drive({5: "works"}), CLASSES)
    more = places_of(drive({0: "keep_right", 5: "works", 9: "give_way"}) + drive({5: "works"}, "south"), CLASSES)
    assert len({place.id for place in more}) == 4
    assert [place.id for place in more if (place.drive, place.sign) == ("north", "works")] == [alone[0].id]


def test_the_probability_is_the_geometric_mean_of_all_frames_of_the_run() -> None:
    frames = [judged(Frame(f"{n}.png", "d", n), "works", p) for n, p in ((0, 0.9), (1, 0.6), (3, 0.6))]
    (place,) = places_of(frames, CLASSES)
    sure, rest = (0.9 * 0.6 * 0.6) ** (1 / 3), (0.1 / 3 * (0.4 / 3) ** 2) ** (1 / 3)
    assert place.probability == pytest.approx(sure / (sure + 3 * rest))
    assert place.picture == "0.png"
    (doubted,) = places_of([*frames, judged(Frame("2.png", "d", 2), NOTHING, 0.9)], CLASSES)
    assert doubted.frames == 3
    assert doubted.frames_fused == 4
    assert doubted.probability < place.probability


def test_thirty_frames_alike_are_as_sure_as_one() -> None:
    (place,) = places_of(drive(dict.fromkeys(range(30), "works")), CLASSES)
    assert place.probability == pytest.approx(0.7)


def test_pictures_of_no_drive_are_places_of_their_own() -> None:
    frames = frames_of([{"image": f"data/{number:05}.jpg"} for number in range(3)])
    places = places_of([judged(frame, "works") for frame in frames], CLASSES)
    assert [(place.picture, place.drive, place.first) for place in places] == [
        (f"data/{number:05}.jpg", None, None) for number in range(3)
    ]


def test_frames_are_of_drives_where_a_table_says_so() -> None:
    assert frames_of([{"picture": "a/x.png", "frame": "7"}, {"picture": "b/y.png", "frame": "7.0", "drive": ""}]) == [
        Frame("a/x.png", "a", 7),
        Frame("b/y.png", "b", 7),
    ]
    ends = [{"image": "p/shot-0012.png", "drive": "d"}, {"image": "p/shot-3.JPG", "drive": "d"}]
    assert [frame.number for frame in frames_of(ends)] == [12, 3]
    named = [{"image": name, "drive": "d"} for name in ("c.png", "a1.png", "b.png")]
    assert [frame.number for frame in frames_of(named)] == [2, 0, 1]
    assert frames_of(reversed(named)) == frames_of(named)[::-1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a/1.png", "d", "4"), ("b/1.png", "d", "4")], "a/1.png and b/1.png: both are frame 4 of the drive d"),
        ([("a/s_1.png", "d", ""), ("b/t_1.png", "d", "")], "a/s_1.png and b/t_1.png: both are frame 1"),
        ([("1.png", "", ""), ("1.png", "", "")], "1.png: is there twice"),
        ([("1.png", "d", "1"), ("2.png", "d", "")], "2.png: has no number, as other frames of the drive d do"),
        ([("1.png", "d", "1.5")], "1.png: expected a whole number .* got '1.5'"),
        ([("1.png", "d", "-1")], "1.png: expected a whole number"),
        ([("", "d", "1")], "names no picture"),
    ],
)
def test_what_is_no_frame_is_refused(rows: list[tuple[str, str, str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frames_of([dict(zip(("image", "drive", "frame"), row, strict=True)) for row in rows])


def test_a_frame_has_a_drive_and_a_number_or_neither() -> None:
    for drive, number in (("d", None), (None, 1), ("", 1)):
        with pytest.raises(ValueError, match="a drive and a number, or neither"):
            Frame("a.png", drive, number)


def test_what_is_no_judgement_is_refused_with_its_picture() -> None:
    frame = Frame("a.png", "d", 1)
    with pytest.raises(ValueError, match=r"a\.png and b\.png: both are frame 1"):
        places_of([judged(frame, "works"), judged(Frame("b.png", "d", 1), NOTHING)], CLASSES)
    for wrong in ([0.5, 0.5], [0.5, 0.5, 0.5, 0.5], [1.5, -0.5, 0, 0], [np.nan, 0.5, 0.5, 0]):
        with pytest.raises(ValueError, match=r"a\.png: expected the probabilities of 3 classes"):
            places_of([Judged(frame, np.array(wrong), "works")], CLASSES)
    with pytest.raises(ValueError, match=r"a\.png: the answer 'stop' is neither"):
        places_of([Judged(frame, np.full(4, 0.25), "stop")], CLASSES)


ANSWERS = st.dictionaries(
    st.tuples(st.sampled_from(("a", "a:1", "b")), st.integers(0, 40)),
    st.sampled_from((*CLASSES, NOTHING, CANNOT_SAY)),
    max_size=60,
)


@given(ANSWERS)
def test_there_is_one_place_for_each_run_and_a_frame_is_in_one_of_its_sign(
    answers: dict[tuple[str, int], str],
) -> None:
    places = places_of([judged(Frame(f"{d}/{n}", d, n), answer) for (d, n), answer in answers.items()], CLASSES)
    runs = 0
    for key, found in groupby(sorted((d, sign, n) for (d, n), sign in answers.items()), lambda one: one[:2]):
        numbers = [number for *_, number in found]
        breaks = sum(after - before > GAP + 1 for before, after in pairwise(numbers))
        runs += (1 + breaks) * (key[1] in CLASSES)
    assert len(places) == runs == len({place.id for place in places})
    assert sum(place.frames for place in places) == sum(answer in CLASSES for answer in answers.values())
    for (name, number), answer in answers.items():
        inside = [
            place
            for place in places
            if (place.drive, place.sign) == (name, answer) and (place.first or 0) <= number <= (place.last or 0)
        ]
        assert len(inside) == (answer in CLASSES)


def sign(kind: str, track: str = "", **noted: str) -> Region:
    attributes = {**({"track": track} if track else {}), **noted}
    return Region(Box(0, 0, 9, 9), kind, attributes=tuple(attributes.items()))


def presence(signs: Mapping[int, Sequence[Region]]) -> tuple[bool | None, tuple[str, ...], tuple[str, ...]]:
    """What is told of a keep-right sign that frames 20 to 22 ask for, where boxes of some frames are known."""
    frames = drive({**dict.fromkeys(range(60), NOTHING), **dict.fromkeys(range(20, 23), "keep_right")})
    (place,) = places_of(frames, CLASSES, signs={f"north/{number:04}.jpg": found for number, found in signs.items()})
    return place.present, place.tracks, place.condition


def test_a_sign_that_stands_there_is_not_missing() -> None:
    assert presence({}) == presence({5: []}) == (None, (), ())
    assert presence({21: []}) == presence({21: [sign("give way (other)")]}) == (False, (), ())
    assert presence({21: [sign("keep right (mandatory)", tilted="1", occluded="0")]}) == (True, (), ("tilted",))
    assert presence({25: [sign("keep_right")]})[0]
    assert presence({21: [], 26: [sign("keep_right")]})[0] is False
    tracked = {10: [sign("keep_right", "7")], 21: [], 40: [sign("keep_right", "7", occluded="yes")]}
    assert presence(tracked) == (True, ("7",), ("occluded",))  # the sign of a track stands there between its boxes
    assert presence({**tracked, 40: [sign("keep_right", "8")]})[0] is False


def test_a_sign_that_was_painted_away_stands_there_no_more() -> None:
    assert presence({21: [sign("keep_right", erased="1"), sign("keep_right", decoy="1")]})[0] is False


def receiver(path: Path, lines: str) -> Path:
    path.write_text(lines, encoding="utf-8")
    return path


def test_positions_are_exact_at_known_frames_and_on_a_line_between_and_nowhere_else(tmp_path: Path) -> None:
    frames = [Frame(f"{number}.jpg", "d", number) for number in range(100)]
    table = receiver(tmp_path / "t.csv", "\ufeffFrame,Lat,Lng\n60,47.3,-0.25\n30,47.123456789,9.5\n45,,\n")
    found = positions_of(frames, table=table)
    assert {frame.number for frame in found.of} == set(range(30, 61))
    assert found.without == 69
    assert found.of[frames[30]] == (47.123456789, 9.5)
    assert found.of[frames[60]] == (47.3, -0.25)
    assert found.of[frames[40]] == pytest.approx((47.123456789 + 0.176543211 / 3, 9.5 - 9.75 / 3), abs=1e-7)


def test_positions_of_frames_that_were_not_judged_count_and_drives_stay_apart(tmp_path: Path) -> None:
    frames = [Frame("a5.jpg", "a", 5), Frame("b5.jpg", "b", 5), Frame("x/single.jpg")]
    table = receiver(
        tmp_path / "t.csv",
        "drive,frame,picture,latitude,longitude\na,0,,10,10\nb,0,,50,50\na,10,,20,30\n,,x\\single.jpg,1,2\n,,no.jpg,3,3\n",
    )
    assert positions_of(frames, table=table).of == {frames[0]: (15, 20), frames[2]: (1, 2)}


@given(st.floats(-180, 180), st.floats(-20, 20), st.integers(1, 9))
def test_the_line_goes_the_shorter_way_over_the_antimeridian(start: float, step: float, number: int) -> None:
    end = (start + step + 180) % 360 - 180
    found = between(Position(0, start), Position(10, end), number / 10)
    assert -180 <= found.longitude <= 180
    assert found.latitude == pytest.approx(number)
    off = (found.longitude - start - step * number / 10 + 180) % 360 - 180
    assert abs(off) < 1e-6


def test_a_receiver_without_a_fix_says_nothing(tmp_path: Path) -> None:
    frames = [Frame(f"{number}.jpg", "d", number) for number in range(31)]
    table = receiver(tmp_path / "t.csv", "frame,lat,lon\n0,0.0,0\n30,47,9\n")
    assert positions_of(frames, table=table).of == {frames[30]: (47, 9)}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("frame,lat,lon\n1,47,9\n2,90.5,9\n", "line 3: expected a latitude from -90 to 90 degrees, got 90.5"),
        ("frame,lat,lon\n1,47,-180.1\n", "line 2: expected a longitude from -180 to 180 degrees, got -180.1"),
        ("frame,lat,lon\n1,nan,9\n", "line 2: expected a latitude"),
        ("frame,lat,lon\n1,north,9\n", "line 2: expected degrees as 47.5, got latitude 'north'"),
        ("frame,lat,lon\n1,47,\n", "line 2: expected degrees"),
        ("frame,lat,lon\n1,47,5,9,5\n", "line 2: has more cells than there are columns"),
        ("frame,lat,lon\nx,47,9\n", "line 2: expected a whole number"),
        ("frame,lat,lon\n,47,9\n", "line 2: names no frame"),
        ("frame,lat,lon\n1,47,9\n1,47,9\n", "line 3: is of the same frame as line 2"),
        ("frame,lat\n1,47\n", "expected columns latitude, longitude"),
        ("lat,lon\n47,9\n", "expected columns .* picture or frame"),
        ("frame,lat,latitude,lon\n1,47,47,9\n", "the columns lat and latitude mean the same"),
        ("picture,lat,lon\nother.jpg,47,9\n", "names none of the frames, such as 1.jpg"),
        ("drive,frame,lat,lon\ne,1,47,9\n", "names none of the frames"),
    ],
)
def test_what_is_no_position_is_refused_with_its_line(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        positions_of([Frame("1.jpg", "d", 1)], table=receiver(tmp_path / "t.csv", lines))


def test_a_number_without_a_drive_is_refused_where_there_are_two(tmp_path: Path) -> None:
    frames = [Frame("1.jpg", "d", 1), Frame("2.jpg", "e", 1)]
    with pytest.raises(ValueError, match="line 2: names no drive, and there are 2"):
        positions_of(frames, table=receiver(tmp_path / "t.csv", "frame,lat,lon\n1,47,9\n"))


def photograph(path: Path, gps: Mapping[int, object]) -> Path:
    image = Image.new("RGB", (8, 8))
    exif = image.getexif()
    exif[ExifTags.Base.Make] = "Camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    image.save(path, exif=exif)
    return path


def degrees(*parts: float) -> tuple[IFDRational, ...]:
    return tuple(IFDRational(round(part * 10000), 10000) for part in parts)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_positions_are_read_from_exif(tmp_path: Path, suffix: str) -> None:
    path = photograph(tmp_path / f"a{suffix}", {1: "S", 2: degrees(33, 51, 24.12), 3: "W", 4: degrees(151, 12.5)})
    assert exif_position(path) == pytest.approx((-(33 + 51 / 60 + 24.12 / 3600), -(151 + 12.5 / 60)))


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {2: degrees(1), 4: degrees(2)},
        {1: "X", 2: degrees(1), 3: "E", 4: degrees(2)},
        {1: "N", 2: degrees(91), 3: "E", 4: degrees(2)},
        {1: "N", 2: (IFDRational(0, 0),) * 3, 3: "E", 4: (IFDRational(0, 0),) * 3},
        {1: "N", 2: degrees(0, 0, 0), 3: "E", 4: degrees(0, 0, 0)},
    ],
)
def test_exif_that_states_no_position_is_none(tmp_path: Path, gps: dict[int, object]) -> None:
    assert exif_position(photograph(tmp_path / "a.jpg", gps)) is None


def test_exif_of_some_frames_places_those_between_and_a_table_goes_before_it(tmp_path: Path) -> None:
    frames = [Frame(f"{number}.jpg", "d", number) for number in range(5)]
    for number, frame in enumerate(frames):
        known = {1: "N", 2: degrees(number), 3: "E", 4: degrees(2 * number)} if number in (1, 3) else {}
        photograph(tmp_path / frame.picture, known)
    found = positions_of(frames, pictures=tmp_path)
    assert found.of == {frames[1]: (1, 2), frames[2]: (2, 4), frames[3]: (3, 6)}
    assert found.without == 2
    assert positions_of(frames).without == 5
    table = receiver(tmp_path / "t.csv", "picture,lat,lon\n4.jpg,50,8\n")
    assert positions_of(frames, table=table, pictures=tmp_path).of == {frames[4]: (50, 8)}


def test_the_table_has_every_place_and_the_map_those_with_a_position(tmp_path: Path) -> None:
    frames = [*drive({0: "works", 20: "give_way"}), judged(Frame("=1+1.jpg"), "works", 0.9)]
    signs = {"north/0000.jpg": [sign("works", "t1", tilted="1")], "north/0020.jpg": []}
    places = places_of(frames, CLASSES, positions={frames[1].frame: Position(-33.5, 151.25)}, signs=signs)
    write_places(tmp_path, places)
    rows = read_csv(tmp_path / "places.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [(row["picture"], row["sign"], row["probability"], row["present"], row["tracks"]) for row in rows] == [
        ("=1+1.jpg", "works", "0.9", "", ""),
        ("north/0000.jpg", "works", "0.7", "1", '["t1"]'),
        ("north/0020.jpg", "give_way", "0.7", "0", ""),
    ]
    found = json.loads((tmp_path / "places.geojson").read_text(encoding="utf-8"))
    assert found["type"] == "FeatureCollection"
    (feature,) = found["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [151.25, -33.5]}
    assert feature["id"] == places[2].id == feature["properties"]["id"]
    assert feature["properties"]["sign"] == "give_way"
    assert feature["properties"]["present"] == 0


def test_without_places_the_table_has_its_header_and_the_map_nothing(tmp_path: Path) -> None:
    write_places(tmp_path, places_of(drive(dict.fromkeys(range(9), NOTHING)), CLASSES))
    with (tmp_path / "places.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [list(COLUMNS)]
    assert json.loads((tmp_path / "places.geojson").read_text()) == {"type": "FeatureCollection", "features": []}
