"""From a name to a fill: a new way is a line of `_WAYS`, and its name one of `settings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nflows_privacy.fills.base import Fill
from nflows_privacy.fills.blur import Blur
from nflows_privacy.fills.downsample import Downsample
from nflows_privacy.fills.noise import Noise
from nflows_privacy.fills.pasting import PastedFill, Way
from nflows_privacy.fills.pixelate import Pixelate
from nflows_privacy.fills.settings import FillSettings
from nflows_privacy.fills.solid import Solid
from nflows_privacy.fills.telea import Telea


def load_fill(settings: FillSettings) -> Fill:
    """The fill of settings; networks are kept in memory, so that asking again costs nothing.

    Raises:
        CommandError: Weights are missing; exit code 3.
        ValueError: They are damaged or of another kind, or there is no such device.
        ModuleNotFoundError: A library is not installed that the way needs.
    """
    return PastedFill(_WAYS[settings.how](settings))


def weights_of(settings: FillSettings) -> dict[str, Path]:
    """The file or folder of the weights by the name of the way that needs them; nothing for most.

    Raises:
        CommandError: They are missing; exit code 3.
    """
    find = _WEIGHTS.get(settings.how)
    return {} if find is None else {settings.how: find(settings)}


# Torch is imported by what needs it.
def _lama(settings: FillSettings) -> Way:
    from nflows_privacy.fills.lama import load_lama

    return load_lama(settings)


def _find_lama(settings: FillSettings) -> Path:
    from nflows_privacy.fills.lama import find_lama

    return find_lama(settings)


def _diffusion(settings: FillSettings) -> Way:
    from nflows_privacy.fills.diffusion import load_diffusion

    return load_diffusion(settings)


def _find_diffusion(settings: FillSettings) -> Path:
    from nflows_privacy.fills.diffusion import find_diffusion

    return find_diffusion(settings)


_WAYS: Mapping[str, Callable[[FillSettings], Way]] = {
    "blur": lambda settings: Blur(settings.strength),
    "pixelate": lambda settings: Pixelate(settings.strength),
    "downsample": lambda settings: Downsample(settings.strength),
    "solid": lambda _: Solid(),
    "noise": lambda _: Noise(),
    "telea": lambda _: Telea(),
    "lama": _lama,
    "diffusion": _diffusion,
}
_WEIGHTS: Mapping[str, Callable[[FillSettings], Path]] = {"lama": _find_lama, "diffusion": _find_diffusion}
