"""Frames as a screen shows them: turned, with square pixels, and each of the two moments of an interlaced one."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from made_up_videos import HEIGHT, WIDTH, RedSquares, filling, redact, write_video
from nflows_privacy.detection import Look
from nflows_privacy.regions import Box
from nflows_privacy.video import looked_at, opened, redact_video
from nflows_privacy.video.reading import Frame
from nflows_privacy.video.turn import Turn


@pytest.mark.parametrize("turn", [Turn(*flags) for flags in product((False, True), repeat=3)])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(2), Fraction(4, 3), Fraction(1, 2)])
def test_a_box_on_the_screen_is_where_its_samples_are(turn: Turn, aspect: Fraction) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[8:20, 24:44] = 255
    frame = Frame(av.VideoFrame.from_ndarray(pixels, "rgb24"), turn, 0, 1, Fraction(1, 25), None, aspect)
    shown = frame.rgb()
    assert shown.shape[1::-1] == frame.size
    down, across = np.nonzero(shown[..., 0] > 127)
    box = Box(*map(float, (across.min(), down.min(), across.max() + 1, down.max() + 1)))
    assert frame.stored(box) == pytest.approx((24, 8, 44, 20), abs=0.6)
    wide = box.height / box.width if turn.swapped else box.width / box.height
    assert wide == pytest.approx(float(aspect) * 20 / 12, rel=0.1)


@pytest.mark.parametrize(("aspect", "size"), [(2, (2 * WIDTH, HEIGHT)), (Fraction(1, 2), (WIDTH, 2 * HEIGHT))])
def test_samples_that_are_not_square_are_looked_at_as_they_are_shown(
    tmp_path: Path, aspect: Fraction, size: tuple[int, int]
) -> None:
    source = write_video(tmp_path / "a.mp4", aspect=Fraction(aspect))
    detector = RedSquares()
    numbers = redact_video(source, tmp_path / "b.mp4", detector, filling())
    assert {shape[1::-1] for look, shape in detector.calls if look is Look.THOROUGH} == {size}
    assert numbers["size"] == f"{size[0]} x {size[1]}"
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 8
    with opened(tmp_path / "b.mp4") as video:
        assert next(video.frames()).aspect == aspect


def test_an_aspect_that_no_camera_has_is_taken_for_damage(tmp_path: Path) -> None:
    with opened(write_video(tmp_path / "a.mp4", aspect=Fraction(1, 100))) as video:
        assert next(video.frames()).size == (WIDTH, HEIGHT)


def test_each_moment_of_an_interlaced_frame_is_looked_at(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", options={"qp": "0", "preset": "ultrafast", "x264-params": "tff=1"})
    with opened(source) as video:
        whole, *moments = next(video.frames()).views()
    for first, moment in enumerate(moments):
        expected = cv2.resize(whole[first::2], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        np.testing.assert_array_equal(moment, expected)
    assert len(moments) == 2
    detector = RedSquares()
    redact_video(source, tmp_path / "b.mp4", detector, filling())
    assert sum(look is Look.THOROUGH for look, _ in detector.calls) == 3
    with opened(write_video(tmp_path / "c.mp4")) as video:
        assert len(list(next(video.frames()).views())) == 1
    redact(source, tmp_path / "d.mp4")
    assert [len(regions) for _, regions in looked_at(tmp_path / "d.mp4", RedSquares())] == [0] * 8


@pytest.mark.parametrize(("low", "high"), [(0, 1023), (20_000, 22_040)])
@pytest.mark.parametrize("caption", [0, 65_535])
def test_few_bits_in_samples_of_16_are_spread_whatever_a_caption_has(low: int, high: int, caption: int) -> None:
    samples = np.full((16, 24), low, np.uint16)
    samples[4:9, 3:20] = high
    samples[15, 20:] = caption
    _, found = _views_of(samples)
    levels = [int(np.unique(found[samples == level]).item()) for level in (low, high)]
    assert levels[1] - levels[0] >= 80


def test_samples_of_16_bits_that_use_their_range_are_shown_once() -> None:
    assert len(_views_of(np.linspace(0, 65_535, 16 * 24).astype(np.uint16).reshape(16, 24))) == 1


def _views_of(samples: NDArray[np.uint16]) -> list[NDArray[np.uint8]]:
    image = av.VideoFrame.from_ndarray(samples, "gray16le")
    return list(Frame(image, Turn(), 0, 1, Fraction(1, 25), None).views())


def test_frames_before_the_first_that_is_shown_are_told_and_go(tmp_path: Path) -> None:
    source, late = write_video(tmp_path / "a.mp4", options={"qp": "0", "bf": "0"}), tmp_path / "late.mp4"
    with (
        av.open(str(source)) as old,
        av.open(str(late), "w", container_options={"avoid_negative_ts": "disabled"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - 3 * packet.duration, packet.dts - 3 * packet.duration
                packet.stream = stream
                new.mux(packet)
    with pytest.raises(ValueError, match="holds 3 frames that no player shows too, which was not looked at"):
        list(looked_at(late, RedSquares()))
    assert redact(late, tmp_path / "b.mp4")["frames"] == 5
    assert [len(regions) for _, regions in looked_at(tmp_path / "b.mp4", RedSquares())] == [0] * 5
