"""The signs in erased scenes that detectors find which have not seen their originals.

python found_left_out.py boxes.csv RUNS ERASED found.csv

RUNS are the folds of bench_signs.py, and ERASED is what ``apps/missing_signs erase`` made of the same pictures. Each
scene is looked at by the detector of the fold that its original was held out of, so that it finds signs there as it
will at roads that nobody has seen: ``categorise --found`` has to learn from such.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_signs import folds, pictures_of

from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.missing.observing import pixels_of
from nflows_privacy.missing.scenes import Scene, read_scenes
from nflows_privacy.regions import Box, Region
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network, read_run

LOWEST = 0.05


def found_in(run: Path, scenes: list[Scene]) -> Iterator[dict[str, Any]]:
    """The rows of what a detector finds in some scenes."""
    own = read_run(run)
    network = load_network(run, own)
    for scene in scenes:
        boxes, scores, labels = (one.tolist() for one in predict(network, pixels_of(scene), LOWEST))
        signs = [
            Region(Box(*box), own.settings.classes[label], score)
            for box, score, label in zip(boxes, scores, labels, strict=True)
        ]
        yield from rows_of(scene.name, signs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boxes", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("erased", type=Path)
    parser.add_argument("found", type=Path)
    parser.add_argument("--prefix", default="pasted-0-", help="what the names of the folds' runs begin with")
    options = parser.parse_args()
    scenes, rows = read_scenes(options.erased), []
    for fold, held_out in enumerate(folds(pictures_of(options.boxes), 0)):
        originals = {picture.name for picture in held_out}
        of_fold = [scene for scene in scenes if scene.source in originals]
        rows += found_in(options.runs / f"{options.prefix}{fold}", of_fold)
        print(f"fold {fold}: {len(of_fold)} scenes", flush=True)
    write_csv(options.found, rows)


if __name__ == "__main__":
    main()
