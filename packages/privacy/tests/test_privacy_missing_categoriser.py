"""A categoriser of missing signs: its mathematics, how it learns, and what it finds on made-up roads."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from made_up_roads import KINDS, Road, draw_road
from missing_scenes import erased_roads
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE, RunError
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.report import read_csv, write_csv
from nflows_core.testing import kill_at_call, one_thread
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.drives.frames import Frame
from nflows_privacy.drives.places import CANNOT_SAY
from nflows_privacy.drives.places import NOTHING as NOTHING_MISSING
from nflows_privacy.evaluation.erased_places import SceneHoles, place_accuracy
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import MASK_SCALE, Rectangle, covers
from nflows_privacy.missing.audit import Audit
from nflows_privacy.missing.categoriser import Categoriser, Said, Thresholds, evidence
from nflows_privacy.missing.holes import WHERE, HoleReader, where_of
from nflows_privacy.missing.learning import FOUND, learn
from nflows_privacy.missing.leaving_out import leave_out_roads, road_reader
from nflows_privacy.missing.looks import PLACE_BLOCKS, SIDES, Looks
from nflows_privacy.missing.material import FOLDS, Material, folds_of
from nflows_privacy.missing.observing import looks_of, pixels_of, read_observed
from nflows_privacy.missing.odds import Odds, odds_of
from nflows_privacy.missing.ridge import Linear
from nflows_privacy.missing.runs import Run, load_categoriser, read_run
from nflows_privacy.missing.scenes import ERASED_PART, STANDING_PART, TABLE, Scene, read_scenes
from nflows_privacy.missing.training import audit_again, train
from nflows_privacy.missing.weighing import Weights
from nflows_privacy.redaction.decoys import Holes, Plan, decoy_seed, features_of
from nflows_privacy.regions import Region

SIDE = SIDES[0]
PLACES = sum(PLACE_BLOCKS)
CURVES = ("left-hand-curve", "right-hand-curve")


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


@pytest.fixture(scope="module")
def looks() -> Looks:
    return looks_of((SIDE,))


@pytest.fixture(scope="module")
def random_categoriser() -> Categoriser:
    """One that has learned nothing."""
    categoriser = Categoriser(4, Looks((SIDE,)), holes=8, scenes=2)
    linear = [
        Linear(0.05 * drawn(width, classes, seed=classes), 0.05 * drawn(classes, seed=classes))
        for width, classes in ((categoriser.looks.width, 4), (PLACES, 1), (PLACES, 4))
    ]
    holes = HoleReader(drawn(8, WHERE).double().numpy(), np.arange(8) % 4, linear[2])
    categoriser.learn(linear[0], linear[1], holes, drawn(categoriser.looks.width))
    categoriser.weigh(Odds(0.4, -3.0, -2.0), Weights(1 / 0.7, 0.5, 2.0, -1.0, 0.3))
    return categoriser


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 6), st.floats(0, 1), st.integers(0, 999))
def test_probabilities_sum_to_one(random_categoriser: Categoriser, holes: int, surest: float, seed: int) -> None:
    categoriser = random_categoriser
    road, places = drawn(categoriser.looks.width, seed=seed), drawn(holes, PLACES, seed=seed)
    where = drawn(holes, WHERE, seed=seed).double().numpy()
    said = categoriser.judged(road, places, where, surest)
    assert said.probabilities.shape == (5,)
    assert (said.probabilities >= 0).all()
    assert said.probabilities.sum() == pytest.approx(1)
    assert said.classes.sum() == pytest.approx(1)
    assert said.holes.shape == (holes,)
    assert said.missing == pytest.approx(1 / (1 + math.exp(-(0.4 * evidence(said.holes) - 3 * surest - 2))), abs=1e-5)
    assert said.missing <= categoriser.judged(road, places, where).missing


numbers = st.lists(st.floats(-1, 1), min_size=1, max_size=6)


@given(numbers, st.data(), st.floats(0.05, 2))
def test_each_hole_that_looks_more_like_a_sign_is_more_evidence(
    held: list[float], data: st.DataObject, more: float
) -> None:
    which = data.draw(st.integers(0, len(held) - 1))
    larger = np.array(held)
    larger[which] += more
    assert evidence(larger) > evidence(np.array(held))
    assert evidence(np.array(held)[::-1]) == pytest.approx(evidence(np.array(held)))
    assert 8 * max(held) <= evidence(np.array(held)) <= 8 * max(held) + math.log(len(held)) + 1e-9


def test_a_scene_without_holes_tells_nothing() -> None:
    with pytest.raises(ValueError, match="without holes tells nothing"):
        evidence(np.zeros(0))


def test_thresholds_decide_what_is_answered() -> None:
    classes = ("a", "b", "c")
    said = Said(np.array([0.2, 0.5, 0.3]), 0.6, np.zeros(1))
    assert Thresholds(0.6, 0.5).answer(said, classes) == "b"
    assert Thresholds(0.61, 0.5).answer(said, classes) == NOTHING_MISSING
    assert Thresholds(0.6, 0.51).answer(said, classes) == CANNOT_SAY
    assert Thresholds(0.61, 0.51).answer(said, classes) == NOTHING_MISSING


def scene_of(number: int, context: str | None, is_missing: bool = True, group: str | None = None) -> Scene:
    name = f"{'missing' if is_missing else 'standing'}/{number}.png"
    holes = tuple(Rectangle(20, 40 * at, 40, 40 * at + 20) for at in range(3))
    erased = (is_missing, False, False)
    of, size = f"g{number}" if group is None else group, (448, 256)
    return Scene(Path(name), name, f"{number}.png", is_missing, context, of, Frame(name), holes, erased, (), size)


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 40), st.integers(0, 999))
def test_folds_divide_no_group_and_test_each_scene_once(groups: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    contexts, of = generator.choice(["a", "b", "c"], 40).tolist(), generator.integers(groups, size=40).tolist()
    found = list(zip(contexts, of, strict=True))
    scenes = [scene_of(at, context, group=str(group)) for at, (context, group) in enumerate(found)]
    scenes += [scene_of(at, context, False, str(group)) for at, (context, group) in enumerate(found)]
    material = Material(scenes, ())
    in_groups = {name: len({group for context, group in found if context == name}) for name in material.classes}
    few = [name for name, count in in_groups.items() if count < FOLDS]
    if few:
        with pytest.raises(ValueError, match=f"the context {few[0]} has {in_groups[few[0]]} places"):
            list(folds_of(material, seed))
        return
    folds = list(folds_of(material, seed))
    assert sum(tested.astype(int) for _, tested in folds).tolist() == [1] * len(scenes)
    for learned, tested in folds:
        assert (learned ^ tested).all()
        assert not set(material.groups[learned]) & set(material.groups[tested])


def test_scenes_of_one_class_or_all_with_signs_missing_teach_nothing() -> None:
    with pytest.raises(ValueError, match="signs of 1 contexts are missing"):
        Material([scene_of(0, "a"), scene_of(1, "b", False)], ())
    with pytest.raises(ValueError, match="each lacks a sign"):
        Material([scene_of(0, "a"), scene_of(1, "b")], ())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of so few roads that a fold has one of each class."""
    return erased_roads(tmp_path_factory.mktemp("small"), dict.fromkeys(CURVES, FOLDS), seed=3)


