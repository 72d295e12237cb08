"""Plates read by OCR, and faces as vectors."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nflows_privacy.evaluation.embedding import Embedder
from nflows_privacy.evaluation.leaks import Leak, Reading, find_leak
from nflows_privacy.evaluation.reading import Reader
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import MASK_SCALE, covers
from nflows_privacy.regions import PLATE as PLATE_KIND
from nflows_privacy.regions import Box, Region

Pixels = NDArray[np.uint8]
PLATE = Box(60, 50, 180, 80)


@cache
def reader() -> Reader:
    pytest.importorskip("rapidocr")
    return Reader()


@cache
def readings_of_the_plate() -> tuple[Reading, ...]:
    return tuple(reader()(street(), PLATE))


def street(shear: float = 0.0) -> Pixels:
    """A grey street with a plate at `PLATE`, whose columns are moved down as it is seen from a side."""
    image = Image.new("RGB", (240, 160), (90, 95, 90))
    draw = ImageDraw.Draw(image)
    draw.rectangle(PLATE, (220, 220, 210))
    draw.text((120, 65), "KL 3291", (20, 20, 30), ImageFont.load_default(26), "mm")
    return np.asarray(image.transform(image.size, Image.Transform.AFFINE, (1, 0, 0, -shear, 1, 120 * shear)))


def blocks(pixels: Pixels, box: Box, number: int) -> Pixels:
    """The box in ``number`` blocks across and down."""
    pixels = pixels.copy()
    part = np.s_[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
    image = Image.fromarray(pixels[part])
    small = image.resize((number, number), Image.Resampling.BOX)
    pixels[part] = small.resize(image.size, Image.Resampling.NEAREST)
    return pixels


def test_a_plate_seen_from_a_side_is_read_whole() -> None:
    leak = find_leak(readings_of_the_plate(), reader()(street(shear=0.4), PLATE.grown(1.5)))
    assert leak is not None
    assert (leak.characters, leak.run, leak.is_leak) == (6, 6, True)


def test_four_blocks_hide_a_plate() -> None:
    leak = find_leak(readings_of_the_plate(), reader()(blocks(street(), PLATE, 4), PLATE))
    assert leak is not None
    assert not leak.is_leak


@pytest.mark.parametrize("how", ["blur", "telea"])
def test_a_small_turned_plate_is_read_and_no_more_once_it_is_filled(how: str) -> None:
    turned = Image.fromarray(street()).rotate(20, Image.Resampling.BICUBIC, center=(120, 65))
    small, box = np.asarray(turned.resize((120, 80), Image.Resampling.BOX)), Box(29, 15, 91, 50)
    mask = covers([Region(box.grown(MASK_SCALE), PLATE_KIND)], 80, 120)
    before = reader()(small, box)
    filled = load_fill(FillSettings(how))(small, mask, 0)
    left, gone = (find_leak(before, reader()(pixels, box)) for pixels in (small, filled))
    assert left == Leak(6, 6, 0)
    assert gone is not None
    assert not gone.is_leak


def test_text_beside_a_region_is_not_its_own() -> None:
    assert not any("329" in reading.text for reading in reader()(street(), Box(60, 90, 180, 120)))


@pytest.mark.real_data
def test_the_plate_of_a_real_car_is_read_and_gone_once_it_is_black(data_folder: Path) -> None:
    pixels = np.asarray(Image.open(data_folder / "privacy/egoblur/test_lp_image.png").convert("RGB"))
    box = Box(1404, 1102, 1480, 1206)
    before = reader()(pixels, box)
    left = find_leak(before, before)
    assert left is not None
    assert left.run == left.characters >= 5
    filled = pixels.copy()
    filled[1080:1230, 1390:1495] = 0
    gone = find_leak(before, reader()(filled, box))
    assert gone is not None
    assert not gone.is_leak


def test_an_embedder_sees_the_box_whatever_is_beside_it(tmp_path: Path) -> None:
    embedder = Embedder(_mean_network(tmp_path / "mean.onnx"))
    pixels = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    other = pixels.copy()
    other[:20] = other[:, :20] = 0
    box = Box(80, 80, 120, 128)
    one, same, moved = embedder(pixels, [box]), embedder(other, [box]), embedder(pixels, [Box(20, 20, 60, 68)])
    assert one.shape == (1, 3)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - moved).max() > 1e-3
    assert embedder(pixels, []).shape[0] == 0


def test_a_file_that_is_no_network_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "sface.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"sface\.onnx is no network that OpenCV reads"):
        Embedder(tmp_path / "sface.onnx")


def _mean_network(path: Path) -> Path:
    """A network of the shape of SFace whose vector is the mean colour."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("GlobalAveragePool", ["data"], ["mean"]), helper.make_node("Flatten", ["mean"], ["fc1"])]
    shapes = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, shape in (("data", [1, 3, 112, 112]), ("fc1", [1, 3]))
    ]
    graph = helper.make_graph(nodes, "mean", shapes[:1], shapes[1:])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString())
    return path
