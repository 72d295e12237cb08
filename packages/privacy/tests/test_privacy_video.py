"""Videos redacted: what is outside of the masks, the sound and the times stay, and nothing else does."""

from __future__ import annotations

import errno
import io
import os
from fractions import Fraction
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
    picture,
    planes,
    sound_packets,
    unchanged,
    write_video,
)
from nflows_core.runtime.files import sha256
from nflows_core.testing import kill_at_call
from nflows_privacy.annotations.found import Found
from nflows_privacy.detection import Look
from nflows_privacy.masks import Rectangle
from nflows_privacy.regions import Box, Region
from nflows_privacy.video import Filling, find_in_video, looked_at, opened, redact_video
from nflows_privacy.video.encoding import encoding
from nflows_privacy.video.planes import copied, part, put

FULL, LIMITED = 2, 1
LOSSLESS = {"qp": "0", "preset": "ultrafast"}
FFV1 = {"level": "3"}
VP9 = {"lossless": "1", "cpu-used": "8"}


def _filling(**settings: Any) -> Filling:
    return Filling(**{"fills": [black], "checker": RedSquares(), **settings})


def _redact(source: Path, target: Path, **settings: Any) -> dict[str, Any]:
    return redact_video(source, target, RedSquares(), _filling(), **settings)


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
    numbers = redact_video(source, tmp_path / f"out-{name}", Finds(found), _filling(checker=Finds()))
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
    numbers = _redact(source, tmp_path / "b.mp4")
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
    numbers = _redact(source, tmp_path / "b.mp4")
    for old, new in zip(planes(source), planes(tmp_path / "b.mp4"), strict=True):
        assert old[:2] == new[:2]
        assert all(np.array_equal(one, other) for one, other in zip(old[2], new[2], strict=True))
    assert numbers["boxes"] == numbers["tracks"] == {}
    assert numbers["masked_percent"] == 0


