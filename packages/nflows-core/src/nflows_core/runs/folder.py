r"""The run folder: what a training leaves behind, and all that evaluation and sampling need.

- ``config.json``: the model's name and arguments, the data, the training's settings, the versions;
- ``model.safetensors``: the averaged weights of the finished run;
- ``checkpoint.safetensors`` and the curves, written by the `Trainer`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from nflows_core import shipped
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.data.reading import Reading
from nflows_core.flow import Flow
from nflows_core.latents.stored import DIRECTIONS_FILE
from nflows_core.models import MODELS, ModelError, argument_names, build, check_model
from nflows_core.runs.kind import CONFIG_FILE, RunError, RunKind, read_weights
from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.tensors import load_tensors, read_header
from nflows_core.training.config import TrainingConfig
from nflows_core.training.processes import processes
from nflows_core.training.state import CHECKPOINT
from nflows_core.training.trainer import CHECKPOINT_FILE

SAMPLES_FILE = "samples.png"
RECONSTRUCTION_FILE = "reconstruction.png"
KIND = RunKind("run", (DIRECTIONS_FILE, SAMPLES_FILE, RECONSTRUCTION_FILE))
IN_MEMORY = "images in memory"
"""The data of a run that had no other place; where they are needed, they have to be given."""

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """How a model was built and trained.

    Arguments:
        model: The model's name in `nflows_core.models.MODELS`.
        arguments: The model's arguments, as JSON's own types and tuples.
        data: The data set of the training images, as `read_images` takes it.
        size: The side that the images were scaled to, or nothing.
        classes: The names of their classes.
        training: The settings of the training.
        bits: The bits of a pixel that were kept, and all further ones as in `Reading`.
        splits: The top folders of the splits.
        skip_others: Whether files beside the pictures were skipped.
        condition_on: The folder of the pictures that the flow is conditioned on, or nothing.
        fingerprint: What the images of each split are known by; of older runs, nothing.
    """

    model: str
    arguments: dict[str, Any]
    data: str
    size: int | None
    classes: tuple[str, ...]
    training: TrainingConfig
    bits: int | None = None
    splits: str | None = None
    skip_others: bool = False
    condition_on: str | None = None
    fingerprint: Mapping[str, Fingerprint] | None = None

    def __post_init__(self) -> None:
        _ = self.reading  # which checks them

    @property
    def reading(self) -> Reading:
        """How the data set is read."""
        return Reading(self.size, self.bits, self.splits, self.skip_others, self.condition_on)


def save_run(folder: str | Path, run: Run, flow: Flow | None = None) -> None:
    """Writes ``config.json`` and, with the trained flow, ``model.safetensors``.

    Called once before the training, so that an unfinished run can be resumed and sampled, and once after it. Of several
    processes, the main one writes.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(Path(folder), asdict(run), flow)


