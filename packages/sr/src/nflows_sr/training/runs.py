r"""The run folder: what a training leaves behind, and all that is needed to use it or to go on with it.

- ``config.json``: the recipe and its settings, the data, the engine's settings, the versions;
- ``model.safetensors``: the averaged weights of the finished run;
- ``checkpoint.safetensors`` and the curves, written by nflows-core's `Trainer`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nflows_core.data.fingerprint import Fingerprint
from nflows_core.runs.kind import CONFIG_FILE, RunError, RunKind, read_weights
from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.tensors import load_tensors
from nflows_core.training import EngineConfig
from nflows_sr.training.recipes import find_recipe

KIND = RunKind("super-resolution run")
_TEXTS = ("model", "data")
_MAPPINGS = ("settings", "training", "fingerprint")


@dataclass(frozen=True)
class Run:
    """How a model was built and trained.

    Arguments:
        model: The name of the recipe in `RECIPES`.
        settings: The recipe's settings by their names.
        data: The folder of the training pictures.
        test: The folder of the test pictures; by default, part of the data was held out.
        start: The run whose weights it began with, if any.
        training: The settings of the engine.
        fingerprint: What the pictures of "train" and "test" are known by.
        base: What the diffusion is known by that the model guides, if it does; see `StableDiffusion`.
    """

    model: str
    settings: Mapping[str, Any]
    data: str
    test: str | None
    start: str | None
    training: EngineConfig
    fingerprint: Mapping[str, Fingerprint]
    base: str | None = None

    def build(self) -> nn.Module:
        """The untrained model.

        Raises:
            ValueError: This version has no such recipe, or it does not take the settings.
        """
        recipe = find_recipe(self.model)
        return recipe.build(recipe.configured(self.settings))


def save_run(folder: Path, run: Run, model: nn.Module | None = None) -> None:
    """Writes ``config.json`` and, with the trained model, ``model.safetensors``; of several processes, the main one.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(folder, asdict(run), model, ["nflows-sr"])


def is_run(folder: Path, *models: str) -> bool:
    """Whether a folder is that of a super-resolution run, of one of these recipes if any are named.

    What else is wrong with it, `read_run` says.

    Raises:
        RunError: Recipes are named, and the run's ``config.json`` is not one of ours.
    """
    try:
        content = read_json(folder / CONFIG_FILE)
    except (OSError, ValueError):
        return False
    is_ours = isinstance(content, dict) and content.get("kind") == KIND.name
    return is_ours and (not models or read_run(folder).model in models)


def read_run(folder: Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return KIND.read(folder, _parse, "a super-resolution run")


def load_model(folder: Path, run: Run) -> nn.Module:
    """The trained model of a run, on the CPU, in evaluation mode.

    A run that has not finished gives the averaged weights of its last checkpoint.

    Raises:
        RunError: Its model cannot be built, or nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another model.
    """
    path, weights = read_weights(folder)
    try:
        model = run.build()
    except ValueError as error:
        raise RunError(f"{folder / CONFIG_FILE}: {error}") from error
    load_tensors(model, weights, path)
    return model.eval()


def warn_of_base(folder: Path, run: Run, base: str | None) -> None:
    """Warns that a run guided another diffusion than the one that is there now, by their digests."""
    if run.base is not None and run.base != base:
        warnings.warn(
            f"{folder} was trained to guide another diffusion than the one that is at its place now: see that it fits",
            RuntimeWarning,
            stacklevel=2,
        )


def _parse(content: Any) -> Run:
    """The run that a configuration describes; errors name the entry that is wrong."""
    if not isinstance(content, dict) or content.get("kind") != KIND.name:
        raise TypeError(f"its kind is not {KIND.name!r}")
    if wrong := [name for name in _TEXTS if not isinstance(content.get(name), str)]:
        raise TypeError(f"{wrong[0]} must be a word")
    if wrong := [name for name in _MAPPINGS if not isinstance(content.get(name), dict)]:
        raise TypeError(f"{wrong[0]} must have names with values")
    if wrong := [name for name in ("test", "start", "base") if not isinstance(content.get(name), str | None)]:
        raise TypeError(f"{wrong[0]} must be a word or null")
    plain: dict[str, Any] = {name: content.get(name) for name in (*_TEXTS, "settings", "test", "start", "base")}
    return Run(
        **plain,
        training=EngineConfig.from_dict(content["training"]),
        fingerprint={part: Fingerprint.from_dict(content["fingerprint"].get(part)) for part in ("train", "test")},
    )
