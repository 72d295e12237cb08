"""Train the plate detector that comes with nflows-privacy, on plates that nobody has, and put it there with its card.

    python apps/train_plate_detector.py STREETS -o runs/plates
    python apps/train_plate_detector.py STREETS -o runs/plates --epochs 8

STREETS is a folder of pictures of streets; other pictures may be among them. Made-up plates are drawn into parts of
them. The pictures may have plates of their own, which nobody has marked: what the detector of a round finds in them is
neither a plate nor background in the next round. About a tenth of the pictures, by a hash of their names, are seen in
no round: on one half of the scenes that are made of those the threshold is chosen, on the other the card's figures are
measured; where they have plates of their own, which do not count, was marked by hand (gtsdb_plates.csv). A training
that was stopped goes on where it was, and what is finished is not done again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plate_scenes import street
from plate_shipping import choose_threshold, ship
from plate_vehicles import Box

from nflows_core.data.others import is_named_as_picture
from nflows_core.data.split import SplitName, belongs
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.report import write_csv
from nflows_core.training import EngineConfig, StepMetrics
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.detection import DetectorSettings, Look, load_detector
from nflows_privacy.regions import IGNORE, PLATE, Region
from nflows_privacy.regions import Box as PlateBox
from nflows_privacy.training.data import Source
from nflows_privacy.training.experiment import ENGINE, resume, train
from nflows_privacy.training.settings import NetworkSettings

EARLY = 1, 1
"""The epochs of the rounds before the last."""
OWN = 0.3
"""The score from which on something in a picture may be a plate of its own."""
RATIOS, WIDEST = (2.2, 6.5), 150
"""The shapes, width by height, and the largest width of the pictures' own plates, which are German and not near."""
MARKED = Path(__file__).parent / "gtsdb_plates.csv"
QUALITY = 92


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("streets", type=Path, help="the folder of the pictures")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/plates"), help="all that is made (%(default)s)")
    parser.add_argument("--scenes", type=int, default=8000, help="the scenes of each round (%(default)s)")
    parser.add_argument("--held-out", type=int, default=800, help="the scenes of the held-out pictures (%(default)s)")
    parser.add_argument("--epochs", type=int, default=6, help="passes of the last round (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("--mixed-precision", choices=["no", "bf16"], default="bf16", help="(%(default)s)")
    arguments = parser.parse_args()
    output, count, seed = arguments.output, arguments.scenes, arguments.seed
    held_out = [
        draw(arguments.streets, "test", output / name, arguments.held_out // 2, [seed, 100, index], _marked_plates)
        for index, name in enumerate(("validation", "test"))
    ]
    start: Path | None = None
    for number, epochs in enumerate((*EARLY, arguments.epochs), start=1):
        known = partial(_own_plates, detector=start)
        scenes = draw(arguments.streets, "train", output / f"scenes-{number}", count, [seed, number], known)
        config = EngineConfig(
            **{**ENGINE, "epochs": epochs, "seed": seed, "mixed_precision": arguments.mixed_precision}
        )
        run = output / f"round-{number}"
        trained(scenes, held_out[0], run, config, start)
        start = run
    threshold = choose_threshold(run, held_out[0])
    history = f"It began with the weights of {len(EARLY)} rounds of as many scenes, of {EARLY} passes."
    print(f"shipped in {ship(run, threshold, held_out[1], history)}", flush=True)


def draw(
    streets: Path,
    split: SplitName,
    folder: Path,
    count: int,
    seed: Sequence[int],
    known: Callable[[Path], Sequence[Box]],
) -> Source:
    """Draws scenes into a folder, with a table of their boxes, unless they are there.

    Arguments:
        streets: The folder of the pictures.
        split: The part of them that is used.
        folder: The folder of the scenes.
        count: The number of the scenes.
        seed: The seed of everything random.
        known: Gives the boxes of what are plates in a picture, or may be.
    """
    source = Source(folder / "boxes.csv")
    if source.boxes.exists():  # it is written last
        return source
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _pictures(streets, split)
    own = [known(path) for path in pictures]
    rows = []
    for index in range(count):
        generator = np.random.default_rng([*seed, index])
        chosen = int(generator.integers(len(pictures)))
        scene, boxes, real = street(_pixels(pictures[chosen]), generator, own[chosen])
        name = f"{index:05}.jpg"
        with atomic_write(folder / name, "wb") as file:
            Image.fromarray(scene).save(file, "JPEG", quality=QUALITY)
        rows += rows_of(name, [*_regions(boxes, PLATE), *_regions(real, IGNORE)])
    write_csv(source.boxes, rows)
    print(f"{count} scenes of {len(pictures)} pictures in {folder}", flush=True)
    return source


def trained(scenes: Source, validation: Source, run: Path, config: EngineConfig, start: Path | None) -> None:
    """Trains a run to its end, if it is not there."""

    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step % 100 == 0 or metrics.step == total:
            print(f"{run.name}: {metrics.step} of {total}  {metrics.loss:.4f}  {metrics.seconds:.0f} s", flush=True)

    if (run / WEIGHTS_FILE).exists():
        return
    if (run / CONFIG_FILE).exists():
        resume(run, scenes, test=validation, progress=progress)
    else:
        settings = NetworkSettings((PLATE,), (PLATE,))
        train(scenes, run, settings, config, test=validation, start=start, progress=progress)


def _pictures(folder: Path, split: SplitName) -> list[Path]:
    found = [path for _, files in walk(folder) for path in files if is_named_as_picture(path.name)]
    chosen = sorted(path for path in found if belongs(path.name, split))
    if not chosen:
        raise ValueError(f"{folder}: no pictures of the part {split!r}; give more")
    return chosen


def _pixels(path: Path) -> NDArray[np.uint8]:
    pixels = read_picture(path).pixels
    return np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)).astype(np.uint8)


def _marked_plates(path: Path) -> list[Box]:
    """Where a held-out picture has plates of its own."""
    annotations = read_boxes(MARKED)
    name = annotations.find(path.name)
    return [] if name is None else [region.box for region in annotations.pictures[name].regions]


def _own_plates(path: Path, detector: Path | None) -> list[Box]:
    """What may be plates in a picture; nothing is known before there is a detector."""
    if detector is None:
        return []
    find = load_detector(DetectorSettings((str(detector.absolute()),), OWN, "cpu"))
    boxes = [region.box for region in find(_pixels(path), Look.THOROUGH)]
    fitting = [box for box in boxes if RATIOS[0] <= box.width / box.height <= RATIOS[1] and box.width <= WIDEST]
    return [box.grown(1.2) for box in fitting]


def _regions(boxes: Sequence[Box], kind: str) -> list[Region]:
    return [Region(PlateBox(*box), kind) for box in boxes]


if __name__ == "__main__":
    run_script(main)
