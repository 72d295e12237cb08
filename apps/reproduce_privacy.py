"""Set what anonymised pictures are worth beside the thesis's tables 6.1 to 6.7 in docs/reproduction.md.

    python apps/reproduce_privacy.py streets

The data sets of the thesis are behind forms, so this is done on made-up streets, which are drawn into the folder and
redacted there: detectors and segmenters are trained on both, and what is left is looked for. It takes half an hour on
two cores. The reports are kept beside the package, and without a folder the document is written from what was kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import document_tables

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.progress import progress
from nflows_core.runtime.report import report_json
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.detection import DetectorSettings, load_detector, weights_of
from nflows_privacy.evaluation import Question, by_boxes, compare, find_pairs, write_evaluation
from nflows_privacy.evaluation.report import MEASURES
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import MASK_SCALE, covers
from nflows_privacy.regions import FACE, LEFT_SCORE, PLATE, Region
from nflows_privacy.utility.comparing import Compared
from nflows_privacy.utility.experiments import Folders, compare_detectors, compare_segmenters, training_config
from nflows_privacy.utility.report import SCORES, write_utility
from nflows_privacy.utility.segmentation import LOSSES
from nflows_privacy.utility.streets import Street, write_streets

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "packages" / "privacy" / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "reproduction.md"

HOW = ("blur", "telea")
"""How the streets are redacted: what hides least, and what comes nearest to a generative fill without weights."""
SEGMENTED = HOW[1:]
"""What segmenters are trained on beside the real streets: the thesis's fill is generative."""
SEGMENTERS = {"unet:resnet34": 2, "unet:resnet50": 2, "deeplabv3:resnet50": 1, "fcn:resnet50": 1}
"""How often each network is trained by each loss: the deviation over seeds says what a difference is worth, and what
takes longest is trained once."""
STREETS, VAL = 64, 48

THESIS_DETECTION = (
    ("IDD", "yolov11l19", "real", (".87", ".81", ".89", ".56")),
    ("IDD", "yolov11l19", "anonymised", (".94", ".94", ".97", ".70")),
    ("IDD", "yolov5n", "real", (".74", ".56", ".65", ".25")),
    ("IDD", "yolov5n", "anonymised", (".67", ".48", ".52", ".20")),
    ("ECP", "yolov11l19", "real", (".42", ".60", ".40", ".30")),
    ("ECP", "yolov11l19", "anonymised", (".30", ".35", ".25", ".22")),
)
THESIS_SEGMENTATION = (
    ("UNet, ResNet34", "real", (".975", ".714")),
    ("UNet, ResNet34", "anonymised", (".975", ".708")),
    ("DeepLabV3, ResNet50", "real", (".962", ".600")),
    ("DeepLabV3, ResNet50", "anonymised", (".961", ".588")),
)
"""Of S. Nagar, arXiv 2512.04039, chapter 6."""

Row = Mapping[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="for streets and reports")
    parser.add_argument("--detector-epochs", type=int, default=40)
    parser.add_argument("--segmenter-epochs", type=int, default=4)
    options = parser.parse_args()
    if options.folder is not None:
        run(options.folder, options.detector_epochs, options.segmenter_epochs)
    fill()


def run(folder: Path, detector_epochs: int, segmenter_epochs: int) -> None:
    """Draws and redacts the streets, compares and measures, and keeps the reports."""
    claim_folder(folder, "made-up streets")
    streets = write_streets(folder / "real", STREETS, 0)
    write_streets(folder / "val", VAL, 1)
    for how in HOW:
        redact(streets, folder / how, how)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for how in HOW:
        evaluate(folder, how)
    detect(folder, detector_epochs)
    segment(folder, segmenter_epochs)


def redact(streets: Mapping[str, Street], folder: Path, how: str) -> None:
    """Fills faces and plates where they are known to be."""
    folder.mkdir()
    filling = load_fill(FillSettings(how))
    for name, street in streets.items():
        secret = (region for region in street.regions if region.kind in (FACE, PLATE))
        grown = [Region(region.box.grown(MASK_SCALE), region.kind) for region in secret]
        pixels = filling(street.pixels, covers(grown, *street.mask.shape), 0)
        write_picture(folder / name, Picture(pixels))


def evaluate(folder: Path, how: str) -> None:
    """Looks for what is left."""
    settings = DetectorSettings(("yunet",), LEFT_SCORE)
    places = by_boxes(read_boxes(folder / "real.csv"))
    question = Question(places, frozenset((FACE, PLATE)), load_detector(settings), MASK_SCALE)
    pairs = find_pairs(folder / "real", folder / how)
    with progress("pictures", len(pairs.pairs)) as advance:
        answer = compare(pairs, question, advance)
    about = {"detectors": list(settings.names), "how": how}
    target, weights = folder / f"evaluate-{how}", weights_of(settings)
    write_evaluation(pairs, answer, target, settings=about, not_measured={}, kinds=[FACE], weights=weights, seed=0)
    keep(target, f"evaluate-{how}")


