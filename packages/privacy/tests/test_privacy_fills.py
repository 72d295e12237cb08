from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from nflows_privacy.fills import HOW, Fill, FillSettings, load_fill, stronger, weights_of
from nflows_privacy.fills.diffusion import Diffusion
from nflows_privacy.fills.lama import Lama
from nflows_privacy.fills.pasting import PastedFill, groups
from nflows_privacy.fills.settings import GRADED, TRAINED
from nflows_privacy.masks import Rectangle, mask_of

CPU = torch.device("cpu")
UNTRAINED = tuple(how for how in HOW if how not in TRAINED)
BLIND = ("solid", "noise", "telea", *TRAINED)
"""The ways into which nothing goes of what they hide."""


def spread(picture: Tensor, mask: Tensor) -> Tensor:
    """A network in short: of every hidden pixel it makes the mean of all that it is shown."""
    assert picture.shape[1:] == (3, *mask.shape[2:])
    return torch.where(mask > 0, picture.mean((2, 3), keepdim=True), picture)


class Pipeline:
    """A pipeline in short: noise of its generator, plus the mean of all that it is shown."""

    unet = SimpleNamespace(config=SimpleNamespace(sample_size=8))
    vae_scale_factor = 8

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompt: str, image: Tensor, mask_image: Tensor, generator: torch.Generator, **_: Any) -> Any:
        assert image.shape[1:] == (3, 64, 64)
        self.asked.append(prompt)
        noise = torch.rand(image.shape, generator=generator)
        return SimpleNamespace(images=((noise + image.mean()) / 2).permute(0, 2, 3, 1).numpy())


FILLS: Mapping[str, Fill] = {
    **{how: load_fill(FillSettings(how)) for how in UNTRAINED},
    "lama": PastedFill(Lama(spread, CPU)),
    "diffusion": PastedFill(Diffusion(Pipeline(), CPU)),
}
"""All ways, whose networks are short ones."""


@st.composite
def scenes(draw: st.DrawFn) -> tuple[NDArray[Any], list[Rectangle]]:
    """A picture of any type and size, and rectangles in it, some as large as it is."""
    height, width, channels = draw(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    pixels = generator.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    rows, columns = (
        st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda s: s[0] < s[1]) for n in (height, width)
    )
    spans = draw(st.lists(st.tuples(rows, columns), min_size=1, max_size=4))
    return pixels, [Rectangle(top, left, bottom, right) for (top, bottom), (left, right) in spans]


