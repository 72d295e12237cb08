"""How likely a scene lacks a sign, by its holes and by the surest sign that a detector found in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.drives.frames import Frame
from nflows_privacy.missing.odds import Odds, odds_of
from nflows_privacy.missing.scenes import Scene
from nflows_privacy.missing.surest import digest_of, surest_signs
from nflows_privacy.regions import Box, Region

Numbers = NDArray[np.float64]
SCENES = 60
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def drawn(seed: int, holes: float = 1.0, standing: float = 1.0) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Scenes of the three kinds: what their holes and a detector say tells the kinds apart so loud, but not surely."""
    generator = np.random.default_rng(seed)
    kinds = generator.permutation(np.arange(SCENES) % 3)
    is_missing, has_signs = kinds == 0, kinds == 1
    evidence = holes * is_missing + generator.normal(size=SCENES)
    surest = np.clip(0.4 + standing * 0.2 * has_signs + 0.2 * generator.normal(size=SCENES), 0, 1)
    return evidence, surest, is_missing, has_signs


def log_likelihood(odds: Odds, evidence: Numbers, surest: Numbers, is_missing: Numbers, has_signs: Numbers) -> float:
    """That of scenes, of which each kind has its share of the weight."""
    each = -np.logaddexp(0, np.where(is_missing, -1, 1) * odds(evidence, surest))
    others = [each[~is_missing & one].mean() for one in (has_signs, ~has_signs)]
    return float(each[is_missing].mean() + np.mean(others))


@few
@given(SEEDS, st.floats(-1, 2), st.floats(-1, 2))
def test_no_other_weights_of_these_signs_are_likelier(seed: int, holes: float, standing: float) -> None:
    scenes = drawn(seed, holes, standing)
    odds = odds_of(*scenes)
    assert odds.holes >= 0 >= odds.standing
    best, generator = log_likelihood(odds, *scenes), np.random.default_rng(seed)
    for step in generator.normal(size=(20, 3)) * [0.1, 0.5, 0.1]:
        a, c, b = np.array(odds) + step
        assert log_likelihood(Odds(max(a, 0), min(c, 0), b), *scenes) <= best + 1e-6


@few
@given(SEEDS, st.integers(2, 5))
def test_a_kind_of_which_there_is_more_counts_no_more(seed: int, times: int) -> None:
    scenes = drawn(seed)
    _, _, is_missing, has_signs = scenes
    often = np.repeat(np.arange(SCENES), np.where(is_missing, 1, np.where(has_signs, times, 1)))
    evidence, surest, *kinds = (one[often] for one in scenes)
    assert odds_of(evidence, surest, *kinds) == pytest.approx(odds_of(*scenes), rel=1e-4, abs=1e-6)


@few
@given(SEEDS)
def test_without_a_detector_the_holes_alone_are_weighed(seed: int) -> None:
    evidence, _, is_missing, has_signs = drawn(seed)
    assert odds_of(evidence, np.zeros(SCENES), is_missing, has_signs).standing == 0


@few
@given(SEEDS)
def test_a_hole_that_speaks_the_wrong_way_round_tells_nothing(seed: int) -> None:
    evidence, surest, is_missing, has_signs = drawn(seed, holes=-3, standing=0)
    assert odds_of(evidence, surest, is_missing, has_signs).holes == 0


@few
@given(SEEDS)
def test_scenes_that_are_told_apart_without_error_have_finite_weights(seed: int) -> None:
    scenes = drawn(seed, holes=50, standing=50)
    odds = odds_of(*scenes)
    assert np.isfinite(odds).all()
    assert np.array_equal(odds(*scenes[:2]) > 0, scenes[2])


def scene(name: str) -> Scene:
    return Scene(Path(name), name, name, False, None, name, Frame(name), (), (), (), (90, 60))


def test_the_surest_of_several_signs_counts_and_nothing_where_none_was_found(tmp_path: Path) -> None:
    box = Box(1, 1, 9, 9)
    found = {"missing/a.png": [0.3, 0.7, 0.5], "standing/a.png": [0.9], "standing/b.png": []}
    rows = [row for name, scores in found.items() for row in rows_of(name, [Region(box, "sign", s) for s in scores])]
    write_csv(tmp_path / "boxes.csv", rows)
    scenes = [scene(name) for name in found]
    surest = surest_signs(tmp_path / "boxes.csv", scenes)
    assert surest == {"missing/a.png": 0.7, "standing/a.png": 0.9, "standing/b.png": 0}
    for part in ("missing", "standing"):
        (tmp_path / "both" / part).mkdir(parents=True)
        own = [{**row, "image": row["image"][len(part) + 1 :]} for row in rows if row["image"].startswith(part)]
        write_csv(tmp_path / "both" / part / "boxes.csv", own)
    assert surest_signs(tmp_path / "both", scenes) == surest
    assert digest_of(tmp_path / "both") != digest_of(tmp_path / "boxes.csv")
    with pytest.raises(ValueError, match=r"standing/boxes\.csv: tells nothing of 3 scenes: missing/a\.png"):
        surest_signs(tmp_path / "both" / "standing" / "boxes.csv", scenes)  # of the other part, by the same names
    with pytest.raises(ValueError, match=r"has neither missing/boxes\.csv nor standing/boxes\.csv"):
        surest_signs(tmp_path, scenes)
    other = replace(scenes[0], name="missing/c.png")
    with pytest.raises(ValueError, match=r"boxes\.csv: tells nothing of 1 scenes: missing/c\.png; detect in"):
        surest_signs(tmp_path / "boxes.csv", [*scenes, other])