@pytest.fixture(scope="module")
def learned(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run, Audit]:
    folder = tmp_path_factory.mktemp("learned") / "run"
    with one_thread():
        return folder, *train(small, folder)


@pytest.fixture(scope="module")
def material(small: Path, learned: tuple[Path, Run, Audit]) -> Material:
    scenes = read_scenes(small)
    seen = [read_observed((learned[0] / "observed" / scene.name).with_suffix(".safetensors")) for scene in scenes]
    return Material(scenes, seen)


@pytest.fixture(autouse=True)
def _on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def test_what_is_said_of_a_left_out_scene_does_not_depend_on_its_own_class(material: Material) -> None:
    # One group of no class, whose class nothing shares out, so that no fold depends on it.
    roads, number = material.roads, int(np.flatnonzero(material.labels >= 0)[0])
    changed = material.labels.copy()
    changed[number] = 1 - changed[number]
    before, after = (leave_out_roads(material, roads, labels, 0) for labels in (material.labels, changed))
    fold = next(tested for _, tested in folds_of(material, 0) if tested[number])
    assert np.array_equal(before[fold], after[fold])
    assert (before[~fold] != after[~fold]).any(1).all()


def test_roads_and_holes_are_weighed_with_the_least_cross_entropy(material: Material, looks: Looks) -> None:
    categoriser, _, left_out = learn(material, looks)
    known, weights = material.labels >= 0, categoriser.weights

    def loss(road: float, holes: float) -> float:
        other = weights._replace(road=road, holes=holes)
        logits = other(left_out.logits, left_out.holes, material.of_scene)[known]
        return float(cross_entropy(torch.from_numpy(logits), torch.from_numpy(material.labels[known])))

    least = loss(weights.road, weights.holes)
    for road, holes in np.random.default_rng(0).uniform(0, 20, (50, 2)).tolist():
        assert least <= loss(road, holes) + 1e-6


