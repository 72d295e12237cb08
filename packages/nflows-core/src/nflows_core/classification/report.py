"""What a person asks of a trained classifier: what it takes for what, how surely, and which pictures it gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.classification.testing import Tested, macro_f1
from nflows_core.classifiers import Classifier, probabilities_of
from nflows_core.data import Images
from nflows_core.runtime.curve import Curve, finite
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve

_KINDS, _SHOWN = 12, 8  # rows of mistakes, and pictures of each
_NAMED = 50


def evaluate(network: Classifier, images: Images, groups: NDArray[np.str_]) -> Tested:
    """What a trained network says of labelled pictures that it never saw.

    Arguments:
        network: The network.
        images: The pictures, as `images_of` reads them.
        groups: The group of each, :math:`(N,)`.
    """
    assert images.labels is not None  # `images_of` gives them
    probabilities = probabilities_of(network, images.pixels).double().numpy()
    return Tested(images.classes, images.labels.numpy(), probabilities, images.names, groups)


def figures(tested: Tested, seed: int) -> dict[str, Any]:
    """The numbers of a test: macro-F1 with its interval over groups, accuracy, and the confusion matrix."""
    counts, interval = tested.confusion, tested.macro_f1_interval(seed)
    return {
        "macro_f1": macro_f1(counts),
        "macro_f1_interval_95": None if interval is None else list(interval),
        "accuracy": float(counts.diagonal().sum() / counts.sum()),
        "tested": {"classes": list(tested.classes), "confusion": counts.tolist()},
    }


def progress_figures(folder: Path) -> dict[str, float | None]:
    """What the curves of a run say of its training: the best macro-F1 of "val", and how long it took."""
    seconds = _curve(folder, "seconds", METRICS_FILE)
    return {
        "best_val_macro_f1": max((value for _, value in _curve(folder, "macro_f1")), default=None),
        "seconds": seconds[-1][1] if seconds else None,
    }


def tables(tested: Tested, things: str = "pictures") -> list[Table]:
    """How well each class is known, what is taken for what, and, if there are any, the worst mistakes.

    Arguments:
        tested: The test.
        things: The word for what was tested.
    """
    rows = [
        {"true class": name, **{f"as {other}": int(n) for other, n in zip(tested.classes, row, strict=True)}}
        for name, row in zip(tested.classes, tested.confusion, strict=True)
    ]
    made = [Table(f"Test {things}, class by class", tested.rows(things)), Table("What is taken for what", rows)]
    if worst := _worst(tested):
        made.append(Table("The worst mistakes: wrong with the greatest certainty", worst))
    return made


def curves(folder: Path) -> list[Curve]:
    """The curves of a run that was trained step by step: the macro-F1 of "val" if there is one, and the loss."""
    if not (loss := _curve(folder, "cross_entropy", METRICS_FILE)):
        return []
    lines = {"training": loss, **({"val": points} if (points := _curve(folder, "cross_entropy")) else {})}
    drawn = [Curve("cross-entropy, of the updates and of the averaged weights", "updates", "nats", lines)]
    if points := _curve(folder, "macro_f1"):
        drawn.insert(0, Curve("macro-F1 of the averaged weights", "updates", "macro-F1", {"val": points}))
    return drawn


def sheets(tested: Tested, test: Images) -> list[Sheet]:
    """The mistakes that are made most often, each by its pictures of the greatest certainty.

    Arguments:
        tested: The test.
        test: Its pictures.
    """
    kinds: dict[str, list[int]] = {}
    for index in tested.worst(len(test)):
        true, found = (tested.classes[int(of[index])] for of in (tested.labels, tested.found))
        kinds.setdefault(f"{true}, found as {found}", []).append(index)
    often = sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:_KINDS]
    rows = {f"{words}: {len(indices)}": _shown(test, indices) for words, indices in often}
    return [Sheet("Mistakes, those of the greatest certainty first", [""] * _SHOWN, rows)] if rows else []


def _curve(folder: Path, column: str, name: str = TEST_METRICS_FILE) -> list[tuple[float, float]]:
    path = folder / name
    return list(finite(read_curve(path, column))) if path.exists() else []


def _shown(test: Images, indices: Sequence[int]) -> list[bytes | str]:
    pixels = test.pixels[list(indices[:_SHOWN])].permute(0, 2, 3, 1)
    pictures = [as_png(np.ascontiguousarray(one.numpy())) for one in pixels]
    return [*pictures, *[""] * (_SHOWN - len(pictures))]


def _worst(tested: Tested) -> list[dict[str, Any]]:
    """The pictures that are wrong with the greatest certainty, by name."""
    return [
        {
            "file": tested.names[index],
            "class": tested.classes[int(tested.labels[index])],
            "found": tested.classes[int(tested.found[index])],
            "probability": float(tested.probabilities[index].max()),
        }
        for index in tested.worst(_NAMED)
    ]
