r"""The run folder of a categoriser: what learning leaves behind, and all that is needed to ask it.

- ``config.json``: classes, sizes, thresholds, the scenes, the versions;
- ``model.safetensors``: the readers and the network that they look with;
- ``observed``: what was seen of each scene, so that a stopped run goes on;
- ``report.json`` and ``report.html``: its audit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nflows_core.runs.kind import RunKind, load_trained
from nflows_privacy.missing.categoriser import Categoriser, Thresholds
from nflows_privacy.missing.looks import SIDES, Looks

OBSERVED = "observed"
KIND = RunKind("missing sign categoriser")


@dataclass(frozen=True)
class Run:
    """How a categoriser was made.

    Arguments:
        classes: The names of the classes, in the order of its probabilities.
        sides: The sizes at which roads are looked at.
        thresholds: From where on it speaks.
        scenes: The folder of the scenes that it learned from.
        scenes_sha256: The SHA-256 of their table.
        seed: The seed of the folds.
    """

    classes: tuple[str, ...]
    sides: tuple[int, ...]
    thresholds: Thresholds
    scenes: str
    scenes_sha256: str
    seed: int = 0

    def build(self) -> Categoriser:
        """The categoriser, before it has learned."""
        return Categoriser(len(self.classes), Looks(self.sides))


def save_run(folder: Path, run: Run, categoriser: Categoriser | None = None) -> None:
    """Writes ``config.json`` and, once it has learned, ``model.safetensors``.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(folder, asdict(run), categoriser, ["nflows-privacy"])


def read_run(folder: Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return KIND.read(folder, _parse, "a categoriser")


def load_categoriser(folder: Path) -> Categoriser:
    """The categoriser of a run, in evaluation mode.

    Raises:
        RunError: It has not learned yet.
        CheckpointError: The weights cannot be read, or are of another network.
    """
    return load_trained(folder, read_run(folder).build)


def _parse(content: Any) -> Run:
    match content:
        case {
            "kind": KIND.name,
            "classes": [str(), str(), *_] as classes,
            "sides": [int(), *_] as sides,
            "thresholds": {"missing": int() | float() as missing, "certainty": int() | float() as certainty},
            "scenes": str(scenes),
            "scenes_sha256": str(digest),
            "seed": int(seed),
        } if all(isinstance(name, str) for name in classes) and set(sides) <= set(SIDES):
            return Run(tuple(classes), tuple(sides), Thresholds(missing, certainty), scenes, digest, seed)
    raise TypeError(f"its kind is not {KIND.name!r}, or an entry is missing or of another type")
