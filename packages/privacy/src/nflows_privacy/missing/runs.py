r"""The run folder of a categoriser: what learning leaves behind, and all that is needed to ask it.

- ``config.json``: classes, sizes, thresholds, the scenes, the versions;
- ``model.safetensors``: the readers and the network that they look with;
- ``observed``: what was seen of each scene, so that a stopped run goes on;
- ``report.json`` and ``report.html``: its audit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
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
        holes: The number of holes of signs that it learned from.
        learned: The number of scenes that it learned from.
        found: The signs that a detector found in the scenes, if one has looked; they then also have to be known of
            scenes that are judged.
        found_sha256: By what they are known again, as `digest_of` says.
    """

    classes: tuple[str, ...]
    sides: tuple[int, ...]
    thresholds: Thresholds
    scenes: str
    scenes_sha256: str
    seed: int = 0
    holes: int = 0
    learned: int = 0
    found: str | None = None
    found_sha256: str | None = None

    def build(self) -> Categoriser:
        """The categoriser, before it has learned."""
        return Categoriser(len(self.classes), Looks(self.sides), self.holes, self.learned)


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
    """The run that a configuration describes; errors name the entry that is wrong."""
    if not isinstance(content, dict) or content.get("kind") != KIND.name:
        raise TypeError(f"its kind is not {KIND.name!r}")
    for name, (is_sound, expected) in _ENTRIES.items():
        if not is_sound(content.get(name)):
            raise TypeError(f"{name}: expected {expected}, got {content.get(name)!r}")
    return Run(
        tuple(content["classes"]),
        tuple(content["sides"]),
        Thresholds(**content["thresholds"]),
        content["scenes"],
        content["scenes_sha256"],
        content["seed"],
        content["holes"],
        content["learned"],
        content["found"],
        content["found_sha256"],
    )


def _are_classes(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and 1 < len(value) == len(set(value))


def _are_sides(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int and one in SIDES for one in value)


def _are_thresholds(value: Any) -> bool:
    names = {one.name for one in fields(Thresholds)}
    return isinstance(value, dict) and value.keys() == names and all(map(_is_probability, value.values()))


def _is_probability(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


_ENTRIES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "classes": (_are_classes, "two names or more, each once"),
    "sides": (_are_sides, f"some of {', '.join(map(str, SIDES))}"),
    "thresholds": (_are_thresholds, "missing and certainty, each from 0 to 1"),
    "scenes": (lambda value: isinstance(value, str), "the folder of the scenes"),
    "scenes_sha256": (lambda value: isinstance(value, str), "the SHA-256 of their table"),
    "seed": (lambda value: type(value) is int, "a whole number"),
    "holes": (lambda value: type(value) is int and value >= 0, "a number of holes"),
    "learned": (lambda value: type(value) is int and value >= 0, "a number of scenes"),
    "found": (lambda value: value is None or isinstance(value, str), "the file of found signs, or null"),
    "found_sha256": (lambda value: value is None or isinstance(value, str), "its SHA-256, or null"),
}
"""What each entry of a configuration is, and what is said of one that is not."""
