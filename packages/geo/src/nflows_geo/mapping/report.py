"""What a map tells: areas, spectra and scores of its units, with pictures, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nflows_core.runtime.curve import Curve
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import write_report
from nflows_geo.clustering import Elbow
from nflows_geo.evaluation import confusion_rows
from nflows_geo.figures import PrintedMap, without_glyph
from nflows_geo.mapping.drawn_map import DrawnMap
from nflows_geo.mapping.pictures import report_pictures
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.scene import PACKAGES
from nflows_geo.spectra import band_ratios

_MOST_COLUMNS = 8
"""Units side by side in a table."""
_SCORES = (
    "Scores without labels. Those in the space of the bands, each scaled to [0, 1], compare methods; those in the "
    "method's own space do not, since fewer components raise them for the same map."
)


def write_map_report(
    drawn: DrawnMap,
    folder: Path,
    seconds: Mapping[str, float],
    labels: Path | None,
    polygons: Sequence[Mapping[str, Any]],
    printed: PrintedMap,
) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html``.

    Arguments:
        drawn: The map.
        folder: Where they go.
        seconds: How long every step took.
        labels: The file that the map was compared with.
        polygons: How many polygons each unit has, as `vectorize` counts them.
        printed: The page of the map.

    Returns:
        The content of ``report.json``.
    """
    units = unit_rows(drawn)
    agreement = _against_labels(drawn)
    mapped = int(drawn.sums.pixels[1:].sum())
    report: dict[str, Any] = {
        "units": len(drawn.present),
        **({"no_ratios_of_bands": drawn.no_ratios} if drawn.no_ratios else {}),
        **_boxes(drawn),
        **_lost(len(units) - len(drawn.present), drawn),
        f"mapped_{drawn.areas.column}": float(drawn.sums.areas[1:].sum()),
        "mapped_share_of_pixels": mapped / drawn.scene.grid.pixels,
        "polygons": sum(row["polygons"] for row in polygons),
        **_headline(agreement),
        "seconds": sum(seconds.values()),
        "seconds_by_step": dict(seconds),
        "scene": drawn.scene.describe(),
        "recipe": {"why": REDUCTIONS[drawn.recipe.reduction].why}
        | asdict(drawn.recipe)
        | {"blur_pixels": drawn.learned.mapper.blur, "trained_on_pixels": drawn.learned.pixels},
        "reduction": drawn.learned.mapper.reduction.describe(),
        "number_of_units": {} if drawn.learned.elbow is None else drawn.learned.elbow.describe(),
        "against_labels": agreement,
    }
    given = [path for path in (labels, drawn.names.file) if path is not None]
    return write_report(
        folder,
        f"Geological map of {drawn.scene.name}",
        report,
        seed=drawn.recipe.seed,
        inputs=drawn.scene.inputs | {path.name: path for path in given},
        digests=drawn.scene.digests,
        tables=[
            Table("Units", units),
            *_agreement_tables(drawn, agreement),
            Table(_SCORES, drawn.scores),
            *in_parts("Mean spectra", spectra_rows(drawn)),
            Table("Bands", drawn.scene.table()),
        ],
        curves=elbow_curves(drawn.learned.elbow),
        packages=PACKAGES,
        pictures=report_pictures(drawn, printed),
    )


def _boxes(drawn: DrawnMap) -> dict[str, str]:
    """Letters that no picture has."""
    boxes = without_glyph([drawn.scene.name, *(drawn.label(unit) for unit in drawn.present)])
    return {"letters_shown_as_boxes": boxes} if boxes else {}


def _lost(units: int, drawn: DrawnMap) -> dict[str, Any]:
    """What of the map is not as it was asked for, or not in the polygons."""
    lost = {"units_without_pixels_after_the_majority_filter": units} if units else {}
    merged = f"polygons of fewer than {drawn.minimum_pixels} pixels are part of their neighbours; the map has them"
    return lost | ({"merged": merged} if drawn.minimum_pixels > 1 else {})


