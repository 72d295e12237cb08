"""Which class the holes of a scene speak for, and how they are weighed with its road."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.holes import WHERE, HoleReader, SaidOfHoles, nothing_known, where_of
from nflows_privacy.missing.ridge import Linear
from nflows_privacy.missing.weighing import weights_of

CLASSES, SEEN = 3, 5
SEEDS = st.integers(0, 2**32 - 1)
Numbers = NDArray[np.float64]
few = settings(max_examples=25, deadline=None)


def said(generator: np.random.Generator, holes: int) -> SaidOfHoles:
    return SaidOfHoles(*(generator.normal(size=shape) for shape in (holes, (holes, CLASSES), (holes, CLASSES))))


def softmax(logits: Numbers) -> Numbers:
    shares: Numbers = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return shares


@few
@given(SEEDS, st.integers(1, 4), st.floats(0, 5), st.floats(-5, 5), st.floats(0.2, 5))
def test_one_of_the_holes_held_the_sign_or_none_did(
    seed: int, scenes: int, slope: float, offset: float, divisor: float
) -> None:
    generator = np.random.default_rng(seed)
    of_scene = generator.integers(scenes, size=9)
    holes = said(generator, 9)
    spoken = holes.speak(slope, offset, divisor, of_scene, scenes)
    odds = np.exp(slope * holes.held + offset)
    ratios = np.exp(holes.lies) * softmax(holes.named / divisor)
    for scene in range(scenes):
        own = of_scene == scene
        expected = (1 + odds[own] @ ratios[own]) / (1 + odds[own].sum())
        assert spoken[scene] == pytest.approx(np.log(expected))
    order = generator.permutation(9)
    other = SaidOfHoles(*(values[order] for values in vars(holes).values()))
    assert other.speak(slope, offset, divisor, of_scene[order], scenes) == pytest.approx(spoken)


@few
@given(SEEDS)
def test_holes_that_held_nothing_say_nothing_and_one_that_did_says_all(seed: int) -> None:
    holes = said(np.random.default_rng(seed), 4)
    nobody = holes.speak(0, -60, 1, np.zeros(4, np.intp), 1)
    assert nobody == pytest.approx(np.zeros((1, CLASSES)), abs=1e-9)
    sure = SaidOfHoles(np.array([100.0, 0, 0, 0]), holes.lies, holes.named)
    alone = holes.lies[0] + np.log(softmax(holes.named[0]))
    assert sure.speak(1, -20, 1, np.zeros(4, np.intp), 1)[0] == pytest.approx(alone, abs=1e-6)


@few
@given(SEEDS, st.integers(CLASSES, 30), st.integers(1, CLASSES))
def test_what_a_place_says_is_a_likelihood_over_that_of_all_classes(seed: int, known: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.arange(known) % classes
    named = Linear(torch.zeros(SEEN, CLASSES), torch.zeros(CLASSES))
    reader = HoleReader(generator.normal(size=(known, WHERE)), labels, named)
    found = reader(np.zeros(6), generator.normal(size=(6, WHERE)), torch.zeros(6, SEEN))
    shares = (np.bincount(labels, minlength=CLASSES) + 1) / (known + CLASSES)
    assert (np.exp(found.lies) * shares**2).sum(1) == pytest.approx(np.ones(6))


def test_holes_lie_in_shares_of_the_picture() -> None:
    small, large = where_of([Rectangle(10, 20, 16, 30)], (100, 80)), where_of([Rectangle(20, 40, 32, 60)], (200, 160))
    assert small == pytest.approx(large)
    assert small[0, :2] == pytest.approx([0.25, 13 / 80])
    assert where_of([], (100, 80)).shape == (0, WHERE)


def test_who_has_seen_no_hole_of_a_sign_finds_all_classes_alike() -> None:
    found = nothing_known(CLASSES, SEEN)(np.ones(2), np.ones((2, WHERE)), torch.ones(2, SEEN))
    assert found.speak(1, 5, 1, np.zeros(2, np.intp), 1) == pytest.approx(np.zeros((1, CLASSES)))


def scenes(loud_road: float, loud_holes: float, count: int = 240) -> tuple[object, ...]:
    """Scenes of two holes of which the first held a sign, whose road and true hole tell the class so loud."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % CLASSES
    of_scene, is_erased = np.repeat(np.arange(count), 2), np.tile([True, False], count)
    true = np.eye(CLASSES)[labels]
    logits = loud_road * true + generator.normal(size=(count, CLASSES))
    named = generator.normal(size=(2 * count, CLASSES))
    named[is_erased] += loud_holes * true
    held = 3.0 * is_erased + generator.normal(size=2 * count)
    holes = SaidOfHoles(held, np.full((2 * count, CLASSES), np.log(CLASSES)), named)
    return logits, holes, of_scene, is_erased, labels, np.ones(count, np.bool_)


def test_what_tells_nothing_has_no_weight() -> None:
    by_road, by_holes, both = (weights_of(*scenes(*loud)) for loud in ((2, 0), (0, 2), (2, 2)))  # type: ignore[arg-type]
    assert by_road.road > 1
    assert by_holes.road < 0.3
    assert by_holes.holes > 0.7
    assert both.road > 1
    assert both.holes > 0.7
    assert both.slope > 1
    logits, holes, of_scene, _, labels, _ = scenes(2, 2)
    weighed = both(logits, holes, of_scene).argmax(1)  # type: ignore[arg-type]
    assert (weighed == labels).mean() > (logits.argmax(1) == labels).mean() + 0.05  # type: ignore[attr-defined]


def test_where_no_sign_was_erased_the_road_is_weighed_alone() -> None:
    logits, holes, of_scene, is_erased, labels, chosen = scenes(2, 2)
    weights = weights_of(logits, holes, of_scene, np.zeros_like(is_erased), labels, chosen)  # type: ignore[arg-type,call-overload]
    assert weights.holes == 0
    assert weights.road == pytest.approx(2, rel=0.4)
