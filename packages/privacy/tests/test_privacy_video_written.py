"""What is written beside the pixels of a video: times, rotation, sound, and nothing that tells more."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from made_up_videos import (
    HEIGHT,
    RedSquares,
    planes,
    redact,
    sound_packets,
    write_video,
)
from nflows_core.runtime.files import sha256
from nflows_privacy.video import looked_at, opened
from nflows_privacy.video.encoding import encoding

FULL, LIMITED = 2, 1
LOSSLESS = {"qp": "0", "preset": "ultrafast"}
FFV1 = {"level": "3"}
VP9 = {"lossless": "1", "cpu-used": "8"}


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
    redact(source, tmp_path / "b.mp4")
    assert [frame[:2] for frame in planes(tmp_path / "b.mp4")] == [frame[:2] for frame in planes(source)]
    assert [frame[0] for frame in planes(source)] == [time * unit for time in times]


def test_times_stay_in_matroska_and_are_said_to_be_rounded_from_elsewhere(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", [0, 7, 8, 100], unit=Fraction(1, 1000))
    redact(source, tmp_path / "b.mkv")
    assert [frame[0] for frame in planes(tmp_path / "b.mkv")] == [Fraction(time, 1000) for time in (0, 7, 8, 100)]
    source = write_video(tmp_path / "c.mp4", [0, 7, 30], unit=Fraction(1, 600))
    numbers = redact(source, tmp_path / "c.mkv")
    assert "times rounded to 1/1000 s, the unit of matroska" in numbers["left_out"]
    with pytest.raises(ValueError, match="avi cannot hold times"):
        redact(source, tmp_path / "c.avi")


def test_rotation_aspect_and_colours_stay(tmp_path: Path) -> None:
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30)
    source = write_video(tmp_path / "a.mp4", matrix=matrix, colours=(1, FULL))
    redact(source, tmp_path / "b.mp4")
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
    numbers = redact(write_video(tmp_path / "a.mkv", **writes), tmp_path / target)
    told = {one for one in numbers["left_out"] if not one.startswith(("tags", "times", "sei"))}
    assert losses <= told
    assert told == losses or target == "b.avi"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("quality", [None, 90])
def test_light_levels_stay(tmp_path: Path, name: str, quality: int | None) -> None:
    source = write_video(tmp_path / name, options={**LOSSLESS, "x264-params": HDR}, pixel_format="yuv420p10le")
    redact(source, tmp_path / f"out-{name}", quality=quality)
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
    numbers = redact(source, tmp_path / f"out-{name}")
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
    numbers = redact(source, tmp_path / "b.webm")
    assert numbers["audio_streams"] == 1
    assert "audio stream 1 (aac) left out: webm cannot hold it" in numbers["left_out"]
    assert len(sound_packets(tmp_path / "b.webm")) == 1
    source = write_video(tmp_path / "c.avi", audio=("ac3", "libmp3lame"))
    numbers = redact(source, tmp_path / "d.avi")
    assert numbers["audio_streams"] == 1
    assert "audio stream 1 (ac3) left out: avi cannot hold it" in numbers["left_out"]


def test_h264_in_avi_which_has_no_times_keeps_its_frames_at_theirs(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.avi", options={**LOSSLESS, "bf": "0"})
    assert [time for time, _ in looked_at(source, RedSquares())] == [step / 25 for step in range(8)]
    redact(source, tmp_path / "b.avi")
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
    numbers = redact(source, tmp_path / f"out-{name}")
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
    numbers = redact(rich, tmp_path / "b.mkv")
    with pytest.raises(ValueError, match="holds an attachment too, which was not looked at"):
        list(looked_at(rich, RedSquares()))
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
        redact(source, tmp_path / (target + name))
    assert sha256(tmp_path / f"one{name}") == sha256(tmp_path / f"other{name}")


def test_a_quality_gives_a_smaller_file(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", range(20))
    sizes = []
    for quality in (None, 90, 30):
        numbers = redact(source, tmp_path / f"{quality}.mp4", quality=quality)
        assert numbers["lossless"] == (quality is None)
        sizes.append((tmp_path / f"{quality}.mp4").stat().st_size)
    assert sizes[0] > sizes[1] > sizes[2]
    with pytest.raises(ValueError, match="`quality`: expected 1 to 100, got 0"):
        redact(source, tmp_path / "c.mp4", quality=0)


def test_what_cannot_be_written_without_loss_is_refused(tmp_path: Path) -> None:
    rgb = write_video(tmp_path / "a.mkv", codec="ffv1", pixel_format="bgr0", options=FFV1)
    with pytest.raises(ValueError, match=r"pixel format bgr0: only planar YUV and grey"):
        redact(rgb, tmp_path / "b.mkv")
    deep = write_video(tmp_path / "c.mkv", codec="ffv1", pixel_format="yuv444p12le", options=FFV1)
    with pytest.raises(ValueError, match=r"pixel format yuv444p12le: mov holds it with no codec without loss"):
        redact(deep, tmp_path / "c.mov")
    with pytest.raises(ValueError, match=r"`target`: c\.gif: videos are written as \.avi"):
        redact(deep, tmp_path / "c.gif")


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
