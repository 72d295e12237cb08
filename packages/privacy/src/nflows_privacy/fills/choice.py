"""From a name to a fill: a new way is a line of `_WAYS`, and its name one of `settings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nflows_privacy.fills.base import Fill
from nflows_privacy.fills.blur import Blur
from nflows_privacy.fills.pasting import PastedFill, Way
from nflows_privacy.fills.pixelate import Pixelate
from nflows_privacy.fills.settings import FillSettings
from nflows_privacy.fills.solid import Solid

_WAYS: Mapping[str, Callable[[FillSettings], Way]] = {
    "blur": lambda settings: Blur(settings.strength),
    "pixelate": lambda settings: Pixelate(settings.strength),
    "solid": lambda _: Solid(),
}


def load_fill(settings: FillSettings) -> Fill:
    """The fill of settings; networks are kept in memory, so that asking again costs nothing.

    Raises:
        CommandError: Weights are missing; exit code 3.
        ValueError: They are damaged or of another kind, or there is no such device.
        ModuleNotFoundError: A library is not installed that the way needs.
    """
    return PastedFill(_WAYS[settings.how](settings))


def weights_of(settings: FillSettings) -> dict[str, Path]:
    """The files or folders of weights by the way that needs them; none for most.

    Raises:
        CommandError: They are missing; exit code 3.
    """
    return {}
