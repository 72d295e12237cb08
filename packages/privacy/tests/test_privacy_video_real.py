"""A real video, where it and the weights of the detector of faces are at hand."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from made_up_videos import planes
from nflows_privacy.detection import Look
from nflows_privacy.detection.yunet import YuNet
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.regions import Region
from nflows_privacy.video import Filling, looked_at, opened, redact_video
from nflows_privacy.video.linking import linked
from nflows_privacy.video.tracks import covered


@pytest.fixture(scope="module")
def yunet(yunet_weights: Path) -> YuNet:
    return YuNet(yunet_weights, 0.6)


@pytest.mark.real_data
@pytest.mark.parametrize("scale", [1 / 8, 1 / 16])
def test_no_frame_of_a_walking_person_is_missed_where_detections_are_dropped(
    yunet: YuNet, data_folder: Path, scale: float
) -> None:
    with opened(data_folder / "privacy/egoblur/test_video.mp4") as video:
        frames = [
            cv2.resize(frame.rgb(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
            for frame in islice(video.frames(), 30)
        ]
    found = [yunet(frame, Look.QUICK) for frame in frames]
    for dropped in range(1, 6):
        for start in range(0, len(found) - dropped, 4):
            left = [[] if start <= one < start + dropped else regions for one, regions in enumerate(found)]
            for truth, held in zip(found, covered(linked(left), len(found)), strict=True):
                assert all(_is_held(region, held) for region in truth)


@pytest.mark.real_data
def test_a_real_video_keeps_its_sound_times_and_pixels_and_shows_no_face(
    yunet: YuNet, data_folder: Path, tmp_path: Path
) -> None:
    source, target = data_folder / "privacy/egoblur/test_face_video.mp4", tmp_path / "a.mp4"
    fills = [load_fill(FillSettings("solid"))]
    numbers = redact_video(source, target, yunet, Filling(fills, yunet))
    before, after = planes(source)[::5], planes(target)[::5]
    assert [frame[:2] for frame in before] == [frame[:2] for frame in after]
    share = np.mean([np.mean(old[0] != new[0]) for (*_, old), (*_, new) in zip(before, after, strict=True)])
    assert 0 < 100 * share <= 1.5 * numbers["masked_percent"]
    assert numbers["audio_streams"] == 1
    left = [regions for _, regions in islice(looked_at(target, yunet), 3)]
    assert left == [[], [], []]


def _is_held(region: Region, found: tuple[Region, ...]) -> bool:
    left, top, right, bottom = region.box
    masks = [one.box.grown(1.3) for one in found]
    return any(
        mask.left <= left and mask.top <= top and mask.right >= right and mask.bottom >= bottom for mask in masks
    )
