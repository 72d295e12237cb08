"""What holes tell by their places, and fills by their sharpness: known values, and the figures on the signs at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.evaluation.erased_places import SceneHoles, folds_of, holes_of, place_accuracy
from nflows_privacy.evaluation.sharpness import auroc, neighbour, sharpness, told_apart
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import MASK_SCALE, Rectangle, cover
from nflows_privacy.redaction.decoys import DECOY, Plan, features_of
from nflows_privacy.redaction.erasing import Erasing, Scene, scene_of
from nflows_privacy.regions import Box, Region

CLASSES = ("left", "middle", "right")
SIGNS = ("keep-right", "priority-road", "give-way", "construction", "speed-limit-100", "speed-limit-120",
         "no-overtaking-trucks")  # fmt: skip
SIZE = (1360, 800)


def scenes(count: int, decoys: str, seed: int = 0) -> list[SceneHoles]:
    """Scenes of three classes far apart: without decoys, with one of each other class, or with one more hole in one."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        own = number % len(CLASSES)
        others = {"none": [], "others": [one for one in range(3) if one != own], "number": [own] * own}[decoys]
        features = np.array([(100.0 * one, 0, 3, 0) for one in (own, *others)]) + generator.normal(
            size=(1 + len(others), 4)
        )
        erased = np.arange(1 + len(others)) == 0
        made.append(SceneHoles(CLASSES[own], features, erased, str(number)))
    return made


def test_a_hole_alone_tells_its_class_and_a_hole_of_each_class_tells_nothing() -> None:
    alone, dealt = place_accuracy(scenes(60, "none"), 0), place_accuracy(scenes(60, "others"), 0)
    assert alone.correct["places"] == alone.correct["scene"] == alone.scenes == 60
    assert alone.correct["kernels"] > 54
    assert alone.majority == pytest.approx(1 / 3)
    for observer in ("places", "scene"):
        low, high = dealt.interval(observer)
        assert low < 1 / 3 < high


def test_the_number_of_holes_is_counted_among_what_tells() -> None:
    told = place_accuracy(scenes(60, "number"), 0)
    assert told.correct["number"] == 60
    assert told.strongest == 1


def test_what_cannot_be_audited_is_refused() -> None:
    with pytest.raises(ValueError, match="two classes or more"):
        place_accuracy([one for one in scenes(30, "none") if one.label == "left"], 0)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pqrstu")), min_size=1, max_size=30), st.integers(0, 9)
)
def test_no_group_is_on_both_sides_of_a_fold(found: list[tuple[str, str]], seed: int) -> None:
    labels, groups = np.array([label for label, _ in found]), [group for _, group in found]
    folds = folds_of(labels, groups, 5, seed)
    assert sorted(index for fold in folds for index in fold) == list(range(len(found)))
    for fold in folds:
        inside = {groups[index] for index in fold}
        assert inside.isdisjoint({groups[index] for index in set(range(len(found))) - set(fold.tolist())})


def test_the_table_of_redact_is_read_as_holes(tmp_path: Path) -> None:
    regions = [
        Region(Box(0, 0, 10, 20), "stop", attributes=(("erased", "1"), ("decoy", "0"))),
        Region(Box(5, 5, 10, 20), "yield", attributes=(("erased", "0"), ("decoy", "0"))),
        Region(Box(30, 0, 40, 20), "decoy", attributes=(("erased", "0"), ("decoy", "1"))),
    ]
    write_csv(tmp_path / "t.csv", rows_of("a.png", regions, ("erased", "decoy")))
    (found,) = holes_of(read_boxes(tmp_path / "t.csv"), {"a.png": "crossing", "b.png": "none"})
    assert (found.label, found.group, found.is_erased.tolist()) == ("crossing", "a.png", [True, False])
    assert found.features[:, 0].tolist() == [5, 35]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_auroc_is_the_share_of_pairs_in_order(first: list[int], second: list[int]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in first for b in second]
    assert auroc(np.array(first, float), np.array(second, float)) == pytest.approx(np.mean(pairs))


