"""Videos read: in order, upright, and whole or not at all."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from made_up_videos import HEIGHT, SIDE, WIDTH, RedSquares, planes, write_video
from nflows_privacy.regions import Box
from nflows_privacy.video import looked_at, opened
from nflows_privacy.video.intact import require_whole
from nflows_privacy.video.turn import Turn

ONE = 1 << 16
MATRICES = {
    "as it is": (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30),
    "quarter": (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
    "half": (-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    "three quarters": (0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    "mirrored": (-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30),
    "flipped": (ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    "transposed": (0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    "transverse": (0, -ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
}


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_a_turn_shows_each_point_where_the_matrix_puts_it(matrix: tuple[int, ...]) -> None:
    stored = np.arange(12).reshape(3, 4, 1)
    turn = Turn.of_matrix(matrix)
    shown = turn.upright(stored)
    a, b, _, c, d = (value // ONE for value in matrix[:5])
    places = np.array([(a * p + c * q, b * p + d * q) for q in range(3) for p in range(4)])
    places -= places.min(axis=0)  # as x and y of the matrix do
    assert shown.shape[:2] == turn.size(4, 3)[::-1]
    for value, (across, down) in enumerate(places):
        assert shown[down, across, 0] == value


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_a_box_on_the_screen_holds_the_same_pixels_in_the_stored_picture(matrix: tuple[int, ...]) -> None:
    stored = np.arange(30).reshape(5, 6, 1)
    turn = Turn.of_matrix(matrix)
    shown = turn.upright(stored)
    box = turn.stored(Box(1, 2, 3, 5), 6, 5)
    left, top, right, bottom = map(int, box)
    assert sorted(stored[top:bottom, left:right].ravel()) == sorted(shown[2:5, 1:3].ravel())


def test_rotated_frames_are_upright_for_a_detector(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", matrix=(0, ONE, 0, -ONE, 0, 0, HEIGHT * ONE, 0, 1 << 30))
    with opened(path) as video:
        frame = next(video.frames())
        assert frame.size == (HEIGHT, WIDTH)
        assert frame.rgb().shape == (WIDTH, HEIGHT, 3)
    found = [regions for _, regions in looked_at(path, RedSquares())]
    # Turned clockwise, what moved to the right moves down: 18 from the top is 18 + SIDE from the right.
    box = found[0][0].box
    assert box == pytest.approx((HEIGHT - 18 - SIDE, 6, HEIGHT - 18, 6 + SIDE), abs=1)
    assert found[4][0].box.top == pytest.approx(box.top + 8, abs=1)


def test_frames_come_in_the_order_of_presentation_with_their_times(tmp_path: Path) -> None:
    times = [0, 7, 8, 30, 31, 90]
    path = write_video(tmp_path / "a.mp4", times, unit=Fraction(1, 600), options={"bf": "2", "crf": "10"})
    assert [time for time, _ in looked_at(path, RedSquares())] == [float(Fraction(time, 600)) for time in times]


CONTAINERS = {
    "a.mp4": {"movflags": "faststart"},
    "b.mp4": {"movflags": "frag_keyframe+empty_moov"},
    "c.mov": {"movflags": "faststart"},
    "d.mkv": {},
    "e.avi": {},
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_a_video_cut_short_is_no_shorter_video(tmp_path: Path, name: str, share: float) -> None:
    whole = write_video(tmp_path / name, container=CONTAINERS[name], options={"g": "2", "bf": "0"})
    require_whole(whole)
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(ValueError, match=f"{cut.name}: (cut short|damaged|no video)"):
        list(looked_at(cut, RedSquares()))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_video_damaged_in_the_middle_is_refused(tmp_path: Path, name: str) -> None:
    whole = write_video(tmp_path / name, container=CONTAINERS[name], options={"g": "2", "bf": "0"})
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = bytes(1500)
    whole.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        list(looked_at(whole, RedSquares()))


def test_a_webm_cut_short_or_with_a_hole_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.webm", codec="libvpx-vp9", options={"cpu-used": "8", "lossless": "1"})
    data = path.read_bytes()
    path.write_bytes(data[: 2 * len(data) // 3])
    with pytest.raises(ValueError, match="cut short"):
        list(looked_at(path, RedSquares()))
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(len(data) // 3) + data[middle + len(data) // 3 :])
    with pytest.raises(ValueError, match="damaged"):
        list(looked_at(path, RedSquares()))


def test_zeros_after_the_end_are_refused_and_a_free_box_is_not(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data + (16).to_bytes(4) + b"free" + bytes(8))
    assert len(list(looked_at(path, RedSquares()))) == 8
    path.write_bytes(data + bytes(16))
    with pytest.raises(ValueError, match=f"at byte {len(data)} "):
        list(looked_at(path, RedSquares()))


def test_what_is_no_video_or_has_none_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("no video")
    with pytest.raises(ValueError, match=r"a\.mp4: no video that can be read"):
        list(looked_at(text, RedSquares()))
    sound = tmp_path / "b.mp4"
    with av.open(str(sound), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"b\.mp4: has no video stream"):
        list(looked_at(sound, RedSquares()))
    with pytest.raises(FileNotFoundError):
        list(looked_at(tmp_path / "c.mp4", RedSquares()))


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        file.start_encoding()
    with pytest.raises(ValueError, match=r"a\.mkv"):
        list(looked_at(path, RedSquares()))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    with opened(path) as video:
        frames = [frame.image.to_ndarray(format="rgb24") for frame in video.frames()]
    assert len(frames) == len(planes(path)) == 8


@pytest.mark.parametrize("pixel_format", ["yuva420p", "yuva444p10le", "ya8"])
def test_a_video_is_looked_at_if_it_is_opaque_and_refused_if_not(tmp_path: Path, pixel_format: str) -> None:
    for alpha in (255, 200):
        pixels = np.dstack([np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.full((HEIGHT, WIDTH), 255, np.uint8)])
        pixels[5:9, 5:9, 3] = alpha
        with av.open(str(tmp_path / f"{alpha}.mkv"), "w") as file:
            stream = file.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pixel_format)
            file.mux([*stream.encode(frame), *stream.encode(None)])
    assert len(list(looked_at(tmp_path / "255.mkv", RedSquares()))) == 1
    with pytest.raises(ValueError, match=r"200\.mkv: is partly transparent.*write it without alpha"):
        list(looked_at(tmp_path / "200.mkv", RedSquares()))
