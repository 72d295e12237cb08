"""Set one restorer for all kinds of damage beside one for each, which Nagar 2025 (chapter 8) finds equal.

    python apps/reproduce_heritage.py PICTURES FOLDER --on paintings --on Set14/HR

PICTURES is a folder of good pictures to learn from, --on are others to measure on. All restorers are of one small size,
begin with the same weights and go on from what the classic engine has made: one for each of eight kinds of damage; one
for all, which has as many updates as one of them; and one for all that has as many as the eight together. A training
that was stopped goes on, and the results are in FOLDER/one-or-many.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train_restorer import SIDE, pictures
from upscaler_shipping import trained

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.intervals import student
from nflows_core.runtime.report import machine, versions
from nflows_core.training import EngineConfig
from nflows_heritage.evaluation import Question, compare
from nflows_heritage.training.damaged import KINDS
from nflows_heritage.training.restorer import ALL, ENGINE

SIZE: Mapping[str, Any] = {"width": 32, "blocks": 2, "tile": 64, "region": 192}
OWN, SHORT, LONG = "one for each kind", "one for all, updates of one", "one for all, updates of eight"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the training pictures")
    parser.add_argument("folder", type=Path, help="for the runs and the results")
    parser.add_argument("--on", type=Path, action="append", required=True, help="a folder to measure on; repeatable")
    parser.add_argument("--regions", type=int, default=240, help="regions that one restorer learns from (%(default)s)")
    parser.add_argument("--epochs", type=int, default=8, help="passes over them (%(default)s)")
    arguments = parser.parse_args()
    runs = dict(trainings(arguments.data, arguments.folder, arguments.regions, arguments.epochs))
    on = pictures(arguments.on)
    rows = [row for kind in KINDS for row in of_kind(on, kind, runs)]
    about = {"settings": dict(SIZE), "regions": arguments.regions, "epochs": arguments.epochs, "pictures": len(on)}
    report = {**about, "rows": rows, "versions": versions(["nflows-heritage"]), "machine": machine()}
    with atomic_write(arguments.folder / "one-or-many.json", "w") as file:
        file.write(to_json(report, indent=2) + "\n")
    for row in rows:
        print(f"{row['kind']:10} {row['restorer']:30} {row['gain_db']:+.2f} dB, over its own {row['over_own_db']}")


def trainings(data: Path, folder: Path, regions: int, epochs: int) -> Iterator[tuple[str, Path]]:
    """The runs by their names, each trained to its end."""
    wanted = {**{f"{OWN}: {kind}": (kind, 1) for kind in KINDS}, SHORT: (ALL, 1), LONG: (ALL, len(KINDS))}
    own: dict[str, Any] = {**ENGINE, "epochs": epochs}
    config = EngineConfig(**own, mixed_precision="bf16")
    for name, (kind, times) in wanted.items():
        run = folder / f"{kind}-{times}"
        trained(data, run, "restorer", {**SIZE, "regions": times * regions, "kind": kind}, config, None, name)
        yield name, run.absolute()


def of_kind(on: Mapping[str, Path], kind: str, runs: Mapping[str, Path]) -> list[dict[str, Any]]:
    """What each restorer wins back of a kind of damage, and how much more than that of this kind alone does."""
    engines = {"classic": "classic", **{name: str(runs[name]) for name in (SHORT, LONG)}}
    engines[OWN] = str(runs[f"{OWN}: {kind}"])
    rows = list(compare(Question(on, tuple(engines.values()), (kind,), side=SIDE), lambda text: None))
    gains = {name: by_picture([row for row in rows if row["engine"] == engine]) for name, engine in engines.items()}
    return [
        {"kind": kind, "restorer": name, "gain_db": sum(own) / len(own), "over_own_db": _over(own, gains[OWN])}
        for name, own in gains.items()
    ]


def by_picture(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """The mean gain of each picture over the levels."""
    of_each: dict[str, list[float]] = {}
    for row in rows:
        of_each.setdefault(row["picture"], []).append(row["gain_db"])
    return [sum(gains) / len(gains) for gains in of_each.values()]


def _over(gains: Sequence[float], others: Sequence[float]) -> list[float]:
    """The mean difference over pictures, and its 95 % interval of Student."""
    return [round(value, 3) for value in student([one - other for one, other in zip(gains, others, strict=True)])]


if __name__ == "__main__":
    run_script(main)
