"""Ctrl-C, and signals that end a process, at a moment that leaves the training state whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nflows_core.runtime.errors import Terminated

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Holds signals back until the block is done, so that weights are never saved half updated."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone.
        return
    held: list[int] = []
    handled = [number for number in (signal.SIGINT, *_ENDING) if callable(signal.getsignal(number))]
    previous = {number: signal.signal(number, lambda number, frame: held.append(number)) for number in handled}
    try:
        yield
    finally:
        _restore(previous)
        if held:
            signal.raise_signal(held[0])


@contextmanager
def terminations(at_once: bool) -> Iterator[list[int]]:
    """Lets SIGTERM and SIGHUP end a training as Ctrl-C does, where nobody else has said what they do.

    Arguments:
        at_once: Whether they raise `Terminated`. Of several processes none may leave alone, for the others would wait
            for it: the signals are only noted, and the loop asks all of them.

    Returns:
        The signals that came.
    """
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        came.append(number)
        if at_once:
            raise Terminated(number)

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    free = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    previous = {number: signal.signal(number, note) for number in free}
    try:
        yield came
    finally:
        _restore(previous)
    if came:
        signal.raise_signal(came[0])  # it came after the last update, and is not to be forgotten


def _restore(previous: Mapping[int, Any]) -> None:
    for number, handler in previous.items():
        signal.signal(number, handler)