@pytest.mark.parametrize("missing", [(0,), (3,), (2, 3, 4, 5, 6), (7,), (5, 6, 7)])
def test_frames_in_which_a_detector_misses_it_are_redacted_too(tmp_path: Path, missing: tuple[int, ...]) -> None:
    source = write_video(tmp_path / "a.mp4")
    filling = _filling(checker=Finds())  # which sees nothing, so that only the tracks redact
    redact_video(source, tmp_path / "b.mp4", RedSquares(missing), filling)
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_a_face_in_one_frame_only_is_redacted(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    redact_video(source, tmp_path / "b.mp4", RedSquares((0, 1, 2, 3, 4, 6, 7)), _filling(checker=Finds()))
    frames = planes(tmp_path / "b.mp4")
    left = 6 + 2 * 5
    assert frames[5][2][0][18 : 18 + SIDE, left : left + SIDE].max() == 16  # black in the limited range


def test_what_is_seen_beside_what_was_filled_is_filled_as_well(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    beside = Finds(Region(Box(2, 30, 30, 40), "face"))
    numbers = redact_video(source, tmp_path / "b.mp4", beside, _filling())
    assert numbers["seen_again"] == 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_what_no_track_has_is_found_in_whole_frames(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    numbers = redact_video(source, tmp_path / "b.mp4", Finds(), _filling())
    assert numbers["seen_again"] == 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_a_fill_that_leaves_something_is_followed_by_the_next(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    numbers = redact_video(source, tmp_path / "b.mp4", RedSquares(), _filling(fills=[unchanged, black]))
    assert numbers["filled_more"] == 8
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


def test_nothing_is_written_where_something_is_left_after_all(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match=r"at 0\.00 s a face is still found after 12 fills"):
        redact_video(source, tmp_path / "b.mp4", RedSquares(), _filling(fills=[unchanged]))
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
    assert parts[0][0] <= 4 * SIDE + 1


def test_every_filled_frame_is_looked_at_whole_and_as_its_file_will_be(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", range(17))
    while_filling, later = RedSquares(), RedSquares()
    redact_video(source, tmp_path / "b.mp4", RedSquares(), _filling(checker=while_filling))
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", later)] == [0] * 17
    looks = [Look.CHECK, *[Look.QUICK_CHECK] * 14, Look.CHECK, Look.QUICK_CHECK]
    assert while_filling.calls == later.calls == [(look, (HEIGHT, WIDTH, 3)) for look in looks]


def test_regions_that_were_found_before_are_used_as_they_are(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    frames: tuple[tuple[Region, ...], ...] = ((Region(Box(0, 0, 8, 8), "plate"),), *[()] * 7)
    found = Found(sha256(source), WIDTH, HEIGHT, frames=frames)
    numbers = redact_video(source, tmp_path / "b.mp4", Finds(), _filling(), found=found)
    assert numbers["boxes"] == {"plate": 1}
    assert numbers["seen_again"] == 0  # a person has decided: the red square stays
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [1] * 8
    with pytest.raises(ValueError, match="another file"):
        redact_video(
            write_video(tmp_path / "c.mp4", square=False), tmp_path / "d.mp4", Finds(), _filling(), found=found
        )


@pytest.mark.parametrize("count", [7, 9])
def test_regions_of_another_number_of_frames_are_refused(tmp_path: Path, count: int) -> None:
    source = write_video(tmp_path / "a.mp4")
    found = Found(sha256(source), WIDTH, HEIGHT, frames=((),) * count)
    with pytest.raises(ValueError, match="detect again"):
        redact_video(source, tmp_path / "b.mp4", Finds(), _filling(), found=found)
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        (Fraction(1, 25), [0, 1, 2, 3]),
        (Fraction(1001, 30000), [0, 1, 2, 3]),
        (Fraction(1, 600), [5, 7, 8, 30, 31, 90]),
        (Fraction(1, 90000), [1, 2, 3003, 3004, 90001]),
    ],
)
def test_times_of_a_variable_frame_rate_stay(tmp_path: Path, unit: Fraction, times: list[int]) -> None:
    source = write_video(tmp_path / "a.mp4", times, unit=unit, container={"movie_timescale": str(unit.denominator)})
    _redact(source, tmp_path / "b.mp4")
    assert [frame[:2] for frame in planes(tmp_path / "b.mp4")] == [frame[:2] for frame in planes(source)]
    assert [frame[0] for frame in planes(source)] == [time * unit for time in times]


def test_times_stay_in_matroska_and_are_said_to_be_rounded_from_elsewhere(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", [0, 7, 8, 100], unit=Fraction(1, 1000))
    _redact(source, tmp_path / "b.mkv")
    assert [frame[0] for frame in planes(tmp_path / "b.mkv")] == [Fraction(time, 1000) for time in (0, 7, 8, 100)]
    source = write_video(tmp_path / "c.mp4", [0, 7, 30], unit=Fraction(1, 600))
    numbers = _redact(source, tmp_path / "c.mkv")
    assert "times rounded to 1/1000 s, the unit of matroska" in numbers["left_out"]
    with pytest.raises(ValueError, match="avi cannot hold times"):
        _redact(source, tmp_path / "c.avi")


def test_rotation_aspect_and_colours_stay(tmp_path: Path) -> None:
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30)
    source = write_video(tmp_path / "a.mp4", matrix=matrix, colours=(1, FULL))
    _redact(source, tmp_path / "b.mp4")
    with opened(source) as one, opened(tmp_path / "b.mp4") as other:
        first, second = next(one.frames()), next(other.frames())
        assert first.matrix == second.matrix == matrix
        assert (second.image.colorspace, second.image.color_range) == (1, FULL)
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8


HDR = "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):cll=1000,400"


@pytest.mark.parametrize(
    ("writes", "target", "losses"),
    [
        ({}, "b.mp4", set()),
        ({"options": {**LOSSLESS, "x264-params": "tff=1"}}, "b.mp4", {"interlacing left out"}),
        (
            {"options": {**LOSSLESS, "x264-params": HDR}},
            "b.avi",
            {"mastering display metadata left out", "content light level left out"},
        ),
        ({"matrix": (-(1 << 16), 0, 0, 0, -(1 << 16), 0, 0, 0, 1 << 30)}, "b.avi", {"displaymatrix left out"}),
        (
            {"codec": "ffv1", "options": FFV1, "pixel_format": "yuv411p", "colours": (1, FULL)},
            "b.avi",
            {"colour matrix left out", "colour range left out"},
        ),
    ],
)
def test_what_frames_say_besides_their_samples_stays_or_its_loss_is_said(
    tmp_path: Path, writes: dict[str, Any], target: str, losses: set[str]
) -> None:
    numbers = _redact(write_video(tmp_path / "a.mkv", **writes), tmp_path / target)
    told = {one for one in numbers["left_out"] if not one.startswith(("tags", "times", "sei"))}
    assert losses <= told
    assert told == losses or target == "b.avi"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("quality", [None, 90])
def test_light_levels_stay(tmp_path: Path, name: str, quality: int | None) -> None:
    source = write_video(tmp_path / name, options={**LOSSLESS, "x264-params": HDR}, pixel_format="yuv420p10le")
    _redact(source, tmp_path / f"out-{name}", quality=quality)
    before, after = (_light_levels(path) for path in (source, tmp_path / f"out-{name}"))
    assert len(before) == 2
    assert before == after


def _light_levels(path: Path) -> dict[str, bytes]:
    with av.open(str(path)) as file:
        beside: Any = next(file.decode(video=0)).side_data
        return {one.type.name: bytes(one)[:80] for one in beside if "SEI" not in one.type.name}


SOUNDS = {
    "a.mp4": ("aac", "libmp3lame", "ac3", "flac", "libopus"),
    "a.mov": ("aac", "pcm_s16le", "alac"),
    "a.mkv": ("aac", "flac", "pcm_s16le", "libopus", "ac3", "libmp3lame"),
    "a.webm": ("libopus",),
    "a.avi": ("libmp3lame", "pcm_s16le"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_every_packet_of_sound_stays(tmp_path: Path, name: str) -> None:
    webm = {"codec": "libvpx-vp9", "options": VP9} if name == "a.webm" else {}
    source = write_video(tmp_path / name, range(14), audio=SOUNDS[name], **webm)
    numbers = _redact(source, tmp_path / f"out-{name}")
    assert numbers["audio_streams"] == len(SOUNDS[name])
    before, after = sound_packets(source), sound_packets(tmp_path / f"out-{name}")
    assert len(before) == len(after) == len(SOUNDS[name])
    for old, new in zip(before, after, strict=True):
        assert [packet for packet, _ in old] == [packet for packet, _ in new]
        assert [time for _, time in old] == [time for _, time in new]
    with av.open(str(tmp_path / f"out-{name}")) as file:
        assert name == "a.avi" or {stream.language for stream in file.streams.audio} == {"eng"}


def test_sound_that_the_container_cannot_hold_is_named(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", audio=("aac", "libopus"))
    numbers = _redact(source, tmp_path / "b.webm")
    assert numbers["audio_streams"] == 1
    assert "audio stream 1 (aac) left out: webm cannot hold it" in numbers["left_out"]
    assert len(sound_packets(tmp_path / "b.webm")) == 1
    source = write_video(tmp_path / "c.avi", audio=("ac3", "libmp3lame"))
    numbers = _redact(source, tmp_path / "d.avi")
    assert numbers["audio_streams"] == 1
    assert "audio stream 1 (ac3) left out: avi cannot hold it" in numbers["left_out"]


def test_h264_in_avi_which_has_no_times_keeps_its_frames_at_theirs(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.avi", options={**LOSSLESS, "bf": "0"})
    assert [time for time, _ in looked_at(source, RedSquares())] == [step / 25 for step in range(8)]
    _redact(source, tmp_path / "b.avi")
    assert [time for time, _ in looked_at(tmp_path / "b.avi", RedSquares())] == [step / 25 for step in range(8)]


TAGS = {
    "location": "+48.8577+002.295/",
    "com.apple.quicktime.location.ISO6709": "+48.8577+002.295+035/",
    "com.apple.quicktime.make": "Make",
    "com.apple.quicktime.model": "Serial-1234",
    "creation_time": "2024-05-01T10:00:00.000000Z",
    "title": "At home",
}


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_no_tag_of_the_source_is_in_the_result(tmp_path: Path, name: str) -> None:
    source = write_video(
        tmp_path / name, metadata=TAGS, container={"movflags": "use_metadata_tags"} if name != "a.mkv" else {}
    )
    numbers = _redact(source, tmp_path / f"out-{name}")
    assert any("title" in words for words in numbers["left_out"])
    written = (tmp_path / f"out-{name}").read_bytes()
    for secret in (b"48.8577", b"Make", b"Serial-1234", b"2024-05", b"At home"):
        assert secret in source.read_bytes() or secret == b"2024-05"
        assert secret not in written
    with av.open(str(tmp_path / f"out-{name}")) as file:
        assert not {key.lower() for key in file.metadata} & {key.lower() for key in TAGS}


def test_subtitles_covers_attachments_and_chapters_are_left_out_and_said(tmp_path: Path) -> None:
    source = write_video(tmp_path / "plain.mkv")
    rich = tmp_path / "a.mkv"
    with av.open(str(source)) as old, av.open(str(rich), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        new.add_attachment("who.txt", "text/plain", b"Jane Doe")
        new.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {"title": "X"}}]
        )
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                new.mux(packet)
    numbers = _redact(rich, tmp_path / "b.mkv")
    assert any("attachment stream 1" in words for words in numbers["left_out"])
    assert "1 chapters left out" in numbers["left_out"]
    assert b"Jane Doe" not in (tmp_path / "b.mkv").read_bytes()
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert len(file.streams) == 1
        assert not file.chapters()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.webm"])
def test_the_same_video_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    webm = (
        {"codec": "libvpx-vp9", "options": VP9, "audio": ("libopus",)}
        if name == "a.webm"
        else {"audio": ("libmp3lame",)}
    )
    source = write_video(tmp_path / name, **webm)
    for target in ("one", "other"):
        _redact(source, tmp_path / (target + name))
    assert sha256(tmp_path / f"one{name}") == sha256(tmp_path / f"other{name}")


def test_a_quality_gives_a_smaller_file(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", range(20))
    sizes = []
    for quality in (None, 90, 30):
        numbers = _redact(source, tmp_path / f"{quality}.mp4", quality=quality)
        assert numbers["lossless"] == (quality is None)
        sizes.append((tmp_path / f"{quality}.mp4").stat().st_size)
    assert sizes[0] > sizes[1] > sizes[2]
    with pytest.raises(ValueError, match="`quality`: expected 1 to 100, got 0"):
        _redact(source, tmp_path / "c.mp4", quality=0)


def test_what_cannot_be_written_without_loss_is_refused(tmp_path: Path) -> None:
    rgb = write_video(tmp_path / "a.mkv", codec="ffv1", pixel_format="bgr0", options=FFV1)
    with pytest.raises(ValueError, match=r"pixel format bgr0: only planar YUV and grey"):
        _redact(rgb, tmp_path / "b.mkv")
    deep = write_video(tmp_path / "c.mkv", codec="ffv1", pixel_format="yuv444p12le", options=FFV1)
    with pytest.raises(ValueError, match=r"pixel format yuv444p12le: mov holds it with no codec without loss"):
        _redact(deep, tmp_path / "c.mov")
    with pytest.raises(ValueError, match=r"`target`: c\.gif: videos are written as \.avi"):
        _redact(deep, tmp_path / "c.gif")


def test_settings_that_would_shrink_or_fill_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="`mask_scale`: expected 1 or more"):
        _filling(mask_scale=0.9)
    with pytest.raises(ValueError, match="`fills`"):
        _filling(fills=[])


def test_a_damaged_source_leaves_nothing(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", container={"movflags": "faststart"}, options={"g": "2", "bf": "0"})
    frames = tuple((Region(Box(0, 0, 8, 8), "face"),) for _ in range(8))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2] + bytes(1500) + data[len(data) // 2 + 1500 :])
    found = Found(sha256(source), WIDTH, HEIGHT, frames=frames)
    with pytest.raises(ValueError, match="damaged after"):
        redact_video(source, tmp_path / "b.mp4", Finds(), _filling(checker=Finds()), found=found)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_detector_or_fill_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no memory")

    source = write_video(tmp_path / "a.mp4")
    with pytest.raises(RuntimeError, match="no memory"):
        redact_video(source, tmp_path / "b.mp4", RedSquares(), _filling(fills=[fails]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_video(tmp_path / "a.mp4")
    target = tmp_path / "b.mp4"
    target.write_bytes(b"old")

    def full(self: Any, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.BufferedWriter):
        write = full

    opened_before = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", *rest, **more: (
            Full(io.FileIO(self, "x")) if mode == "xb" else opened_before(self, mode, *rest, **more)
        ),
    )
    with pytest.raises(OSError, match="No space left"):
        _redact(source, target)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(("function", "number"), [("nflows_privacy.video.filling.copied", 3), ("os.replace", 1)])
def test_killed_it_leaves_nothing_under_the_final_name(
    tmp_path: Path, function: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    source = write_video(tmp_path / "a.mp4")
    kill_at_call(function, number, "redact_one_video", source, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()
    _redact(source, tmp_path / "b.mp4")
    # What the killed one left is gone too.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_a_mask_as_large_as_the_frame_leaves_nothing_of_it(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4")
    redact_video(
        source,
        tmp_path / "b.mp4",
        Finds(Region(Box(-10, -10, WIDTH + 10, HEIGHT + 10), "face")),
        _filling(),
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


@pytest.mark.parametrize("size", [(321, 243), (65, 49), (99, 547), (33, 17)])
def test_odd_sizes_with_shared_colours_are_encoded_by_ffv1(size: tuple[int, int]) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), "rgb24").reformat(format="yuv420p")
    chosen = encoding("matroska", frame, None)
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        stream = container.add_stream(chosen.codec, rate=10, options=chosen.options)
        stream.width, stream.height = size
        stream.pix_fmt = chosen.pixel_format
        assert chosen.codec == "ffv1"
        assert len([*stream.encode(frame), *stream.encode(None)]) == 1
