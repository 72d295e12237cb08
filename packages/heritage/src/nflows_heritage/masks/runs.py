"""The folder of a crack network: what a training leaves behind, and all that is needed to use it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nflows_core.runs.kind import RunKind, load_trained
from nflows_core.training import EngineConfig
from nflows_heritage.masks.network import CrackNetwork

KIND = RunKind("crack finder run")
_MOST_WIDTH = 256


@dataclass(frozen=True)
class Run:
    """How a crack network was built and trained.

    Arguments:
        width: The network's features at full resolution.
        threshold: The probability from which on a pixel is marked, in (0, 1).
        data: What it was trained on.
        training: The settings of the engine.
    """

    width: int
    threshold: float
    data: str
    training: EngineConfig


def save_run(folder: Path, run: Run, network: CrackNetwork | None = None) -> None:
    """Writes ``config.json`` and, with the trained network, ``model.safetensors``.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(folder, asdict(run), network, ["nflows-heritage"])


def read_run(folder: Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return KIND.read(folder, _parse, "a crack finder")


def load_network(folder: Path, run: Run) -> CrackNetwork:
    """The trained network of a run, on the CPU, in evaluation mode.

    A run that has not finished gives the averaged weights of its last checkpoint.

    Raises:
        RunError: Nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another network.
    """
    return load_trained(folder, lambda: CrackNetwork(run.width))


def _parse(content: Any) -> Run:
    """The run that a configuration describes; errors name the entry that is wrong."""
    match content:
        case {
            "kind": KIND.name,
            "width": int(width),
            "threshold": float(threshold),
            "data": str(data),
            "training": dict(training),
        } if 0 < threshold < 1 and 1 <= width <= _MOST_WIDTH:
            return Run(width, threshold, data, EngineConfig.from_dict(training))
    raise TypeError(f"its kind is not {KIND.name!r}, or an entry is missing, of another type or out of its range")
