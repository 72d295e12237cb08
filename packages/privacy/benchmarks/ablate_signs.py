"""What each part of a training is worth for traffic signs: one fold of bench_signs.py, several seeds.

python ablate_signs.py boxes.csv RUNS [--fine] [--updates 900] [--seeds 3] [--json results/NAME.json]

Varied one at a time, from what is usual (crops "pasted", no dropout, levels of 64 features on EfficientNet-Lite0): what
is done to the crops, the dropout of the outputs, and the size. With --fine, detectors of the classes themselves are
trained instead, with the flips of the thesis, which keep the classes, and with mirror images whose classes change too:
how often a sign that looks another way in a mirror is taken for that one. Updates are rounded to epochs. The runs stay
in RUNS, and those that have finished are not trained again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_signs import THRESHOLD, folds, linked, pictures_of, tested

from nflows_core.training import EngineConfig
from nflows_privacy.annotations.mirrors import mirror_of
from nflows_privacy.regions import iou
from nflows_privacy.training.data import Source, classes_of, crops_in, read_scenes
from nflows_privacy.training.experiment import architecture, engine_for, train
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network, read_run
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.settings import NetworkSettings
from nflows_privacy.training.views import View, mirrored

FOLD = 0
WIDTHS = (32, 64, 128)
"""The features of a level: what the size of a network with a learned backbone is chosen by."""
PAIRS = (
    ("keep left (mandatory)", "keep right (mandatory)"),
    ("go left (mandatory)", "go right (mandatory)"),
    ("bend left (danger)", "bend right (danger)"),
)
"""Classes that are each other's mirror image."""
OVERLAP = 0.5


@dataclass(frozen=True)
class Variant:
    """A way to train.

    Arguments:
        name: The name of the folder of its runs.
        settings: The settings of the network.
        augment: What is done to the crops.
    """

    name: str
    settings: NetworkSettings
    augment: str = "pasted"


def variants(boxes: Path) -> Iterator[Variant]:
    """Those with the four groups of the benchmark."""
    groups = {"classes": classes_of(Source(boxes), groups=True), "groups": True}
    usual = architecture(None, None, **groups)
    yield Variant("usual", usual)
    for augment in ("none", "thesis"):
        yield Variant(f"augment-{augment}", usual, augment)
    yield Variant("dropout-0.25", replace(usual, dropout=0.25))
    for width in WIDTHS:
        if (width,) * 4 != usual.widths:
            yield Variant(f"width-{width}", replace(usual, widths=(width,) * 4))


def fine_variants(boxes: Path) -> Iterator[Variant]:
    """Those with the classes themselves: the flips of the thesis, and ours."""
    classes = classes_of(Source(boxes))
    mirrors = tuple(mirror if (mirror := mirror_of(name)) in classes else "" for name in classes)
    settings = architecture(None, None, classes=classes, mirrors=mirrors)
    for augment in ("thesis", "pasted"):
        yield Variant(f"fine-{augment}", settings, augment)


def trained(variant: Variant, seed: int, source: Source, test: Source, options: argparse.Namespace) -> Path:
    """The folder of the run with this seed, which is trained if it has not finished."""
    run: Path = options.runs / f"{variant.name}-{options.updates}-{seed}"
    if not (run / "model.safetensors").exists():
        engine = engine_for(source, variant.settings)
        updates = max(1, crops_in(source, variant.settings.crop) // engine["batch_size"])
        engine |= {"epochs": max(1, round(options.updates / updates)), "seed": seed}
        config = EngineConfig(**engine)
        train(source, run, variant.settings, config, test=test, augment=variant.augment, workers=1, overwrite=True)
    return run


def row_of(variant: Variant, runs: Sequence[Path], scenes: Sequence[Scene]) -> dict[str, Any]:
    """The mean of the seeds and, of several, its standard error."""
    rows = [tested(run, scenes).rows(THRESHOLD)[-1] for run in runs]
    network = load_network(runs[0], read_run(runs[0]))
    row: dict[str, Any] = {
        "variant": variant.name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seeds": len(runs),
        "boxes": rows[0]["boxes"],
    }
    for name in ("mAP50", "mAP50_95", "recall", "false"):
        values = np.array([one[name] for one in rows], float)
        error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else None
        row |= {name: float(values.mean()), f"{name}_error": None if error is None else float(error)}
    return row


def taken_for(run: Path, scenes: Sequence[Scene]) -> dict[str, dict[str, int]]:
    """How often signs of the `PAIRS` are found as which class: by the surest box that overlaps each, of any class.

    Pictures are looked at as they are and in a mirror, where each sign is the other one of its pair: of 40 signs that
    say where to keep, 38 say right.
    """
    own = read_run(run)
    network, classes = load_network(run, own), own.settings.classes
    of_interest = {name for pair in PAIRS for name in pair}
    counts: dict[str, dict[str, int]] = {}
    for view in (one for scene in scenes for one in both_ways(scene)):
        boxes, scores, found = (one.numpy() for one in predict(network, view.pixels, THRESHOLD))
        overlaps = iou(view.boxes.astype(float), boxes.astype(float)) >= OVERLAP
        for label, near in zip(view.labels.tolist(), overlaps, strict=True):
            if label >= 0 and classes[label] in of_interest:
                best = classes[found[near][scores[near].argmax()]] if near.any() else "nothing"
                row = counts.setdefault(classes[label], {})
                row[best] = row.get(best, 0) + 1
    return counts


def both_ways(scene: Scene) -> Iterator[View]:
    """A picture, and its mirror image with the classes that things have there."""
    view = View(pixels_of(scene), scene.boxes, scene.labels, scene.mirrored)
    yield view
    yield mirrored(view)


def confusion(variant: Variant, runs: Sequence[Path], scenes: Sequence[Scene]) -> Iterator[dict[str, Any]]:
    """A row for each class of the `PAIRS`, summed over seeds."""
    tables = [taken_for(run, scenes) for run in runs]
    for left, right in PAIRS:
        for name, mirror in ((left, right), (right, left)):
            rows = [found.get(name, {}) for found in tables]
            there = sum(sum(row.values()) for row in rows)
            own, other, none = (sum(row.get(kind, 0) for row in rows) for kind in (name, mirror, "nothing"))
            rest = there - own - other - none
            yield {
                "variant": variant.name,
                "class": name,
                "signs": there,
                "itself": own,
                "mirror": other,
                "other": rest,
                "missed": none,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boxes", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--fine", action="store_true", help="detectors of the classes themselves")
    parser.add_argument("--updates", type=int, default=900)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pictures = pictures_of(options.boxes)
    held_out = folds(pictures, 0)[FOLD]
    rows: list[dict[str, Any]] = []
    confused: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        others = [picture for picture in pictures if picture not in held_out]
        source = linked(Path(temporary) / "train", options.boxes, others)
        test = linked(Path(temporary) / "test", options.boxes, held_out)
        for variant in (fine_variants if options.fine else variants)(options.boxes):
            runs = [trained(variant, seed, source, test, options) for seed in range(options.seeds)]
            scenes = read_scenes(test, variant.settings).scenes
            rows.append(row_of(variant, runs, scenes))
            print(rows[-1], flush=True)
            if not variant.settings.groups:
                confused += confusion(variant, runs, scenes)
    for row in confused:
        print(row, flush=True)
    if options.json:
        content = {"fold": FOLD, "updates": options.updates, "rows": rows, "taken_for": confused}
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
