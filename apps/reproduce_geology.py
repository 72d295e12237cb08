"""Set comparisons of methods on scenes beside the thesis's tables 7.1 to 7.3 in docs/reproduction.md.

    nflows geo compare Sistan_Landsat8.tif --labels Sistan_Landsat8_Training.tif --align -o sistan
    nflows geo compare ncspm.tif --labels ncspm_labels.tif -o ncspm                          # and of lsat, jasper
    python apps/reproduce_geology.py sistan=sistan/report.json ncspm=ncspm/report.json

Reports are kept beside the package, and the document is written from what is kept there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from document_tables import fill

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "packages" / "geo" / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "reproduction.md"

SCENES = {
    "sistan": "Sistan, Landsat 8, 9 rocks",
    "ncspm": "North Carolina, Landsat 7, 7 covers",
    "lsat": "lsat, Landsat 5, 4 covers",
    "jasper": "Jasper Ridge, AVIRIS, 4 materials",
}
"""The scenes whose comparisons are kept; the thesis's tables stand beside the first."""

METHODS = {
    "pca": "PCA, 90 % of the variance",
    "autoencoder": "canonical autoencoder",
    "stacked-paper": "stacked autoencoder, as in the paper",
    "stacked-notebook": "stacked autoencoder, as in its notebook",
    "whitened-pca": "whitened PCA",
    "ica": "independent components",
    "mnf": "minimum noise fractions, mixture of Gaussians",
    "flow": "latent of a flow",
    "local-whitening": "local whitening, the default before",
    "leading-pca": "leading components, mixture of Gaussians, the default",
}
"""What the methods of `nflows geo compare` are called, those of the thesis first."""

THESIS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "units": {"pca": ("6", "6", "6"), "autoencoder": ("6", "6", "7"), "stacked": ("7", "7", "6")},
    "calinski_harabasz": {
        "pca": ("725,156", "3,203,478", "7,975,444"),
        "autoencoder": ("2,049,661", "8,940,866", "20,868,268"),
        "stacked": ("2,928,417", "10,204,767", "22,433,325"),
    },
    "davies_bouldin": {
        "pca": ("0.848", "0.882", "0.799"),
        "autoencoder": ("0.538", "0.534", "0.530"),
        "stacked": ("0.520", "0.533", "0.525"),
    },
    "overall_accuracy": {
        "pca": ("0.767", "0.833", "0.800"),
        "autoencoder": ("0.800", "0.833", "0.833"),
        "stacked": ("0.866", "0.900", "0.900"),
    },
}
"""On Landsat 8, ASTER and Sentinel-2, of S. Nagar, arXiv 2512.04039, tables 7.1 to 7.3."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="*", metavar="SCENE=PATH", help="report.json of `nflows geo compare`")
    for scene, _, path in (report.partition("=") for report in parser.parse_args().reports):
        if scene not in SCENES:
            parser.error(f"{scene!r} is none of the scenes {', '.join(SCENES)}")
        shutil.copyfile(path, RESULTS / f"compare-{scene}.json")
    fill(DOCUMENT, tables())


def tables() -> dict[str, str]:
    """The tables in Markdown, by their numbers."""
    reports = {scene: _read(scene) for scene in SCENES}
    report = reports["sistan"]
    own, common = (_rows(report, f"Table 7.2{rest}") for rest in (": ", " again"))
    rows = _rows(report, "Table 7.1")
    agreement = _rows(report, "Table 7.3")
    asked = [row for caption, rows in report["tables"].items() if caption.startswith("Table 7.2 with") for row in rows]
    of_units = {k: {row["method"]: row for row in asked if row["units"] == k} for k in (5, 6, 7, 8)}
    by_scene = {scene: _rows(report, "Table 7.3") for scene, report in reports.items()}
    return {
        "7.1": _table(
            {
                "thesis: units": _thesis("units"),
                "here: units": _mean(rows, "units", 1),
                "least, most": lambda name: f"{rows[name]['least_units']}, {rows[name]['most_units']}",
                "sure": lambda name: str(rows[name]["sure"]),
                "elbow of the": lambda name: rows[name]["elbow_of"],
                "seeds": lambda name: str(rows[name]["seeds"]),
            },
            rows,
        ),
        "7.2": _table(
            {
                "thesis: CH, own space": _thesis("calinski_harabasz"),
                "thesis: DB": _thesis("davies_bouldin"),
                "here: components": lambda name: str(own[name]["components"]),
                "CH, own space": _mean(own, "calinski_harabasz", 0),
                "DB, own space": _mean(own, "davies_bouldin", 2),
                "silhouette, own space": _mean(own, "silhouette", 2),
                "CH, bands": _mean(common, "calinski_harabasz", 0),
                "DB, bands": _mean(common, "davies_bouldin", 2),
                "silhouette, bands": _mean(common, "silhouette", 2),
            },
            own,
        ),
        "7.3": _table(
            {
                "thesis: accuracy": _thesis("overall_accuracy"),
                "here: accuracy": _mean(agreement, "overall_accuracy", 3),
                "ARI": _mean(agreement, "adjusted_rand_index", 3),
                "NMI": _mean(agreement, "normalized_mutual_information", 3),
            },
            agreement,
        ),
        "of 5 to 8 units": _table(
            {f"{k} units: CH, DB; ARI": _of_units(rows) for k, rows in of_units.items()},
            of_units[5],
        ),
        "of four scenes": _table(
            {words: _mean(by_scene[scene], "adjusted_rand_index", 3) for scene, words in SCENES.items()}
            | {"mean": lambda name: f"{_mean_of_scenes(by_scene, name):.3f}"},
            {name: row for name, row in agreement.items() if all(name in rows for rows in by_scene.values())},
        ),
    }


def _read(scene: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((RESULTS / f"compare-{scene}.json").read_text(encoding="utf-8"))
    return report


def _of_units(rows: Mapping[str, Row]) -> Callable[[str], str]:
    def cell(name: str) -> str:
        row = rows[name]
        scores = f"{row['own_calinski_harabasz']:,.0f}, {row['own_davies_bouldin']:.2f}"
        return f"{scores}; {row['adjusted_rand_index']:.3f}"

    return cell


def _mean_of_scenes(by_scene: Mapping[str, Mapping[str, Row]], name: str) -> float:
    return statistics.fmean(float(rows[name]["adjusted_rand_index"]) for rows in by_scene.values())


def _rows(report: Mapping[str, Any], beginning: str) -> dict[str, Row]:
    """The rows, by their methods, of the table whose caption begins so."""
    (rows,) = (rows for caption, rows in report["tables"].items() if caption.startswith(beginning))
    return {row["method"]: row for row in rows}


def _table(columns: Mapping[str, Callable[[str], str]], rows: Mapping[str, Row]) -> str:
    lines = [["", *columns], ["---"] * (1 + len(columns))]
    lines += [[METHODS[name], *(cell(name) for cell in columns.values())] for name in METHODS if name in rows]
    return "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def _thesis(score: str) -> Callable[[str], str]:
    return lambda name: " / ".join(THESIS[score].get(name.partition("-")[0], ()))


def _mean(rows: Mapping[str, Row], score: str, digits: int) -> Callable[[str], str]:
    def cell(name: str) -> str:
        low, high = rows[name][f"{score}_interval_95"]
        return f"{rows[name][score]:,.{digits}f} ± {(high - low) / 2:,.{digits}f}"

    return cell


if __name__ == "__main__":
    main()