def test_the_evidence_is_weighed_by_its_likelihood_and_six_of_ten_are_found(material: Material, looks: Looks) -> None:
    categoriser, thresholds, left_out = learn(material, looks)
    odds = categoriser.odds
    nothing = np.zeros(len(material.scenes))
    weighed = odds_of(left_out.evidence, nothing, material.is_missing, material.has_signs)
    assert odds == pytest.approx(weighed, rel=1e-6)
    missing, known = 1 / (1 + np.exp(-odds(left_out.evidence, nothing))), material.labels >= 0
    assert (missing[known] >= thresholds.missing - 1e-6).mean() == pytest.approx(FOUND, abs=1 / known.sum())


def test_a_run_says_what_was_said_when_it_had_learned(small: Path, learned: tuple[Path, Run, Audit]) -> None:
    folder, run, _ = learned
    assert read_run(folder) == run
    assert run.classes == CURVES
    loaded, again = load_categoriser(folder), load_categoriser(folder)
    scene = read_scenes(small)[0]
    pixels = read_picture(scene.path).pixels
    one, other = loaded(pixels, scene.holes), again(pixels, scene.holes)
    assert np.array_equal(one.probabilities, other.probabilities)
    seen = read_observed((folder / "observed" / scene.name).with_suffix(".safetensors"))
    kept = loaded.judged(seen.road, seen.places, where_of(scene.holes, scene.size))  # of 16 bits
    assert kept.probabilities == pytest.approx(one.probabilities, abs=1e-2)
    assert kept.holes == pytest.approx(one.holes, abs=1e-2)


