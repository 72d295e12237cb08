"""Seconds of the steps of a command."""

from __future__ import annotations

import time


class Clock:
    """How long every step takes, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def stop(self, step: str) -> None:
        """Ends a step, and begins the next."""
        now = time.perf_counter()
        self.seconds[step], self._since = now - self._since, now
