"""Detectors of others, on tiny weights made here: what their files mean, and what is refused."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nflows_core.runtime.errors import CommandError
from nflows_privacy.detection import DetectorSettings, Look, load_detector, lpd_yunet, retinaface, weights_of
from nflows_privacy.detection.arrays import regions_of, scaled
from nflows_privacy.detection.retinaface_network import RetinaFace, mobilenet, resnet50
from nflows_privacy.regions import Box, Region

CPU = torch.device("cpu")


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(20, 300), st.integers(20, 300), st.floats(0, 0.9))
def test_tiles_cover_a_picture_and_overlap_as_they_should(
    height: int, width: int, down: int, across: int, overlap: float
) -> None:
    for length, tile, starts in (
        (height, down, sorted({top for top, _ in lpd_yunet.tiles((height, width), down, across, overlap)})),
        (width, across, sorted({left for _, left in lpd_yunet.tiles((height, width), down, across, overlap)})),
    ):
        assert starts[0] == 0
        assert starts[-1] == max(0, length - tile)
        steps = np.diff(starts)
        assert (steps <= tile * (1 - overlap) + 1).all()


def test_regions_have_an_area_and_a_score() -> None:
    boxes = np.array([[0, 0, 2, 3], [0, 0, 0, 3], [0, 0, np.nan, 3], [0, 0, 9, 9], [1, 1, 2, 2]])
    found = regions_of(boxes, np.array([0.9, 1, 1, 0.1, 1.0001]), "face", 0.5)
    assert found == [Region(Box(0, 0, 2, 3), "face", 0.9), Region(Box(1, 1, 2, 2), "face", 1.0)]


def test_regions_of_a_resized_picture_are_where_they_were() -> None:
    assert scaled([Region(Box(5, 5, 10, 10), "face")], (25, 50, 3), (100, 200, 3)) == [
        Region(Box(20, 20, 40, 40), "face")
    ]


# EgoBlur


class ScriptedBlur(nn.Module):
    """Gives a box about a bright blue region, as EgoBlur would: blue comes first."""

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        bright = torch.nonzero(picture[0] > 200).float()
        low, high = bright.amin(dim=0), bright.amax(dim=0) + 1
        box = torch.stack([low[1], low[0], high[1], high[0]])
        boxes = torch.stack([box, box + 0.25, box + 100])
        return boxes, torch.zeros(3), torch.tensor([0.95, 0.92, 0.5]), torch.tensor(picture.shape[1:])


class FiveParts(ScriptedBlur):
    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # type: ignore[override]
        boxes = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
        return boxes, torch.zeros(1), torch.zeros(1, 9), torch.ones(1), torch.zeros(2)


class NoBlur(nn.Module):
    def forward(self, picture: Tensor) -> Tensor:
        return picture


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[nn.Module, str], str]:
    def save(module: nn.Module, name: str) -> str:
        with warnings.catch_warnings(action="ignore"):  # old, as these files are
            torch.jit.save(torch.jit.script(module), tmp_path / name)
        return str(tmp_path / name)

    return save


def blue(left: int, top: int) -> np.ndarray:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[top : top + 12, left : left + 8, 2] = 255
    return pixels


@pytest.mark.parametrize(("name", "kind"), [("ego_blur_face.jit", "face"), ("ego_blur_lp.jit", "plate")])
def test_egoblur_is_loaded_by_the_path_of_its_file(
    saved: Callable[[nn.Module, str], str], name: str, kind: str
) -> None:
    path = saved(ScriptedBlur(), name)
    settings = DetectorSettings((path,), device="cpu")
    detector = load_detector(settings)
    assert detector.kinds == {kind}
    assert weights_of(settings) == {path: Path(path)}
    box = Box(20, 8, 28, 20)
    (found,) = detector(blue(20, 8))
    assert (found.box, found.kind, found.score) == (box, kind, pytest.approx(0.95))
    (checked,) = detector(blue(20, 8), Look.CHECK)
    assert checked.box == pytest.approx(box, abs=2)
    assert [one.score for one in load_detector(replace(settings, threshold=0.4))(blue(20, 8))] == [
        pytest.approx(0.95),
        pytest.approx(0.5),
    ]


def test_what_is_no_file_of_egoblur_is_refused(saved: Callable[[nn.Module, str], str], tmp_path: Path) -> None:
    (found,) = load_detector(DetectorSettings((saved(FiveParts(), "face.jit"),), device="cpu"))(blue(0, 0))
    assert found == Region(Box(1, 2, 3, 4), "face", 1.0)
    detector = load_detector(DetectorSettings((saved(NoBlur(), "face2.jit"),), device="cpu"))
    with pytest.raises(ValueError, match=r"face2\.jit: gives no boxes"):
        detector(blue(0, 0))
    with pytest.raises(ValueError, match="is it of faces or of plates"):
        load_detector(DetectorSettings((saved(NoBlur(), "model.jit"),)))
    (tmp_path / "lp.jit").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"lp\.jit: is damaged or no TorchScript"):
        load_detector(DetectorSettings((str(tmp_path / "lp.jit"),)))
    for ask in (load_detector, weights_of):
        with pytest.raises(CommandError, match="give its path instead of the name"):
            ask(DetectorSettings(("egoblur",)))


# LPD-YuNet


def test_the_priors_of_lpd_yunet_are_those_of_its_network() -> None:
    known = lpd_yunet.priors()
    assert known.shape == (4385, 3)
    assert known[0].tolist() == [4, 4, 10]
    assert known[2].tolist() == [4, 4, 24]
    assert known[3].tolist() == [12, 4, 10]
    assert known[40 * 30 * 3].tolist() == [8, 8, 32]
    assert known[-1].tolist() == [4.5 * 64, 2.5 * 64, 256]


@given(st.lists(st.floats(-50, 400), min_size=8, max_size=8), st.integers(0, 4384))
def test_the_corners_of_a_plate_are_decoded(corners: list[float], index: int) -> None:
    known = lpd_yunet.priors()[index : index + 1]
    x, y, side = known[0].tolist()
    offsets = [(value - middle) / (0.1 * side) for value, middle in zip(corners, [x, y] * 4, strict=True)]
    places = np.array([[0, 0, 0, 0, *offsets[:4], 0, 0, *offsets[4:]]], np.float32)
    expected = [min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])]
    assert lpd_yunet.decode(places, known)[0] == pytest.approx(expected, abs=1e-2)


def lpd_network(path: Path, index: int, corners: list[float]) -> bytes:
    """A network of these outputs that sees a plate by one prior, the surer the bluer a picture's first pixel is."""
    places, likely, fits = np.zeros((4385, 14)), np.zeros((4385, 2)), np.full((4385, 1), 2.0)
    x, y, side = lpd_yunet.priors()[index].tolist()
    offsets = [(value - middle) / (0.1 * side) for value, middle in zip(corners, [x, y] * 4, strict=True)]
    places[index, [4, 5, 6, 7, 10, 11, 12, 13]] = offsets
    likely[index, 1] = 1 / 255
    helper, constant = onnx.helper, onnx.numpy_helper.from_array
    named = {"places": places, "likely": likely, "fits": fits, "none": np.zeros((1, 1))}
    numbers = [constant(value.astype(np.float32), name) for name, value in named.items()]
    starts, ends, axes = (
        constant(np.array(value), name)
        for name, value in (("starts", [0, 0, 0, 0]), ("ends", [1, 1, 1, 1]), ("axes", [0, 1, 2, 3]))
    )
    shape = constant(np.array([1, 1]), "shape")
    nodes = [
        helper.make_node("Slice", ["input", "starts", "ends", "axes"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "shape"], ["blue"]),
        helper.make_node("Mul", ["blue", "none"], ["zero"]),
        helper.make_node("Add", ["places", "zero"], ["loc"]),
        helper.make_node("Mul", ["likely", "blue"], ["conf"]),
        helper.make_node("Add", ["fits", "zero"], ["iou"]),
    ]
    single = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "plates",
        [helper.make_tensor_value_info("input", single, [1, 3, 240, 320])],
        [helper.make_tensor_value_info(name, single, [4385, n]) for name, n in (("loc", 14), ("conf", 2), ("iou", 1))],
        [*numbers, starts, ends, axes, shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path.read_bytes()


def test_lpd_yunet_finds_plates_in_its_tiles_through_the_resolver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corners = [100.0, 50.0, 140.0, 48.0, 141.0, 60.0, 99.0, 61.0]
    content = lpd_network(tmp_path / lpd_yunet.WEIGHTS.file, 500, corners)
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    settings = DetectorSettings(("lpd-yunet",))
    with pytest.raises(CommandError, match="has the SHA-256"):
        load_detector(settings)
    right = replace(lpd_yunet.WEIGHTS, sha256=hashlib.sha256(content).hexdigest(), size=None)
    monkeypatch.setattr(lpd_yunet, "WEIGHTS", right)
    detector = load_detector(settings)
    pixels = np.zeros((480, 640, 3), np.uint8)
    assert detector(pixels, Look.QUICK) == []
    pixels[0, 0, 2] = 255
    (found,) = detector(pixels, Look.QUICK)
    assert (found.kind, found.score) == ("plate", pytest.approx(1, abs=1e-4))
    assert found.box == pytest.approx((99, 48, 141, 61), abs=0.05)
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"bad\.onnx: is damaged"):
        lpd_yunet.LpdYuNet(tmp_path / "bad.onnx", 0.8)


