"""What an anomaly map tells: where to look, what is unusual there, and how much to trust it, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.curve import Curve
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import write_report
from nflows_geo.anomaly.likeness import LIMITS, NONE_NEAR, Library, Likeness
from nflows_geo.anomaly.listing import REACH, AnomalyList, unknown_columns
from nflows_geo.anomaly.scoring import AnomalyRecipe, LearnedDetector, ScoreDrawing
from nflows_geo.figures import Marks, Sheet, false_colour
from nflows_geo.scene import PACKAGES, Scene
from nflows_geo.spectra import VEGETATION
from nflows_geo.spectra.materials import MATERIALS

SHOWN = 20
"""Anomalies in the table of the report, and numbered in its pictures."""
HOW_TO_READ = "How to read this"
_NOTABLE = 2.0
"""Standard deviations from its surroundings at which a band is named."""
_NAMED = 3
"""Bands that are named at most, so that the table stays one."""
_FEW_BANDS = 20
"""Bands each of which is named by itself; of more, neighbours that are far to the same side are named together."""
_BINS = 100
_DARKEST = 0.01
"""The part of the scores that gets the darkest colour."""

_MEANINGS = {
    "flow": "-log p in nats, with the exact density p of this scene's spectra, per unit of reflectance in every band: "
    "one more is 2.7 times rarer. Only differences count, and only within one scene",
    "rx": "the squared distance to the mean of the scene in units of its covariance: up to constants, -2 log p of a "
    "Gaussian. Only differences count, and only within one scene",
    "isolation-forest": "near 1 where few random cuts isolate a spectrum, and below 0.5 where many are needed",
}


@dataclass(frozen=True)
class ScoredScene:
    """The scores of a scene, and all that is known of them.

    Arguments:
        scene: The scene that was scored.
        recipe: How it was scored.
        learned: The detector, and what it was learned from.
        drawing: What was gathered on the way.
        anomalies: What to look at.
        areas: Their areas in square metres, (N,).
        planted: What `planted_check` says; nothing if it was not asked for.
        library: What the anomalies were compared with, or why they were not.
    """

    scene: Scene
    recipe: AnomalyRecipe
    learned: LearnedDetector
    drawing: ScoreDrawing
    anomalies: AnomalyList
    areas: NDArray[np.float64]
    planted: Mapping[str, Sequence[Mapping[str, Any]]]
    library: Library | str


def write_anomaly_report(scored: ScoredScene, folder: Path, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html``.

    Arguments:
        scored: The scene.
        folder: Where they go.
        seconds: How long every step took.

    Returns:
        The content of ``report.json``.
    """
    scene, learned, drawing = scored.scene, scored.learned, scored.drawing
    report: dict[str, Any] = {
        "anomalies": scored.anomalies.total,
        "listed_anomalies": len(scored.anomalies),
        "pixels_above_threshold": drawing.above,
        "share_of_valid_pixels": drawing.above / max(1, drawing.valid),
        "threshold": learned.threshold,
        "false_alarm_rate": scored.recipe.false_alarm_rate,
        "score": learned.detector.unit,
        "seconds": sum(seconds.values()),
        "seconds_by_step": dict(seconds),
        "scene": scene.describe() | {"valid_pixels": drawing.valid},
        "recipe": asdict(scored.recipe) | {"trained_on_pixels": len(learned.spectra), "surroundings_pixels": REACH},
        "not_compared_with_minerals": scored.library if isinstance(scored.library, str) else None,
        "planted_mean_auroc": mean_areas(scored.planted),
    }
    return write_report(
        folder,
        f"Anomalies of {scene.name}",
        report,
        seed=scored.recipe.seed,
        inputs=scene.inputs,
        digests=scene.digests,
        tables=[
            *_listed(scored),
            *_not_told_apart(scored.library),
            *_planted(scored.planted),
            _how_to_read(scored.recipe, scored.library),
            Table("Bands", scene.table()),
        ],
        curves=[histogram(learned)],
        packages=PACKAGES,
        pictures=_pictures(scored),
    )


def anomaly_rows(scored: ScoredScene) -> list[dict[str, Any]]:
    """The first of the list: where they are, and which bands differ from what surrounds them."""
    anomalies, names = scored.anomalies, [band.name for band in scored.scene.bands]
    digits = 5 if scored.scene.grid.unit == "degree" else 0
    rows = [
        {
            "rank": i + 1,
            "score": float(anomalies.groups.scores[i]),
            # What a person decides by comes first: a page may be too narrow for all columns.
            **_resembles(anomalies.likeness, i),
            **_vegetation(anomalies.ndvi, i),
            # As text: a page shows five digits of a number, and of a place that is too few.
            "longitude": f"{anomalies.longitude[i]:.5f}",
            "latitude": f"{anomalies.latitude[i]:.5f}",
            "x": f"{anomalies.x[i]:.{digits}f}",
            "y": f"{anomalies.y[i]:.{digits}f}",
            "pixels": len(anomalies.groups.members[i]),
            "area_m2": float(scored.areas[i]),
            "higher_than_around": _notable(anomalies.against_surroundings[i], names, 1),
            "lower_than_around": _notable(anomalies.against_surroundings[i], names, -1),
        }
        for i in range(min(SHOWN, len(anomalies)))
    ]
    unknown = unknown_columns(scored.scene.grid)
    return [{name: value for name, value in row.items() if name not in unknown} for row in rows]


