r"""The run folder of a generator: what a training leaves behind, and all that is needed to use it or to go on with it.

- ``config.json``: the model, the crops that it saw, the engine's settings, the versions. Of a flow, it is what
  nflows-core writes of its own runs, so that ``nflows score``, ``encode`` and ``sample`` take the folder too;
- ``model.safetensors``: the averaged weights of the finished run;
- ``checkpoint.safetensors`` and the curves, written by nflows-core's `Trainer`;
- ``likelihoods.csv`` of a flow: the log-density of each crop that it was trained on, which the gate compares with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nflows_agri.generation.biggan import Discriminator, Generator
from nflows_agri.generation.generators import CropGenerator, FlowGenerator, GanGenerator
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.flow import Flow
from nflows_core.models import build
from nflows_core.runs.folder import load_run
from nflows_core.runs.kind import CONFIG_FILE, RunError, RunKind, is_finished, read_weights
from nflows_core.runtime.tensors import load_tensors
from nflows_core.training import (
    AdversarialPair,
    AdversarialSettings,
    EngineConfig,
    TrainingConfig,
    gather_statistics,
)

LIKELIHOODS_FILE = "likelihoods.csv"
KIND = RunKind("crop generator run", (LIKELIHOODS_FILE,))
GAN = "biggan"
"""The model of a run that is no flow."""
GAN_ARGUMENTS = {"width": 32, "latent_features": 128, "embedding_features": 128}
"""What BigGAN may be given besides the side and the classes, with the defaults."""


@dataclass(frozen=True)
class Run:
    """How a generator was built and trained.

    Arguments:
        model: ``biggan``, or the name of a flow in nflows-core's `MODELS`.
        arguments: The arguments of the model.
        data: The table or folder of the crops.
        split_sha256: The SHA-256 of the table; nothing of a folder.
        fold: Of a table of folds, the one that was held out.
        size: The side of the crops.
        classes: The names of their classes.
        training: The settings of the engine.
        adversarial: What kept the adversaries in bounds; nothing of a flow.
        fingerprint: What the crops of "train" are known by, and of a flow the held-out ones of "test".
    """

    model: str
    arguments: dict[str, Any]
    data: str
    split_sha256: str | None
    fold: str | None
    size: int
    classes: tuple[str, ...]
    training: EngineConfig
    adversarial: AdversarialSettings | None
    fingerprint: Mapping[str, Fingerprint]

    @property
    def is_gan(self) -> bool:
        """Whether it is a GAN, and no flow."""
        return self.model == GAN

    def build(self) -> nn.Module:
        """The untrained model.

        Raises:
            ValueError: The model does not take these arguments.
        """
        return _pair(self) if self.is_gan else build(self.model, self.arguments)


def save_run(folder: Path, run: Run, model: nn.Module | None = None) -> None:
    """Writes ``config.json`` and, with the trained model, ``model.safetensors``; of several processes, the main one.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    KIND.save(folder, asdict(run), model, ["nflows-agri"])


def read_run(folder: Path) -> Run:
    """What `save_run` wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return KIND.read(folder, _parse, "a generator")


def load_generator(folder: str | Path, *, truncation: float | None = None, temperature: float = 1.0) -> CropGenerator:
    """The trained generator of a run; of one that has not finished, by the averaged weights of its last checkpoint.

    Arguments:
        folder: The folder of the run.
        truncation: Of a GAN; see `GanGenerator`.
        temperature: Of a flow; see `FlowGenerator`.

    Raises:
        RunError: The folder is no run, or nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another model.
        ValueError: What is given belongs to the other kind of generator, or is out of its range.
    """
    folder = Path(folder)
    run = read_run(folder)
    if run.is_gan and temperature != 1.0:
        raise ValueError(f"`temperature`: {folder} is the run of a GAN, which has a `truncation`")
    if not run.is_gan and truncation is not None:
        raise ValueError(f"`truncation`: {folder} is the run of a flow, which has a `temperature`")
    if run.is_gan:
        return GanGenerator(_load_gan(folder, run), run.classes, truncation)
    return FlowGenerator(load_flow(folder), run.classes, temperature)


def load_flow(folder: str | Path) -> Flow:
    """The trained flow of a run.

    Raises:
        RunError: The folder is no run, it is a GAN's, which has no likelihood, or nothing was trained yet.
    """
    folder = Path(folder)
    if read_run(folder).is_gan:
        raise RunError(f"{folder} is the run of a GAN, which knows no likelihood; give one of nflows agri flow train")
    return load_run(folder)


def settled(run: Run, pair: AdversarialPair) -> AdversarialPair:
    """The trained pair, whose generator has the batch statistics of its averaged weights."""
    gather_statistics(pair.generator, len(run.classes), run.training.batch_size, run.training.seed)
    return pair


def _load_gan(folder: Path, run: Run) -> Generator:
    path, weights = read_weights(folder)
    largest = max((side for tensor in weights.values() for side in tensor.shape), default=0)
    if bad := [name for name in GAN_ARGUMENTS if run.arguments.get(name, 0) > largest]:  # it would fill the memory
        raise RunError(f"{folder / CONFIG_FILE}: {bad[0]} is more than there is in the weights of the run; mend it")
    pair = _pair(run)
    load_tensors(pair, weights, path)
    generator: Generator = (pair if is_finished(folder) else settled(run, pair)).generator
    return generator


def _pair(run: Run) -> AdversarialPair:
    number = len(run.classes)
    generator = Generator(run.size, number, **run.arguments)
    pair = AdversarialPair(generator, Discriminator(run.size, number, generator.width))
    return pair.to(memory_format=torch.channels_last)  # as it is trained: another layout rounds otherwise


def _parse(content: Any) -> Run:
    """The run that a configuration describes; errors name the entry that is wrong."""
    match content:
        case {
            "kind": KIND.name,
            "model": str(model),
            "arguments": dict(arguments),
            "data": str(data),
            "split_sha256": None | str() as split_sha256,
            "fold": None | str() as fold,
            "size": int(size),
            "classes": [*classes],
            "training": dict(training),
            "adversarial": None | dict() as adversarial,
            "fingerprint": dict(fingerprint),
        } if all(isinstance(name, str) for name in classes):
            return Run(
                model,
                {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()},
                data,
                split_sha256,
                fold,
                size,
                tuple(classes),
                (EngineConfig if model == GAN else TrainingConfig).from_dict(training),
                None if adversarial is None else _adversarial(adversarial),
                {part: Fingerprint.from_dict(values) for part, values in fingerprint.items()},
            )
    raise TypeError(f"its kind is not {KIND.name!r}, or an entry is missing or of another type")


def _adversarial(settings: dict[str, Any]) -> AdversarialSettings:
    return AdversarialSettings(**{**settings, "augmentation": tuple(settings["augmentation"])})
