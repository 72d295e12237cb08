"""From names to a detector. A new one is a file here and a line of `_OWN`, or an entry point of another package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from pathlib import Path

from nflows_core.runtime.additions import load_added
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.weights import find_weights
from nflows_privacy.detection.base import Detector, NamedDetector
from nflows_privacy.detection.joined import Joined
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.detection.turned import Turned
from nflows_privacy.regions import FACE, PLATE

ENTRY_POINTS = "nflows_privacy.detectors"

_OWN: Mapping[str, str] = {
    "yunet": "nflows_privacy.detection.yunet:YUNET",
    "plates": "nflows_privacy.detection.trained:PLATES",
    "lbp": "nflows_privacy.detection.lbp:LBP",
    "retinaface": "nflows_privacy.detection.retinaface:RETINAFACE",
    "retinaface-mobilenet": "nflows_privacy.detection.retinaface:RETINAFACE_MOBILENET",
    "dfine": "nflows_privacy.detection.dfine:DFINE",
    "egoblur": "nflows_privacy.detection.egoblur:EGOBLUR",
    "lpd-yunet": "nflows_privacy.detection.lpd_yunet:LPD_YUNET",
}
"""Where the detectors of this package are; each is imported when it is asked for."""

_BY_PATH = (
    "nflows_privacy.detection.egoblur",
    "nflows_privacy.detection.dfine",
    "nflows_privacy.detection.trained",
)
"""The modules whose ``of_name`` makes a detector of the path of a file or folder, if it is one of theirs."""

_DEFAULTS: Mapping[str, str] = {FACE: "yunet", PLATE: "plates"}


def names() -> list[str]:
    """The names of all detectors, those of this package first."""
    return [*_OWN, *sorted(entry_points(group=ENTRY_POINTS).names - _OWN.keys())]


def names_for(kinds: Iterable[str]) -> tuple[str, ...]:
    """The names of the detectors that find kinds of things by default.

    Raises:
        ValueError: There is none for one of the kinds.
    """
    wanted = list(kinds)
    if unknown := [kind for kind in wanted if kind not in _DEFAULTS]:
        raise ValueError(f"`kinds`: no detector finds {unknown[0]!r} by default; give one of {', '.join(_DEFAULTS)}")
    return tuple(dict.fromkeys(_DEFAULTS[kind] for kind in wanted))


def kinds_for(names: Sequence[str]) -> tuple[str, ...]:
    """The kinds that count by default: all that run folders find, and of other detectors faces and plates.

    Arguments:
        names: The names or paths of the detectors; none where those of `names_for` look.
    """
    asked = [_classes(name) or tuple(_DEFAULTS) for name in names] or [tuple(_DEFAULTS)]
    return tuple(dict.fromkeys(chain.from_iterable(asked)))


def resolve(settings: DetectorSettings) -> DetectorSettings:
    """The same settings, once it is known that there are such detectors; paths become absolute.

    Published weights are fetched if they are missing, so that a batch ends before its first picture and not in it.

    Raises:
        ValueError: There is no such detector.
        CommandError: Weights cannot be had; exit code 3.
    """
    found = replace(settings, names=tuple(_absolute(name) for name in settings.names))
    weights_of(found)
    return found


def weights_of(settings: DetectorSettings) -> dict[str, Path]:
    """The file or folder of the weights of each detector that has some, by the detector's name.

    Raises:
        ValueError: There is no such detector.
        CommandError: Weights cannot be had; exit code 3.
    """
    weights = {name: _find(name).weights for name in settings.names}
    return {name: one() if callable(one) else find_weights(one) for name, one in weights.items() if one is not None}


@keeps_one
def load_detector(settings: DetectorSettings) -> Detector:
    """The detector of settings; of several names one that asks all of them. The last one is kept in memory.

    Raises:
        ValueError: There is no such detector or device, or its weights are damaged.
        CommandError: Weights cannot be had; exit code 3.
        ModuleNotFoundError: A library is not installed that such a detector needs.
    """
    detectors = [_find(name).load(replace(settings, names=(name,))) for name in settings.names]
    joined = detectors[0] if len(detectors) == 1 else Joined(detectors)
    return Turned(joined) if settings.turned else joined


def _absolute(name: str) -> str:
    """A name goes before a folder of that name: ``plates`` may well be a folder of somebody's pictures."""
    return name if _is_known(name) or not Path(name).exists() else str(Path(name).absolute())


def _classes(name: str) -> tuple[str, ...]:
    """What the run folder of this name finds; nothing if there is none."""
    if _is_known(name) or not Path(name).is_dir():
        return ()
    from nflows_privacy.detection.trained import classes_in

    return classes_in(Path(name))


def _is_known(name: str) -> bool:
    return name in names()


def _find(name: str) -> NamedDetector:
    if _is_known(name):
        return load_added(_entry_point(name), NamedDetector, "detectors")
    for module in _BY_PATH:
        make: Callable[[str], NamedDetector | None] = import_module(module).of_name
        if (found := make(name)) is not None:
            return found
    known = ", ".join(names())
    raise ValueError(f"`detectors`: there is none called {name!r}; give one of {known}, or a path")


def _entry_point(name: str) -> EntryPoint:
    if name in _OWN:
        return EntryPoint(name, _OWN[name], ENTRY_POINTS)
    return next(iter(entry_points(group=ENTRY_POINTS, name=name)))