def test_what_speaks_for_a_class_sums_to_its_logit(small: Path, learned: tuple[Path, Run, Audit]) -> None:
    categoriser, scene = load_categoriser(learned[0]), read_scenes(small)[0]
    pixels = read_picture(scene.path).pixels
    logits = ((categoriser.looks.road(pixels) - categoriser.road_mean) @ categoriser.road_weight).numpy()
    for number in (0, 1):
        shown = categoriser.reasons(pixels, number)
        assert shown.sum() == pytest.approx(logits[number] - logits.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("classes", ["left-hand-curve"]),
        ("classes", ["a", "a"]),
        ("classes", ["a", 3]),
        ("sides", [340]),
        ("sides", []),
        ("sides", [[339]]),
        ("thresholds", {"missing": 0.5}),
        ("thresholds", {"missing": 1.5, "certainty": 0.1}),
        ("thresholds", {"missing": True, "certainty": 0.1}),
        ("scenes", None),
        ("scenes_sha256", 3),
        ("seed", "0"),
        ("seed", True),
    ],
)
def test_a_configuration_edited_by_hand_is_refused_with_its_entry(
    entry: str, value: object, learned: tuple[Path, Run, Audit], tmp_path: Path
) -> None:
    content = json.loads((learned[0] / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps({**content, entry: value}))
    with pytest.raises(RunError, match=f"does not describe a categoriser of this version: {entry}: expected"):
        read_run(tmp_path)
    (tmp_path / CONFIG_FILE).write_text(json.dumps({**content, "kind": "run"}))
    with pytest.raises(RunError, match="its kind is not"):
        read_run(tmp_path)


def test_killed_while_looking_and_resumed_is_the_run_that_was_not(
    small: Path, learned: tuple[Path, Run, Audit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    folder = tmp_path / "run"
    kill_at_call("nflows_privacy.missing.observing.write_tensors", 8, "missing_scenes", small, folder)
    assert len(list((folder / "observed").rglob("*.safetensors"))) == 7
    with pytest.raises(FileExistsError, match="a run is there"):
        train(small, folder)
    with pytest.raises(ValueError, match="with another seed"):
        train(small, folder, seed=1, resume=True)
    run, audited = train(small, folder, resume=True)
    assert (folder / WEIGHTS_FILE).read_bytes() == (learned[0] / WEIGHTS_FILE).read_bytes()
    assert run == learned[1]
    assert audited.rows() == learned[2].rows()


def test_a_run_that_is_overwritten_is_the_same_and_its_audit_too(small: Path, learned: tuple[Path, Run, Audit]) -> None:
    folder, run, audited = learned
    before = (folder / WEIGHTS_FILE).read_bytes()
    assert train(small, folder, overwrite=True)[0] == run
    assert (folder / WEIGHTS_FILE).read_bytes() == before
    again, same = audit_again(folder, (0, 1, 2))
    assert again == run
    assert same.rows() == audited.rows()


def test_a_class_of_too_few_places_is_refused_before_anything_is_looked_at(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for name in (ERASED_PART, STANDING_PART):
        (folder / name).symlink_to(small / name)
    joined = {"00008.png": "00009.png"}
    rows = read_csv(small / TABLE)
    write_csv(folder / TABLE, [{**row, "group": joined.get(row["source"], row["group"])} for row in rows])
    with pytest.raises(ValueError, match=f"the context right-hand-curve has {FOLDS - 1} places"):
        train(folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def erased(roads: Sequence[Road], decoys: int = 2) -> Iterator[tuple[Road, SceneHoles]]:
    """Roads without their signs, and the holes of each."""
    marked = {str(at): Marked((Region(road.box, road.kind),)) for at, road in enumerate(roads) if road.box}
    holes, fill = Holes.of(Annotations("roads", marked), ("sign",)), load_fill(FillSettings())
    for name, one in marked.items():
        road, (sign,) = roads[int(name)], one.regions
        height, width = road.pixels.shape[:2]
        plan, seed = Plan(decoys, MASK_SCALE), decoy_seed(0, name)
        found = [sign.box, *holes.decoys(name, [sign], [sign.box], (width, height), plan, seed)]
        pixels = fill(road.pixels, covers([Region(box.grown(MASK_SCALE), "hole") for box in found], height, width), 0)
        features = features_of(np.array(found, np.float64))
        is_sign = np.arange(len(found)) == 0
        yield replace(road, pixels=pixels), SceneHoles(road.kind, features, is_sign, name)


def test_which_sign_a_road_lacks_is_learned_from_the_road_and_not_from_its_holes(looks: Looks) -> None:
    generator = np.random.default_rng(11)
    kinds = [kind for _ in range(150) for kind in KINDS]
    holes, seen, mirrored = [], [], []
    for road, of_scene in erased([draw_road(kind, generator) for kind in kinds]):
        holes.append(of_scene)
        seen.append(looks.road(road.pixels))
        if len(seen) > 400 and road.kind in CURVES:
            mirror = road.mirrored()
            mirrored.append((KINDS.index(mirror.kind), looks.road(mirror.pixels)))
    labels, roads = np.array([KINDS.index(kind) for kind in kinds]), torch.stack(seen)
    reader = road_reader(roads, labels, np.arange(600) < 400)
    assert (reader(roads[400:]).argmax(1).numpy() == labels[400:]).mean() >= 0.95
    assert place_accuracy(holes, 0).strongest <= 0.30
    found = reader(torch.stack([features for _, features in mirrored])).argmax(1).tolist()
    assert np.mean([one == kind for one, (kind, _) in zip(found, mirrored, strict=True)]) >= 0.85


def test_a_picture_of_another_size_than_its_holes_were_counted_in_is_refused(small: Path, tmp_path: Path) -> None:
    scene = read_scenes(small)[0]
    path = tmp_path / "small.png"
    write_picture(path, Picture(read_picture(scene.path).pixels[:200]))
    assert pixels_of(scene).shape == (256, 448, 3)
    with pytest.raises(ValueError, match="has 448 x 200 pixels, and its holes are counted in 448 x 256"):
        pixels_of(replace(scene, path=path))
