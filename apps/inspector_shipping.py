"""How the inspector is measured, and put into nflows-heritage with a card of its figures."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nflows_core.data.others import is_named_as_picture
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import read_picture
from nflows_core.training import Labelled
from nflows_heritage.distortions import CLEAN, KINDS, LEVELS
from nflows_heritage.evaluation import middle
from nflows_heritage.inspection.classes import kind_of, level_of
from nflows_heritage.inspection.inspector import FILE, SHIPPED, Inspector
from nflows_heritage.inspection.variety import Pixels, suffered
from nflows_heritage.views import InMemory

MOST_BYTES = 1_000_000
SIDE = 256
"""Of the middles of pictures that are measured on."""
Answers = Mapping[str, Counter[str]]
"""How often each kind was said, by what it was."""


def ship(inspector: Inspector, data: tuple[Labelled, Labelled], counts: tuple[int, int], sets: Sequence[Path]) -> Path:
    """Saves an inspector in the package, with its card.

    Arguments:
        inspector: The inspector, trained.
        data: What it learned from, and what was held out.
        counts: The good pictures of either.
        sets: The folders of pictures that are measured on.

    Raises:
        ValueError: The weights are larger than those that come with a package should be.
    """
    SHIPPED.mkdir(exist_ok=True)
    inspector.save(SHIPPED)
    if (size := (SHIPPED / FILE).stat().st_size) > MOST_BYTES:
        raise ValueError(f"{SHIPPED} holds {size:,} bytes of weights, and should hold {MOST_BYTES:,} at most")
    held_out, unseen = of_examples(inspector, data[1]), of_pictures(inspector, sets)
    values = {
        "rows": "\n".join(rows(held_out, unseen)),
        "accuracy": f"{accuracy(held_out):.3f}",
        "unseen": f"{accuracy(unseen):.3f}" if sets else "-",
        "calibration": f"{calibration_error(inspector, data[1]):.3f}",
        "levels": f"{level_error(inspector, data[1]):.2f}",
        "pictures": len(list(good_pictures(sets))),
        "train": counts[0],
        "test": counts[1],
        "examples": f"{len(data[0].labels):,}",
        "held_out_examples": f"{len(data[1].labels):,}",
        "bytes": f"{size:,}",
        "odds": ", ".join(f"{kind} {odds:.3g}" for kind, odds in inspector.odds.items()),
    }
    text = (Path(__file__).parent / "inspector_card.md").read_text(encoding="utf-8")
    with atomic_write(SHIPPED / "README.md", "w") as file:
        file.write(text.format(**values))
    return SHIPPED


def of_examples(inspector: Inspector, data: Labelled) -> Answers:
    """What an inspector says of examples."""
    answers = {kind: Counter[str]() for kind in KINDS}
    for probabilities, label in zip(inspector.probabilities(data.x), data.labels, strict=True):
        answers[kind_of(int(label))][inspector.findings(probabilities).kind] += 1
    return answers


def of_pictures(inspector: Inspector, sets: Sequence[Path]) -> Answers:
    """What an inspector says of the pictures of folders, as they are and damaged in each way at each level."""
    answers = {kind: Counter[str]() for kind in KINDS}
    for name, good in good_pictures(sets):
        answers[CLEAN][inspector(InMemory(good)).kind] += 1
        for kind in KINDS[1:]:
            for level in LEVELS:
                random = np.random.default_rng(zlib.crc32(f"{name} {kind} {level}".encode()))
                answers[kind][inspector(InMemory(suffered(good, kind, level, random))).kind] += 1
    return answers


def good_pictures(sets: Sequence[Path]) -> Iterator[tuple[str, Pixels]]:
    """The middles of the pictures of folders, in colour."""
    for folder in sets:
        for path in sorted(path for _, files in walk(folder) for path in files if is_named_as_picture(path.name)):
            part = middle(read_picture(path).pixels, SIDE)
            yield path.name, np.ascontiguousarray(np.broadcast_to(part, (*part.shape[:2], 3)))


def rows(held_out: Answers, unseen: Answers) -> list[str]:
    """A row of the card for each kind: how often it was found, and what else was said most."""
    return [f"| {kind} | {_told(held_out[kind], kind)} | {_told(unseen[kind], kind)} |" for kind in KINDS]


def _told(said: Counter[str], kind: str) -> str:
    total = sum(said.values())
    if not total:
        return "- | -"
    other = next((f"{one} {count / total:.2f}" for one, count in said.most_common() if one != kind), "-")
    return f"{said[kind] / total:.2f} | {other}"


def accuracy(answers: Answers) -> float:
    """The mean over kinds of how often each is found."""
    return float(np.mean([said[kind] / max(sum(said.values()), 1) for kind, said in answers.items()]))


def calibration_error(inspector: Inspector, data: Labelled, bins: int = 10) -> float:
    """By how much the probability of the likeliest kind differs from how often it is right, on the average."""
    found = [inspector.findings(one).probabilities for one in inspector.probabilities(data.x)]
    likeliest = [max(one, key=lambda kind: one[kind]) for one in found]
    sure = np.array([one[kind] for one, kind in zip(found, likeliest, strict=True)])
    right = np.array([kind == kind_of(int(label)) for kind, label in zip(likeliest, data.labels, strict=True)])
    places = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(sure[places == place].sum() - right[places == place].sum()) for place in range(bins)]
    return float(np.sum(gaps) / len(sure))


def level_error(inspector: Inspector, data: Labelled) -> float:
    """The mean absolute error of the level where the kind is right."""
    errors = []
    for probabilities, label in zip(inspector.probabilities(data.x), data.labels, strict=True):
        found, level = inspector.findings(probabilities), level_of(int(label))
        if found.level is not None and level is not None and found.kind == kind_of(int(label)):
            errors.append(abs(found.level - level))
    return float(np.mean(errors)) if errors else float("nan")
