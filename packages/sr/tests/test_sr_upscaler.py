from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nflows_sr.degradations import resize_bicubic
from nflows_sr.degradations.projection import project
from nflows_sr.engines import Bicubic, EngineSettings
from nflows_sr.engines.coupling import LumaEngine, details_of_colours, luma_of
from nflows_sr.networks.upscaler import Upscaler, bicubic, coupling_upscaler, residual_upscaler

Make = Callable[..., Upscaler]
KINDS = pytest.mark.parametrize("make", [coupling_upscaler, residual_upscaler])


def stirred(network: Upscaler, size: float = 0.1) -> Upscaler:
    """The network with weights as if it had learned something, where it starts with zeros."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=size)
    return network


def engine(network: Upscaler) -> LumaEngine:
    return LumaEngine(network, EngineSettings("coupling", device="cpu"))


@KINDS
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_begins_as_bicubic_enlargement(make: Make, scale: int) -> None:
    x, network = torch.rand(1, 1, 9, 7), make(scale, 4, 4, 2)
    inner = 2 * scale
    expected = Bicubic(scale)(x[0])[None]
    torch.testing.assert_close(
        network(x)[..., inner:-inner, inner:-inner], expected[..., inner:-inner, inner:-inner], atol=2e-6, rtol=0
    )


@KINDS
@pytest.mark.parametrize("blocks", [1, 3])
def test_its_reach_is_that_of_its_gradient(make: Make, blocks: int) -> None:
    network = stirred(make(2, 4, 4, blocks)).double()
    x = torch.rand(1, 1, 31, 31, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, 30:32, 30:32].sum().backward()
    touched = x.grad[0, 0].nonzero() - 15  # type: ignore[index]
    assert touched.abs().max() == network.reach


def test_a_coupling_block_is_the_identity_that_exchanges_halves_at_first() -> None:
    x = torch.rand(2, 4, 5, 3)
    assert torch.equal(coupling_upscaler(2, 4, 4, 1).blocks(x), x.roll(2, 1))


def test_the_defaults_of_both_kinds_are_about_as_large() -> None:
    coupled, residual = (
        sum(parameter.numel() for parameter in make(2).parameters()) for make in (coupling_upscaler, residual_upscaler)
    )
    assert abs(coupled / residual - 1) < 0.1
    assert 3 * coupled < 500_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 5}, r"`scale`: expected 2, 3 or 4, got 5"),
        ({"scale": 2, "channels": 5}, r"channels: expected an even number, got 5"),
        ({"scale": 2, "blocks": 0}, r"blocks: expected a whole number, at least 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coupling_upscaler(**arguments)


def softened(tile: Tensor) -> Tensor:
    """Far from black and white, so that nothing is clipped."""
    return 0.4 + 0.2 * tile


@KINDS
def test_the_engine_changes_red_green_and_blue_alike(make: Make) -> None:
    tile, untrained, small = (
        softened(torch.rand(3, 12, 11)),
        engine(make(2, 4, 4, 1)),
        engine(stirred(make(2, 4, 4, 1))),
    )
    change = small(tile) - untrained(tile)
    assert change.abs().max() > 0.001
    torch.testing.assert_close(change, change[:1].expand(3, -1, -1), atol=2e-6, rtol=0)


def test_the_luma_of_what_the_engine_gives_is_that_of_the_network_projected() -> None:
    network = stirred(coupling_upscaler(3, 4, 4, 1))
    tile = softened(torch.rand(3, 6, 7))
    weights = torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1) / 255
    luma = (16 / 255 + (tile * weights).sum(0))[None, None]
    enlarged = 16 / 255 + (engine(network)(tile) * weights).sum(0)
    torch.testing.assert_close(enlarged, project(network(luma), luma)[0, 0], atol=1e-5, rtol=0)


@KINDS
def test_what_the_engine_gives_made_smaller_again_is_what_it_was_given(make: Make) -> None:
    tile, dots = softened(torch.rand(3, 12, 11)), (torch.rand(1, 12, 11) < 0.4).float()
    network = stirred(make(2, 4, 4, 1))
    small = engine(network)
    torch.testing.assert_close(resize_bicubic(small(tile), (12, 11)), tile, atol=0.5 / 255, rtol=0)
    raw = (bicubic(dots[None], 2) + details_of_colours(network.details(luma_of(dots[None]))))[0]
    errors = [(resize_bicubic(large, (12, 11)) - dots).norm() for large in (small(dots), raw.clamp(0, 1))]
    assert errors[0] < 0.6 * errors[1]


def test_grey_is_enlarged_as_three_equal_channels_are() -> None:
    small, grey = engine(stirred(coupling_upscaler(2, 4, 4, 1))), torch.rand(1, 8, 9)
    torch.testing.assert_close(small(grey).expand(3, -1, -1), small(grey.expand(3, -1, -1)), atol=2e-6, rtol=0)


def test_beyond_its_margin_the_engine_sees_nothing() -> None:
    small, picture = engine(stirred(coupling_upscaler(2, 4, 4, 2))), torch.rand(3, 60, 60)
    m, s = small.margin, small.scale
    part = small(picture[:, 4:56, 5:57])[:, s * m : -s * m, s * m : -s * m]
    whole = small(picture)[:, s * (4 + m) : s * (56 - m), s * (5 + m) : s * (57 - m)]
    assert part.numel() > 0
    torch.testing.assert_close(whole, part, atol=1e-3, rtol=0)  # a quarter of a grey level
