"""The report of a classifier of crops: that of every classifier, and what it says of pure against impure seed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from nflows_agri.inspection.purity import pure_counts
from nflows_agri.inspection.runs import Run, read_run
from nflows_agri.unknown import load as load_unknown
from nflows_core.classification.experiment import known_images
from nflows_core.classification.report import curves, evaluate, figures, progress_figures, sheets, tables
from nflows_core.classification.runs import load_network
from nflows_core.classification.testing import Tested, class_row
from nflows_core.data import LabelledFiles, images_of
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import write_report

_READINGS = {
    "recall": "of the test crops of a class, those that are found; its interval is Wilson's, as if each crop were a "
    "photograph of its own",
    "macro_f1": "the mean of the classes' F1, rare classes too; its interval draws whole photographs again",
    "purity": "pure against impure seed; the rates by which the command purity corrects what it counts, of a run that "
    "puts crops aside without those that it put aside of the test",
    "val": "the crops by which the best weights were chosen; they are no test",
}
_SOLVED = {"val": "crops that it learns from as from the others; they are no test"}


def report_run(folder: Path, title: str) -> dict[str, Any]:
    """Tests a finished run on its test crops, writes ``report.json`` and ``report.html``, and returns the first.

    Raises:
        DataError: Its crops are not there.
    """
    run = read_run(folder)
    network = load_network(folder, run)
    parts = run.parts(run.files())
    images, test = known_images(run, parts, folder), parts.test
    tested = None if test is None else evaluate(network, images["test"], test.groups)
    progress = progress_figures(folder)
    return write_report(
        folder,
        title,
        {
            **({} if tested is None or test is None else _figures(tested, run) | _kept(folder, test, tested)),
            "best_val_macro_f1": progress["best_val_macro_f1"],
            **{f"{name}_crops": len(part) for name, part in images.items()},
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "seconds": progress["seconds"],
            "readings": _READINGS | (_SOLVED if run.settings.is_solved else {}),
            "run": asdict(run),
        },
        seed=run.training.seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=[] if tested is None else _tables(tested, run),
        curves=curves(folder),
        sheets=[] if tested is None else sheets(tested, images["test"]),
        packages=["nflows-agri"],
    )


def _figures(tested: Tested, run: Run) -> dict[str, Any]:
    photographs = len(set(tested.groups.tolist()))
    return {**figures(tested, run.training.seed), "photographs": photographs, **_purity(tested, run.settings.pure)}


def _kept(folder: Path, test: LabelledFiles, tested: Tested) -> dict[str, Any]:
    """What is left of the test once crops are put aside as they are in a lot, whose purity is corrected by that."""
    unknown = load_unknown(folder)
    if unknown is None:
        return {}
    aside = unknown.is_unknown(unknown.scores(images_of(test, unknown.side).pixels)).numpy()
    counts = tested.select(~aside).confusion
    return {
        "test_put_aside": int(aside.sum()),
        "tested_kept": {"classes": list(tested.classes), "confusion": counts.tolist()},
    }


def _purity(tested: Tested, pure: tuple[str, ...]) -> dict[str, Any]:
    if not pure:
        return {}
    counts = pure_counts(tested.confusion, tested.classes, pure)
    return {
        "pure_impure_accuracy": float(counts.diagonal().sum() / counts.sum()),
        "true_purity": float(counts[0].sum() / counts.sum()),
        "counted_purity": float(counts[:, 0].sum() / counts.sum()),
    }


def _tables(tested: Tested, run: Run) -> list[Table]:
    things = run.settings.things
    generic = tables(tested, things)
    if not run.settings.pure:
        return generic
    two = pure_counts(tested.confusion, tested.classes, run.settings.pure)
    sides = [class_row(name, two, number, things) for number, name in enumerate(("pure", "impure"))]
    return [*generic[:2], Table(f"Pure ({', '.join(run.settings.pure)}) against impure", sides), *generic[2:]]
