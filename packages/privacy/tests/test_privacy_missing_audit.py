"""The audit of a categoriser: what the road tells, what the holes tell, and when nothing is proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nflows_core.runtime.intervals import wilson
from nflows_core.testing import one_thread
from nflows_privacy.drives.frames import Frame
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.audit import NAMES, Audit, audit
from nflows_privacy.missing.audit_report import lines, report_audit
from nflows_privacy.missing.categoriser import Thresholds
from nflows_privacy.missing.learning import FOUND
from nflows_privacy.missing.leaving_out import leave_out
from nflows_privacy.missing.looks import PLACE_BLOCKS, SIDES, Looks
from nflows_privacy.missing.material import Material
from nflows_privacy.missing.observing import Observed
from nflows_privacy.missing.runs import Run, save_run
from nflows_privacy.missing.scenes import Scene
from nflows_privacy.regions import Box, Region

CLASSES, SIZE = ("bend", "crossing", "works"), (448, 256)
EACH = 16
WIDTH = Looks((SIDES[0],)).width

Draw = Callable[[int, np.random.Generator], list[Rectangle]]


def anywhere(kind: int, generator: np.random.Generator) -> list[Rectangle]:
    """Three holes, wherever it is."""
    corners = generator.integers((0, 0), (200, 400), size=(3, 2)).tolist()
    return [Rectangle(top, left, top + 20, left + 20) for top, left in corners]


def telling(kind: int, generator: np.random.Generator) -> list[Rectangle]:
    """One hole, without decoys, where signs of its class stand."""
    top, left = 40 + int(generator.integers(8)), 100 * kind + int(generator.integers(20)) + 20
    return [Rectangle(top, left, top + 20, left + 20)]


def made_up(
    road: float, place: float = 2.0, holes: Draw = anywhere, seed: int = 0, bare: int = 0, standing: bool = True
) -> Material:
    """Scenes whose roads tell the class so loud, and whose places tell a sign from a decoy so loud."""
    generator = np.random.default_rng(seed)
    directions, erased = generator.normal(size=(3, WIDTH)), generator.normal(size=sum(PLACE_BLOCKS))
    scenes, seen = [], []
    for number in range(3 * EACH):
        kind, places = number % 3, holes(number % 3, generator)
        for is_missing in (True, False) if standing else (True,):
            scenes.append(scene_of(number, CLASSES[kind], is_missing, tuple(places)))
            seen.append(observed(scenes[-1], road * directions[kind], place * erased, generator))
    for number in range(3 * EACH, 3 * EACH + 6):
        is_bare = number < 3 * EACH + bare
        scene = scene_of(number, CLASSES[0] if is_bare else None, False, tuple(anywhere(0, generator)))
        scenes.append(replace(scene, is_missing=is_bare, standing=()))
        seen.append(observed(scenes[-1], np.zeros(WIDTH), place * erased, generator))
    return Material(scenes, seen)


def scene_of(number: int, context: str | None, is_missing: bool, holes: tuple[Rectangle, ...]) -> Scene:
    name = f"{'missing' if is_missing else 'standing'}/{number:03}.png"
    erased = (is_missing, *[False] * (len(holes) - 1))
    standing = () if is_missing else (Region(Box(0, 0, 9, 9), "sign"),)
    source, frame = f"{number:03}.png", Frame(name)
    return Scene(Path(name), name, source, is_missing, context, f"g{number}", frame, holes, erased, standing, SIZE)


def observed(
    scene: Scene, road: NDArray[np.float64], erased: NDArray[np.float64], generator: np.random.Generator
) -> Observed:
    def noisy(mean: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(mean + 4 * generator.normal(size=mean.shape)).half()

    signs = np.array(scene.is_erased)
    sharp = generator.normal(size=(len(signs), 3))
    return Observed(
        noisy(road),
        noisy(np.outer(signs, erased)),
        noisy(road) if signs.any() else torch.zeros(WIDTH).half(),
        torch.from_numpy(generator.random(4)).half(),
        torch.from_numpy(sharp),
        torch.from_numpy(sharp[signs] + 6),
    )


def shuffled(material: Material, seed: int = 0) -> Material:
    """The same scenes, whose classes are drawn again: a scene with its signs and that without keep one class."""
    generator = np.random.default_rng(seed)
    names = sorted({scene.source for scene in material.scenes if scene.context})
    contexts = dict(zip(names, generator.permutation([*CLASSES] * EACH).tolist(), strict=True))
    scenes = [replace(scene, context=contexts.get(scene.source)) for scene in material.scenes]
    return Material(scenes, material.observed)


@pytest.fixture(scope="module")
def heard() -> Audit:
    """The audit where the road tells the class."""
    with one_thread():
        return audit(made_up(1.0))


def test_a_road_that_tells_the_class_is_proven(heard: Audit) -> None:
    assert heard.accuracy("categoriser") > 0.95
    assert heard.accuracy("places alone") < 0.6
    assert heard.is_proven
    assert heard.accuracy("parts without the sign") > 0.95
    assert heard.accuracy("signs standing") > 0.95
    assert heard.accuracy("where the part lies") < 0.6
    assert heard.accuracy("majority") == pytest.approx(1 / 3)


def test_classes_drawn_at_random_are_named_by_chance_and_nothing_is_proven() -> None:
    found = audit(shuffled(made_up(1.0)), seeds=(0,))
    low, high = wilson(len(found.groups) / 3, len(found.groups))
    assert low - 0.1 < found.accuracy("categoriser") < high
    assert not found.is_proven
    assert list(lines(found))[-1].startswith("UNPROVEN")


def test_holes_that_tell_the_class_prove_nothing_of_the_road() -> None:
    found = audit(made_up(0.0, holes=telling), seeds=(0,))
    assert found.accuracy("places alone") > 0.9
    assert found.accuracy("road alone") < 0.6
    assert found.accuracy("categoriser") > 0.9  # by its holes
    assert not found.is_proven
    loud = audit(made_up(1.0, holes=telling), seeds=(0,))
    assert loud.accuracy("categoriser") > 0.95
    assert not loud.is_proven  # the holes may tell as much


def test_an_interval_is_around_its_estimate_and_that_of_a_difference_too(heard: Audit) -> None:
    rows = heard.rows()
    assert [row["who"] for row in rows] == list(NAMES)
    for row in rows:
        assert row["interval_95"][0] <= row["accuracy"] <= row["interval_95"][1]
        assert row["scenes"] == 3 * EACH
        if row["who"] != "categoriser":
            assert row["categoriser_above"] == pytest.approx(heard.accuracy("categoriser") - row["accuracy"])
            assert row["above_interval_95"][0] <= row["categoriser_above"] <= row["above_interval_95"][1]


def test_scenes_of_one_place_count_once_in_an_interval(heard: Audit) -> None:
    often = {name: np.tile(right, 4) for name, right in heard.right.items()}
    for groups, is_equal in ((np.tile(heard.groups, 4), True), (np.arange(4 * len(heard.groups)), False)):
        again = replace(heard, right=often, groups=groups)
        pair = again.interval("places alone"), heard.interval("places alone")
        (low, high), (first, last) = (one or (0.0, 0.0) for one in pair)
        assert ((low, high) == pytest.approx((first, last))) is is_equal
        assert high - low <= last - first + 1e-9


def test_the_curve_ends_where_all_is_answered(heard: Audit) -> None:
    every = heard.covered(1.0)
    assert every.coverage == 1
    assert every.accuracy == pytest.approx(heard.accuracy("categoriser"))
    assert heard.confusion.sum() == pytest.approx(3 * EACH)
    assert np.trace(heard.confusion) / (3 * EACH) == pytest.approx(heard.accuracy("categoriser"))
    assert heard.confusion.sum(1) == pytest.approx([EACH] * 3)


def test_several_seeds_make_no_interval_of_answers_narrower(heard: Audit) -> None:
    row = heard.answers(1.0)
    assert row["answered"] == row["scenes"] == 3 * EACH
    right = heard.accuracy("categoriser") * 3 * EACH
    assert row["interval_95"] == pytest.approx(list(wilson(right, 3 * EACH)))


def test_alarms_are_counted_where_six_of_ten_are_found() -> None:
    material = made_up(0.5, place=0.05)
    found = audit(material, seeds=(0,))
    evidence = leave_out(material, 0).evidence
    at = np.quantile(evidence[material.labels >= 0], 1 - FOUND)
    with_signs = np.array([bool(scene.standing) for scene in material.scenes])
    expected = {
        "with signs standing": ~material.is_missing & with_signs,
        "without signs": ~material.is_missing & ~with_signs,
        "both": ~material.is_missing,
    }
    assert [alarm["scenes"] for alarm in found.alarms] == list(expected)
    for alarm, chosen in zip(found.alarms, expected.values(), strict=True):
        assert alarm["n"] == chosen.sum()
        assert alarm["alarms"] == (evidence[chosen] >= at).sum()
        assert alarm["rate"] == alarm["alarms"] / alarm["n"]
        assert alarm["interval_95"][0] <= alarm["rate"] <= alarm["interval_95"][1]


def test_places_that_tell_signs_from_decoys_make_no_alarms_and_others_at_random(heard: Audit) -> None:
    assert all(alarm["rate"] == 0 and alarm["auroc"] == 1 for alarm in heard.alarms)
    (*_, both) = audit(made_up(0.5, place=0.0), seeds=(0,)).alarms
    assert both["rate"] == pytest.approx(FOUND, abs=0.25)
    assert both["auroc"] == pytest.approx(0.5, abs=0.15)


def test_sharpness_tells_what_was_filled_from_what_lies_beside_and_not_from_decoys(heard: Audit) -> None:
    beside, decoys = heard.told["erased against beside"], heard.told["erased against decoys"]
    assert beside is not None
    assert beside > 0.99
    assert decoys is not None
    assert decoys == pytest.approx(0.5, abs=0.2)
    assert audit(made_up(1.0, holes=telling), seeds=(0,)).told["erased against decoys"] is None


def test_a_road_that_never_had_its_sign_is_not_measured_with_what_was_erased() -> None:
    found = audit(made_up(1.0, bare=3), seeds=(0,))
    assert [row["scenes"] for row in found.rows()] == [3 * EACH] * len(NAMES)
    assert found.alarms[-1]["n"] == 3 * EACH + 3


def test_without_scenes_whose_signs_stand_there_is_nothing_to_say_of_them() -> None:
    found = audit(made_up(1.0, standing=False), seeds=(0,))
    assert [row["who"] for row in found.rows()] == [name for name in NAMES if name != "signs standing"]
    assert [alarm["scenes"] for alarm in found.alarms] == ["without signs", "both"]


def test_scenes_that_were_named_wrongly_are_told_the_worst_first() -> None:
    found = audit(made_up(0.4), seeds=(0, 1))
    rows = found.mistaken()
    right = {scene.name: share for scene, share in zip(found.scenes, found.right["categoriser"], strict=True)}
    assert {scene.name: share for scene, _, share in rows} == {name: one for name, one in right.items() if one < 1}
    assert [share for _, _, share in rows] == sorted(share for _, _, share in rows)
    assert all(said in CLASSES and said != scene.context for scene, said, _ in rows)


def test_the_report_says_what_the_audit_says(heard: Audit, tmp_path: Path) -> None:
    run = Run(CLASSES, (SIDES[0],), Thresholds(0.4, 0.3), "scenes", "0")
    save_run(tmp_path, run, run.build())
    assert report_audit(tmp_path, run, heard)["verdict"] == "the road is read"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["accuracy"] == heard.accuracy("categoriser")
    assert report["scenes"] == report["places"] == 3 * EACH
    assert report["thresholds"] == {"missing": 0.4, "certainty": 0.3}
    told = "\n".join(lines(heard))
    for name in NAMES:
        assert f"{name:<26} {heard.accuracy(name):.3f}" in told
    assert f"{heard.answers(0.5)['accuracy']:.3f} of {heard.answers(0.5)['answered']} answers" in told
