"""Regions linked over time: nothing that was found is lost, and gaps are filled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_privacy.regions import Box, Region, intersections
from nflows_privacy.video.linking import FAINT_GAP, GAP, Linker, linked
from nflows_privacy.video.tracks import EXTENSION, Track, covered

corner = st.floats(-20, 300, allow_nan=False)
side = st.floats(1, 80)
regions = st.builds(
    lambda left, top, width, height, kind: Region(Box(left, top, left + width, top + height), kind, 0.7),
    corner,
    corner,
    side,
    side,
    st.sampled_from(("face", "plate")),
)
videos = st.lists(st.lists(regions, max_size=3), min_size=1, max_size=30)


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left + 1e-6
        and outer.top <= inner.top + 1e-6
        and outer.right >= inner.right - 1e-6
        and outer.bottom >= inner.bottom - 1e-6
    )


def _moving(frame: int, speed: tuple[float, float], size: float, growth: float) -> Region:
    left, top, half = 100 + speed[0] * frame, 80 + speed[1] * frame, (size + growth * frame) / 2
    return Region(Box(left - half, top - half, left + half, top + half), "face", 0.8)


@settings(deadline=None, max_examples=60)
@given(videos)
def test_every_region_lies_in_one_of_its_kind_in_its_frame(frames: list[list[Region]]) -> None:
    given_back = covered(linked(frames), len(frames))
    assert len(given_back) == len(frames)
    for before, after in zip(frames, given_back, strict=True):
        for region in before:
            assert any(one.kind == region.kind and _holds(one.box, region.box) for one in after)


@settings(deadline=None, max_examples=60)
@given(videos)
def test_each_region_is_in_one_track_and_tracks_are_of_one_kind(frames: list[list[Region]]) -> None:
    tracks = linked(frames)
    assert sum(len(track.places) for track in tracks) == sum(map(len, frames))
    for track in tracks:
        assert list(track.places) == sorted(track.places)
        for frame, box in track.places.items():
            assert any(region.box == box and region.kind == track.kind for region in frames[frame])


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    st.floats(20, 60),
    st.floats(-0.2, 0.5),
    st.integers(0, 25),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_a_moving_box_is_covered_where_up_to_five_frames_were_missed(
    speed: tuple[float, float], size: float, growth: float, start: int, missed: int, seed: int
) -> None:
    boxes = [_moving(frame, speed, size, growth) for frame in range(30)]
    jitter = np.random.default_rng(seed).uniform(-0.5, 0.5, (30, 4))
    gap = range(start, min(30, start + missed))
    frames = [
        [] if frame in gap else [Region(Box(*(np.array(one.box) + jitter[frame])), "face", 0.8)]
        for frame, one in enumerate(boxes)
    ]
    for one, found in zip(boxes, covered(linked(frames), 30), strict=True):
        # As it is redacted: the masks grow by 1.3.
        assert any(_holds(region.box.grown(1.3), one.box) for region in found)


@pytest.mark.parametrize(
    ("score", "seen", "further"), [(0.6, 1, 1), (0.79, 3, 3), (0.79, 9, EXTENSION), (0.8, 1, EXTENSION)]
)
def test_a_track_is_extended_no_further_than_it_was_seen_unless_it_is_sure(
    score: float, seen: int, further: int
) -> None:
    region = Region(Box(10, 10, 30, 30), "face", score)
    frames = [[region] if 15 <= frame < 15 + seen else [] for frame in range(40)]
    found = covered(linked(frames), 40)
    assert all(one == (region,) for one in found[15 : 15 + seen])
    assert [bool(one) for one in found] == [15 - further <= frame < 15 + seen + further for frame in range(40)]


@settings(deadline=None, max_examples=60)
@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(5, 20), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_camera_that_speeds_up_is_followed_through_missed_frames(
    across: float, down: float, start: int, missed: int, seed: int
) -> None:
    offsets = np.random.default_rng(seed).uniform(-50, 50, 2) + np.outer(np.arange(30) ** 2, (across, down)) / 2
    regions = [Region(Box(x, y, x + 60, y + 60), "face", 0.9) for x, y in offsets]
    left = [[] if start <= frame < start + missed else [one] for frame, one in enumerate(regions)]
    for one, found in zip(regions, covered(linked(left), 30), strict=True):
        assert any(_holds(region.box.grown(1.3), one.box) for region in found)


def test_a_gap_of_a_steady_track_is_no_larger_for_it_and_that_of_a_shaking_one_not_much() -> None:
    steady = [Region(Box(3.0 * step, 0, 3.0 * step + 40, 40), "face", 0.9) for step in range(20)]
    shaking = [Region(one.box.moved(0, 30.0 * (step % 2)), "face", 0.9) for step, one in enumerate(steady)]
    for regions, largest in ((steady, 1.06), (shaking, 1.06 + 0.3)):
        (box,) = (
            one.box
            for one in covered(linked([*([one] for one in regions[:10]), []] + [[one] for one in regions[11:]]), 20)[10]
        )
        assert box.width == pytest.approx(40 * largest)


def test_no_track_jumps_across_a_cut_between_boxes_that_are_far_apart() -> None:
    before, after = Region(Box(0, 0, 20, 20), "face"), Region(Box(200, 150, 220, 170), "face")
    frames = [[before]] * 10 + [[after]] * 10
    tracks = linked(frames)
    assert [list(track.places) for track in tracks] == [list(range(10)), list(range(10, 20))]
    for region in (region for found in covered(tracks, 20) for region in found):
        assert any(_holds(end.box.grown(1.3), region.box) for end in (before, after))


def test_two_things_that_cross_keep_their_tracks() -> None:
    frames = [
        [
            Region(Box(10.0 * step, 0, 10.0 * step + 20, 20), "face"),
            Region(Box(200 - 10.0 * step, 60, 220 - 10.0 * step, 80), "face"),
        ]
        for step in range(20)
    ]
    tracks = linked(frames)
    assert [len(track.places) for track in tracks] == [20, 20]
    assert all(len({box.top for box in track.places.values()}) == 1 for track in tracks)


@pytest.mark.parametrize(("missed", "count"), [(GAP, 1), (GAP + 1, 2)])
def test_a_gap_is_bridged_up_to_its_limit(missed: int, count: int) -> None:
    one = [Region(Box(0, 0, 20, 20), "face")]
    assert len(linked([one, *[[]] * missed, one])) == count


def test_between_two_places_a_box_moves_in_a_straight_line_and_is_larger_where_less_is_known() -> None:
    track = Track("face", {0: Box(0, 0, 20, 20), 4: Box(8, 4, 28, 24)}, {0: 0.9, 4: 0.8})
    for frame, found in enumerate(covered([track], 5)):
        want = Box(2 * frame, frame, 20 + 2 * frame, 20 + frame)
        assert found[0].box == pytest.approx(want.grown(1 + 0.06 * min(frame, 4 - frame)))


def test_a_plate_is_no_face() -> None:
    box = Box(0, 0, 20, 20)
    assert {track.kind for track in linked([[Region(box, "face")], [Region(box, "plate")]])} == {"face", "plate"}


@settings(deadline=None, max_examples=60)
@given(videos)
def test_boxes_of_a_still_thing_do_not_wander(frames: list[list[Region]]) -> None:
    still = Region(Box(2000, 400, 2020, 420), "face")
    for found in covered(linked([[*frame, still] for frame in frames]), len(frames)):
        near = [one for one in found if intersections(np.array([one.box]), np.array([still.box]))[0, 0] > 0]
        assert any(one.box == pytest.approx(still.box) for one in near)


def _plate(left: float, score: float, faint: bool) -> Region:
    return Region(Box(left, 50, left + 40, 90), "plate", score, faint)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.floats(-10, 10), st.sampled_from(("plate", "face")))
def test_faint_regions_go_on_with_a_sure_one_in_both_directions_and_begin_nothing(
    sure: list[bool], speed: float, kind: str
) -> None:
    frames = [
        [Region(Box(speed * step, 0, speed * step + 40, 20), kind, 0.3, not one)] for step, one in enumerate(sure)
    ]
    tracks = linked(frames)
    if not any(sure):
        assert tracks == []
    else:
        (track,) = tracks
        known, first, last = list(track.places), sure.index(True), len(sure) - 1 - sure[::-1].index(True)
        assert set(np.flatnonzero(sure)) <= set(known)
        count = sum(sure)
        assert known[0] == max(0, first - count)
        assert known[-1] == min(len(sure) - 1, last + count)
        assert not any(region.faint for found in covered(tracks, len(sure)) for region in found)


@pytest.mark.parametrize(("missed", "count"), [(FAINT_GAP, 2), (FAINT_GAP + 1, 1)])
def test_a_track_goes_on_with_what_is_faint_over_a_gap_up_to_its_limit(missed: int, count: int) -> None:
    frames = [[_plate(0, 0.3, faint=True)], *[[]] * missed, [_plate(0, 0.9, faint=False)]]
    for one in (frames, frames[::-1]):
        (track,) = linked(one)
        assert len(track.places) == count


@pytest.mark.parametrize(("step", "count"), [(19.0, 2), (21.0, 1)])
def test_what_is_faint_goes_on_with_a_track_if_it_is_less_than_half_a_side_away(step: float, count: int) -> None:
    frames = [[_plate(0, 0.9, faint=False)], [_plate(step, 0.3, faint=True)]]
    for one in (frames, frames[::-1]):
        (track,) = linked(one)
        assert len(track.places) == count
    (track,) = linked([[_plate(0, 0.9, faint=False)], [_plate(39.0, 0.9, faint=False)]])
    assert len(track.places) == 2


def test_what_was_sure_in_one_frame_is_not_followed_further_than_one_frame_of_what_is_faint() -> None:
    faint, sure = _plate(0, 0.3, faint=True), _plate(0, 0.9, faint=False)
    (track,) = linked([*[[faint]] * 9, [sure], *[[faint]] * 9])
    assert list(track.places) == [8, 9, 10]
    (track,) = linked([*[[faint]] * 9, [sure], [sure], *[[faint]] * 9])
    assert list(track.places) == list(range(7, 13))


def test_a_faint_region_belongs_to_one_track_and_never_takes_the_place_of_a_sure_one() -> None:
    sure, faint = _plate(0, 0.9, faint=False), _plate(10, 0.3, faint=True)
    (track,) = linked([[sure], [faint, sure], [sure]])
    assert set(track.places.values()) == {sure.box}
    tracks = linked([[faint], [sure, _plate(30, 0.8, faint=False)]])
    assert sorted(len(track.places) for track in tracks) == [1, 2]
    assert linked([[Region(faint.box, "face", 0.3, faint=True)], [sure]])[0].first == 1


def test_what_a_second_look_at_a_frame_finds_leaves_what_the_first_one_found() -> None:
    linker, near = Linker(), _plate(30, 0.9, faint=False)
    first = _plate(0, 0.9, faint=False)
    linker.add(0, [first])
    linker.add(1, [first])
    assert linker.add(1, [near]) == []
    assert linker.held(1) == [first.box, near.box]
    assert {track.places[1] for track in linker.finished()} == {first.box, near.box}
