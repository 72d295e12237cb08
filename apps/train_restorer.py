"""Train the restorer that comes with nflows-heritage, measure it, and put it there with its card.

    python apps/train_restorer.py PICTURES --on paintings --on Set14/HR
    python apps/train_restorer.py PICTURES --on paintings --epochs 30 --mixed-precision no

PICTURES is a folder of good pictures, some of which a hash of their names holds out. --on are pictures that nothing was
chosen on: the card's figures are measured there. A training that was stopped goes on where it was, and a finished one
is not done again. It needs 2 GB of memory for the pictures that it has damaged.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from upscaler_shipping import trained

from nflows_core.data.others import is_named_as_picture
from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.folders import walk
from nflows_core.runtime.foreign_text import read_json
from nflows_core.training import EngineConfig
from nflows_core.training.curve import TEST_METRICS_FILE, read_curve
from nflows_heritage.distortions import DISTORTIONS
from nflows_heritage.evaluation import Question, compare
from nflows_heritage.evaluation.report import gains
from nflows_heritage.restoring.unified import SHIPPED
from nflows_heritage.training.restorer import ENGINE
from nflows_sr.training.runs import load_model, read_run, save_run

MOST_BYTES = 8_000_000
SIDE = 256
"""Of the middles of pictures that are measured on."""
_DATA = "T91 and CBSD40, damaged"
"""A user's pictures lie elsewhere: the name says what they were."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the training pictures")
    parser.add_argument("--on", type=Path, action="append", default=[], help="a folder that is measured on; repeatable")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/restorer"), help="the run (%(default)s)")
    parser.add_argument("--epochs", type=int, default=14, help="passes over the damaged regions (%(default)s)")
    parser.add_argument("--start", type=Path, help="a run whose weights it begins with")
    parser.add_argument("--regions", type=int, default=3000, help="regions that are damaged (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("--mixed-precision", choices=["no", "bf16"], default="bf16", help="(%(default)s)")
    arguments = parser.parse_args()
    own: dict[str, Any] = {**ENGINE, "epochs": arguments.epochs, "seed": arguments.seed}
    config = EngineConfig(**own, mixed_precision=arguments.mixed_precision)
    settings = {"regions": arguments.regions}
    trained(arguments.data, arguments.output, "restorer", settings, config, arguments.start, "Restorer")
    print(f"shipped in {ship(arguments.output, arguments.on)}", flush=True)


def ship(run: Path, sets: Sequence[Path]) -> Path:
    """Copies a finished run into the package, with a card of what it wins back of the pictures of folders.

    Raises:
        ValueError: The weights are larger than those that come with a package should be.
    """
    stored, report = read_run(run), read_json(run / "report.json")
    rows = measured(run, sets)
    save_run(SHIPPED, replace(stored, data=_DATA, start=None), load_model(run, stored))
    if (size := (SHIPPED / WEIGHTS_FILE).stat().st_size) > MOST_BYTES:
        raise ValueError(f"{SHIPPED} holds {size:,} bytes of weights, and should hold {MOST_BYTES:,} at most")
    values = {
        "rows": "\n".join(rows),
        "pictures": len(pictures(sets)),
        "bytes": size,
        "parameters": f"{report['parameters']:,}",
        "train": report["train_pictures"],
        "test": report["test_pictures"],
        "minutes": f"{report['seconds'] / 60:.0f}",
        "epochs": stored.training.epochs,
        "regions": stored.settings["regions"],
        "start": "" if stored.start is None else ", after an earlier training of the same kind",
        "curve": ", ".join(f"{ratio:.2f}" for _, ratio in read_curve(run / TEST_METRICS_FILE, "psnr")),
        "settings": json.dumps(stored.settings),
        "training": json.dumps(vars(stored.training)),
    }
    text = (Path(__file__).parent / "restorer_card.md").read_text(encoding="utf-8")
    with atomic_write(SHIPPED / "README.md", "w") as file:
        file.write(text.format(**values))
    return SHIPPED


def measured(run: Path, sets: Sequence[Path]) -> list[str]:
    """A row of the card for each kind of damage: the classic engine, and the run."""
    engines = ("classic", str(run.absolute()))
    question = Question(pictures(sets), engines, tuple(DISTORTIONS), side=SIDE)
    told = {(row["kind"], row["engine"]): row for row in gains(list(compare(question, print)))} if sets else {}
    return [
        f"| {kind} | {told[kind, engines[0]]['input_psnr_db']:.2f} | "
        + " | ".join(_told(told[kind, engine]) for engine in engines)
        + " |"
        for kind in (DISTORTIONS if told else ())
    ]


def _told(row: Mapping[str, Any]) -> str:
    interval = row["gain_db_interval_95"]
    between = "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    return f"{row['gain_db']:+.2f}{between} | {row['lowest_gain_db']:+.2f}"


def pictures(sets: Sequence[Path]) -> dict[str, Path]:
    """The pictures of folders."""
    found = [path for folder in sets for _, files in walk(folder) for path in files if is_named_as_picture(path.name)]
    return {str(path): path for path in sorted(found)}


if __name__ == "__main__":
    run_script(main)
