r"""The run folder of a classifier: what a training leaves behind, and all that is needed to use it or to go on with it.

- ``config.json``: the classifier's settings, the data, the engine's settings, the versions;
- ``model.safetensors``: the averaged weights with the best macro-F1;
- ``checkpoint.safetensors`` and the curves, written by nflows-core's `Trainer`;
- ``unknown.safetensors``: what finds crops of no class, if that was wanted;
- ``model.onnx``, if it was exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nflows_agri.inspection.settings import ClassifierSettings
from nflows_agri.unknown import UNKNOWN_FILE
from nflows_core.classifiers import Classifier
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.runs.kind import RunKind, read_weights
from nflows_core.runtime.tensors import load_tensors
from nflows_core.training import EngineConfig

ONNX_FILE = "model.onnx"
KIND = RunKind("classifier run", (ONNX_FILE, UNKNOWN_FILE))


@dataclass(frozen=True)
class Run:
    """How a classifier was built and trained.

    Arguments:
        settings: The classifier's settings.
        data: The folder or table of the crops.
        group: The regular expression of their groups, if one was given.
        fold: The fold that it is tested on, if they are split into folds.
        made: The folder of made crops that it learned from besides, if any.
        training: The settings of the engine.
        fingerprint: What the crops of each part are known by.
    """

    settings: ClassifierSettings
    data: str
    group: str | None
    fold: str | None
    made: str | None
    training: EngineConfig
    fingerprint: Mapping[str, Fingerprint]


def save_run(folder: Path, run: Run, network: Classifier | None = None) -> None:
    """Writes ``config.json`` and, with the trained network, ``model.safetensors``; of several processes, the main one.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(folder, asdict(run), network, ["nflows-agri", "timm"])


def read_run(folder: Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return KIND.read(folder, _parse, "a classifier")


def load_network(folder: Path, run: Run) -> Classifier:
    """The trained network of a run, on the CPU, in evaluation mode.

    A run that has not finished gives the averaged weights of its last checkpoint.

    Raises:
        RunError: Nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another network.
    """
    path, weights = read_weights(folder)
    network = run.settings.build()
    load_tensors(network, weights, path)
    return network.eval()


def _parse(content: Any) -> Run:
    """The run that a configuration describes; errors name the entry that is wrong."""
    match content:
        case {
            "kind": KIND.name,
            "settings": dict(settings),
            "data": str(data),
            "group": str() | None as group,
            "fold": str() | None as fold,
            "made": str() | None as made,
            "training": dict(training),
            "fingerprint": dict(fingerprint),
        }:
            return Run(
                ClassifierSettings(**{name: _setting(name, value) for name, value in settings.items()}),
                data,
                group,
                fold,
                made,
                EngineConfig.from_dict(training),
                {part: Fingerprint.from_dict(known) for part, known in fingerprint.items()},
            )
    raise TypeError(f"its kind is not {KIND.name!r}, or an entry is missing or of another type")


def _setting(name: str, value: Any) -> Any:
    """A setting of the type that it has."""
    match name, value:
        case "classes" | "pure", [*words] if all(isinstance(word, str) for word in words):
            return tuple(words)
        case "size", int() if type(value) is int:
            return value
        case "dropout" | "label_smoothing", int() | float() if type(value) is not bool:
            return float(value)
        case "model" | "balance" | "augment", str():
            return value
        case "pretrained" | "unknown", bool():
            return value
    raise TypeError(f"settings.{name} is {value!r}, which no classifier has")
