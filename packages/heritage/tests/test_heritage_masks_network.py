from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.drawing import Stroke, drawn
from nflows_core.runs.kind import RunError
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig, Trainer
from nflows_heritage.cli import heritage
from nflows_heritage.masks import CrackFinder, ridge_cracks
from nflows_heritage.masks.cracks import SHIPPED
from nflows_heritage.masks.evaluation import Score, cracked_pictures, falsely_marked, score, total
from nflows_heritage.masks.network import CrackNetwork
from nflows_heritage.masks.runs import Run, load_network, read_run, save_run
from nflows_heritage.masks.training import CrackedCrops
from nflows_heritage.networks.pixel_finding import PixelFinding, counts_within

Pixels = NDArray[np.uint8]


def wall(height: int = 96, width: int = 112, seed: int = 0) -> Pixels:
    """Soft colours with a little grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 100
    colours = np.stack([0.5 + 0.2 * np.sin(3 * x + k) * np.cos(2 * y - k) for k in range(3)], 2)
    return np.rint(255 * (colours + random.normal(0, 0.01, colours.shape))).astype(np.uint8)


def crack(picture: Pixels, tone: float) -> tuple[Pixels, NDArray[np.bool_]]:
    """The picture with one crack of 3 pixels' width from corner to corner, and where that is."""
    height, width = picture.shape[:2]
    t = np.linspace(0.1, 0.9, 80)
    points = np.stack([t * width, t * height + 6 * np.sin(9 * t)], axis=1)
    shares = drawn([Stroke(points, np.full(80, 3.0))], height, width)
    damaged = picture + shares[..., None] * (255 * tone - picture)
    return np.rint(damaged).astype(np.uint8), shares > 0


@pytest.fixture(scope="module")
def finder() -> CrackFinder:
    return CrackFinder()


@pytest.mark.parametrize("tone", [0.05, 0.95])
def test_a_crack_is_found_to_a_pixel(finder: CrackFinder, tone: float) -> None:
    picture, damaged = crack(wall(), tone)
    counted = score(finder(picture), damaged)
    assert counted.precision > 0.9
    assert counted.recall > 0.85


def test_a_whole_wall_is_left_alone(finder: CrackFinder) -> None:
    assert not finder(wall()).any()
    assert not finder(np.full((40, 30, 1), 200, np.uint8)).any()


def test_depth_and_grey_make_no_difference(finder: CrackFinder) -> None:
    picture, _ = crack(wall(60, 70), 0.05)
    grey = picture[..., :1]
    probabilities = finder.probabilities(grey)
    np.testing.assert_allclose(finder.probabilities(np.repeat(grey, 3, 2)), probabilities, atol=1)
    np.testing.assert_allclose(finder.probabilities(grey.astype(np.uint16) * 257), probabilities, atol=1)


def test_tiles_leave_no_seam(finder: CrackFinder) -> None:
    picture, _ = crack(wall(120, 700), 0.05)
    x = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    at_once = 255 * torch.sigmoid(finder.network(x)[0, 0]).numpy()
    assert np.abs(finder.probabilities(picture) - at_once).mean() < 1


def test_the_shipped_network_is_small_and_has_a_card() -> None:
    run = read_run(SHIPPED)
    network = load_network(SHIPPED, run)
    parameters = sum(value.numel() for value in network.parameters())
    assert parameters < 100_000
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1_000_000
    assert f"{parameters:,}" in (SHIPPED / "README.md").read_text(encoding="utf-8")


@pytest.mark.real_data
def test_damaged_murals_are_told_from_whole_ones_better_than_by_ridges(finder: CrackFinder, data_folder: Path) -> None:
    folder = data_folder / "heritage" / "murals"
    damaged = read_picture(folder / "inpaint-domain.png").pixels.max(2) > 0
    cases = ("case01", "case02", "case03")
    originals = [read_picture(folder / f"{case}-original.png").pixels for case in cases]
    ridges = partial(ridge_cracks, threshold=0.18)
    assert falsely_marked(finder, originals) < 0.4 * falsely_marked(ridges, originals)
    pictures = [(read_picture(folder / f"{case}-toinpaint.png").pixels, damaged) for case in cases]
    assert total(finder, pictures).f1 > total(ridges, pictures).f1 + 0.2


