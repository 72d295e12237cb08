"""Seeds in trays that are made up: found on whatever they lie on, told apart, measured; and what cannot be right."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.color import rgb2lab

from made_up_trays import KINDS, Kind, Tray, make_tray
from nflows_agri.trays import Segmentation, doubt, measured, segment
from nflows_agri.trays.background import fit_background, places
from nflows_agri.trays.colours import features, lab
from nflows_agri.trays.drawing import crops, overlay
from nflows_agri.trays.photographs import in_srgb
from nflows_agri.trays.shapes import shape_of
from nflows_agri.trays.splitting import pieces_of, typical_radius
from nflows_core.runtime.images import Picture


@cache
def tray(kind: str, seed: int = 0, touching: float = 0.3) -> Tray:
    return make_tray(KINDS[kind], seed, size=(240, 320), minor=18, count=9, touching=touching)


@cache
def found(kind: str) -> Segmentation:
    return segment(tray(kind).pixels)


def ious(labels: NDArray[np.int32], truth: NDArray[np.int32]) -> NDArray[np.float64]:
    """The overlap of each seed with the label that fits it best."""
    counts = np.zeros((labels.max() + 1, truth.max() + 1))
    np.add.at(counts, (labels, truth), 1)
    union = counts.sum(1, keepdims=True) + counts.sum(0, keepdims=True) - counts
    return np.asarray((counts / union)[1:, 1:].max(0))


def ellipse(
    size: tuple[int, int], centre: tuple[float, float], axes: tuple[float, float], turn: float = 0
) -> NDArray[np.bool_]:
    """An ellipse; the first axis points to the right, turned counter-clockwise by degrees."""
    y, x = np.mgrid[: size[0], : size[1]].astype(float)
    y, x, angle = y - centre[0], x - centre[1], np.radians(turn)
    along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    return np.asarray(np.hypot(along / axes[0], across / axes[1]) <= 1)


def drawn(mask: NDArray[np.bool_], seed: int = 0) -> NDArray[np.uint8]:
    """Dark seeds on paper, a little blurred, with noise."""
    light = ndimage.gaussian_filter(np.where(mask, 60.0, 220.0), 0.7)[..., None].repeat(3, 2)
    return np.asarray((light + np.random.default_rng(seed).normal(0, 3, light.shape)).clip(0, 255), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_one_default_finds_the_seeds_of_every_kind_of_tray(kind: str) -> None:
    assert found(kind).count == tray(kind).count
    assert ious(found(kind).labels, tray(kind).truth).mean() > 0.85


@pytest.mark.parametrize("kind", ["dark on white paper", "lentils on grey cloth"])
def test_a_tray_without_a_seed_has_none_and_one_seed_is_found(kind: str) -> None:
    empty = segment(make_tray(KINDS[kind], 3, size=(240, 320), count=0, light=0.5).pixels)
    assert (empty.count, doubt(empty)) == (0, None)
    assert segment(make_tray(KINDS[kind], 3, size=(240, 320), count=1, minor=18).pixels).count == 1


def test_a_turned_or_mirrored_photograph_has_the_same_seeds() -> None:
    pixels, count = tray("wheat on green").pixels, found("wheat on green").count
    for turned in (np.rot90(pixels), pixels[::-1]):
        assert segment(np.ascontiguousarray(turned)).count == count


def test_large_seeds_keep_smooth_outlines_though_they_are_split_on_a_smaller_picture() -> None:
    large = make_tray(KINDS["wheat on white paper"], 1, size=(360, 480), minor=70, count=5, touching=0.5)
    labels = segment(large.pixels).labels
    assert labels.max() == large.count
    assert ious(labels, large.truth).min() > 0.93


def test_seeds_that_touch_are_told_apart_inside_and_at_the_edge() -> None:
    size, axes = (200, 300), (24.0, 13.0)
    apart = [((100, 60), 0), ((60, 150), 90), ((150, 240), 30)]
    pairs = [((100, 108), 0), ((40, 240), 90), ((40, 266), 90), ((186, 90), 90), ((186, 116), 90)]
    seeds = [ellipse(size, centre, axes, turn) for centre, turn in (*apart, *pairs)]
    mask = np.any(seeds, 0)
    pixels = drawn(mask)
    assert len(np.unique(pieces_of(mask))) - 1 == 5
    labels = segment(pixels).labels
    assert labels.max() == 8
    truth = np.max([number * seed for number, seed in enumerate(seeds, 1)], 0)
    assert ious(labels, truth).min() > 0.8
    assert segment(pixels, touching=False).count == 5


def test_min_area_decides_what_is_a_seed() -> None:
    mask = ellipse((160, 200), (80, 60), (30, 16)) | ellipse((160, 200), (80, 150), (8, 6))
    assert segment(drawn(mask)).count == 1
    assert segment(drawn(mask), min_area=50).count == 2
    assert segment(drawn(mask), min_area=5000).count == 0
    with pytest.raises(ValueError, match="`min_area`: -1 is negative"):
        segment(drawn(mask), min_area=-1)


def test_numbers_run_from_the_top_without_gaps() -> None:
    windows = ndimage.find_objects(found("rice on blue").labels)
    tops = [window[0].start for window in windows]
    assert tops == sorted(tops)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (3, 2, 3), (30, 30, 3)])
def test_tiny_and_flat_pictures_have_no_seed(shape: tuple[int, int, int]) -> None:
    assert segment(np.full(shape, 200, np.uint8)).count == 0


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`pixels`: expected uint8 .*, got float64 of \(4, 4, 3\)"):
        segment(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


def test_what_cannot_be_right_is_doubted() -> None:
    def reason(labels: NDArray[np.bool_], **more: object) -> str:
        return doubt(Segmentation(pieces_of(labels), **more)) or ""  # type: ignore[arg-type]

    size = (200, 300)
    seeds = np.any([ellipse(size, (y, x), (14, 8)) for y in (40, 100, 160) for x in (40, 120, 200, 260)], 0)
    assert reason(seeds) == ""
    most = np.ones(size, bool)
    most[::20] = False
    assert "would cover 9" in reason(most)
    rim = seeds.copy()
    rim[:3] = rim[-3:] = True
    assert "of its rim" in reason(rim)
    giant = seeds & (np.arange(300) < 100)
    giant[4:30, 110:290] = giant[4:190, 240:290] = True
    assert "one of 4 pieces covers 2" in reason(giant)
    assert "the only piece covers 5" in reason(ellipse(size, (100, 150), (140, 75)))
    ragged = np.zeros(size, bool)
    for x in range(10, 280, 40):
        ragged[20:60, x : x + 5] = ragged[55:60, x : x + 30] = True
    assert "ragged" in reason(ragged)
    dots = np.zeros(size, bool)
    dots[5:195:12, 5:195:12] = True
    mixed = dots | ellipse(size, (60, 250), (40, 25)) | ellipse(size, (140, 250), (40, 25))
    assert "the areas are wildly mixed, 1 to 31" in reason(mixed)
    assert doubt(Segmentation(pieces_of(mixed)), sizes_differ=True) is None
    small = np.any([ellipse(size, (y, x), (6, 4)) for y in (20, 50, 180) for x in range(20, 290, 30)], 0)
    hand = small | ellipse(size, (112, 150), (40, 12))
    assert "times as large as a typical seed: a hand" in reason(hand)
    assert doubt(Segmentation(pieces_of(hand)), sizes_differ=True) is None
    fold = np.zeros(size, np.int32)
    fold[100:104, 10:290] = 1 + np.arange(280) // 40
    assert "7 pieces lie in one thin line" in (doubt(Segmentation(fold)) or "")
    row = np.zeros(size, np.int32)  # seven seeds that touch, laid end to end
    for number in range(7):
        row[ellipse(size, (100, 30 + 38 * number), (12, 19))] = number + 1
    assert doubt(Segmentation(row)) is None
    assert "12 seeds there are 40 pieces" in reason(seeds, specks=np.full(40, 60.0))
    assert "12 seeds there are 400 specks" in reason(seeds, specks=np.full(400, 2.0))
    assert reason(seeds, specks=np.full(10_000, 1.0)) == ""  # noise of single pixels, in a large photograph


def test_noise_salt_and_scenes_are_doubted_and_not_called_empty() -> None:
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    assert "not of one colour" in (doubt(segment(noise)) or "")
    salt = np.full((240, 320, 3), 30, np.uint8)
    salt[generator.random((240, 320)) < 0.01] = 255
    assert "specks and no seed" in (doubt(segment(salt)) or "")


@pytest.mark.parametrize(
    ("kind", "noise", "quality"),
    [
        (Kind((34, 34, 34), ((48, 48, 48),), shadow=0.0), 1.5, 88),
        (Kind((34, 32, 36), ((62, 48, 40),), weave=0.15, shadow=0.2), 10.0, 50),  # not told from the camera's noise
        (Kind((186, 150, 108), ((206, 178, 120),)), 4.0, 88),  # barley on kraft paper: lit halves, and shadows
    ],
)
def test_seeds_that_hardly_show_are_neither_counted_nor_called_none(kind: Kind, noise: float, quality: int) -> None:
    faint = make_tray(kind, 91, noise=noise, quality=quality)
    assert "hardly differs from the background" in (doubt(segment(faint.pixels)) or "")


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any))
@settings(max_examples=60, deadline=None)
def test_solidity_counts_the_pixels_of_the_hull(piece: NDArray[np.bool_]) -> None:
    window = (slice(5, 5 + piece.shape[0]), slice(7, 7 + piece.shape[1]))
    shape = shape_of(piece, window, (40, 40))
    assert 0 < shape.solidity <= 1
    points = np.argwhere(piece)
    if np.linalg.matrix_rank(points - points[0]) == 2:
        sides = ConvexHull(points).equations
        inside = (np.argwhere(piece | True) @ sides[:, :2].T + sides[:, 2] < 1e-9).all(1)
        assert shape.solidity == pytest.approx(piece.sum() / inside.sum())


def test_at_the_edge_a_piece_is_as_solid_as_with_its_mirror_image() -> None:
    pair = ellipse((60, 60), (20, 60), (25, 10)) | ellipse((60, 60), (41, 60), (25, 10))
    whole = np.concatenate([pair, pair[:, ::-1]], 1)
    at_edge = shape_of(pair, (slice(0, 60), slice(0, 60)), (100, 60))
    inside = shape_of(whole, (slice(1, 61), slice(1, 121)), (100, 200))
    assert at_edge.solidity == inside.solidity < 0.93


def test_the_background_is_fitted_whatever_lies_on_it() -> None:
    rows, columns = places(90), places(120)
    y, x = rows[:, None], columns[None]
    surfaces = np.stack([70 + 12 * x - 5 * y - 6 * x * y, 3 + y + 0 * x, -8 + 2 * x**2 + 0 * y, x + y, x * y])
    values = surfaces.astype(np.float32) + np.random.default_rng(0).normal(0, 0.5, surfaces.shape).astype(np.float32)
    covered = np.random.default_rng(1).random((90, 120)) < 0.35
    values[:, covered] = np.array([20, 15, 20, 3, -3], np.float32)[:, None]
    assert np.abs(fit_background(values).at(rows, columns) - surfaces).max() < 0.4


@given(arrays(np.uint8, (4, 5, 3)))
@settings(max_examples=25, deadline=None)
def test_lab_is_that_of_skimage(pixels: NDArray[np.uint8]) -> None:
    assert np.abs(np.moveaxis(lab(pixels), 0, -1) - rgb2lab(pixels)).max() < 0.1
    assert np.array_equal(features(pixels)[:3], lab(pixels))


def test_the_typical_radius_is_that_of_a_seed_in_a_heap_too() -> None:
    apart = ellipse((80, 200), (40, 30), (20, 10)) | ellipse((80, 200), (40, 80), (20, 10))
    heap = apart | ellipse((80, 200), (40, 118), (20, 10)) | ellipse((80, 200), (40, 156), (20, 10))
    assert typical_radius(apart) == pytest.approx(10, abs=1)
    assert typical_radius(heap) == pytest.approx(10, abs=1)
    assert typical_radius(np.zeros((4, 4), bool)) == 0


def test_an_ellipse_is_measured_in_pixels_and_millimetres() -> None:
    mask = ellipse((120, 160), (60, 80), (40, 20), 30)
    pixels = np.where(mask[..., None], np.array([200, 100, 50]), 0).astype(np.uint8)
    (row,) = measured(pixels, mask.astype(np.int32), "tray", px_per_mm=10)
    assert (row["id"], row["crop"], row["at_edge"]) == (1, "tray_0001.png", 0)
    assert (row["x"], row["y"]) == (80, 60)
    assert row["area_px"] == pytest.approx(np.pi * 40 * 20, rel=0.01)
    assert (row["major_axis_px"], row["minor_axis_px"]) == (pytest.approx(80, rel=0.01), pytest.approx(40, rel=0.01))
    assert row["perimeter_px"] == pytest.approx(193.8, rel=0.03)  # Ramanujan 1914
    assert row["orientation_deg"] == pytest.approx(30, abs=0.5)
    assert row["solidity"] > 0.97
    assert row["area_mm2"] == pytest.approx(row["area_px"] / 100, abs=1e-4)
    assert row["major_axis_mm"] == pytest.approx(row["major_axis_px"] / 10, abs=1e-2)
    assert (row["red"], row["green"], row["blue"]) == (200, 100, 50)
    assert (row["lightness"], row["a"], row["b"]) == pytest.approx(tuple(rgb2lab(pixels[60, 80] / 255)), abs=0.1)


def test_crops_are_black_around_the_seed_or_kept() -> None:
    pixels, labels = tray("rice on blue").pixels, found("rice on blue").labels
    for (number, black), (_, kept) in zip(crops(pixels, labels), crops(pixels, labels, "kept"), strict=True):
        mask = black.any(2)
        assert black.shape == kept.shape
        assert mask.sum() == (labels == number).sum()
        assert np.array_equal(black[mask], kept[mask])
        assert kept[~mask].any()


def test_an_overlay_marks_every_seed_and_nothing_else() -> None:
    pixels, labels = tray("rice on blue").pixels, found("rice on blue").labels
    changed = (overlay(pixels, labels) != pixels).any(2)
    near = ndimage.binary_dilation(labels > 0, iterations=12)
    assert not changed[~near].any()
    assert all(changed[labels == number].any() for number in range(1, labels.max() + 1))
    assert max(overlay(pixels, labels, 100).shape) == 80
    assert overlay(np.zeros((1, 500, 3), np.uint8), np.zeros((1, 500), np.int32), 100).shape == (1, 100, 3)


def test_photographs_of_every_kind_become_the_same_colours() -> None:
    pixels = tray("wheat on white paper").pixels
    deep = Picture(pixels.astype(np.uint16) * 257)
    assert np.array_equal(in_srgb(deep), pixels)
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    assert np.array_equal(in_srgb(Picture(opaque)), pixels)
    grey = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    assert np.array_equal(in_srgb(Picture(grey)), grey.repeat(3, 2))


def test_what_is_transparent_is_refused_and_an_alpha_that_hides_nothing_is_none() -> None:
    made = tray("dark on white paper", touching=0)
    with pytest.raises(ValueError, match="some of it is transparent"):
        in_srgb(Picture(np.dstack([made.pixels, np.where(made.truth, 255, 0).astype(np.uint8)])))
    opaque = np.dstack([made.pixels, np.full(made.truth.shape, 255, np.uint8)])
    assert np.array_equal(in_srgb(Picture(opaque)), made.pixels)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_16_bits_of_which_a_camera_uses_fewer_are_of_so_many(bits: int) -> None:
    pixels = np.linspace(0, 2**bits - 1, 32 * 32 * 3).round().astype(np.uint16).reshape(32, 32, 3)
    shown = in_srgb(Picture(pixels)).astype(int)
    assert abs(shown - np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3)).max() <= 1
