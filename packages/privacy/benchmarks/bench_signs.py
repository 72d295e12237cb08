"""How well traffic signs are found in pictures that no training saw: five folds, tested by the others.

python bench_signs.py boxes.csv [RUNS] [--augment pasted] [--seed 0] [--json results/NAME.json]

Boxes of all folds are ranked together, as if one detector had found them, for the groups of the benchmark's classes.
The runs of the folds stay in RUNS; those that are there already are not trained again. By width, the boxes of other
widths are neither looked for nor false. Beside it stands what colours, HOG and a logistic regression find without any
network (`sign_floor`); without RUNS, it stands alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sign_floor import floor

from nflows_core.training import EngineConfig
from nflows_privacy.training.data import Source, classes_of, read_scenes
from nflows_privacy.training.experiment import architecture, engine_for, train
from nflows_privacy.training.runs import load_network, read_run
from nflows_privacy.training.scenes import Scene
from nflows_privacy.training.scoring import Judged
from nflows_privacy.training.settings import AUGMENTATIONS, NetworkSettings
from nflows_privacy.training.testing import WIDTHS, Tested, test_network

FOLDS = 5
THRESHOLD = 0.4


def pictures_of(boxes: Path) -> list[Path]:
    """The pictures beside a table, or in a folder ``images`` beside it."""
    return sorted([*boxes.parent.glob("images/*.jpg"), *boxes.parent.glob("*.jpg")])


def folds(pictures: Sequence[Path], seed: int) -> list[list[Path]]:
    """The pictures in as many parts, at random."""
    order = np.random.default_rng(seed).permutation(len(pictures))
    return [[pictures[index] for index in sorted(order[fold::FOLDS])] for fold in range(FOLDS)]


def linked(folder: Path, boxes: Path, pictures: Sequence[Path]) -> Source:
    """A folder of links to pictures, with the table of those alone: none of them is then said to be missing."""
    folder.mkdir()
    names = {picture.name for picture in pictures}
    head, *rows = boxes.read_text().splitlines()
    (folder / "boxes.csv").write_text("\n".join([head, *(row for row in rows if row.split(",")[0] in names)]) + "\n")
    for picture in pictures:
        (folder / picture.name).symlink_to(picture.absolute())
    return Source(folder / "boxes.csv")


def trained(source: Source, test: Source, run: Path, settings: NetworkSettings, options: argparse.Namespace) -> None:
    engine = engine_for(source, settings) | {"seed": options.seed}
    if not (run / "report.json").exists() and not (run / "model.safetensors").exists():
        config = EngineConfig(**engine)
        train(source, run, settings, config, test=test, augment=options.augment, workers=1, overwrite=True)


def tested(run: Path, scenes: Sequence[Scene]) -> Tested:
    own = read_run(run)
    return test_network(load_network(run, own), scenes, own.settings.classes)


def rows_by_width(found: Tested) -> dict[str, list[dict[str, object]]]:
    """The rows of boxes of all widths and of each range, by their names."""
    parts = {"all widths": found}
    parts |= {f"{least:g} to {most:g} pixels wide": found.of_width(least, most) for least, most in WIDTHS}
    return {name: part.rows(THRESHOLD) for name, part in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boxes", type=Path)
    parser.add_argument("runs", type=Path, nargs="?")
    parser.add_argument("--augment", choices=AUGMENTATIONS, default="pasted")
    parser.add_argument("--backbone", default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pictures = pictures_of(options.boxes)
    settings = architecture(options.backbone, None, classes=classes_of(Source(options.boxes), True), groups=True)
    parts: list[Sequence[Scene]] = []
    judged: list[Sequence[Judged]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for number, held_out in enumerate(folds(pictures, 0)):
            others = [picture for picture in pictures if picture not in held_out]
            source, test = (
                linked(Path(temporary) / f"{name}-{number}", options.boxes, those)
                for name, those in (("train", others), ("test", held_out))
            )
            parts.append(read_scenes(test, settings).scenes)
            if options.runs:
                run = options.runs / f"{options.augment}-{options.seed}-{number}"
                trained(source, test, run, settings, options)
                own = tested(run, parts[-1])
                judged += own.pictures
                shown(f"fold {number}", own.rows(THRESHOLD))
        found = {"floor": rows_by_width(floor(parts, settings.classes))}
    if options.runs:
        found["network"] = rows_by_width(Tested(settings.classes, judged))
    for name, widths in found.items():
        for width, rows in widths.items():
            shown(f"{name}, {width}", rows)
    if options.json:
        options.json.write_text(json.dumps({"pictures": len(pictures), "folds": FOLDS, **found}, indent=2) + "\n")


def shown(name: str, rows: Sequence[dict[str, object]]) -> None:
    for row in rows:
        print(name, row, flush=True)


if __name__ == "__main__":
    main()