def noise_picture(*shape: int, seed: int = 0, dtype: type = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("how", HOW)
@given(scene=scenes(), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_nothing_changes_outside_and_twice_is_the_same(
    how: str, scene: tuple[NDArray[Any], list[Rectangle]], seed: int
) -> None:
    pixels, rectangles = scene
    before = pixels.copy()
    filled = FILLS[how](pixels, rectangles, seed)
    assert np.array_equal(pixels, before)
    assert (filled.dtype, filled.shape) == (pixels.dtype, pixels.shape)
    outside = ~mask_of(rectangles, *pixels.shape[:2])
    assert np.array_equal(filled[outside], pixels[outside])
    assert np.array_equal(filled, FILLS[how](pixels, rectangles, seed))
    assert np.array_equal(filled, FILLS[how](pixels, rectangles[::-1], seed))


@pytest.mark.parametrize("how", HOW)
@given(scene=scenes(), is_even=st.booleans())
@settings(max_examples=25, deadline=None)
def test_alpha_stays_where_it_shows_nothing_and_is_opaque_where_it_did(
    how: str, scene: tuple[NDArray[Any], list[Rectangle]], is_even: bool
) -> None:
    pixels, rectangles = scene
    pixels = np.concatenate([pixels[..., :1], pixels[..., -1:]], axis=2)
    if is_even:
        pixels[..., 1] = 77
    filled = FILLS[how](pixels, rectangles, 0)
    for one in rectangles:
        before, after = pixels[one.slices][..., 1], filled[one.slices][..., 1]
        drawn = mask_of([other for other in rectangles if np.ptp(pixels[other.slices][..., 1])], *pixels.shape[:2])
        expected = np.where(drawn[one.slices], np.iinfo(pixels.dtype).max, before)
        assert np.array_equal(after, expected)


@pytest.mark.parametrize("how", BLIND)
@given(scene=scenes())
@settings(max_examples=25, deadline=None)
def test_what_is_hidden_goes_nowhere(how: str, scene: tuple[NDArray[Any], list[Rectangle]]) -> None:
    pixels, rectangles = scene
    others = pixels.copy()
    others[mask_of(rectangles, *pixels.shape[:2]), : 3 if pixels.shape[2] >= 3 else 1] = 0
    assert np.array_equal(FILLS[how](pixels, rectangles, 7), FILLS[how](others, rectangles, 7))


@pytest.mark.parametrize("how", HOW)
def test_rectangles_elsewhere_do_not_matter(how: str) -> None:
    pixels = noise_picture(80, 80, 3)
    one, other = Rectangle(2, 3, 14, 12), Rectangle(50, 40, 70, 66)
    alone, both = (FILLS[how](pixels, rectangles, 3) for rectangles in ([one], [other, one]))
    assert np.array_equal(alone[one.slices], both[one.slices])


@given(scene=scenes())
@settings(max_examples=100, deadline=None)
def test_groups_are_what_overlaps(scene: tuple[NDArray[Any], list[Rectangle]]) -> None:
    pixels, rectangles = scene
    found = list(groups(rectangles))
    assert sorted(one for group in found for one in group) == list(range(len(rectangles)))
    masks = [mask_of([rectangles[one] for one in group], *pixels.shape[:2]) for group in found]
    assert max(sum(mask.astype(int) for mask in masks).ravel()) == 1
    for group in found:
        reached = {group[0]}
        for _ in group:
            reached |= {one for one in group for other in reached if overlap(rectangles[one], rectangles[other])}
        assert reached == set(group)


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return max(one.top, other.top) < min(one.bottom, other.bottom) and max(one.left, other.left) < min(
        one.right, other.right
    )


@pytest.mark.parametrize("how", HOW)
def test_seed_decides_where_there_is_something_random(how: str) -> None:
    pixels, rectangles = noise_picture(30, 30, 3), [Rectangle(5, 5, 20, 20)]
    same = np.array_equal(FILLS[how](pixels, rectangles, 1), FILLS[how](pixels, rectangles, 2))
    assert same == (how not in ("noise", "diffusion"))


@pytest.mark.parametrize("how", GRADED)
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0, 9.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_colour_stays_that_colour_to_the_edge(how: str, strength: float, dtype: type) -> None:
    pixels = np.full((50, 60, 3), (200, 3, 91), dtype)
    filled = load_fill(FillSettings(how, strength))(pixels, [Rectangle(10, 10, 47, 51)], 0)
    assert np.array_equal(filled, pixels)


@pytest.mark.parametrize("side", [30, 300])
def test_blurred_region_fades_at_its_edge_into_what_is_around_it(side: int) -> None:
    pixels = np.full((side * 2, side * 2, 3), 100, np.uint8)
    place = Rectangle(side // 2, side // 2, side // 2 + side, side // 2 + side)
    pixels[place.slices] = 200
    filled = FILLS["blur"](pixels, [place], 0)[place.slices][..., 0].astype(int)
    middle, edges = filled[side // 2], np.concatenate([filled[[0, -1]].ravel(), filled[:, [0, -1]].ravel()])
    assert np.abs(middle[side // 4 : -(side // 4)] - 200).max() <= 1
    assert edges.max() <= 160


def test_solid_is_black() -> None:
    filled = FILLS["solid"](noise_picture(9, 9, 4), [Rectangle(1, 2, 5, 9)], 0)
    assert not filled[1:5, 2:9, :3].any()


def test_pixelated_are_the_means_of_four_blocks_along_the_longer_side() -> None:
    pixels = noise_picture(8, 16, 3, dtype=np.uint16)
    filled = FILLS["pixelate"](pixels, [Rectangle(0, 0, 8, 16)], 0)
    means = pixels.reshape(2, 4, 4, 4, 3).mean(axis=(1, 3))
    assert np.abs(filled - means.repeat(4, axis=0).repeat(4, axis=1)).max() <= 0.5


@pytest.mark.parametrize(("strength", "blocks"), [(0.5, 8), (1, 4), (2, 2), (4, 1), (50, 1)])
def test_twice_the_strength_is_half_the_blocks(strength: float, blocks: int) -> None:
    pixels = noise_picture(32, 8, 1, dtype=np.uint16)
    filled = load_fill(FillSettings("pixelate", strength))(pixels, [Rectangle(0, 0, 32, 8)], 0)
    assert len(np.unique(filled)) == blocks * max(1, blocks // 4)


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("waves", [1, 2, 3])
@pytest.mark.parametrize("side", [24, 240])
def test_blurred_half_waves_are_weakened_as_documented(strength: float, waves: int, side: int) -> None:
    """Of a region of n pixels mirrored at its edges, cos(pi k (x + 1/2) / n) is an eigenvector of the convolution."""
    wave = np.cos(np.pi * waves * (np.arange(side) + 0.5) / side)
    pixels = np.round(32767 + 32000 * np.tile(wave, (side, 1)))[..., None].astype(np.uint16)
    filled = load_fill(FillSettings("blur", strength))(pixels, [Rectangle(0, 0, side, side)], 0)
    left = math.exp(-((math.pi * waves * strength / 3) ** 2) / 2)
    found = (filled[..., 0].astype(float) - 32767) @ wave / (wave @ wave) / 32000
    np.testing.assert_allclose(found, left, atol=0.01)


@given(scene=scenes())
@settings(max_examples=25, deadline=None)
def test_blurred_levels_are_between_those_of_the_region_and_around_it(
    scene: tuple[NDArray[Any], list[Rectangle]],
) -> None:
    pixels, (region, *_) = scene
    colours = slice(0, 3 if pixels.shape[2] >= 3 else 1)
    filled = FILLS["blur"](pixels, [region], 0)[region.slices][..., colours].astype(float)
    near = 2 + max(region.bottom - region.top, region.right - region.left) // 8  # it fades into what is there
    top, left = max(0, region.top - near), max(0, region.left - near)
    shown = pixels[top : region.bottom + near, left : region.right + near, colours].astype(float)
    margin = np.iinfo(pixels.dtype).max / 50  # a cubic overshoots
    assert (shown.min((0, 1)) - margin <= filled.min((0, 1))).all()
    assert (filled.max((0, 1)) <= shown.max((0, 1)) + margin).all()


def test_overlapping_regions_are_blurred_as_the_largest_is() -> None:
    """A small sharp thing in a large region gets the large one's sigma; none is filled on top of the other."""
    pixels = noise_picture(64, 64, 1)
    large, small = Rectangle(0, 0, 60, 60), Rectangle(20, 20, 30, 30)
    assert np.array_equal(FILLS["blur"](pixels, [small, large], 0), FILLS["blur"](pixels, [large], 0))


def test_noise_is_about_the_mean_of_the_surroundings() -> None:
    pixels = np.full((200, 200, 3), (120, 90, 140), np.uint8)
    place = Rectangle(30, 30, 180, 180)
    pixels[place.slices] = 255
    filled = FILLS["noise"](pixels, [place], 0)[place.slices].astype(float)
    np.testing.assert_allclose(filled.mean((0, 1)), (120, 90, 140), atol=1)
    np.testing.assert_allclose(filled.std((0, 1)), 255 / 2 / math.sqrt(12), rtol=0.02)


def test_noise_stays_where_a_region_grows_by_a_pixel() -> None:
    pixels = np.full((90, 90, 3), 100, np.uint8)
    one, grown = Rectangle(20, 20, 60, 60), Rectangle(20, 20, 61, 61)
    first, then = (FILLS["noise"](pixels, [place], 5)[one.slices] for place in (one, grown))
    assert np.array_equal(first, then)


@pytest.mark.parametrize("how", ["telea", "lama"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_around_a_region_go_into_it(how: str, channels: int) -> None:
    pixels = np.full((60, 300, channels), 77, np.uint16)
    place = Rectangle(20, 40, 45, 240)
    colours = slice(0, 3 if channels >= 3 else 1)
    pixels[place.slices][..., colours] = 60000
    filled = FILLS[how](pixels, [place], 0)
    assert np.abs(filled[..., colours].astype(int) - 77).max() <= 4  # of 65,535


def test_kind_of_the_largest_region_decides_what_is_asked_for() -> None:
    pipeline = Pipeline()
    fill = PastedFill(Diffusion(pipeline, CPU))
    pixels = noise_picture(40, 60, 3)
    face, plate, far = Rectangle(0, 0, 12, 12), Rectangle(10, 10, 13, 16), Rectangle(30, 40, 40, 60)
    fill(pixels, [plate, face, far], 0, kinds=["plate", "face", "plate"])
    fill(pixels, [far], 0)
    for prompt, word in zip(pipeline.asked, ("head", "blank", "street"), strict=True):
        assert word in prompt


def test_alike_regions_get_unlike_noise() -> None:
    pixels = np.full((40, 80, 3), 50, np.uint8)
    one, other = Rectangle(15, 10, 25, 20), Rectangle(15, 50, 25, 60)
    filled = FILLS["diffusion"](pixels, [one, other], 0)
    assert not np.array_equal(filled[one.slices], filled[other.slices])


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("strength", [0.0001, 0.25, 1.0, 3.0])
def test_ladder_leads_to_solid_and_ends(how: str, strength: float) -> None:
    rung: FillSettings | None = FillSettings(how, strength if how in GRADED else 1.0)
    rungs = []
    while rung is not None:
        rungs.append(rung)
        rung = stronger(rung)
        assert len(rungs) <= 3
    assert rungs[-1] == FillSettings("solid")
    assert all(one.strength < other.strength for one, other in pairwise(rungs[:-1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"how": "bluur"}, r"`how` 'bluur': give one of blur, pixelate"),
        ({"strength": 0.0}, r"`strength` 0.0: give a number above 0"),
        ({"strength": math.nan}, r"`strength` nan"),
        ({"how": "solid", "strength": 2.0}, r"`strength`: solid has none"),
        ({"model": "big-lama"}, r"`model`: blur needs none"),
    ],
)
def test_settings_that_fit_nothing_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FillSettings(**arguments)


@pytest.mark.parametrize(
    ("shape", "dtype", "rectangles", "kinds", "message"),
    [
        ((5, 5), np.uint8, [], None, r"`pixels`: expected height x width x 1 to 4"),
        ((5, 5, 3), np.float32, [], None, r"`pixels`: .* of uint8 or uint16, got .* float32"),
        ((5, 5, 3), np.uint8, [Rectangle(0, 0, 6, 5)], None, r"`rectangles`: \(0, 0, 6, 5\) is empty or not inside"),
        ((5, 5, 3), np.uint8, [Rectangle(2, 2, 2, 4)], None, r"`rectangles`: \(2, 2, 2, 4\) is empty"),
        ((5, 5, 3), np.uint8, [Rectangle(0, 0, 1, 1)], [], r"`kinds`: expected one for each of 1 rectangles, got 0"),
    ],
)
def test_what_cannot_be_filled_is_refused(
    shape: tuple[int, ...], dtype: type, rectangles: Sequence[Rectangle], kinds: Sequence[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FILLS["blur"](np.zeros(shape, dtype), rectangles, 0, kinds)


def test_nothing_to_fill_changes_nothing_and_has_no_weights() -> None:
    pixels = noise_picture(5, 5, 3)
    for how in UNTRAINED:
        assert np.array_equal(FILLS[how](pixels, [], 0), pixels)
        assert weights_of(FillSettings(how)) == {}


def test_figures_in_the_document_are_those_that_were_measured() -> None:
    package = Path(__file__).parents[1]
    rows = json.loads((package / "benchmarks" / "results" / "fills.json").read_text())["rows"]
    document = (package / "docs" / "fills.md").read_text()
    for row in rows:
        name = row["how"] if row["strength"] is None else f"{row['how']} {row['strength']:g}"
        numbers = [row[f"left at {scale}"] for scale in ("0.5", "1", "1.5", "2")]
        numbers += [row["left"], row["by redact"], row["edge"], "–" if row["ms a face"] is None else row["ms a face"]]
        assert f"| {name} | {' | '.join(map(str, numbers))} |" in document


@pytest.mark.parametrize(("waves", "share"), [(0.5, 0.58), (1, 0.11), (1.5, 0.0072), (2, 0.00015), (2.5, 1.1e-6)])
def test_table_of_waves_is_the_formula(waves: float, share: float) -> None:
    assert float(f"{math.exp(-2 * (math.pi * waves / 3) ** 2):.2g}") == share
