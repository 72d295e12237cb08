"""YuNet's network, run by ONNX Runtime, beside OpenCV's own, and its decoding by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_privacy.detection.opencv import silence
from nflows_privacy.detection.yunet_network import YuNetNetwork, decode

Pixels = NDArray[np.uint8]
PICTURES = ("city.jpg", "coco01.jpg", "egoblur/test_face_image.png")
SIZES = ((64, 64), (333, 100), (480, 640), (1067, 1601))


@pytest.fixture(scope="module")
def network(yunet_weights: Path) -> YuNetNetwork:
    return YuNetNetwork(yunet_weights)


def _picture(path: Path, height: int, width: int) -> Pixels:
    bgr = cv2.resize(cv2.imread(str(path)), (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


@pytest.mark.real_data
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_rows_are_those_of_opencv(
    network: YuNetNetwork, yunet_weights: Path, data_folder: Path, name: str, height: int, width: int
) -> None:
    silence()
    pixels = _picture(data_folder / "privacy" / name, height, width)
    opencv = cv2.FaceDetectorYN.create(str(yunet_weights), "", (width, height), 0.4, 0.3, 5000)
    _, faces = opencv.detect(np.ascontiguousarray(pixels[..., ::-1]))
    np.testing.assert_allclose(network(pixels, 0.4), np.empty((0, 15)) if faces is None else faces, rtol=0, atol=1e-3)


@pytest.mark.real_data
def test_threads_at_once_find_what_one_finds(network: YuNetNetwork, data_folder: Path) -> None:
    pictures = [_picture(data_folder / "privacy" / name, *size) for name in PICTURES for size in SIZES[:3]]
    alone = [network(picture, 0.3) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: network(picture, 0.3), pictures * 3))
    for one, other in zip(alone * 3, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.real_data
@pytest.mark.parametrize("threads", ["1", "2", "2,1", "many", ""])
def test_the_number_of_threads_changes_nothing(
    network: YuNetNetwork, yunet_weights: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    pixels = _picture(data_folder / "privacy/coco01.jpg", 320, 400)
    np.testing.assert_array_equal(YuNetNetwork(yunet_weights)(pixels, 0.3), network(pixels, 0.3))


@pytest.mark.real_data
def test_rows_are_the_surest_first_and_reach_the_score(network: YuNetNetwork, data_folder: Path) -> None:
    pixels = _picture(data_folder / "privacy/city.jpg", 534, 800)
    scores = network(pixels, 0.2)[:, -1]
    assert len(scores) > len(network(pixels, 0.7)) > 0
    assert (np.diff(scores) <= 0).all()
    assert scores.min() >= 0.2


def test_a_cell_is_decoded_as_the_formula_says() -> None:
    likely, fits = np.zeros((2, 1, 6, 1), np.float32)
    places, landmarks = np.zeros((1, 6, 4), np.float32), np.zeros((1, 6, 10), np.float32)
    likely[0, 4], fits[0, 4] = 0.81, 0.64
    places[0, 4] = [0.5, 0.25, np.log(2), np.log(3)]
    landmarks[0, 4] = np.arange(10) / 10
    (row,) = decode((likely, fits, places, landmarks), stride=8, across=3, least=0.5)
    # The fifth cell of two rows of three: column 1, row 1; its middle lies at (1.5, 1.25) cells of 8 pixels.
    points = 8 * (1 + np.arange(10) / 10)
    np.testing.assert_allclose(row, [12 - 8, 10 - 12, 16, 24, *points, 0.72], rtol=1e-6)
    assert len(decode((likely, fits, places, landmarks), stride=8, across=3, least=0.73)) == 0


def test_a_network_of_something_else_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    shape = onnx.helper.make_tensor_value_info
    sides = [shape(name, onnx.TensorProto.FLOAT, [1, 3, 4, 4]) for name in ("input", "output")]
    node = onnx.helper.make_node("Relu", ["input"], ["output"])
    graph = onnx.helper.make_graph([node], "other", sides[:1], sides[1:])
    opset = [onnx.helper.make_opsetid("", 13)]
    path = tmp_path / "other.onnx"
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
    with pytest.raises(ValueError, match=r"other\.onnx is damaged, or no network of YuNet"):
        YuNetNetwork(path)
    assert capfd.readouterr().err == ""


@pytest.mark.real_data
def test_a_file_that_was_cut_short_is_named(
    yunet_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(yunet_weights.read_bytes()[:-5000])
    with pytest.raises(ValueError, match=r"short\.onnx is damaged"):
        YuNetNetwork(path)
    assert capfd.readouterr().err == ""