def test_three_numbers_tell_smooth_from_noisy_and_not_noisy_from_noisy() -> None:
    generator = np.random.default_rng(0)

    def numbers(noise: float) -> NDArray[np.float64]:
        pictures = (128 + noise * generator.normal(size=(20, 20, 3)) for _ in range(40))
        return np.stack([sharpness(one.clip(0, 255).astype(np.uint8), Rectangle(2, 2, 18, 18)) for one in pictures])

    groups = [str(number) for number in range(80)]
    assert told_apart(numbers(2), numbers(30), groups, 0) > 0.99
    assert 0.3 < told_apart(numbers(10), numbers(10), groups, 0) < 0.7


def test_a_neighbour_is_beside_and_touches_nothing() -> None:
    place = Rectangle(10, 10, 20, 24)
    assert neighbour(place, [place], 40, 60) == Rectangle(10, 24, 20, 38)
    assert neighbour(place, [place, Rectangle(0, 30, 40, 60)], 40, 60) == Rectangle(0, 10, 10, 24)
    assert neighbour(place, [place], 20, 24) == Rectangle(0, 10, 10, 24)
    assert neighbour(Rectangle(0, 0, 20, 24), [], 20, 24) is None


def drawn(folder: Path, plan: Plan, seed: int) -> tuple[dict[str, Scene], dict[str, str]]:
    with (folder / "scenes.csv").open(newline="") as file:
        contexts = {row["image"]: row["context"] for row in csv.DictReader(file) if row["context"]}
    erasing = Erasing(SIGNS, folder / "boxes.csv", "", FillSettings("telea"), plan)
    return {name: scene_of(erasing, folder / "images" / name, SIZE, seed) for name in contexts}, contexts


def audited(folder: Path, plan: Plan, seed: int) -> dict[str, float]:
    found, contexts = drawn(folder, plan, seed)
    holes = [
        SceneHoles(
            contexts[name],
            features_of(np.array([one.box for one in scene.filled])),
            np.array([one.kind != DECOY for one in scene.filled]),
            name,
        )
        for name, scene in found.items()
    ]
    found_by = place_accuracy(holes, seed)
    return {name: count / found_by.scenes for name, count in found_by.correct.items()}


@pytest.mark.real_data
def test_the_place_of_a_hole_tells_the_class_and_two_decoys_take_it_away(data_folder: Path) -> None:
    folder = data_folder / "privacy" / "signs"
    assert audited(folder, Plan(0, MASK_SCALE), 0)["places"] >= 0.40
    told = [audited(folder, Plan(2, MASK_SCALE, same_number=True), seed) for seed in range(3)]
    for observer in told[0]:
        assert np.mean([one[observer] for one in told]) <= 0.28


def filled(box: Box) -> Rectangle:
    place = cover(box.grown(MASK_SCALE), SIZE[1], SIZE[0])
    assert place is not None
    return place


@pytest.mark.real_data
def test_sharpness_tells_a_fill_from_its_neighbour_and_not_from_a_decoy(data_folder: Path) -> None:
    folder = data_folder / "privacy" / "signs"
    found, _ = drawn(folder, Plan(2, MASK_SCALE), 0)
    numbers: dict[str, list[NDArray[np.float64]]] = {"fill": [], "neighbour": [], "decoy": []}
    groups: dict[str, list[str]] = {name: [] for name in numbers}
    fill = load_fill(FillSettings("telea"))

    def add(sort: str, name: str, pixels: NDArray[np.uint8], place: Rectangle) -> None:
        numbers[sort].append(sharpness(pixels, place))
        groups[sort].append(name)

    for name, scene in found.items():
        places = {
            place: one.kind for one in scene.regions if (place := cover(one.box.grown(MASK_SCALE), SIZE[1], SIZE[0]))
        }
        filled = {cover(one.box.grown(MASK_SCALE), SIZE[1], SIZE[0]) for one in scene.filled}
        holes = [place for place in places if place in filled]
        after = fill(read_picture(folder / "images" / name).pixels, holes, 0)
        for place in holes:
            add("decoy" if places[place] == DECOY else "fill", name, after, place)
            if places[place] != DECOY and (beside := neighbour(place, list(places), SIZE[1], SIZE[0])):
                add("neighbour", name, after, beside)
    scores = {
        other: told_apart(np.stack(numbers["fill"]), np.stack(numbers[other]), groups["fill"] + groups[other], 0)
        for other in ("neighbour", "decoy")
    }
    assert scores["neighbour"] >= 0.85
    assert scores["decoy"] <= 0.60
