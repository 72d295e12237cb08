"""From a name to a fill: a new way is a file of its name here, with a function ``load``, and its name in `settings`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from nflows_privacy.fills.base import Fill
from nflows_privacy.fills.pasting import PastedFill
from nflows_privacy.fills.settings import TRAINED, FillSettings


def load_fill(settings: FillSettings) -> Fill:
    """The fill of settings; networks are kept in memory, so that asking again costs nothing.

    Raises:
        CommandError: Weights are missing; exit code 3.
        ValueError: They are damaged or of another kind, or there is no such device.
        ModuleNotFoundError: A library is not installed that the way needs.
    """
    return PastedFill(_module(settings).load(settings))


def weights_of(settings: FillSettings) -> dict[str, Path]:
    """The file or folder of the weights by the name of the way that needs them; nothing for most.

    Raises:
        CommandError: They are missing; exit code 3.
    """
    return {settings.how: _module(settings).find(settings)} if settings.how in TRAINED else {}


def _module(settings: FillSettings) -> Any:
    """The module of a way, imported when it is asked for: some need torch."""
    return import_module(f"nflows_privacy.fills.{settings.how}")
