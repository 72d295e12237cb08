from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made_up_art import drawn, pixels, trained_a_little_on
from nflows_core.data import DataError
from nflows_core.testing import call_command
from nflows_heritage.cli import heritage
from nflows_heritage.evaluation.comparing import damaged as damaged_pixels
from nflows_heritage.evaluation.fidelity import psnr
from nflows_heritage.networks import Restorer
from nflows_heritage.restoring.engines import load_engine
from nflows_heritage.restoring.tiling import restored
from nflows_heritage.training.damaged import KINDS, DamagedPictures, DamagedTiles
from nflows_heritage.training.restorer import RESTORER, RestorerSettings, build, log_error
from nflows_heritage.views import InMemory
from nflows_heritage.views.arrays import Pixels
from nflows_sr.data.pictures import Pictures
from nflows_sr.training.recipes import find_recipe

SMALL = RestorerSettings(width=4, blocks=1, tile=16, region=40, regions=16)
KIND = torch.zeros(1, dtype=torch.long)


def pictures(*sides: tuple[int, int]) -> Pictures:
    random = np.random.default_rng(0)
    pixels = [random.integers(0, 256, (*side, 3), np.uint8) for side in sides]
    return Pictures([f"{number}.png" for number in range(len(sides))], pixels)


def trained_a_little() -> Restorer:
    """A network whose last layers are not zero."""
    torch.manual_seed(0)
    network = build(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return network.eval()


def test_untrained_it_leaves_what_the_method_made() -> None:
    x, made = torch.rand(2, 3, 24, 32), torch.rand(2, 3, 24, 32)
    torch.testing.assert_close(build(SMALL)((x, made, KIND.expand(2))), made)


@given(st.integers(1, 40), st.integers(1, 40))
@torch.no_grad()
def test_pictures_of_any_size_keep_it(height: int, width: int) -> None:
    x = torch.rand(1, 3, height, width)
    assert trained_a_little()((x, x, KIND)).shape == x.shape


@torch.no_grad()
def test_a_picture_moved_by_whole_units_gives_the_same_moved() -> None:
    network, x, made = trained_a_little().double(), *torch.rand(2, 1, 3, 192, 192).double()
    moved = (..., slice(network.unit, None), slice(network.unit, None))
    whole, part = network((x, made, KIND)), network((x[moved], made[moved], KIND))
    inner = slice(88, 96)  # beyond what the edge is seen from
    torch.testing.assert_close(part[..., inner, inner], whole[..., 96:104, 96:104])


@torch.no_grad()
def test_each_kind_is_restored_in_its_own_way() -> None:
    network, x = trained_a_little(), torch.rand(1, 3, 16, 16)
    assert (network((x, x, KIND + 1)) - network((x, x, KIND))).abs().min() > 0


def test_tiles_lie_where_they_were_and_each_seed_draws_its_own() -> None:
    tiles = DamagedTiles(pictures((40, 52), (8, 99)), 16, 40, 8)
    assert len(tiles) == 8 * 4
    for number in range(8):
        (bad, made, kind), good = tiles.read(number, 7)
        assert kind == number % len(KINDS)
        assert bad.shape == made.shape == good.shape == (3, 16, 16)
        again = tiles.read(number, 7)
        assert torch.equal(again[0][0], bad)
        assert torch.equal(again[1], good)
    assert not torch.equal(tiles.read(3, 7)[1], tiles.read(3, 8)[1])


def test_a_tile_its_restoration_and_what_it_was_are_turned_alike() -> None:
    tiles = DamagedTiles(pictures((40, 40)), 32, 40, 8)
    for seed in range(8):
        (bad, made, _), good = tiles.read(KINDS.index("water"), seed)
        assert torch.equal(bad, made)
        assert float((bad - good).abs().amax(0).lt(0.01).float().mean()) > 0.1


def test_what_is_tested_has_every_kind_and_stays() -> None:
    tested = DamagedPictures(pictures((70, 99)), 64)
    items = [tested.read(number, seed) for number in range(len(tested)) for seed in (3, 4)]
    assert [item[0][2] for item in items[::2]] == list(range(len(KINDS)))
    for (one, good), (two, _) in zip(items[::2], items[1::2], strict=True):
        assert good.shape == (3, 64, 64)
        assert torch.equal(one[0], two[0])
        assert not torch.equal(one[0], good)


def test_a_decibel_counts_the_same_whatever_is_wrong() -> None:
    good = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    for error in (0.1, 0.5):
        apart = log_error(good + error, good) - log_error(good + error / 10 ** (1 / 20), good)
        assert float(apart) == pytest.approx(np.log(10) / 10, rel=0.03)
    assert log_error(good, good) == 0


def test_pictures_that_are_too_small_are_told() -> None:
    with pytest.raises(DataError, match="no picture has 16 x 16 pixels"):
        DamagedTiles(pictures((15, 99)), 16, 24, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 6}, "multiple of four"),
        ({"tile": 100, "region": 99}, "side of a tile"),
        ({"blocks": 0}, "from 1 to"),
        ({"kind": "fade"}, "expected all or one of blur,"),
    ],
)
def test_settings_out_of_range_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RestorerSettings(**settings)


def test_the_recipe_is_found_by_its_name() -> None:
    assert find_recipe("restorer") is RESTORER


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_shipped_size_stays_under_eight_megabytes() -> None:
    assert 4 * _parameters(build(RestorerSettings())) < 8_000_000


def test_the_defaults_of_the_help_are_those_of_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(heritage, "train", "--help") == 0
    options = " ".join(capsys.readouterr().out.split()).split(" --")
    told = (re.match(r"([a-z-]+) .*\[default: the model's, ([\d.]+) of restorer\]", option) for option in options)
    assert {found[1].replace("-", "_"): float(found[2]) for found in told if found} == RESTORER.engine


@pytest.mark.parametrize("kind", ["rain", "water"])
def test_the_shipped_one_goes_on_where_the_method_ends(kind: str) -> None:
    good = np.rint(255 * drawn(192)).astype(np.uint8)
    bad = damaged_pixels(good, kind, 4, 0)
    classic, unified = (restored_by(engine, bad, kind) for engine in ("classic", "unified"))
    assert psnr(unified, good) > psnr(classic, good) + 0.5


def test_what_is_a_matter_of_the_whole_picture_it_leaves_to_the_method() -> None:
    bad = damaged_pixels(pixels(90, 100), "fade", 3, 0)
    np.testing.assert_array_equal(restored_by("classic", bad, "fade"), restored_by("unified", bad, "fade"))


def test_one_of_a_single_kind_sees_no_other_and_leaves_the_others_to_the_method(tmp_path: Path) -> None:
    kinds = RestorerSettings(kind="rain").kinds
    tiles = DamagedTiles(pictures((40, 40)), 16, 24, 5, kinds)
    assert {tiles.read(number, 0)[0][2] for number in range(5)} == {KINDS.index("rain")}
    assert len(DamagedPictures(pictures((40, 40), (30, 30)), 64, kinds)) == 2
    own = trained_a_little_on(tmp_path, "rain")
    bad = damaged_pixels(pixels(64, 64), "gaussian", 3, 0)
    np.testing.assert_array_equal(restored_by("classic", bad, "gaussian"), restored_by(str(own), bad, "gaussian"))
    assert (restored_by("classic", bad, "rain") != restored_by(str(own), bad, "rain")).any()


def restored_by(engine: str, bad: Pixels, kind: str) -> Pixels:
    prepared = load_engine(engine).prepare(InMemory(bad), kind, 0)
    return np.concatenate(list(restored(InMemory(bad), prepared, 1.0, None, None)))
