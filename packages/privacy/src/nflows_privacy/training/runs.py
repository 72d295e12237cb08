r"""The run folder of a detector: what a training leaves behind, and all that is needed to use it or to go on with it.

- ``config.json``: the network's settings, the data, the engine's settings, the versions;
- ``model.safetensors``: the averaged weights of the finished run;
- ``checkpoint.safetensors`` and the curves, written by nflows-core's `Trainer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nflows_core.data.fingerprint import Fingerprint
from nflows_core.runs.kind import RunKind, load_trained
from nflows_core.training import EngineConfig
from nflows_privacy.training.network import BoxNetwork
from nflows_privacy.training.settings import AUGMENTATIONS, NetworkSettings

KIND = RunKind("box detector run")
THRESHOLD = 0.4
"""The score from which on a box counts, of a run for which nobody has chosen another."""


@dataclass(frozen=True)
class Run:
    """How a detector was built and trained.

    Arguments:
        settings: The network's settings.
        threshold: The score from which on a box counts, in [0, 1].
        data: The boxes that it was trained on, and the folder of their pictures if it is another.
        test: The boxes that it was tested on, likewise; by default, a tenth of the data was held out.
        start: The run whose weights it began with, if any.
        training: The settings of the engine.
        fingerprint: What the pictures of "train" and "test" are known by.
        augment: What is done to the pictures that it is trained on, a name in `AUGMENTATIONS`.
    """

    settings: NetworkSettings
    threshold: float
    data: tuple[str, str | None]
    test: tuple[str, str | None] | None
    start: str | None
    training: EngineConfig
    fingerprint: Mapping[str, Fingerprint]
    augment: str = "usual"


def save_run(folder: Path, run: Run, network: BoxNetwork | None = None) -> None:
    """Writes ``config.json`` and, with the trained network, ``model.safetensors``; of several processes, the main one.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(folder, asdict(run), network, ["nflows-privacy"])


def read_run(folder: Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return KIND.read(folder, _parse, "a detector")


def load_network(folder: Path, run: Run) -> BoxNetwork:
    """The trained network of a run, on the CPU, in evaluation mode.

    A run that has not finished gives the averaged weights of its last checkpoint.

    Raises:
        RunError: Nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another network.
    """
    return load_trained(folder, run.settings.build)


def _parse(content: Any) -> Run:
    """The run that a configuration describes; errors name the entry that is wrong."""
    match content:
        case {
            "kind": KIND.name,
            "settings": dict(settings),
            "threshold": int() | float() as threshold,
            "data": [str(), str() | None] as data,
            "test": None | [str(), str() | None] as test,
            "start": str() | None as start,
            "training": dict(training),
            "fingerprint": dict(fingerprint),
        } if 0 <= threshold <= 1 and content.get("augment", "usual") in AUGMENTATIONS:
            return Run(
                NetworkSettings(**{name: _setting(name, value) for name, value in settings.items()}),
                float(threshold),
                (data[0], data[1]),
                None if test is None else (test[0], test[1]),
                start,
                EngineConfig.from_dict(training),
                {part: Fingerprint.from_dict(fingerprint.get(part)) for part in ("train", "test")},
                content.get("augment", "usual"),
            )
    raise TypeError(f"its kind is not {KIND.name!r}, or an entry is missing or of another type")


def _setting(name: str, value: Any) -> Any:
    """A setting of a network, of the type that it has."""
    match name, value:
        case "classes" | "mirrors", [*words] if all(isinstance(word, str) for word in words):
            return tuple(words)
        case "widths" | "blocks", [*numbers] if all(type(number) is int for number in numbers):
            return tuple(numbers)
        case "crop", int() if type(value) is int:
            return value
        case "backbone", str():
            return value
        case "groups", bool():
            return value
        case "dropout", int() | float() if not isinstance(value, bool):
            return float(value)
    raise TypeError(f"settings.{name} is {value!r}, which no detector has")
