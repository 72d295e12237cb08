"""How a command shows that it is getting on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.terminal import echo

_bars: list[Callable[[str], None]] = []
"""What shows words in the bars of this process, the innermost last."""
_BAR = 20  # columns of a terminal
_BESIDE = 50  # columns that the bar and the numbers take
_LEAST = 20  # columns of words, on however narrow a terminal


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Shows progress on standard error: a bar on a terminal, otherwise a line for each step.

    Arguments:
        what: The word for the steps, as "epochs".
        total: The number of steps.

    Returns:
        What to call after each step, with a few words about it.

    Example:
        >>> with progress("epochs", 10) as advance:
        ...     advance("1.05 bits per dimension")
    """
    with _bar(what, total) if sys.stderr.isatty() else _lines(what, total) as advance:
        yield advance


def tell(words: str) -> None:
    """Shows a few words about the step in progress, where a bar has a place for them."""
    for show in _bars[-1:]:
        show(words)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(_BAR),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as bar:
        task = bar.add_task(what, total=total, message="")

        def show(message: str, steps: int = 0) -> None:
            words = _shortened(visible(message), max(_LEAST, bar.console.width - _BESIDE))
            bar.update(task, advance=steps, message=words)

        _bars.append(show)
        try:
            yield lambda message: show(message, 1)
        finally:
            _bars.remove(show)


def _shortened(words: str, most: int) -> str:
    """The words with their middle left out, where a long name would push all else off a terminal."""
    end = 2 * most // 3
    return words if len(words) <= most else f"{words[: most - end - 1]}…{words[-end:]}"


@contextmanager
def _lines(what: str, total: int) -> Iterator[Callable[[str], None]]:
    done = 0

    def advance(message: str) -> None:
        nonlocal done
        done += 1
        echo(f"{what} {done}/{total}: {visible(message)}", err=True)

    yield advance
