"""Crops judged one after the other, however many: a row for each, and what a person looks at of each class."""

from __future__ import annotations

import heapq
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_agri.inspection.predictor import Predictor
from nflows_agri.inspection.views import fused
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
PutsAside = Callable[[Tensor], Tensor]
"""Says of which squares :math:`(N, 3, S, S)` nobody can tell the class, as they are like none of the training: (N,)."""


class Thing(NamedTuple):
    """What is judged: its name, and the picture files that show it."""

    name: str
    views: tuple[Path, ...]


class Judged(NamedTuple):
    """A thing, what is said of it, and how its first view looks; or why nothing can be said."""

    thing: Thing
    probabilities: NDArray[np.float64] | None
    aside: bool
    square: Square | None
    error: str


def judged(predictor: Predictor, things: Iterable[Thing], puts_aside: PutsAside | None = None) -> Iterator[Judged]:
    """Judges things in their order; one that cannot be read stops nothing.

    Arguments:
        predictor: The classifier.
        things: The things; no more than some hundreds are in memory.
        puts_aside: What finds those of no known class, if anything does.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for chunk in _read_ahead(pool, iter(things), predictor.side):
            yield from _judge(predictor, chunk, puts_aside)


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
            "unknown": None if best is None else int(one.aside),
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
    pool: ThreadPoolExecutor, things: Iterator[Thing], side: int
) -> Iterator[list[tuple[Thing, list[Square | str]]]]:
    """Chunks of things with their squares, or what is wrong with a file; the next is read meanwhile."""
    waiting: deque[list[tuple[Thing, list[Future[Square | str]]]]] = deque()
    while True:
        chunk = list(islice(things, _CHUNK))
        if chunk:
            waiting.append([(thing, [pool.submit(_square, path, side) for path in thing.views]) for thing in chunk])
        if not waiting:
            return
        if len(waiting) > 1 or not chunk:
            yield [(thing, [one.result() for one in views]) for thing, views in waiting.popleft()]


def _square(path: Path, side: int) -> Square | str:
    """A picture as the square that a classifier takes, or what is wrong with it."""
    try:
        pixels = decode(str(path), lambda _: require_regular(path).open("rb"))
    except DataError as error:
        return str(error)
    return whole(np.ascontiguousarray(pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()), side)


def _judge(
    predictor: Predictor, chunk: Sequence[tuple[Thing, list[Square | str]]], puts_aside: PutsAside | None
) -> Iterator[Judged]:
    readable = {
        number: [view for view in views if not isinstance(view, str)]
        for number, (_, views) in enumerate(chunk)
        if not any(isinstance(view, str) for view in views)
    }
    said = _said(predictor, readable, puts_aside)
    for number, (thing, views) in enumerate(chunk):
        if number in said:
            probabilities, aside = said[number]
            yield Judged(thing, probabilities, aside, readable[number][0], "")
        else:
            wrong = next(view for view in views if isinstance(view, str))
            yield Judged(thing, None, False, None, visible(wrong))


def _said(
    predictor: Predictor, readable: Mapping[int, list[Square]], puts_aside: PutsAside | None
) -> dict[int, tuple[NDArray[np.float64], bool]]:
    """The probabilities of each thing from all its views, and whether a view is like nothing known."""
    if not readable:
        return {}
    squares = np.stack([square for views in readable.values() for square in views])
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous()
    probabilities = predictor.compute(pixels)
    aside = torch.zeros(len(pixels), dtype=torch.bool) if puts_aside is None else puts_aside(pixels)
    ends = np.cumsum([len(views) for views in readable.values()])[:-1]
    parts = zip(np.split(probabilities, ends), np.split(aside.numpy(), ends), strict=True)
    return {
        number: (views[0] if len(views) == 1 else fused(views), bool(strange.any()))
        for number, (views, strange) in zip(readable, parts, strict=True)
    }