def read_run(folder: str | Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    folder = Path(folder)
    path = folder / CONFIG_FILE
    if not path.is_file():
        if run := _run_of_trainer(folder):
            return run
        raise RunError(
            f"{folder} is no run folder, it has no {CONFIG_FILE}: give the folder that training wrote, or the name of "
            f"a model that comes with the package: {', '.join(shipped.names())}"
        )
    try:
        return _parse(read_json(path))
    except (TypeError, ValueError) as error:
        raise RunError(f"{path} does not describe a run of this version: {error}") from error


def _run_of_trainer(folder: Path) -> Run | None:
    """The run of a `Trainer` whose images were in memory: its checkpoint says what the model is."""
    checkpoint = folder / CHECKPOINT_FILE
    if not checkpoint.is_file():
        return None
    described = read_header(checkpoint, CHECKPOINT).get("run")
    if not isinstance(described, dict) or "arguments" not in described:
        raise RunError(
            f"{checkpoint} is not of one of the models that are known by name, and only who built it can load it: keep "
            "what Trainer.fit returns, as by torch.save"
        )
    try:
        return _parse({**described, "data": IN_MEMORY, "size": None})
    except (TypeError, ValueError) as error:
        raise RunError(f"{checkpoint} does not describe a run of this version: {error}") from error


def build_run(folder: str | Path, run: Run) -> Flow:
    """The untrained flow of a run.

    Raises:
        RunError: This version does not have the run's model, or the model does not take the run's arguments.
    """
    with _naming(Path(folder)):
        return build(run.model, run.arguments)


def load_run(folder: str | Path) -> Flow:
    """The trained flow of a run, on the CPU, in evaluation mode.

    A run that has not finished gives the averaged weights of its last checkpoint.

    Raises:
        RunError: The folder is no run, its model cannot be built, or nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another model.
    """
    folder = Path(folder)
    run = read_run(folder)
    with _naming(folder):
        check_model(run.model, run.arguments)
    path, weights = read_weights(folder)
    _check_size(folder, run, weights)
    flow = build_run(folder, run)
    load_tensors(flow, weights, path)
    return flow.eval()


def load_on_device(folder: str | Path) -> Flow:
    """The flow of a run, as `load_run` gives it, on the GPU if there is one."""
    return load_run(folder).to(processes().device)


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Names the configuration whose model cannot be built."""
    try:
        yield
    except ModelError as error:
        raise RunError(f"{folder / CONFIG_FILE}: {error}") from error


def _with_bounds(model: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a run, also of an earlier version, whose levels had no bounds but those of each layer."""
    known = argument_names(model) if model in MODELS else []
    bounds = [name for name in ("level_log_scale", "level_amplification") if name in known]
    return dict.fromkeys(bounds, sys.float_info.max) | arguments


def _parse(settings: Any) -> Run:
    """The run that a configuration describes; errors name the entry that is wrong."""
    if not isinstance(settings, dict):
        raise TypeError("it holds no entries")
    classes = _entry(settings, "classes", list, "a list of words")
    if not all(isinstance(name, str) for name in classes):
        raise TypeError("classes must be a list of words")
    model = _entry(settings, "model", str, "a word")
    arguments = {
        name: _as_tuple(value) for name, value in _entry(settings, "arguments", dict, "names with values").items()
    }
    run = Run(
        model=model,
        arguments=_with_bounds(model, arguments),
        data=_entry(settings, "data", str, "a word"),
        size=_count(settings, "size"),
        classes=tuple(classes),
        training=TrainingConfig.from_dict(_entry(settings, "training", dict, "names with values")),
        bits=_count(settings, "bits"),
        splits=_entry({"splits": "", **settings}, "splits", (str, type(None)), "a word or null") or None,
        skip_others=_entry({"skip_others": False, **settings}, "skip_others", bool, "true or false"),
        condition_on=_entry({"condition_on": "", **settings}, "condition_on", (str, type(None)), "a word or null")
        or None,
        fingerprint=_fingerprint(settings.get("fingerprint")),
    )
    _check_side(run)
    return run


def _check_side(run: Run) -> None:
    """Pictures are scaled before a flow refuses them: none may be scaled to what another configuration claims."""
    shape = run.arguments.get("shape")
    if run.size is not None and isinstance(shape, tuple) and shape[1:] != (run.size, run.size):
        raise ValueError(f"size is {run.size}, but the model takes images of shape {shape}")


def _fingerprint(stored: Any) -> dict[str, Fingerprint] | None:
    if not isinstance(stored, dict | None):
        raise TypeError("fingerprint must have images, names and content of each split, or be null")
    return None if stored is None else {split: Fingerprint.from_dict(values) for split, values in stored.items()}


def _count(settings: dict[str, Any], name: str) -> int | None:
    value = settings.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"{name} must be a positive integer or null")
    return value


def _entry(settings: Mapping[str, Any], name: str, kind: type[T] | tuple[type[T], ...], description: str) -> T:
    value = settings.get(name)
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {description}")
    return value


def _check_size(folder: Path, run: Run, weights: Mapping[str, Tensor]) -> None:
    """A configuration may ask for hours and for all of the memory before its model is found to be another one's."""
    largest = max((side for tensor in weights.values() for side in tensor.shape), default=0)
    for name, most in (
        ("depth", len(weights)),
        ("width", largest),
        ("context_features", largest),
        ("context_width", largest),
    ):
        value = run.arguments.get(name, 0)
        if isinstance(value, int) and value > most:
            raise RunError(f"{folder / CONFIG_FILE}: {name} is more than there is in the weights of the run; mend it")


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
