"""The page of an audit, and what it says in a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.curve import Curve
from nflows_core.runtime.images import PictureError, PictureFile
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.thumbnails import as_png, thumbnail
from nflows_core.runtime.report import write_report
from nflows_privacy.missing.audit import Audit
from nflows_privacy.missing.learning import ANSWERED
from nflows_privacy.missing.runs import Run
from nflows_privacy.missing.scenes import Scene

_MOST, _SIDE = 24, 360
_READINGS = {
    "road alone": "the reader of roads, which knows nothing of holes, nor of what is left around them",
    "categoriser": "scenes that were left out, in five folds that divide no place; the mean of three seeds",
    "places alone": "the best observer of where the holes lie, how large they are and how many: it errs upwards",
    "parts without the sign": "the same reader on the largest part of each scene that never held the sign",
    "alarms": "scenes that lack nothing and are said to, where six of ten that lack a sign are found",
}


def report_audit(folder: Path, run: Run, audit: Audit) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html`` of an audit into the folder of its run, and gives the first."""
    half = audit.covered(ANSWERED)
    return write_report(
        folder,
        "What is known of signs that are missing",
        {
            "scenes": len(audit.groups),
            "places": len(set(audit.groups.tolist())),
            "accuracy": audit.accuracy("categoriser"),
            "accuracy_of_the_road": audit.accuracy("road alone"),
            "verdict": "the road is read" if audit.is_proven else "unproven: the holes may tell as much as the road",
            "answered_half": half.accuracy,
            **{name.replace(" ", "_"): value for name, value in audit.told.items()},
            "classes": list(audit.classes),
            "thresholds": {"missing": run.thresholds.missing, "certainty": run.thresholds.certainty},
            "readings": _READINGS,
        },
        seed=run.seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=list(_tables(audit)),
        curves=[_curve(audit)],
        sheets=list(_sheets(audit)),
        packages=["nflows-privacy"],
    )


def lines(audit: Audit) -> Iterator[str]:
    """The audit in a few lines, for a terminal."""
    for row in audit.rows():
        interval = row["interval_95"]
        ends = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
        yield f"{row['who']:<26} {row['accuracy']:.3f}{ends} of {row['scenes']} scenes"
    for name in ("categoriser", "road alone"):
        above = audit.interval(name, less="places alone")
        if above is not None:
            yield f"{name + ' above places':<26} {above[0]:+.3f} to {above[1]:+.3f}"
    half = audit.answers(ANSWERED)
    yield f"{'where surest of half':<26} {half['accuracy']:.3f} of {half['answered']} answers"
    for alarm in audit.alarms:
        yield f"{'alarms, ' + alarm['scenes']:<26} {alarm['rate']:.3f} of {alarm['n']} scenes"
    for name, value in audit.told.items():
        yield f"{name:<26} AUROC {'not measured' if value is None else format(value, '.3f')}"
    yield "the road is read" if audit.is_proven else "UNPROVEN: the holes may tell as much as the road"


def _tables(audit: Audit) -> Iterator[Table]:
    yield Table("Who names the missing sign, and how often", audit.rows())
    yield Table(
        "Observers of places alone", [{"observer": name, "accuracy": one} for name, one in audit.observers.items()]
    )
    yield Table(
        "Missing signs by rows, and what is said of them",
        [
            {"missing": name, "scenes": round(float(row.sum())), **dict(zip(audit.classes, row.tolist(), strict=True))}
            for name, row in zip(audit.classes, audit.confusion, strict=True)
        ],
    )
    if audit.alarms:
        yield Table("Scenes that lack nothing", audit.alarms)
    if mistaken := audit.mistaken():
        yield Table(
            "Scenes that were named wrongly, the worst first",
            [
                {"scene": scene.name, "asks_for": scene.context, "said_to_ask_for": said, "right_of_seeds": right}
                for scene, said, right in mistaken
            ],
        )
    yield Table("Answers, the surest first", [audit.answers(tenth / 10) for tenth in range(10, 0, -1)])


def _sheets(audit: Audit) -> Iterator[Sheet]:
    """Some of the scenes that were named wrongly, for a person to say whether they could have been named."""
    mistaken = audit.mistaken()
    rows: dict[str, list[bytes | str]] = {
        f"{scene.name}: asks for {scene.context}, said {said}": [_shown(scene)] for scene, said, _ in mistaken[:_MOST]
    }
    if rows:
        yield Sheet(f"{len(rows)} of {len(mistaken)} scenes that were named wrongly", ("the scene",), rows)


def _shown(scene: Scene) -> bytes | str:
    try:
        with PictureFile(scene.path) as picture:
            return as_png(thumbnail(picture, _SIDE))
    except (OSError, PictureError) as error:
        return str(error)


def _curve(audit: Audit) -> Curve:
    points = [(point.coverage, point.accuracy or 0.0) for point in sorted(audit.curve, key=lambda one: one.coverage)]
    return Curve("coverage against accuracy", "answered", "right", {"left-out scenes": points})