def test_the_command_marks_a_crack(tmp_path: Path) -> None:
    picture, damaged = crack(wall(), 0.05)
    write_picture(tmp_path / "a.png", Picture(picture))
    assert call_command(heritage, "mask", tmp_path / "a.png", "-o", tmp_path / "m.png") == 0
    mask = read_picture(tmp_path / "m.png").pixels[..., 0]
    assert set(np.unique(mask)) == {0, 255}
    assert score(mask > 0, damaged).f1 > 0.85


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]))
@settings(max_examples=15)
def test_a_picture_of_any_size_has_a_logit_for_each_pixel(height: int, width: int, channels: int) -> None:
    assert CrackNetwork(2)(torch.rand(2, channels, height, width)).shape == (2, 1, height, width)


def test_no_pixel_sees_farther_than_the_network_says() -> None:
    network = CrackNetwork(2).eval()
    x = torch.rand(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    for place in range(80, 84):
        (gradient,) = torch.autograd.grad(network.double()(x)[0, 0, place, place], x)
        seen = gradient.abs().sum((0, 1)).nonzero()
        assert int((seen - place).abs().max()) <= network.reach


def test_a_mask_is_scored_within_its_tolerance() -> None:
    marked, damaged = np.zeros((2, 8, 9), bool)
    marked[2, 2:6] = True
    damaged[3, 2:8] = True
    assert score(marked, damaged, 0) == Score(4, 0, 6, 0)
    assert score(marked, damaged, 1) == Score(4, 4, 6, 5)
    assert score(marked, damaged, 1).f1 == pytest.approx(2 * 5 / 6 / (1 + 5 / 6))
    assert Score().f1 == 1
    assert Score(3, 0, 0, 0).f1 == 0
    assert Score(1, 2, 3, 4) + Score(10, 20, 30, 40) == Score(11, 22, 33, 44)
    both = [torch.from_numpy(mask)[None, None] for mask in (marked, damaged)]
    counts = {name: float(72 * share) for name, share in counts_within(both[0], both[1]).items()}
    assert counts == pytest.approx({"marked": 4, "true": 6, "right": 4, "found": 5})


def test_made_up_cases_are_those_of_their_seed() -> None:
    first, again, other = (next(cracked_pictures([wall(40, 50)], False, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[1] != other[1]).any()
    assert math.isclose(falsely_marked(lambda pixels: pixels[..., 0] > -1, [first[0]]), 1)


def test_a_training_learns_and_another_of_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    def fit() -> CrackNetwork:
        torch.manual_seed(0)
        crops = CrackedCrops([wall(64, 64, 1)], 32, 32)
        config = EngineConfig(epochs=6, batch_size=8, learning_rate=1e-2, ema_decay=0.5)
        return Trainer(PixelFinding(CrackNetwork(4), crops, config, CrackedCrops([wall(64, 64, 2)], 8, 32))).fit()

    network = fit()
    for mine, others in zip(network.parameters(), fit().parameters(), strict=True):
        assert torch.equal(mine, others)
    picture, damaged = crack(wall(64, 64, 3), 0.0)
    with torch.no_grad():
        logits = network(torch.from_numpy(picture / np.float32(255)).permute(2, 0, 1)[None])[0, 0].numpy()
    assert logits[damaged].mean() > logits[~damaged].mean() + 0.5
    save_run(tmp_path, Run(4, 0.5, "walls", EngineConfig(epochs=6)), network)
    again = load_network(tmp_path, read_run(tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder"):
        CrackFinder(tmp_path)
    save_run(tmp_path, Run(4, 0.5, "walls", EngineConfig(epochs=6)))
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    (tmp_path / "config.json").write_text(text.replace('"threshold": 0.5', '"threshold": 1.5'), encoding="utf-8")
    with pytest.raises(RunError, match="out of its range"):
        CrackFinder(tmp_path)
