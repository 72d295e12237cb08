"""The report of what was said of scenes: places, a contact sheet, and how often it was right where that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nflows_core.runtime.intervals import wilson
from nflows_core.runtime.jobs import further
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.report import REPORT_FILES, write_report
from nflows_privacy.annotations.groups import word_of
from nflows_privacy.drives.place_files import MAP, write_places
from nflows_privacy.drives.place_files import TABLE as PLACES
from nflows_privacy.drives.places import CANNOT_SAY, NOTHING, Judged, Place, places_of
from nflows_privacy.drives.positions import positions_of
from nflows_privacy.missing.judging import SHOWN, Verdict, read_verdict
from nflows_privacy.missing.scenes import ERASED_PART
from nflows_privacy.regions import Region

KIND = "places that lack a sign"
_SHOWN = 24
_READINGS = {
    "scenes_learned_from": "what is said of them tells nothing of what is known of others, and is not counted as right",
    "probability": "that the class is missing, over all frames of a place; calibrated on scenes that were left out",
    "present": "1 where a box says that such a sign stands there, 0 where none does, empty if no box is of its class",
    "sheet": "red speaks for the class, blue against it; holes are yellow, the likeliest to have held a sign white",
}


def report_places(
    found: Path, folder: Path, *, positions: Path | None = None, pictures: Path | None = None
) -> dict[str, Any]:
    """Writes the places of a folder of verdicts as tables, a map and a page.

    Each original counts once among the places, whether it was judged with and without its signs or once; how often the
    categoriser is right is told of all. A sign that stands in an original is present, though it was erased of the scene
    that was judged: who judges a drive sees what the road asks for, and which of it stands there.

    Arguments:
        found: The folder, as ``missing_signs categorise --model`` left it.
        folder: The folder of the report.
        positions: A table of positions, as `positions_of` takes it.
        pictures: The folder of the original pictures, whose EXIF data tell where they were taken.

    Raises:
        ValueError: There are no verdicts, or they are of several categorisers.
        FileExistsError: The folder is not ours.
    """
    paths = sorted(path for path in found.rglob("*.json") if _is_result(path))
    if not paths:
        raise ValueError(f"{found}: has no verdicts; give the folder that `missing_signs categorise --model` wrote")
    verdicts = {path: read_verdict(path) for path in paths}
    classes = {verdict.classes for verdict in verdicts.values()}
    if len(classes) > 1:
        raise ValueError(f"{found}: has verdicts of {len(classes)} categorisers; judge all scenes by one")
    frames = _once(verdicts)
    judged = [_of_original(verdict) for verdict in frames.values()]
    located = positions_of([one.frame for one in judged], table=positions, pictures=pictures)
    signs = {verdict.source: verdict.signs for verdict in frames.values()}
    places = _looked_for(places_of(judged, classes.pop(), positions=located.of, signs=signs), signs)
    claim_folder(folder, KIND, (PLACES, MAP, *REPORT_FILES))
    write_places(folder, places)
    return write_report(
        folder,
        "Signs that roads ask for and lack",
        {
            "scenes": len(verdicts),
            "frames": len(frames),
            "scenes_learned_from": sum(verdict.is_learned for verdict in verdicts.values()),
            "places": len(places),
            "places_where_such_a_sign_stands": sum(place.present is True for place in places),
            "frames_without_position": located.without,
            **_answers(frames.values()),
            "readings": _READINGS,
        },
        inputs={} if positions is None else {"positions": positions},
        tables=list(_tables(places, list(verdicts.values()))),
        sheets=list(_sheets(places, frames)),
        packages=["nflows-privacy"],
    )


def _once(verdicts: Mapping[Path, Verdict]) -> dict[Path, Verdict]:
    """Of each original one verdict: that of the scene without its signs where there is one, else with what stands."""
    chosen: dict[str, Path] = {}
    for path, verdict in verdicts.items():
        if verdict.source not in chosen or verdict.judged.frame.picture.startswith(f"{ERASED_PART}/"):
            chosen[verdict.source] = path
    return {path: verdicts[path] for path in chosen.values()}


def _of_original(verdict: Verdict) -> Judged:
    """What was said, under the name of the original, by which people and tables of positions know it."""
    return replace(verdict.judged, frame=replace(verdict.judged.frame, picture=verdict.source))


def _looked_for(places: Iterable[Place], signs: Mapping[str, Sequence[Region]]) -> list[Place]:
    """The places, of which nobody knows whether their sign stands if no box anywhere is of its class."""
    named = {word_of(sign.kind) for found in signs.values() for sign in found}
    return [place if word_of(place.sign) in named else replace(place, present=None) for place in places]


def _is_result(path: Path) -> bool:
    return further(path, SHOWN)[0].exists()


def _answers(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counts = Counter(verdict.judged.answer for verdict in verdicts)
    return {"nothing_missing": counts[NOTHING], "cannot_say": counts[CANNOT_SAY]}


def _tables(places: Sequence[Place], verdicts: Sequence[Verdict]) -> Iterator[Table]:
    if places:
        yield Table("Places, the likeliest first", [one.to_row() for one in _likeliest(places)])
    if rows := accuracy_rows([verdict for verdict in verdicts if not verdict.is_learned]):
        yield Table("Where it is known what is missing", rows)


def accuracy_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """How often what is said is right, of the scenes of which that is known.

    ``named`` is the likeliest class whatever the thresholds say; ``answered`` counts the classes that were named.
    """
    rows = []
    lacking = [verdict for verdict in verdicts if verdict.is_missing and verdict.context in verdict.classes]
    if lacking:
        named = [verdict.classes[int(verdict.judged.probabilities[:-1].argmax())] for verdict in lacking]
        right = sum(name == verdict.context for name, verdict in zip(named, lacking, strict=True))
        said = [verdict for verdict in lacking if verdict.judged.answer in verdict.classes]
        rows.append(_rate("a sign is missing: the likeliest class is right", right, len(lacking)))
        rows.append(_rate("a sign is missing: some class is answered", len(said), len(lacking)))
        if said:
            rows.append(
                _rate("of these answers, right", sum(one.judged.answer == one.context for one in said), len(said))
            )
    whole = [verdict for verdict in verdicts if not verdict.is_missing]
    if lacking and whole:
        alarms = sum(verdict.judged.answer != NOTHING for verdict in whole)
        rows.append(_rate("nothing is missing: something else is said", alarms, len(whole)))
    return rows


def _rate(what: str, count: int, n: int) -> dict[str, Any]:
    return {"what": what, "count": count, "n": n, "rate": count / n, "interval_95": list(wilson(count, n))}


def _likeliest(places: Sequence[Place]) -> list[Place]:
    return sorted(places, key=lambda place: -place.probability)


def _sheets(places: Sequence[Place], verdicts: Mapping[Path, Verdict]) -> Iterator[Sheet]:
    shown = {verdict.source: further(path, SHOWN)[0] for path, verdict in verdicts.items()}
    rows: dict[str, list[bytes | str]] = {
        f"{place.sign}, {place.probability:.2f}: {place.picture}": [shown[place.picture].read_bytes()]
        for place in _likeliest(places)[:_SHOWN]
    }
    if rows:
        yield Sheet(f"{len(rows)} of {len(places)} places, the likeliest first", ("what was looked at",), rows)
