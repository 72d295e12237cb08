"""A lot of crops from files to a report: what each is, how many of each class, and how pure the whole is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nflows_agri.crops.made import refuse_made
from nflows_agri.crops.segmented import is_of_tray
from nflows_agri.inspection.lot import Judged, Lot, Thing, judged
from nflows_agri.inspection.predictor import Predictor, load_predictor
from nflows_agri.inspection.purity import Purity, pure_counts, purity
from nflows_agri.inspection.settings import check_pure
from nflows_core.classification.testing import Counts
from nflows_core.data.others import is_named_as_picture
from nflows_core.runs.data import refuse_inside
from nflows_core.runtime.folders import walk_names
from nflows_core.runtime.inputs import listed
from nflows_core.runtime.intervals import wilson
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table, shown
from nflows_core.runtime.progress import progress
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_core.runtime.terminal import echo

TABLE_FILE = "crops.csv"
_KIND = "judged crops"
_SHOWN_FAILURES = 10
_TOLD = 1000
_READINGS = {
    "counted": "the share found pure of the crops that were judged, and Wilson's interval: of the lot's chance alone",
    "corrected": "the share of pure seed by Rogan and Gladen, with the error rates of the run's test; its interval "
    "tells of the numbers of lot and test, and holds for impurities such as those of the test",
    "put_aside": "crops like none of the training; they are in no share",
}


def judge_lot(
    run: Path,
    crops: Sequence[Path],
    folder: Path,
    *,
    views: bool = False,
    device: str = "auto",
    weighs: bool = False,
    pure: tuple[str, ...] = (),
) -> tuple[dict[str, Any], Lot]:
    """Judges a lot into a folder: a table, ``report.json`` and ``report.html``.

    Arguments:
        run: The run folder or ONNX file of the classifier.
        crops: Files, and folders whose pictures are judged.
        folder: The folder of the results; made if it is missing.
        views: Whether the crops are folders of views of the same things.
        device: The device, as torch names it.
        weighs: Whether the purity of the lot is wanted.
        pure: The classes that are pure; by default those of the run.

    Raises:
        DataError: The purity of made crops is asked for.
        ValueError: There is no crop, a thing lacks a view, or the purity cannot be known.
        FileExistsError: The folder is not ours.
    """
    predictor = load_predictor(run, device)
    pure = pure or predictor.pure
    tested = _tested(predictor, pure) if weighs else None
    for path in crops if weighs else ():
        refuse_made(path)
    things = list(viewed(crops) if views else _things(crops))
    if not things:
        raise ValueError(f"{crops[0]}: holds no pictures; give the crops of the lot, or their folder")
    refuse_inside(folder, *(path for path in crops if path.is_dir()))
    claim_folder(folder, _KIND, [TABLE_FILE, *REPORT_FILES])
    lot = Lot(predictor.classes)
    write_csv(folder / TABLE_FILE, lot.rows(_told(judged(predictor, things), len(things))))
    found = None if tested is None else _purity(lot, pure, tested)
    report = _write_report(folder, predictor, lot, found, pure if weighs else ())
    _tell(lot, report, folder)
    return report, lot


def _told(things: Iterable[Judged], total: int) -> Iterator[Judged]:
    """The things, and how many thousands of them are done."""
    with progress("thousand crops", total // _TOLD) as advance:
        for number, one in enumerate(things, start=1):
            yield one
            if number % _TOLD == 0:
                advance(one.thing.name)


def _things(crops: Sequence[Path]) -> Iterator[Thing]:
    """Each picture below the folders and each file, by its path; of one folder alone, by the path below it."""
    for path in crops:
        if path.is_dir():
            named = (name if len(crops) == 1 else str(path / name) for name in _below(path))
            yield from (Thing(name, (path / name,)) for name in named)
        else:
            yield Thing(str(path), (path,))


def viewed(folders: Sequence[Path]) -> Iterator[Thing]:
    """Things with a view in each folder, by their path below it.

    Raises:
        ValueError: There are fewer than two folders, or one lacks a view that another has.
    """
    if len(folders) < 2 or not all(folder.is_dir() for folder in folders):
        raise ValueError("`views`: give two folders or more, one for each view, such as top and bottom")
    names = [set(_below(folder)) for folder in folders]
    every = set().union(*names)
    for folder, own in zip(folders, names, strict=True):
        if missing := sorted(every - own):
            raise ValueError(
                f"`views`: {folder} lacks {missing[0]}, which another folder has ({len(missing)} such); take it away "
                "there, or judge the folders alone"
            )
    yield from (Thing(name, tuple(folder / name for folder in folders)) for name in sorted(every))


def _below(folder: Path) -> Iterator[str]:
    """The pictures below a folder; other files are told of."""
    others: Counter[str] = Counter()
    for top, _, files in walk_names(folder):
        inner = Path(top).relative_to(folder)
        for name in files:
            if is_of_tray(Path(top, name)):
                continue
            if is_named_as_picture(name):
                yield (inner / name).as_posix()
            else:
                others[Path(name).suffix.lower() or "without a suffix"] += 1
    if others:
        echo(f"{folder}: left out {listed(others)}, which are not named as pictures", err=True)


def _tested(predictor: Predictor, pure: tuple[str, ...]) -> Counts:
    """The errors of a classifier about pure seed, as far as it is known which that is."""
    if not pure:
        raise ValueError(f"`pure`: which classes are pure seed? Choose among {', '.join(predictor.classes)}")
    check_pure(pure, predictor.classes)
    if predictor.tested is None:
        raise ValueError(
            f"{predictor.weights} was not tested, so that its errors are not known: finish its training by "
            "nflows agri train, with data that have a test part"
        )
    return pure_counts(predictor.tested, predictor.classes, pure)


def _purity(lot: Lot, pure: Sequence[str], tested: Counts) -> Purity:
    if not lot.judged:
        raise ValueError(f"none of {len(lot.failed) + lot.aside} crops could be judged, so that no share is known")
    return purity(sum(lot.counts[name] for name in pure), lot.judged, tested)


def _write_report(
    folder: Path, predictor: Predictor, lot: Lot, found: Purity | None, pure: Sequence[str]
) -> dict[str, Any]:
    total = lot.judged
    rows = [
        {
            "class": name,
            "crops": count,
            "share": count / total if total else None,
            "interval_95": list(wilson(count, total)) if total else None,
        }
        for name, count in lot.counts.items()
    ]
    numbers = {"crops": total, "put_aside": lot.aside, "not_readable": len(lot.failed)}
    title = "Crops judged" if found is None else "Purity of a lot"
    return write_report(
        folder,
        title,
        {**({} if found is None else _shares(found, pure)), **numbers, "readings": _READINGS},
        inputs={"weights": predictor.weights},
        tables=[Table("Crops by class", rows)],
        sheets=lot.sheets(),
        packages=["nflows-agri"],
    )


def _shares(found: Purity, pure: Sequence[str]) -> dict[str, Any]:
    counted, *counted_interval = found.counted
    corrected, *corrected_interval = found.corrected or (None, None, None)
    return {
        "purity_corrected": corrected,
        "purity_corrected_interval_95": corrected_interval if found.corrected else None,
        "purity_counted": counted,
        "purity_counted_interval_95": counted_interval,
        "pure_classes": list(pure),
        "sensitivity": found.sensitivity,
        "specificity": found.specificity,
    }


def _tell(lot: Lot, report: dict[str, Any], folder: Path) -> None:
    for error in lot.failed[:_SHOWN_FAILURES]:
        echo(error, err=True)
    if (more := len(lot.failed) - _SHOWN_FAILURES) > 0:
        echo(f"and {more} more, see {folder / TABLE_FILE}", err=True)
    for name, count in lot.counts.items():
        echo(f"{name:<32} {count:,}")
    if lot.aside:
        echo(f"{'put aside, as unknown':<32} {lot.aside:,}")
    for key, words in (("purity_counted", "purity, counted"), ("purity_corrected", "purity, corrected")):
        if key in report:
            low_high = report[f"{key}_interval_95"]
            told = "not known" if low_high is None else f"{shown(report[key])} ({shown(low_high)})"
            echo(f"{words:<32} {told}")
    echo(f"{'report':<32} {folder / 'report.html'}")
