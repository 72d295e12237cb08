"""What a training is made of between two updates, and all that a checkpoint holds."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor

from nflows_core.runtime.tensors import (
    CheckpointError,
    load_tensors,
    read_tensors,
    under_prefix,
    with_prefix,
    write_tensors,
)
from nflows_core.training.checkpoint import describe_optimizer, load_optimizer, optimizer_tensors
from nflows_core.training.ema import WeightAverage
from nflows_core.training.task import EarlyStopping, M

CHECKPOINT = "checkpoint"
_PROGRESS = ("step", "tested_step", "seconds")
_STOPPING = ("best_value", "tests_without_better")


class TrainingState(Generic[M]):
    """Weights, their average, the moments of the optimizers, and how far the training is.

    Arguments:
        model: The model in training.
        optimizers: Over its parameters, each parameter in one of them at most.
        ema_decay: The decay, as in `WeightAverage`.
        stopping: When the training ends early, if it may; the best weights are kept then.
        description: What the checkpoint says of the model; see `Task`.
    """

    def __init__(
        self,
        model: M,
        optimizers: Sequence[torch.optim.Optimizer],
        ema_decay: float,
        stopping: EarlyStopping | None = None,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.optimizers = optimizers
        self.average = WeightAverage(model, ema_decay)
        self.stopping = stopping
        self.description = description or {}
        self.best = None if stopping is None else copy.deepcopy(self.average.model)
        self.best_value: float | None = None
        self.tests_without_better = 0
        self.step = 0
        self.tested_step = -1
        self.seconds = 0.0

    @property
    def result(self) -> M:
        """The model with the averaged weights, those of the best test if the training may end early."""
        return self.average.model if self.best is None or self.best_value is None else self.best

    @property
    def is_settled(self) -> bool:
        """Whether the tests have been without a better value for long enough."""
        return self.stopping is not None and self.tests_without_better >= self.stopping.patience

    def advance(self, seconds: float) -> None:
        """Takes the weights of one more update into the average, ``seconds`` after the start."""
        self.average.update(self.model, self.step)
        self.step += 1
        self.seconds = seconds

    def tested(self, value: float) -> None:
        """Takes in what a test of the averaged weights gave."""
        self.tested_step = self.step
        if self.stopping is None or self.best is None:
            return
        self.tests_without_better += 1
        if self.stopping.is_better(value, self.best_value):
            self.best.load_state_dict(self.average.model.state_dict())
            self.best_value, self.tests_without_better = value, 0

    def save(self, path: Path, sampling: Mapping[str, int | str]) -> None:
        """Writes the checkpoint; ``sampling`` is what the order of the data depends on."""
        tensors = {
            **with_prefix("model", self.model.state_dict() | self._buffers()),
            **with_prefix("ema", self.average.model.state_dict()),
            **({} if self.best is None else with_prefix("best", self.best.state_dict())),
        }
        for optimizer in self.optimizers:
            tensors |= with_prefix("optimizer", optimizer_tensors(optimizer, self.model))
        progress = {name: getattr(self, name) for name in self._progress()}
        optimizers = [describe_optimizer(optimizer) for optimizer in self.optimizers]
        kept = {"progress": progress, "sampling": dict(sampling), "optimizers": optimizers, "run": self.description}
        write_tensors(path, tensors, CHECKPOINT, **kept)

    def load(self, path: Path, sampling: Mapping[str, int | str]) -> None:
        """Goes back to a checkpoint.

        Raises:
            CheckpointError: It cannot be read, is of another model, by other optimizers, or its run drew other batches.
        """
        tensors, header = read_tensors(path, CHECKPOINT)
        _check_header(path, header, self._progress())
        _check_sampling(path, header["sampling"], sampling)
        load_tensors(self.model, under_prefix("model", tensors), path)
        load_tensors(self.average.model, under_prefix("ema", tensors), path)
        if self.best is not None:
            load_tensors(self.best, under_prefix("best", tensors), path)
        _check_optimizers(path, header["optimizers"], self.optimizers)
        for optimizer, kept in zip(self.optimizers, header["optimizers"], strict=True):
            load_optimizer(optimizer, self.model, under_prefix("optimizer", tensors), kept)
        for name in self._progress():
            setattr(self, name, header["progress"][name])

    def _buffers(self) -> dict[str, Tensor]:
        """The model's buffers after the last update, which the average has copied.

        The next gradient is computed before a checkpoint is written, and moves those of a batch normalization.
        """
        kept = self.model.state_dict().keys()
        return {name: buffer for name, buffer in self.average.model.named_buffers() if name in kept}

    def _progress(self) -> tuple[str, ...]:
        return _PROGRESS if self.stopping is None else _PROGRESS + _STOPPING


def _check_header(path: Path, header: Mapping[str, Any], progress: Sequence[str]) -> None:
    match header:
        case {"sampling": dict(), "optimizers": [*optimizers], "progress": dict(done)} if done.keys() >= set(progress):
            if all(isinstance(optimizer, dict) for optimizer in optimizers):
                return
    raise CheckpointError(f"{path} does not say how far its training is; take an intact copy, or start a new run")


def _check_optimizers(path: Path, kept: Sequence[Mapping[str, Any]], now: Sequence[torch.optim.Optimizer]) -> None:
    then, names = [optimizer["type"] for optimizer in kept], [type(optimizer).__name__ for optimizer in now]
    if then != names:
        raise CheckpointError(f"cannot resume {path} with {', '.join(names)}: it was trained by {', '.join(then)}")


def _short(value: object) -> str:
    """As much of a digest as tells it from another."""
    return value[:8] if isinstance(value, str) else str(value)


def _check_sampling(path: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if unknown := [name for name in now if name not in then]:
        warnings.warn(
            f"{path} is of an earlier version, without the {', '.join(unknown)} of its data: see that it is the same",
            RuntimeWarning,
            stacklevel=2,
        )
    differing = [name for name in now if name in then and then[name] != now[name]]
    changed = [f"{name} was {_short(then[name])} and is {_short(now[name])}" for name in differing]
    if changed:
        raise CheckpointError(
            f"cannot resume {path}, its updates were made of other data: {', '.join(changed)}. "
            "Resume with what it had, or start a new run."
        )
