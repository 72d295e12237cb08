"""What a map tells: areas, spectra and scores of its units, with pictures, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nflows_core.runtime.curve import Curve
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import write_report
from nflows_geo.clustering import Elbow
from nflows_geo.evaluation import Agreement, confusion_rows
from nflows_geo.figures import Sheet, false_colour, shaded_map, signatures
from nflows_geo.mapping.drawing import Drawing
from nflows_geo.mapping.learning import Learned, Recipe
from nflows_geo.mapping.unit_sums import UnitSums
from nflows_geo.raster import PixelAreas, pixel_areas
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.scene import PACKAGES, Band, Scene
from nflows_geo.spectra import band_ratios

_SCORES = (
    "Scores without labels. Those in the space of the bands, each scaled to [0, 1], compare methods; those in the "
    "method's own space do not, since fewer components raise them for the same map."
)


@dataclass(frozen=True)
class DrawnMap:
    """A map, and all that is known of it.

    Arguments:
        scene: The scene that was mapped.
        recipe: How the map was made.
        learned: The mapper, and what it was learned from.
        scores: The scores without labels, as `score_rows` gives them.
        drawing: What was gathered on the way.
        polygons: How many polygons each unit has, as `vectorize` counts them.
    """

    scene: Scene
    recipe: Recipe
    learned: Learned
    scores: Sequence[Mapping[str, Any]]
    drawing: Drawing
    polygons: Sequence[Mapping[str, Any]]

    @property
    def bands(self) -> list[Band]:
        return self.scene.bands

    @property
    def sums(self) -> UnitSums:
        return self.drawing.sums


def write_map_report(
    drawn: DrawnMap, folder: Path, seconds: Mapping[str, float], labels: Path | None
) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html``.

    Arguments:
        drawn: The map.
        folder: Where they go.
        seconds: How long every step took.
        labels: The file that the map was compared with.

    Returns:
        The content of ``report.json``.
    """
    areas = pixel_areas(drawn.scene.grid)
    units = unit_rows(drawn.sums, areas.column, drawn.bands)
    agreement = _agreement(drawn)
    mapped = int(drawn.sums.pixels[1:].sum())
    report: dict[str, Any] = {
        "units": len(units),
        f"mapped_{areas.column}": float(drawn.sums.areas[1:].sum()),
        "mapped_share_of_pixels": mapped / drawn.scene.grid.pixels,
        "polygons": sum(row["polygons"] for row in drawn.polygons),
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
    spectra = spectra_rows(drawn.sums, drawn.bands)
    return write_report(
        folder,
        f"Geological map of {drawn.scene.name}",
        report,
        seed=drawn.recipe.seed,
        inputs=drawn.scene.inputs | ({} if labels is None else {labels.name: labels}),
        digests=drawn.scene.digests,
        tables=[
            Table("Units", units),
            *_agreement_tables(drawn, agreement),
            Table(_SCORES, drawn.scores),
            Table("Mean spectra", spectra),
            Table("Bands", drawn.scene.table()),
        ],
        curves=elbow_curves(drawn.learned.elbow),
        packages=PACKAGES,
        pictures=drawn_pictures(drawn, areas),
    )


def unit_rows(sums: UnitSums, area: str, bands: Sequence[Band]) -> list[dict[str, Any]]:
    """What every unit is: pixels, area, under that name, share of the map, and ratios of its mean spectrum."""
    ratios = band_ratios(sums.means, [band.wavelength_nm for band in bands])
    mapped = sums.areas[1:].sum()
    return [
        {
            "unit": unit,
            "pixels": int(pixels),
            area: float(sums.areas[unit]),
            "share_of_map": float(sums.areas[unit] / mapped),
            **{name: float(values[unit - 1]) if pixels else None for name, values in ratios.items()},
        }
        for unit, pixels in enumerate(sums.pixels[1:], start=1)
    ]


def spectra_rows(sums: UnitSums, bands: Sequence[Band]) -> list[dict[str, Any]]:
    """The mean spectrum of every unit that has pixels."""
    return [
        {"unit": unit} | {band.name: float(value) for band, value in zip(bands, mean, strict=True)}
        for unit, mean in enumerate(sums.means, start=1)
        if sums.pixels[unit]
    ]


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
        Curve("Stability by number of units: how alike the maps of two halves of the sample are, from 0 to 1", "units",
              "adjusted Rand index", {"adjusted Rand index": stability}),
    ]  # fmt: skip


def drawn_pictures(drawn: DrawnMap, areas: PixelAreas) -> dict[str, bytes]:
    """The map, the scene in false colour, and the signatures of the units, as PNG by caption."""
    left, bottom, right, top = drawn.scene.grid.bounds
    sheet = Sheet((left, right, bottom, top), drawn.scene.grid.unit)
    overview, name = drawn.drawing.overview, drawn.scene.name
    shown = ", ".join(drawn.bands[index].name for index in overview.view.bands)
    return {
        "The map, shaded by the brightness of the scene": sheet.of_map(
            shaded_map(overview.drawn, overview.picture[3]), f"Units of {name}", _legend(drawn.sums, areas.unit)
        ),
        f"The scene in false colour: bands {shown} as red, green and blue": sheet.of_scene(
            false_colour(overview.picture[:3]), f"{name}, bands {shown}"
        ),
        "Mean spectrum of every unit, and one standard deviation": _signatures(drawn),
    }


def _legend(sums: UnitSums, measure: str) -> list[tuple[int, str]]:
    mapped = sums.areas[1:].sum()
    decimals = 2 if measure == "km²" and mapped < 1000 else 0
    return [
        (unit, f"unit {unit}: {area:,.{decimals}f} {measure}, {100 * area / mapped:.1f} %")
        for unit, area in enumerate(sums.areas[1:], start=1)
        if sums.pixels[unit]
    ]


def _signatures(drawn: DrawnMap) -> bytes:
    present = np.flatnonzero(drawn.sums.pixels[1:])
    known = [band.wavelength_nm for band in drawn.bands if band.wavelength_nm is not None]
    return signatures(
        drawn.sums.means[present],
        drawn.sums.deviations[present],
        (present + 1).tolist(),
        [band.name for band in drawn.bands],
        known if len(known) == len(drawn.bands) else None,
        drawn.scene.quantity,
    )


def _agreement(drawn: DrawnMap) -> dict[str, Any]:
    labels = drawn.drawing.labels
    if labels is None:
        return {}
    notes = {"notes": list(labels.notes)}
    try:
        agreement = Agreement.of_maps(labels.classes, drawn.drawing.at_labels, labels.polygons, drawn.recipe.seed)
    except ValueError as error:  # the map is made, and is not lost by labels outside of it
        return {"problem": str(error)} | notes
    return agreement.scores() | notes


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
    return [Table("Labelled pixels by unit", confusion_rows(labels.names, agreement))]