# RetinaFace


@pytest.mark.parametrize(("build", "keys", "stem"), [(mobilenet, 300, (8, 3, 3, 3)), (resnet50, 456, (64, 3, 7, 7))])
def test_the_networks_have_the_names_of_public_checkpoints(
    build: Callable[[], RetinaFace], keys: int, stem: tuple[int, ...]
) -> None:
    state = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    assert len(state) == keys
    width = 64 if keys == 300 else 256
    assert state["body.stage1.0.0.weight" if keys == 300 else "body.conv1.weight"] == stem
    for name, shape in {
        "fpn.output3.0.weight": (width, 256 if keys == 300 else 2048, 1, 1),
        "fpn.merge1.1.running_mean": (width,),
        "ssh1.conv3X3.0.weight": (width // 2, width, 3, 3),
        "ssh2.conv5X5_1.0.weight": (width // 4, width, 3, 3),
        "ssh3.conv5X5_2.1.num_batches_tracked": (),
        "ssh1.conv7X7_2.0.weight": (width // 4, width // 4, 3, 3),
        "ssh1.conv7x7_3.1.bias": (width // 4,),
        "ClassHead.0.conv1x1.weight": (4, width, 1, 1),
        "BboxHead.1.conv1x1.bias": (8,),
        "LandmarkHead.2.conv1x1.weight": (20, width, 1, 1),
    }.items():
        assert state[name] == shape


@given(st.integers(1, 300), st.integers(1, 300))
def test_there_is_an_anchor_for_each_number_that_the_network_gives(height: int, width: int) -> None:
    known = retinaface.anchors(height, width)
    assert len(known) == 2 * sum(-(-height // stride) * -(-width // stride) for stride in (8, 16, 32))
    assert known[:3].tolist()[:2] == [[4, 4, 16], [4, 4, 32]]
    assert known[-1, 2] == 512


def test_the_network_gives_numbers_for_all_anchors_of_any_picture() -> None:
    network = mobilenet().eval()
    for height, width in ((33, 50), (64, 31)):
        with torch.inference_mode():
            boxes, scores = network(torch.randn(1, 3, height, width))
        assert boxes.shape == (1, len(retinaface.anchors(height, width)), 4)
        assert scores.shape == boxes.shape[:2]
        assert ((scores >= 0) & (scores <= 1)).all()


numbers = st.floats(0, 600)


@given(numbers, numbers, st.floats(2, 500), st.floats(2, 500), st.integers(0, 2000))
def test_a_box_that_was_encoded_is_decoded(left: float, top: float, width: float, height: float, index: int) -> None:
    known = retinaface.anchors(640, 640)[index : index + 1]
    x, y, side = known[0].tolist()
    middle = (left + width / 2 - x) / (0.1 * side), (top + height / 2 - y) / (0.1 * side)
    offsets = np.array([[*middle, np.log(width / side) / 0.2, np.log(height / side) / 0.2]], np.float32)
    assert retinaface.decode(offsets, known)[0] == pytest.approx([left, top, left + width, top + height], abs=0.02)


def test_a_random_checkpoint_is_loaded_and_finds_what_its_heads_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = mobilenet().state_dict()
    for heads in ("ClassHead", "BboxHead"):
        for level in range(3):
            state[f"{heads}.{level}.conv1x1.weight"].zero_()
            state[f"{heads}.{level}.conv1x1.bias"].fill_(-9.0 if heads == "ClassHead" else 0.0)
    # The larger anchor of the coarsest level is a face wherever it is.
    state["ClassHead.2.conv1x1.bias"][3] = 9.0
    path = tmp_path / retinaface.MOBILENET_WEIGHTS.file
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    right = replace(retinaface.MOBILENET_WEIGHTS, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=None)
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    detector = retinaface._load("mobilenet", right, DetectorSettings(("retinaface-mobilenet",), device="cpu"))
    found = detector(np.zeros((160, 320, 3), np.uint8), Look.QUICK)
    assert {region.kind for region in found} == {"face"}
    assert all(region.box.width == pytest.approx(256) for region in found)
    torch.save({"body.stage1.0.0.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is of another network"):
        retinaface.load_checkpoint(mobilenet(), path)
