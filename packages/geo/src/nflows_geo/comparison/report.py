"""A comparison of methods as tables of the thesis's form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_geo.clustering import CLUSTERINGS
from nflows_geo.comparison.comparing import METHODS, Comparison
from nflows_geo.evaluation import over_seeds
from nflows_geo.labels import Labels
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.scene import PACKAGES, Scene

UNITS = "Table 7.1: units by the elbow"
OWN_SPACE = "Table 7.2: scores without labels, in each method's own space"
BAND_SPACE = "Table 7.2 again, in the space of the bands"
ASKED = "Table 7.2 with 5 to 8 units"
LABELS = "Table 7.3: agreement with labels"
RUNS = "Runs"

READINGS = {
    UNITS: "The elbow over 2 to 20 units is that of the within-cluster sum of squares of k-means, as in the thesis, of "
    "its logarithm, or of the likelihood of a mixture of Gaussians. It is sure where parts of the sample agree.",
    OWN_SPACE: "These numbers do not compare methods: fewer components raise Calinski-Harabasz's index and lower "
    "Davies-Bouldin's with the same map.",
    BAND_SPACE: "These compare methods, since the bands, each scaled to [0, 1], are common to all. They say how "
    "compact units are, in brightness above all, and not whether they are rocks.",
    ASKED: "The same scores where the number of units was asked for. Of one method, Calinski-Harabasz's index and "
    "Davies-Bouldin's compare numbers of units; of different methods they do so in the space of the bands only.",
    LABELS: "Every unit is given the label with which most pixels agree, no label twice. No method has seen a label.",
}
"""What must be said wherever the numbers are shown."""

INTERVALS = (
    "95 % intervals are over seeds: of the randomness of the method. That of the labels is larger: the scores of a map "
    "give it, by resampling their polygons, or of points the groups of those that touch."
)

FILES = {UNITS: "table-7.1.csv", OWN_SPACE: "table-7.2-own.csv", BAND_SPACE: "table-7.2-bands.csv",
         ASKED: "table-7.2-units.csv", LABELS: "table-7.3.csv", RUNS: "runs.csv"}  # fmt: skip

KIND = "comparison of methods"
RESULTS = (*FILES.values(), *REPORT_FILES)
"""What `write_comparison` writes."""

_SCORES = ("calinski_harabasz", "davies_bouldin", "silhouette")
_AGREEMENT = ("overall_accuracy", "adjusted_rand_index", "normalized_mutual_information")


def write_comparison(
    comparison: Comparison, folder: Path, scene: Scene, labels: Labels | None, labels_file: Path | None
) -> dict[str, Any]:
    """Writes ``report.json``, ``report.html`` and a CSV file for each table.

    Arguments:
        comparison: The scores.
        folder: Where they go; it is made if it is missing.
        scene: The scene that was mapped.
        labels: What the maps were scored against.
        labels_file: The file of the labels.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of a comparison of ours.
    """
    claim_folder(folder, KIND, RESULTS)
    shown = tables(comparison)
    report = write_report(
        folder,
        f"Methods compared on {scene.name}",
        {
            "scene": scene.describe(),
            "seeds": 1 + max(run["seed"] for run in comparison.runs),
            "labelled_pixels": comparison.runs[0].get("labelled_pixels"),
            _groups(labels): None if labels is None else int(labels.polygons.max()) + 1,
            "label_notes": [] if labels is None else list(labels.notes),
            "intervals": INTERVALS,
            "readings": {table.caption: READINGS[table.caption] for table in shown if table.caption in READINGS},
            "failures": comparison.failures,
        },
        packages=PACKAGES,
        seed=0,
        inputs=scene.inputs | ({} if labels_file is None else {labels_file.name: labels_file}),
        digests=scene.digests,
        tables=shown,
    )
    for table in shown:
        write_csv(folder / FILES[table.caption], table.rows)
    return report


def tables(comparison: Comparison) -> list[Table]:
    """Tables 7.1 and 7.2, with labels 7.3, and that of all runs."""
    methods = list(_by_method(run for run in comparison.runs if run["units_by"] == "elbow"))
    captioned = [
        Table(UNITS, [_units(method, runs) for method, runs in methods]),
        Table(OWN_SPACE, [_scores(method, runs, "own") for method, runs in methods]),
        Table(BAND_SPACE, [_scores(method, runs, "bands") for method, runs in methods]),
    ]
    if asked := list(_asked(comparison)):
        captioned.append(Table(ASKED, asked))
    if "labelled_pixels" in comparison.runs[0]:
        captioned.append(Table(LABELS, [{"method": name, **_means(runs, _AGREEMENT)} for name, runs in methods]))
    return [*captioned, Table(RUNS, comparison.runs)]


def _by_method(runs: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    gathered: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        gathered.setdefault(run["method"], []).append(run)
    yield from gathered.items()


def _asked(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A row for each method and number of units that was asked for."""
    for method, runs in _by_method(run for run in comparison.runs if run["units_by"] == "asked"):
        for units in sorted({run["units"] for run in runs}):
            same = [run for run in runs if run["units"] == units]
            names = [f"{space}_{name}" for space in ("own", "bands") for name in _SCORES]
            agreement = [name for name in _AGREEMENT if name in same[0]]
            yield {"method": method, "units": units, **_means(same, [*names, *agreement])}


def _units(method: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    reduction, clustering = METHODS[method]
    units = [run["units"] for run in runs]
    return {
        "method": method,
        "reduction": reduction,
        "clustering": clustering,
        "elbow_of": CLUSTERINGS[clustering].criterion(logarithmic=REDUCTIONS[reduction].log_elbow).name,
        "sure": sum(run["sure"] for run in runs),
        **_means(runs, ("units",)),
        "least_units": min(units),
        "most_units": max(units),
        "seconds_per_run": over_seeds([run["seconds"] for run in runs])["mean"],
    }


def _scores(method: str, runs: Sequence[Mapping[str, Any]], space: str) -> dict[str, Any]:
    renamed = [{name: run[f"{space}_{name}"] for name in _SCORES} for run in runs]
    components = {"components": runs[0]["components"]} if space == "own" else {}
    return {"method": method, **components, **_means(renamed, _SCORES)}


def _means(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """The number of seeds, and of each score the mean over them and its 95 % interval."""
    row: dict[str, Any] = {"seeds": len(runs)}
    for name in names:
        summary = over_seeds([run[name] for run in runs])
        row |= {name: summary["mean"], f"{name}_interval_95": summary["interval_95"]}
    return row


def _groups(labels: Labels | None) -> str:
    """What the polygons of labels, or the groups of their points, are counted under."""
    return "label_polygons" if labels is None else f"label_{labels.called.replace(' ', '_')}"
