"""What a person asks of a trained classifier: what it mistakes for what, how surely, and which crops it gets wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nflows_agri.inspection.experiment import images_of_run, parts_of_run
from nflows_agri.inspection.runs import Run, load_network, read_run
from nflows_agri.inspection.testing import Tested, class_row, macro_f1, pure_counts
from nflows_agri.unknown import load as load_unknown
from nflows_core.classifiers import Classifier, probabilities_of
from nflows_core.data import Images, images_of
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.curve import Curve, finite
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.runtime.report import write_report
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve

_KINDS, _SHOWN = 12, 8  # rows of mistakes, and crops of each
_NAMED = 50
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
    images = images_of_run(folder, run)
    tested = _tested(network, images, run) if "test" in images else None
    return write_report(
        folder,
        title,
        {
            **({} if tested is None else _figures(tested, run) | _kept(folder, run, tested)),
            "best_val_macro_f1": max((value for _, value in _curve(folder, "macro_f1")), default=None),
            **{f"{name}_crops": len(part) for name, part in images.items()},
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "seconds": seconds[-1][1] if (seconds := _curve(folder, "seconds", METRICS_FILE)) else None,
            "readings": _READINGS | (_SOLVED if run.settings.is_solved else {}),
            "run": asdict(run),
        },
        seed=run.training.seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=[] if tested is None else _tables(tested, run),
        curves=_curves(folder),
        sheets=[] if tested is None else _sheets(tested, images["test"]),
        packages=["nflows-agri"],
    )


def _tested(network: Classifier, images: Mapping[str, Images], run: Run) -> Tested:
    test, files = images["test"], parts_of_run(run).test
    assert test.labels is not None
    assert files is not None
    probabilities = probabilities_of(network, test.pixels).double().numpy()
    return Tested(run.settings.classes, test.labels.numpy(), probabilities, test.names, files.groups)


def _figures(tested: Tested, run: Run) -> dict[str, Any]:
    counts = tested.confusion
    interval = tested.macro_f1_interval(run.training.seed)
    return {
        "macro_f1": macro_f1(counts),
        "macro_f1_interval_95": None if interval is None else list(interval),
        "accuracy": float(counts.diagonal().sum() / counts.sum()),
        "photographs": len(set(tested.groups.tolist())),
        "tested": {"classes": list(tested.classes), "confusion": counts.tolist()},
        **_purity(tested, run.settings.pure),
    }


def _kept(folder: Path, run: Run, tested: Tested) -> dict[str, Any]:
    """What is left of the test once crops are put aside as they are in a lot, whose purity is corrected by that."""
    unknown, files = load_unknown(folder), parts_of_run(run).test
    if unknown is None or files is None:
        return {}
    aside = unknown.is_unknown(unknown.scores(images_of(files, unknown.side).pixels)).numpy()
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
    counts, classes = tested.confusion, tested.classes
    rows = [
        {"true class": name, **{f"as {other}": int(n) for other, n in zip(classes, row, strict=True)}}
        for name, row in zip(classes, counts, strict=True)
    ]
    tables = [Table("Test crops, class by class", tested.rows()), Table("What is taken for what", rows)]
    if worst := _worst(tested):
        tables.append(Table("The worst mistakes: wrong with the greatest certainty", worst))
    if not run.settings.pure:
        return tables
    two = pure_counts(counts, classes, run.settings.pure)
    sides = [class_row(name, two, number) for number, name in enumerate(("pure", "impure"))]
    return [*tables[:2], Table(f"Pure ({', '.join(run.settings.pure)}) against impure", sides), *tables[2:]]


def _curve(folder: Path, column: str, name: str = TEST_METRICS_FILE) -> list[tuple[float, float]]:
    path = folder / name
    return list(finite(read_curve(path, column))) if path.exists() else []


def _curves(folder: Path) -> list[Curve]:
    if not (loss := _curve(folder, "cross_entropy", METRICS_FILE)):
        return []
    lines = {"training": loss, **({"val": points} if (points := _curve(folder, "cross_entropy")) else {})}
    curves = [Curve("cross-entropy, of the updates and of the averaged weights", "updates", "nats", lines)]
    if points := _curve(folder, "macro_f1"):
        curves.insert(0, Curve("macro-F1 of the averaged weights", "updates", "macro-F1", {"val": points}))
    return curves


def _sheets(tested: Tested, test: Images) -> list[Sheet]:
    """The mistakes that are made most often, each by its crops of the greatest certainty."""
    kinds: dict[str, list[int]] = {}
    for index in tested.worst(len(test)):
        true, found = (tested.classes[int(of[index])] for of in (tested.labels, tested.found))
        kinds.setdefault(f"{true}, found as {found}", []).append(index)
    often = sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:_KINDS]
    rows = {f"{words}: {len(indices)}": _shown(test, indices) for words, indices in often}
    return [Sheet("Mistakes, those of the greatest certainty first", [""] * _SHOWN, rows)] if rows else []


def _shown(test: Images, indices: Sequence[int]) -> list[bytes | str]:
    pixels = test.pixels[list(indices[:_SHOWN])].permute(0, 2, 3, 1)
    pictures = [as_png(np.ascontiguousarray(one.numpy())) for one in pixels]
    return [*pictures, *[""] * (_SHOWN - len(pictures))]


def _worst(tested: Tested) -> list[dict[str, Any]]:
    """The crops that are wrong with the greatest certainty, by name."""
    return [
        {
            "file": tested.names[index],
            "class": tested.classes[int(tested.labels[index])],
            "found": tested.classes[int(tested.found[index])],
            "probability": float(tested.probabilities[index].max()),
        }
        for index in tested.worst(_NAMED)
    ]
