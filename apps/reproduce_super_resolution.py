"""Train the four autoencoders of the thesis's tables 4.3 and 4.4 at small scale, and print both tables beside its own.

    python apps/reproduce_super_resolution.py PICTURES -o autoencoders     # 40 minutes on one core; killed, it goes on

PICTURES is a folder, such as one with T91 and CBSD40; a tenth of it is held out by a hash of the names. Each
autoencoder enlarges crops of 16 to 64 pixels, trained with three seeds by latent diffusion's objective on features of
EfficientNet-Lite0, since those need no download. Those of couplings are 20 channels wide and the others 16, which makes
them equal in parameters; nothing was tuned. The tables are written to OUTPUT/tables.json, with --keep to the results
beside the package too.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.intervals import student
from nflows_core.runtime.report import machine, versions
from nflows_core.runtime.text_table import table
from nflows_core.training import EngineConfig
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve
from nflows_sr.training.experiment import resume, train
from nflows_sr.training.report import report_run

RESULTS = Path(__file__).parents[1] / "packages" / "sr" / "benchmarks" / "results" / "stage-one.json"
SEEDS = (0, 1, 2)
MEASURES = ("rec", "ae", "nll", "total")
ENGINE: Mapping[str, Any] = {
    "epochs": 1,
    "batch_size": 4,
    "warmup_steps": 50,
    "ema_decay": 0.99,
    "checkpoint_steps": 100,
}
SETTINGS: Mapping[str, Any] = {
    "scale": 4,
    "crop": 16,
    "levels": 3,
    "layers": 1,
    "groups": 4,
    "perceptual": "efficientnet-lite0",
    "discriminator_start": 250,
    "discriminator_width": 16,
    "discriminator_layers": 2,
}
RATES = {"4.3": 1e-3, "4.4": 2e-4}
"""Learning rates: at 1e-3 latents grow faster than their codes follow."""
TABLES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "4.3": {"affine-ae": {"width": 20}, "ae-kl": {"width": 16}},
    "4.4": {"affine-vqgan": {"width": 20, "codes": 512}, "vqgan": {"width": 16, "codes": 512}},
}
THESIS: Mapping[str, Sequence[float]] = {
    "affine-ae": (0.1548, 0.1941, 0.1545, 0.1617),
    "ae-kl": (0.1617, 0.2119, 0.1670, 0.1685),
    "affine-vqgan": (0.4964, 0.5154, 0.4840, 0.5021),
    "vqgan": (0.4827, 0.4972, 0.4742, 0.4896),
}
"""The measures on validation of S. Nagar, arXiv 2512.04039, tables 4.3 and 4.4."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder, for a run of each seed")
    parser.add_argument("--table", choices=TABLES, action="append", help="4.3 or 4.4, both by default")
    parser.add_argument("--keep", action="store_true", help="write the results beside the package too")
    options = parser.parse_args()
    for seed in SEEDS:  # all of a seed before the next one, so that a run that is stopped has pairs
        for number in options.table or TABLES:
            for name, settings in TABLES[number].items():
                print(f"{name}, seed {seed}", flush=True)
                config = EngineConfig(**{**ENGINE, "learning_rate": RATES[number], "seed": seed})
                run(options.pictures, options.output / f"{name}-{seed}", name, {**SETTINGS, **settings}, config)
    tables = {number: _rows(options.output, models) for number, models in TABLES.items()}
    for number, rows in tables.items():
        if rows:
            print(f"\nTable {number}\n{table([_shown(row) for row in rows])}")
    _write(options.output / "tables.json", tables)
    if options.keep:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        _write(RESULTS, tables)


def run(pictures: Path, folder: Path, name: str, settings: Mapping[str, Any], config: EngineConfig) -> None:
    """Trains one autoencoder, or goes on with its training, unless it has been trained."""
    if not (folder / CONFIG_FILE).exists():
        train(pictures, folder, name, settings, config)
    elif not (folder / WEIGHTS_FILE).exists():
        resume(folder, pictures)
    report_run(folder, f"{name}, seed {config.seed}")


def _rows(output: Path, models: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each of two autoencoders, and one for their differences seed by seed; an interval needs two seeds."""
    folders = {name: [output / f"{name}-{seed}" for seed in SEEDS] for name in models}
    finished = {name: [one for one in runs if (one / WEIGHTS_FILE).exists()] for name, runs in folders.items()}
    rows = [_row(name, runs) for name, runs in finished.items() if len(runs) > 1]
    pairs = [pair for pair in zip(*folders.values(), strict=True) if all((one / WEIGHTS_FILE).exists() for one in pair)]
    return [*rows, _difference(pairs)] if len(pairs) > 1 else rows


def _row(name: str, folders: Sequence[Path]) -> dict[str, Any]:
    row: dict[str, Any] = {"model": name, "seeds": len(folders)}
    for measure, published in zip(MEASURES, THESIS[name], strict=True):
        row |= _interval(measure, [_last(folder, measure) for folder in folders]) | {f"{measure}_thesis": published}
    seconds = [read_curve(folder / METRICS_FILE, "seconds")[-1][1] for folder in folders]
    parameters = read_json(folders[0] / "report.json")["parameters"]
    return row | {"parameters": parameters, "seconds": sum(seconds) / len(seconds)}


def _difference(pairs: Sequence[Sequence[Path]]) -> dict[str, Any]:
    """What the first of two has more than the second, which saw the same crops with the same seed."""
    row: dict[str, Any] = {"model": "difference", "seeds": len(pairs)}
    for measure in MEASURES:
        row |= _interval(measure, [_last(first, measure) - _last(second, measure) for first, second in pairs])
    return row


def _last(folder: Path, measure: str) -> float:
    return read_curve(folder / TEST_METRICS_FILE, measure)[-1][1]


def _interval(measure: str, values: Sequence[float]) -> dict[str, Any]:
    mean, low, high = student(values)
    return {measure: mean, f"{measure}_interval_95": [low, high]}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"model": row["model"], "seeds": row["seeds"]}
    for measure in MEASURES:
        low, high = row[f"{measure}_interval_95"]
        cells |= {
            measure: f"{row[measure]:.4f} ± {(high - low) / 2:.4f}",
            f"{measure}, thesis": row.get(f"{measure}_thesis"),
        }
    return cells | {"parameters": row.get("parameters"), "seconds": row.get("seconds")}


def _write(path: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    content = {
        "tables": tables,
        "settings": SETTINGS,
        "models": TABLES,
        "engine": ENGINE,
        "learning_rates": RATES,
        "seeds": list(SEEDS),
        "versions": versions(["nflows-sr", "diffusers"]),
        "machine": machine(),
    }
    with atomic_write(path, "w") as file:
        file.write(to_json(content, indent=2) + "\n")


if __name__ == "__main__":
    run_script(main)
