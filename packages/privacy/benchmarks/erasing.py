"""What erased traffic signs still tell: by the places of holes alone, and by the sharpness of what fills them.

    python packages/privacy/benchmarks/erasing.py SIGNS [--output FILE]

SIGNS is the folder with ``images``, ``boxes.csv`` and ``scenes.csv``: the context of each scene is that of the signs
that are erased from it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.report import machine, read_csv, versions, write_csv
from nflows_core.runtime.text_table import table
from nflows_privacy.annotations.groups import word_of
from nflows_privacy.evaluation.erased_places import SceneHoles, place_accuracy
from nflows_privacy.evaluation.sharpness import neighbour, sharpness, told_apart
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import MASK_SCALE, Rectangle, cover
from nflows_privacy.redaction.decoys import DECOY, Plan, features_of
from nflows_privacy.redaction.erasing import Erasing, Scene, scene_of

CONTEXTS = {
    "keep_right": ("keep-right",),
    "priority_road": ("priority-road",),
    "give_way": ("give-way",),
    "works": ("construction",),
    "motorway": ("speed-limit-100", "speed-limit-120", "no-overtaking-trucks"),
}
KINDS = tuple(kind for kinds in CONTEXTS.values() for kind in kinds)
SEEDS = (0, 1, 2)
SIZE = (1360, 800)
OBSERVERS = ("places", "kernels", "scene", "number")


@dataclass(frozen=True)
class Variant:
    """What is erased, and the decoys.

    Arguments:
        name: What it is called.
        plan: The decoys.
        kinds: The kinds of signs that are erased.
        is_one: Whether only the largest sign of the context is erased in each scene, and not all of them.
    """

    name: str
    plan: Plan
    kinds: tuple[str, ...] = KINDS
    is_one: bool = False


VARIANTS = (
    Variant("one sign, no decoys", Plan(0, MASK_SCALE), is_one=True),
    Variant("one sign, 2 decoys", Plan(2, MASK_SCALE), is_one=True),
    Variant("one sign, 3 decoys", Plan(3, MASK_SCALE), is_one=True),
    Variant("all signs, no decoys", Plan(0, MASK_SCALE)),
    Variant("all signs, 2 decoys", Plan(2, MASK_SCALE)),
    Variant("all signs, 2 decoys, same number", Plan(2, MASK_SCALE, same_number=True)),
    Variant("all signs, 3 decoys, same number", Plan(3, MASK_SCALE, same_number=True)),
)


@click.command()
@click.argument("signs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path))
def main(signs: Path, output: Path | None) -> None:
    """Print the accuracies and AUROCs, and write them as JSON."""
    contexts = read_contexts(signs)
    with TemporaryDirectory() as folder:
        largest = write_largest(signs, contexts, Path(folder, "largest.csv"))
        rows = [
            row
            for variant in VARIANTS
            for row in place_rows(signs, largest if variant.is_one else signs / "boxes.csv", contexts, variant)
        ]
    rows += [row for seed in SEEDS for row in sharpness_rows(signs, contexts, seed)]
    print(table(rows))
    if output is not None:
        result = {"rows": rows, "boxes_sha256": sha256(signs / "boxes.csv"), "machine": machine()}
        with atomic_write(output, "w") as file:
            file.write(to_json({**result, "versions": versions(["nflows-privacy"])}, indent=1) + "\n")


def read_contexts(signs: Path) -> dict[str, str]:
    """The context of each scene that has one."""
    with (signs / "scenes.csv").open(newline="") as file:
        return {row["image"]: row["context"] for row in csv.DictReader(file) if row["context"]}


def write_largest(signs: Path, contexts: dict[str, str], path: Path) -> Path:
    """The table of all boxes, in which each scene has one sign of its context; the others are of another class."""
    rows = read_csv(signs / "boxes.csv")
    largest: dict[str, dict[str, str]] = {}
    for row in rows:
        if word_of(row["name"]) in CONTEXTS.get(contexts.get(row["image"], ""), ()):
            largest[row["image"]] = max(row, largest.get(row["image"], row), key=_width)
    for row in rows:
        if row["image"] in largest and row is not largest[row["image"]] and word_of(row["name"]) in KINDS:
            row["name"] = "another sign"
    write_csv(path, rows)
    return path


def _width(row: dict[str, str]) -> int:
    return int(row["right"]) - int(row["left"])


def place_rows(signs: Path, boxes: Path, contexts: dict[str, str], variant: Variant) -> Iterator[dict[str, Any]]:
    """The accuracy of each observer, for each seed."""
    erasing = Erasing(variant.kinds, boxes, variant.name, FillSettings("telea"), variant.plan)
    for seed in SEEDS:
        drawn = {name: scene_of(erasing, signs / "images" / name, SIZE, seed) for name in contexts}
        scenes = [_holes(scene, name, contexts[name]) for name, scene in drawn.items()]
        found = place_accuracy(scenes, seed)
        accuracies = {name: round(found.correct[name] / found.scenes, 3) for name in OBSERVERS}
        yield {
            "measured": "accuracy", "variant": variant.name, "seed": seed, "n": found.scenes,
            "majority": round(found.majority, 3), **accuracies, "strongest": round(found.strongest, 3), "auroc": None,
        }  # fmt: skip


def _holes(scene: Scene, name: str, label: str) -> SceneHoles:
    boxes = np.array([one.box for one in scene.filled])
    return SceneHoles(label, features_of(boxes), np.array([one.kind != DECOY for one in scene.filled]), name)


def sharpness_rows(signs: Path, contexts: dict[str, str], seed: int) -> Iterator[dict[str, Any]]:
    """How well what was filled is told from its untouched neighbour, and from decoys."""
    found: dict[str, list[tuple[str, Any]]] = {"fill": [], "neighbour": [], "decoy": []}
    erasing = Erasing(KINDS, signs / "boxes.csv", "", FillSettings("telea"), Plan(2, MASK_SCALE))
    fill = load_fill(erasing.fill)
    for name in contexts:
        before = read_picture(signs / "images" / name).pixels
        scene = scene_of(erasing, signs / "images" / name, SIZE, seed)
        places = [(one.kind == DECOY, _place(one.box)) for one in scene.filled]
        boxes = [_place(one.box) for one in scene.regions]
        after = fill(before, [place for _, place in places], seed)
        for is_decoy, place in places:
            found["decoy" if is_decoy else "fill"].append((name, sharpness(after, place)))
            beside = None if is_decoy else neighbour(place, boxes, *after.shape[:2])
            if beside is not None:
                found["neighbour"].append((name, sharpness(after, beside)))
    for other in ("neighbour", "decoy"):
        sides = found["fill"], found[other]
        first, second = (np.stack([numbers for _, numbers in side]) for side in sides)
        groups = [name for side in sides for name, _ in side]
        score = round(told_apart(first, second, groups, seed), 3)
        yield {
            "measured": f"fill from {other}", "variant": "all signs, 2 decoys", "seed": seed, "n": len(groups),
            "majority": None, **dict.fromkeys((*OBSERVERS, "strongest")), "auroc": score,
        }  # fmt: skip


def _place(box: Any) -> Rectangle:
    place = cover(box.grown(MASK_SCALE), SIZE[1], SIZE[0])
    assert place is not None
    return place


if __name__ == "__main__":
    main()