def unit_rows(drawn: DrawnMap) -> list[dict[str, Any]]:
    """What every unit is: its name, what it may be, pixels, area, share of the map, and ratios of its mean spectrum."""
    sums = drawn.sums
    ratios = {} if drawn.no_ratios else band_ratios(sums.means, drawn.scene.wavelengths)
    mapped = sums.areas[1:].sum()
    return [
        {
            "unit": unit,
            **({"name": drawn.names.names.get(unit)} if drawn.names.names else {}),
            **({"suggestion": drawn.suggestions.get(unit)} if drawn.suggestions else {}),
            "pixels": int(pixels),
            drawn.areas.column: float(sums.areas[unit]),
            "share_of_map": float(sums.areas[unit] / mapped),
            **{name: _finite(values[unit - 1]) for name, values in ratios.items()},
        }
        for unit, pixels in enumerate(sums.pixels[1:], start=1)
    ]


def spectra_rows(drawn: DrawnMap) -> list[dict[str, Any]]:
    """The mean of every band in each unit that has pixels."""
    means, known = drawn.sums.means, any(drawn.scene.wavelengths)
    return [
        {"band": band.name}
        | ({"wavelength_nm": band.wavelength_nm} if known else {})
        | {f"unit {unit}": float(means[unit - 1, index]) for unit in drawn.present}
        for index, band in enumerate(drawn.bands)
    ]


def in_parts(caption: str, rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Rows as tables that have room on a page: each has a part of the units, and all columns that are no unit's.

    Arguments:
        caption: The words over them.
        rows: The rows, with a column for each unit.
    """
    units = [name for name in rows[0] if name.startswith("unit ")]
    first = [name for name in rows[0] if name not in units]
    parts = [units[start : start + _MOST_COLUMNS] for start in range(0, len(units), _MOST_COLUMNS)]
    return [
        Table(
            caption if len(parts) == 1 else f"{caption}: {part[0]} to {part[-1]}",
            [{name: row[name] for name in (*first, *part)} for row in rows],
        )
        for part in parts
    ]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def elbow_curves(elbow: Elbow | None) -> list[Curve]:
    """The curve by which the number of units was chosen."""
    if elbow is None:
        return []
    points = list(zip(map(float, elbow.ks), elbow.values, strict=True))
    chosen = [(float(elbow.k), min(elbow.values)), (float(elbow.k), max(elbow.values))]
    doubts = f", which is not sure: {'; '.join(elbow.doubts)}" if elbow.doubts else ""
    name = elbow.criterion
    stability = list(zip(map(float, elbow.ks), elbow.stability, strict=True))
    return [
        Curve(f"The {name} by number of units; the elbow is at {elbow.k}{doubts}", "units", name,
              {name: points, "elbow": chosen}),
        Curve("Stability by number of units: how alike the maps of two parts of the sample are, from 0 to 1", "units",
              "adjusted Rand index", {"adjusted Rand index": stability}),
    ]  # fmt: skip


def _against_labels(drawn: DrawnMap) -> dict[str, Any]:
    labels, agreement = drawn.drawing.labels, drawn.agreement
    if labels is None or agreement is None:
        return {}
    scores = {"problem": agreement} if isinstance(agreement, str) else agreement.scores()
    return scores | {"notes": list(labels.notes)}


def _headline(agreement: Mapping[str, Any]) -> dict[str, Any]:
    """The scores that a person looks for first."""
    names = (
        ("adjusted_rand_index", "normalized_mutual_information", "overall_accuracy") if "labels" in agreement else ()
    )
    intervals = {f"{name}_interval_95": agreement[f"{name}_interval_95_by_groups"] for name in names}
    return {name: agreement[name] for name in names} | intervals


def _agreement_tables(drawn: DrawnMap, agreement: Mapping[str, Any]) -> list[Table]:
    labels = drawn.drawing.labels
    if labels is None or "labels" not in agreement:
        return []
    return in_parts("Labelled pixels by unit", confusion_rows(labels.names, agreement))
