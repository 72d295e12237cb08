"""The sheet on paper: a page of A4 for each picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import visible
from nflows_heritage.reporting.found import RestoredPicture, Shown
from nflows_heritage.reporting.sheet_file import CREATOR, TITLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_A4 = (8.27, 11.69)
_SIDE = 1200
_WIDTH = 92
"""Letters of a line."""


def write_pdf(pictures: Sequence[RestoredPicture], path: Path) -> None:
    """Writes a page for each picture; the same pictures give the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    with (
        atomic_write(path, "wb") as file,
        PdfPages(file, metadata={"Title": TITLE, "Creator": CREATOR, "CreationDate": None}) as pages,
    ):
        for one in pictures:
            pages.savefig(_page(one))


def _page(one: RestoredPicture) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_A4)
    figure.text(0.07, 0.955, visible(one.source.name), fontsize=15, va="top", parse_math=False)
    before, after, change = one.shown(_SIDE)
    old, new = one.near()
    _place(figure, (0.07, 0.60, 0.42, 0.32), before, "before")
    _place(figure, (0.51, 0.60, 0.42, 0.32), after, "after")
    _place(figure, (0.07, 0.34, 0.28, 0.22), change, "change; white is the largest")
    _place(figure, (0.36, 0.34, 0.28, 0.22), old, "before, from near")
    _place(figure, (0.65, 0.34, 0.28, 0.22), new, "after, from near")
    figure.text(0.07, 0.31, _words(one), fontsize=7.5, va="top", family="monospace", parse_math=False)
    return figure


def _place(figure: Figure, box: tuple[float, float, float, float], pixels: Shown, caption: str) -> None:
    axes = figure.add_axes(box)
    axes.imshow(pixels, interpolation="none")
    axes.set_title(caption, fontsize=9)
    axes.set_axis_off()


def _words(one: RestoredPicture) -> str:
    lines: list[str] = []
    for fact, value in one.facts().items():
        first = f"{fact:<16}"
        lines += textwrap.wrap(value, _WIDTH, initial_indent=first, subsequent_indent=" " * 16) or [first]
    return "\n".join(lines)
