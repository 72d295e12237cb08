"""Crops judged one after the other, however many: a row for each, and what a person looks at of each class."""

from __future__ import annotations

import heapq
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_agri.inspection.predictor import Predictor
from nflows_core.classification.views import fused
from nflows_core.data import DataError
from nflows_core.data.labelled_images import whole
from nflows_core.data.pictures import decode
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.thumbnails import as_png

_CHUNK = 256  # things that are read while as many are judged
_SHOWN = 8  # crops of each class

Square = NDArray[np.uint8]
Squares = tuple[Square, ...]
"""A picture as the classifier takes it and, if something finds what is unknown, as that takes it."""


class Thing(NamedTuple):
    """What is judged: its name, and the picture files that show it."""

    name: str
    views: tuple[Path, ...]


class Judged(NamedTuple):
    """A thing, what is said of it, and how its first view looks; or why nothing can be said.

    Arguments:
        thing: The thing.
        probabilities: Those of the classes, :math:`(K,)`.
        familiar: How much the strangest of its views is like what was learned, in (0, 1], if something tells.
        aside: Whether it is like nothing that was learned, so that its class counts for nothing.
        square: Its first view.
        error: What is wrong with a file.
    """

    thing: Thing
    probabilities: NDArray[np.float64] | None = None
    familiar: float | None = None
    aside: bool = False
    square: Square | None = None
    error: str = ""


def judged(predictor: Predictor, things: Iterable[Thing]) -> Iterator[Judged]:
    """Judges things in their order; one that cannot be read stops nothing, and some hundreds are in memory."""
    sides = (predictor.side, *(() if predictor.unknown is None else (predictor.unknown.side,)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for chunk in _read_ahead(pool, iter(things), sides):
            yield from _judge(predictor, chunk)


class Lot:
    """What a lot of things is, counted while their rows go by.

    Arguments:
        classes: The names of the classes.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self.counts = Counter[str](dict.fromkeys(classes, 0))
        self.aside = 0
        self.failed: list[str] = []
        self._unsure: dict[str, list[tuple[float, int, str, Square]]] = {name: [] for name in classes}

    def rows(self, things: Iterable[Judged]) -> Iterator[dict[str, object]]:
        """The row of each thing in a table for programs."""
        for number, one in enumerate(things):
            self._count(number, one)
            yield self._row(one)

    @property
    def judged(self) -> int:
        """The number of things that were judged and not put aside."""
        return sum(self.counts.values())

    def sheets(self) -> list[Sheet]:
        """Of each class, the things of which the classifier is least sure: there a person finds its mistakes."""
        rows: dict[str, list[bytes | str]] = {}
        for name, heap in self._unsure.items():
            shown = sorted(heap, key=lambda one: (-one[0], one[1]))
            pictures = [as_png(square) for *_, square in shown]
            if pictures:
                rows[name] = [*pictures, *[""] * (_SHOWN - len(pictures))]
        columns = [f"{number}" for number in range(1, _SHOWN + 1)]
        return [Sheet("Of each class, the crops that are least certain", columns, rows)] if rows else []

    def _row(self, one: Judged) -> dict[str, object]:
        probabilities = [None] * len(self.classes) if one.probabilities is None else one.probabilities.tolist()
        best = None if one.probabilities is None else int(one.probabilities.argmax())
        return {
            "file": one.thing.name,
            "class": None if best is None else self.classes[best],
            "probability": None if best is None else _rounded(probabilities[best]),
            **{f"p_{name}": _rounded(value) for name, value in zip(self.classes, probabilities, strict=True)},
            "familiar": _rounded(one.familiar),
            "unknown": None if one.familiar is None else int(one.aside),
            "error": one.error or None,
        }

    def _count(self, number: int, one: Judged) -> None:
        if one.probabilities is None or one.square is None:
            self.failed.append(one.error)
        elif one.aside:
            self.aside += 1
        else:
            name = self.classes[int(one.probabilities.argmax())]
            self.counts[name] += 1
            kept = self._unsure[name]
            heapq.heappush(kept, (-float(one.probabilities.max()), -number, one.thing.name, one.square))
            if len(kept) > _SHOWN:
                heapq.heappop(kept)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _read_ahead(
    pool: ThreadPoolExecutor, things: Iterator[Thing], sides: Sequence[int]
) -> Iterator[list[tuple[Thing, list[Squares | str]]]]:
    """Chunks of things with their squares, or what is wrong with a file; the next is read meanwhile."""
    waiting: deque[list[tuple[Thing, list[Future[Squares | str]]]]] = deque()
    while True:
        chunk = list(islice(things, _CHUNK))
        if chunk:
            waiting.append([(thing, [pool.submit(_squares, path, sides) for path in thing.views]) for thing in chunk])
        if not waiting:
            return
        if len(waiting) > 1 or not chunk:
            yield [(thing, [one.result() for one in views]) for thing, views in waiting.popleft()]


def _squares(path: Path, sides: Sequence[int]) -> Squares | str:
    """A picture as squares of these sides, or what is wrong with it."""
    try:
        pixels = decode(str(path), lambda _: require_regular(path).open("rb"))
    except DataError as error:
        return str(error)
    rgb = np.ascontiguousarray(pixels.expand(3, -1, -1).permute(1, 2, 0).numpy())
    return tuple(whole(rgb, side) for side in sides)


def _judge(predictor: Predictor, chunk: Sequence[tuple[Thing, list[Squares | str]]]) -> Iterator[Judged]:
    wrong = [next((view for view in views if isinstance(view, str)), "") for _, views in chunk]
    readable = [
        [view for view in views if not isinstance(view, str)]
        for (_, views), error in zip(chunk, wrong, strict=True)
        if not error
    ]
    said = iter(_said(predictor, readable))
    for (thing, _), error in zip(chunk, wrong, strict=True):
        yield Judged(thing, error=visible(error)) if error else Judged(thing, *next(said))


def _said(
    predictor: Predictor, things: Sequence[Sequence[Squares]]
) -> Iterator[tuple[NDArray[np.float64], float | None, bool, Square]]:
    """What all views of each thing say together, whether its strangest view is unknown, and its first view."""
    if not things:
        return
    views = [squares for thing in things for squares in thing]
    probabilities = predictor.compute(_pixels(views, 0))
    familiar, aside = _familiar(predictor, views)
    first = 0
    for thing in things:
        own = slice(first, first := first + len(thing))
        together = probabilities[own][0] if len(thing) == 1 else fused(probabilities[own])
        least = None if familiar is None else float(familiar[own].min())
        yield together, least, bool(aside[own].any()), thing[0][0]


def _familiar(predictor: Predictor, views: Sequence[Squares]) -> tuple[Tensor | None, Tensor]:
    """How familiar each view is, if something tells, and whether it is put aside."""
    if predictor.unknown is None:
        return None, torch.zeros(len(views), dtype=torch.bool)
    scores = predictor.unknown.scores(_pixels(views, 1))
    return scores, predictor.unknown.is_unknown(scores)


def _pixels(views: Sequence[Squares], which: int) -> Tensor:
    squares = np.stack([squares[which] for squares in views])
    return torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous()
