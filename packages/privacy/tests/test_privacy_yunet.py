"""The default detector of faces, on real pictures where its weights and they are at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_privacy.detection import Detector, DetectorSettings, Look, load_detector
from nflows_privacy.detection.keeping import SFace
from nflows_privacy.detection.yunet import WEIGHTS, YuNet
from nflows_privacy.regions import Box, Region, boxes_array, iou

FACES = json.loads((Path(__file__).parents[1] / "benchmarks" / "faces.json").read_text())
"""The boxes of all faces in real pictures, by the pictures' names: placed by a detector, then looked at one by one."""

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def yunet(yunet_weights: Path) -> YuNet:
    return YuNet(yunet_weights)


@cache
def _picture(path: Path) -> Pixels:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(np.uint8)


def _shrunk(pixels: Pixels, factor: int) -> Pixels:
    size = round(pixels.shape[1] / factor), round(pixels.shape[0] / factor)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _counts(found: list[Region], faces: NDArray[np.float64]) -> tuple[int, int]:
    """How many faces were found, and how many boxes are on none."""
    overlap = iou(faces, boxes_array(found)) > 0.3
    return int(overlap.any(axis=1).sum()), int((~overlap.any(axis=0)).sum())


@pytest.mark.real_data
@pytest.mark.parametrize(("factor", "least"), [(1, 19), (2, 18), (4, 16)])
def test_a_crossing_with_19_faces(yunet: Detector, data_folder: Path, factor: int, least: int) -> None:
    pixels = _shrunk(_picture(data_folder / "privacy/city.jpg"), factor)
    true, false = _counts(yunet(pixels), np.array(FACES["city.jpg"]) / factor)
    assert true >= least
    assert false <= 1


@pytest.mark.real_data
@pytest.mark.parametrize("look", Look)
@pytest.mark.parametrize("factor", [1, 8, 16])
def test_faces_near_the_camera_are_found_at_any_size_and_by_any_look(
    yunet: Detector, data_folder: Path, look: Look, factor: int
) -> None:
    pixels = _shrunk(_picture(data_folder / "privacy/egoblur/test_face_image.png"), factor)
    assert _counts(yunet(pixels, look), np.array(FACES["test_face_image.png"]) / factor) == (2, 0)


@pytest.mark.real_data
def test_where_nobody_is_nothing_is_found(yunet: Detector, data_folder: Path) -> None:
    assert yunet(_picture(data_folder / "privacy/egoblur/test_lp_image.png")) == []


@pytest.mark.real_data
def test_the_same_pixels_give_the_same_regions_whatever_was_looked_at_before(
    yunet: Detector, data_folder: Path
) -> None:
    pixels = _shrunk(_picture(data_folder / "privacy/city.jpg"), 2)
    first = yunet(pixels)
    yunet(pixels[:100, :70], Look.QUICK)
    assert yunet(pixels) == first
    assert [region.score for region in first] == sorted((region.score for region in first), reverse=True)


@pytest.mark.real_data
def test_a_grey_picture_shows_its_faces_too(yunet: Detector, data_folder: Path) -> None:
    grey = cv2.cvtColor(_picture(data_folder / "privacy/coco01.jpg"), cv2.COLOR_RGB2GRAY)
    pixels = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    assert _counts(yunet(pixels), np.array(FACES["coco01.jpg"])) == (2, 0)


@pytest.mark.real_data
def test_a_face_on_the_seam_of_two_tiles_is_told_once(yunet: Detector, data_folder: Path) -> None:
    face = _picture(data_folder / "privacy/coco01.jpg")[60:180, 350:450]
    small = cv2.resize(face, (48, 58), interpolation=cv2.INTER_AREA)
    for left in range(2600, 2900, 45):
        pixels = np.full((90, 5400, 3), 120, np.uint8)
        pixels[16:74, left : left + 48] = small
        (found,) = yunet(pixels)
        assert left < (found.box.left + found.box.right) / 2 < left + 48


@pytest.mark.real_data
def test_a_lower_threshold_finds_the_same_and_more(yunet: YuNet, data_folder: Path) -> None:
    pixels = _shrunk(_picture(data_folder / "privacy/city.jpg"), 4)
    strict = yunet(pixels)
    yunet.threshold = 0.2
    loose = yunet(pixels)
    yunet.threshold = 0.6
    assert len(loose) > len(strict)
    assert (iou(boxes_array(strict), boxes_array(loose)).max(axis=1) > 0.4).all()


@pytest.mark.real_data
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 130), st.integers(1, 130), st.sampled_from(Look), st.sampled_from(["black", "noise"]))
def test_any_shape_is_looked_at_and_regions_lie_in_it(
    yunet: Detector, height: int, width: int, look: Look, content: str
) -> None:
    generator = np.random.default_rng(height * 1000 + width)
    noise = generator.integers(0, 256, (height, width, 3), np.uint8)
    found = yunet(noise if content == "noise" else np.zeros_like(noise), look)
    assert content == "noise" or not found
    for region in found:
        assert 0 <= (region.box.left + region.box.right) / 2 <= width
        assert 0 <= (region.box.top + region.box.bottom) / 2 <= height


@pytest.mark.real_data
@pytest.mark.parametrize("shape", [(3, 2000), (2000, 3)])
def test_a_strip_is_looked_at(yunet: Detector, shape: tuple[int, int]) -> None:
    for look in Look:
        assert yunet(np.zeros((*shape, 3), np.uint8), look) == []


def test_a_damaged_file_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / WEIGHTS.file
    path.write_bytes(b"no network")
    with pytest.raises(ValueError, match=rf"{path.name} is damaged, or no network of YuNet"):
        YuNet(path)
    assert capfd.readouterr().err == ""


@pytest.mark.real_data
def test_the_threshold_of_settings_is_the_detector_s(yunet: YuNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nflows_privacy.detection.yunet.find_weights", lambda _: yunet.path)
    assert [load_detector(DetectorSettings(("yunet",), threshold)).threshold for threshold in (None, 0.3)] == [0.6, 0.3]  # type: ignore[attr-defined]


@pytest.mark.real_data
def test_a_face_is_embedded_by_its_own_pixels_alone(
    yunet: YuNet, data_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    embed = SFace(_stand_in(tmp_path / "sface.onnx"), yunet)
    assert capfd.readouterr().err == ""
    pixels = _picture(data_folder / "privacy/coco01.jpg")
    first, second = sorted(yunet(pixels), key=lambda region: region.box.left)
    mirrored = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    vectors = [embed(pixels, first), embed(mirrored, first), embed(pixels, second)]
    assert all(vector is not None and np.linalg.norm(vector) == pytest.approx(1) for vector in vectors)
    assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-6)  # type: ignore[operator]
    assert vectors[0] @ vectors[2] < 0.999  # type: ignore[operator]
    nobody = Region(Box(10, 500, 60, 560), "face")
    assert embed(pixels, nobody) is None


def _stand_in(path: Path) -> Path:
    """A network of SFace's form, 112 x 112 pixels to a vector, whose weights are random."""
    onnx = pytest.importorskip("onnx")
    weight = np.random.default_rng(0).standard_normal((3 * 14 * 14, 128)).astype(np.float32)
    nodes = [
        onnx.helper.make_node("AveragePool", ["data"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        onnx.helper.make_node("Flatten", ["small"], ["flat"]),
        onnx.helper.make_node("MatMul", ["flat", "weight"], ["fc1"]),
    ]
    shape = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "stand_in",
        [shape("data", kind, [1, 3, 112, 112])],
        [shape("fc1", kind, [1, 128])],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    opset = [onnx.helper.make_opsetid("", 13)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
    return path