def _notable(differences: NDArray[np.float64], names: Sequence[str], sign: int) -> str:
    """The bands that are far from their surroundings to one side, the furthest first."""
    far = np.flatnonzero(sign * differences >= _NOTABLE)
    runs = np.split(far, np.flatnonzero(np.diff(far) > 1) + 1 if len(names) > _FEW_BANDS else range(1, len(far)))
    peaks = {int(run[np.argmax(sign * differences[run])]): run for run in runs if len(run)}
    furthest = sorted(peaks, key=lambda peak: -sign * differences[peak])[:_NAMED]
    return ", ".join(f"{_run(peaks[peak], names)} {differences[peak]:+.1f}" for peak in furthest) or "–"


def _run(bands: NDArray[np.int64], names: Sequence[str]) -> str:
    return names[bands[0]] if len(bands) == 1 else f"{names[bands[0]]} to {names[bands[-1]]}"


def _vegetation(ndvi: NDArray[np.float64] | None, index: int) -> dict[str, Any]:
    if ndvi is None:
        return {}
    value = float(ndvi[index])
    return {"ndvi": value if np.isfinite(value) else None, "vegetation": value > VEGETATION}


def _resembles(likeness: Likeness | None, index: int) -> dict[str, str]:
    if likeness is None:
        return {}
    nearest = _at(likeness.nearest[index], likeness.angles[index])
    return {
        "resembles": nearest if likeness.near[index] else f"{NONE_NEAR} ({nearest})",
        "next": _at(likeness.next_nearest[index], likeness.next_angles[index]),
    }


def _at(name: str, angle: float) -> str:
    return name if np.isnan(angle) else f"{name}, {angle:.0f}°"


def _listed(scored: ScoredScene) -> list[Table]:
    rows = anomaly_rows(scored)
    return [Table("What to look at first", rows)] if rows else []


def _not_told_apart(library: Library | str) -> list[Table]:
    groups = [] if isinstance(library, str) else library.groups()
    return [Table("Materials that these bands do not tell apart", groups)] if groups else []


def _planted(planted: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Table]:
    return [Table(f"How often planted minerals are found: {caption}", rows) for caption, rows in planted.items()]


def mean_areas(planted: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """The mean over the minerals, by how much of them was planted and by detector."""
    return {
        caption: {
            name: float(np.mean([row["auroc"] for row in rows if row["detector"] == name]))
            for name in dict.fromkeys(row["detector"] for row in rows)
        }
        for caption, rows in planted.items()
    }


def _how_to_read(recipe: AnomalyRecipe, library: Library | str) -> Table:
    meanings = {
        "score": _MEANINGS[recipe.detector],
        "threshold": f"exceeded by {recipe.false_alarm_rate:g} of random pixels of this very scene, so that about as "
        "much of any scene is above it, whether it holds something of interest or not",
        "anomaly": "pixels connected by their sides whose spectra are rare here, for whatever reason: plants in a "
        "desert, roofs, water, edges of clouds and shadows as well as altered rock. Look at the pictures, and there",
        "higher, lower": f"bands of its mean spectrum {_NOTABLE:g} or more standard deviations from the mean of what "
        f"is no anomaly within {REACH} pixels. A spectrum may be rare though no band is: its bands are rare together",
        "vegetation": f"the NDVI is above {VEGETATION:g}; not known without the wavelengths of the bands",
        "resembles": _likeness(library),
    }
    return Table(HOW_TO_READ, [{"word": word, "meaning": meaning} for word, meaning in meanings.items()])


def _likeness(library: Library | str) -> str:
    if isinstance(library, str):
        return f"not compared with minerals: {library}"
    what = "depths of absorptions" if library.fine else "reflectances"
    return (
        f"which of {len(MATERIALS)} minerals and surfaces would change the spectrum of its surroundings most like "
        f"this, with the angle between the two changes of {what}; none is near beyond {LIMITS[library.fine]:g}°. A "
        "hint, and no identification: what is not among them may lie near to one that is, another change may look "
        "like one of these, and materials that these bands do not tell apart have one name"
    )


def histogram(learned: LearnedDetector) -> Curve:
    """How the scores of the sample are distributed, and the threshold."""
    counts, edges = np.histogram(learned.scores, _BINS)
    middles, logarithms = (edges[1:] + edges[:-1]) / 2, np.log10(counts.clip(min=0.5))
    points = [(float(x), float(y)) for x, y in zip(middles, logarithms, strict=True)]
    line = [(learned.threshold, float(logarithms.min())), (learned.threshold, float(logarithms.max()))]
    caption = f"Scores of {len(learned.scores):,} random pixels, and the threshold at {learned.threshold:.5g}"
    return Curve(caption, learned.detector.unit, "log10 of pixels", {"scores": points, "threshold": line})


def _pictures(scored: ScoredScene) -> dict[str, bytes]:
    sheet = Sheet.of(scored.scene.grid)
    learned, drawing, name = scored.learned, scored.drawing, scored.scene.name
    marks = Marks(scored.anomalies.x, scored.anomalies.y, SHOWN)
    span = float(np.quantile(learned.scores, _DARKEST)), learned.threshold
    shown = [scored.scene.bands[index].name for index in drawing.overview.view.bands]
    return {
        "The scores; what is above the threshold has a colour of its own, and what is listed a circle": sheet.of_scores(
            drawing.overview.drawn, f"Anomalies of {name}", learned.detector.unit, span, marks
        ),
        "The scene in false colour, with the same anomalies": sheet.of_scene(
            false_colour(drawing.overview.picture[:3]), f"Bands {', '.join(shown)} as red, green, blue", marks
        ),
    }