def detect(folder: Path, epochs: int) -> None:
    """Detectors trained on all streets."""
    folders = places(folder, HOW, "real.csv", "val.csv")
    config = training_config(epochs, 8, 2e-3, 0)
    with progress("trainings", 1 + len(HOW)) as advance:
        compared = compare_detectors(folders, 160, config, 1, advance)
    write(folder / "detect", compared, folders, {"size": 160, "training": asdict(config)})


def segment(folder: Path, epochs: int) -> None:
    """Segmenters trained on all streets; what is done is kept, should the rest be cut short."""
    folders = places(folder, SEGMENTED, "real-masks", "val-masks")
    config = training_config(epochs, 8, 1e-3, 0)
    compared: list[Compared] = []
    settings = {"size": 64, "seeds": SEGMENTERS, "training": asdict(config)}
    with progress("trainings", (1 + len(SEGMENTED)) * len(LOSSES) * sum(SEGMENTERS.values())) as advance:
        for (network, seeds), loss in product(SEGMENTERS.items(), LOSSES):
            compared += compare_segmenters(folders, [(network, loss)], 64, config, seeds, {}, advance)
            write(folder / "segment", compared, folders, settings)


def places(folder: Path, hows: Sequence[str], labels: str, val_labels: str) -> Folders:
    redacted = [folder / how for how in hows]
    return Folders(folder / "real", redacted, folder / "val", folder / labels, folder / val_labels)


def write(target: Path, compared: Sequence[Compared], folders: Folders, settings: Row) -> None:
    write_utility(target, compared, settings=settings, inputs=folders.files, seed=0)
    keep(target, target.name)


def keep(folder: Path, name: str) -> None:
    """Keeps the numbers of a report, without the files that they are of."""
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    tables = {caption: rows for caption, rows in content["tables"].items() if caption in (MEASURES, SCORES)}
    kept = {key: value for key, value in content.items() if key != "inputs"} | {"tables": tables}
    with atomic_write(RESULTS / f"streets-{name}.json", "w") as file:
        file.writelines(report_json(kept))


def fill() -> None:
    """Writes the tables into the document; one of which no report is kept stays as it is."""
    tables = {
        "6 detection": ("detect", detection),
        "6 segmentation": ("segment", segmentation),
        "6 left": (f"evaluate-{HOW[-1]}", left),
    }
    kept = {name: lines() for name, (source, lines) in tables.items() if (RESULTS / f"streets-{source}.json").exists()}
    document_tables.fill(DOCUMENT, {name: "\n" + "\n".join(lines) + "\n\n" for name, lines in kept.items()})


def detection() -> Iterator[str]:
    columns = {"precision": "precision", "recall": "recall", "map50": "mAP50", "map50_95": "mAP50-95"}
    losses = {"box_loss": "box loss", "objectness_loss": "objectness loss"}
    yield from header("data", "model", "trained on", *columns.values(), *losses.values())
    for row in scores("detect"):
        cells = (number(row, name) for name in (*columns, *losses))
        yield line("streets", f"**{row['model']}**", row["trained_on"], *cells)
    for data, model, trained_on, values in THESIS_DETECTION:
        yield line(f"thesis: {data}", model, trained_on, *values, "", "")


def segmentation() -> Iterator[str]:
    measures = {"dice_of_all_pixels": "Dice of all pixels", "miou": "mIoU", "dice": "Dice, mean of the classes"}
    yield from header("model, loss", "trained on", *measures.values(), "loss", "mIoU, deviation over the seeds")
    for row in scores("segment"):
        cells = (number(row, name) for name in (*measures, "loss"))
        deviation = row.get("miou_over_seeds")
        yield line(f"**{row['model']}**", row["trained_on"], *cells, "" if deviation is None else f"{deviation:.3f}")
    for model, trained_on, values in THESIS_SEGMENTATION:
        yield line(f"thesis: {model}", trained_on, *values, "", "", "")


def left() -> Iterator[str]:
    yield from header("measure", *HOW)
    tables = [{row["measure"]: row for row in report(f"evaluate-{how}")["tables"]["Measures"]} for how in HOW]
    for measure in tables[0]:
        yield line(measure, *(left_cell(table.get(measure)) for table in tables))


def left_cell(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return ""
    interval = row["wilson_interval_95"] or row["interval_95_over_pictures"]
    return f"{row['value']:.3f}" + ("" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})")


def scores(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = report(name)["tables"][SCORES]
    return rows


def report(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / f"streets-{name}.json").read_text(encoding="utf-8"))
    return content


def number(row: Row, name: str) -> str:
    interval = row[f"{name}_interval_95"]
    value = "–" if row[name] is None else f"{row[name]:.3f}"
    return value if interval is None else f"{value} ({interval[0]:.3f} to {interval[1]:.3f})"


def header(*names: str) -> Iterator[str]:
    yield line(*names)
    yield line(*("---" for _ in names))


def line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    run_script(main)
