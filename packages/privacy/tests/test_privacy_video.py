"""Videos redacted: what is outside of the masks stays, and what is in them does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from made_up_videos import (
    HEIGHT,
    SIDE,
    WIDTH,
    Finds,
    RedSquares,
    black,
    filling,
    picture,
    planes,
    redact,
    unchanged,
    write_video,
)
from nflows_core.runtime.files import sha256
from nflows_privacy.annotations.found import Found
from nflows_privacy.detection import Look
from nflows_privacy.masks import Rectangle
from nflows_privacy.regions import Box, Region
from nflows_privacy.video import find_in_video, looked_at, redact_video
from nflows_privacy.video.planes import copied, part, put

FULL, LIMITED = 2, 1
LOSSLESS = {"qp": "0", "preset": "ultrafast"}
FFV1 = {"level": "3"}
VP9 = {"lossless": "1", "cpu-used": "8"}


def _blocks(frame: list[np.ndarray[Any, Any]], index: int) -> tuple[int, int]:
    return -(-HEIGHT // frame[index].shape[0]), -(-WIDTH // frame[index].shape[1])


def _outside(step: int) -> np.ndarray[Any, Any]:
    """The pixels further from the moving square than its mask and a block can reach, over the frames around it."""
    outside = np.ones((HEIGHT, WIDTH), np.bool_)
    left = 6 + 2 * step
    outside[18 - 8 : 18 + SIDE + 8, max(0, left - 16) : left + SIDE + 16] = False
    return outside


FORMATS = [
    *(("a.mp4", "libx264", name, LIMITED, LOSSLESS) for name in ("yuv420p", "yuv422p", "yuv444p")),
    *(("a.mp4", "libx264", f"yuv{kind}p10le", LIMITED, LOSSLESS) for kind in ("420", "422", "444")),
    ("a.mp4", "libx264", "yuvj420p", FULL, LOSSLESS),
    ("a.mov", "libx264", "yuvj444p", FULL, LOSSLESS),
    ("a.avi", "ffv1", "yuv420p", LIMITED, FFV1),
    *(("a.avi", "mjpeg", name, FULL, {}) for name in ("yuvj420p", "yuvj422p", "yuvj444p")),
    ("a.mkv", "libx264", "yuv420p", LIMITED, LOSSLESS),
    *(
        ("a.mkv", "ffv1", name, LIMITED, FFV1)
        for name in ("yuv411p", "yuv410p", "yuv440p", "yuv420p12le", "yuv444p16le", "gray", "gray10le", "yuva420p")
    ),
    ("a.mp4", "ffv1", "yuv422p12le", LIMITED, FFV1),
    ("a.avi", "ffv1", "gray", LIMITED, FFV1),
    *(("a.webm", "libvpx-vp9", name, LIMITED, VP9) for name in ("yuv420p", "yuv444p")),
]


@pytest.mark.parametrize(("name", "codec", "pixel_format", "colours", "options"), FORMATS)
def test_every_sample_outside_of_the_masks_stays(
    tmp_path: Path, name: str, codec: str, pixel_format: str, colours: int, options: dict[str, str]
) -> None:
    source = write_video(
        tmp_path / name, range(5), codec=codec, pixel_format=pixel_format, options=options, colours=(5, colours)
    )
    found = Region(Box(6, 18, 24, 28), "face")  # grey has no red
    numbers = redact_video(source, tmp_path / f"out-{name}", Finds(found), filling(checker=Finds()))
    assert numbers["frames"] == 5
    before, after = planes(source), planes(tmp_path / f"out-{name}")
    for (time, _, old), (new_time, _, new) in zip(before, after, strict=True):
        assert time == new_time
        assert [plane.shape for plane in old] == [plane.shape for plane in new]
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            rows, columns = _blocks(old, index)
            top, left, bottom, right = 16 // 4 * 4, 0, 32, 32  # the box grown by 1.3, in blocks of 4
            outside = np.ones(one.shape, np.bool_)
            outside[top // rows : bottom // rows, left // columns : right // columns] = False
            np.testing.assert_array_equal(one[outside], other[outside])
        assert old[0].dtype == new[0].dtype
        inside = new[0][18:28, 6:24]
        assert inside.max() == inside.min()
    with av.open(str(source)) as one, av.open(str(tmp_path / f"out-{name}")) as other:
        first, second = next(one.decode(video=0)), next(other.decode(video=0))
        assert first.format.name == second.format.name
        assert first.color_range == second.color_range
        assert first.colorspace == second.colorspace


def test_nothing_is_left_of_a_square_that_moves(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    numbers = redact(source, tmp_path / "b.mp4")
    assert [len(regions) for _, regions in looked_at(source, RedSquares())] == [1] * 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8
    assert numbers["tracks"] == {"face": 1}
    assert numbers["boxes"] == {"face": 8}
    assert numbers["filled_more"] == numbers["seen_again"] == 0
    assert 100 * (1.3 * SIDE) ** 2 / (WIDTH * HEIGHT) <= numbers["masked_percent"] < 15
    for step, ((_, _, old), (_, _, new)) in enumerate(zip(planes(source), planes(tmp_path / "b.mp4"), strict=True)):
        np.testing.assert_array_equal(old[0][_outside(step)], new[0][_outside(step)])


def test_a_video_in_which_nothing_is_found_is_the_same_frames(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", square=False)
    numbers = redact(source, tmp_path / "b.mp4")
    for old, new in zip(planes(source), planes(tmp_path / "b.mp4"), strict=True):
        assert old[:2] == new[:2]
        assert all(np.array_equal(one, other) for one, other in zip(old[2], new[2], strict=True))
    assert numbers["boxes"] == numbers["tracks"] == {}
    assert numbers["masked_percent"] == 0


@pytest.mark.parametrize("missing", [(0,), (3,), (2, 3, 4, 5, 6), (7,), (5, 6, 7)])
def test_frames_in_which_a_detector_misses_it_are_redacted_too(tmp_path: Path, missing: tuple[int, ...]) -> None:
    source = write_video(tmp_path / "a.mp4")
    blind = filling(checker=Finds())  # so that only the tracks redact
    redact_video(source, tmp_path / "b.mp4", RedSquares(missing), blind)
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_a_face_in_one_frame_only_is_redacted(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    redact_video(source, tmp_path / "b.mp4", RedSquares((0, 1, 2, 3, 4, 6, 7)), filling(checker=Finds()))
    frames = planes(tmp_path / "b.mp4")
    left = 6 + 2 * 5
    assert frames[5][2][0][18 : 18 + SIDE, left : left + SIDE].max() == 16  # black in the limited range


def test_what_is_seen_beside_what_was_filled_is_filled_as_well(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    beside = Finds(Region(Box(2, 30, 30, 40), "face"))
    numbers = redact_video(source, tmp_path / "b.mp4", beside, filling())
    assert numbers["seen_again"] == 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_what_no_track_has_is_found_in_whole_frames(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    numbers = redact_video(source, tmp_path / "b.mp4", Finds(), filling())
    assert numbers["seen_again"] == 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_a_fill_that_leaves_something_is_followed_by_the_next(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    numbers = redact_video(source, tmp_path / "b.mp4", RedSquares(), filling(fills=[unchanged, black]))
    assert numbers["filled_more"] == 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_nothing_is_written_where_something_is_left_after_all(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match=r"at 0\.00 s a face is still found after 12 fills"):
        redact_video(source, tmp_path / "b.mp4", RedSquares(), filling(fills=[unchanged]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_thorough_looks_are_at_every_fifteenth_frame_and_near_gaps_at_a_part(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", range(17))
    detector = RedSquares((4,))
    find_in_video(source, detector)
    whole = [look for look, shape in detector.calls if shape == (HEIGHT, WIDTH, 3)]
    key = [Look.THOROUGH, Look.CHECK]
    assert whole == [*key, *[Look.QUICK] * 14, *key, Look.QUICK]
    parts = [shape for _, shape in detector.calls if shape != (HEIGHT, WIDTH, 3)]
    assert len(parts) == 1
    assert parts[0][1] <= 6 * SIDE + 1 < WIDTH


def test_every_filled_frame_is_looked_at_whole_and_as_its_file_will_be(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", range(17))
    while_filling, later = RedSquares(), RedSquares()
    redact_video(source, tmp_path / "b.mp4", RedSquares(), filling(checker=while_filling))
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", later)] == [0] * 17
    looks = [Look.CHECK, *[Look.QUICK_CHECK] * 14, Look.CHECK, Look.QUICK_CHECK]
    assert while_filling.calls == later.calls == [(look, (HEIGHT, WIDTH, 3)) for look in looks]


def test_regions_that_were_found_before_are_used_as_they_are(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    frames: tuple[tuple[Region, ...], ...] = ((Region(Box(0, 0, 8, 8), "plate"),), *[()] * 7)
    found = Found(sha256(source), WIDTH, HEIGHT, frames=frames)
    numbers = redact_video(source, tmp_path / "b.mp4", Finds(), filling(), found=found)
    assert numbers["boxes"] == {"plate": 1}
    assert numbers["seen_again"] == 0  # a person has decided: the red square stays
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [1] * 8
    with pytest.raises(ValueError, match="another file"):
        redact_video(write_video(tmp_path / "c.mp4", square=False), tmp_path / "d.mp4", Finds(), filling(), found=found)


@pytest.mark.parametrize("count", [7, 9])
def test_regions_of_another_number_of_frames_are_refused(tmp_path: Path, count: int) -> None:
    source = write_video(tmp_path / "a.mp4")
    found = Found(sha256(source), WIDTH, HEIGHT, frames=((),) * count)
    with pytest.raises(ValueError, match="detect again"):
        redact_video(source, tmp_path / "b.mp4", Finds(), filling(), found=found)
    assert not (tmp_path / "b.mp4").exists()


def test_a_mask_as_large_as_the_frame_leaves_nothing_of_it(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    redact_video(
        source,
        tmp_path / "b.mp4",
        Finds(Region(Box(-10, -10, WIDTH + 10, HEIGHT + 10), "face")),
        filling(),
    )
    assert all(plane.min() == plane.max() for _, _, frame in planes(tmp_path / "b.mp4") for plane in frame)


def test_the_made_up_square_is_where_it_says() -> None:
    box = RedSquares()(picture(3))[0].box
    assert box == (12, 18, 12 + SIDE, 18 + SIDE)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p", "yuvj444p", "yuv444p10le"])
def test_a_part_of_a_frame_keeps_its_colour_whether_planes_share_samples_or_not(name: str) -> None:
    colour = (180, 100, 60)
    frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), colour, np.uint8), "rgb24").reformat(format=name)
    where = Rectangle(0, 0, 16, 16)
    pixels = part(frame, where)
    assert np.abs(pixels / np.iinfo(pixels.dtype).max * 255 - colour).max() < 4
    changed = copied(frame)
    put(changed, where, pixels, [where])
    assert np.abs(changed.to_ndarray(format="rgb24").astype(int) - frame.to_ndarray(format="rgb24")).max() <= 3
