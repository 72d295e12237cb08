"""What a training run is made of between two updates, and all that a checkpoint holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nflows_core.flow import Flow
from nflows_core.runtime.tensors import (
    CheckpointError,
    load_tensors,
    read_tensors,
    under_prefix,
    with_prefix,
    write_tensors,
)
from nflows_core.training.checkpoint import load_optimizer, optimizer_tensors
from nflows_core.training.ema import WeightAverage

CHECKPOINT = "checkpoint"
_PROGRESS = ("step", "tested_step", "seconds")


class TrainingState:
    """Weights, their average, the optimizer's moments, and how far the run is.

    Arguments:
        flow: The flow in training.
        optimizer: Over the parameters of ``flow``, in their order.
        ema_decay: As in `WeightAverage`.
    """

    def __init__(self, flow: Flow, optimizer: torch.optim.Optimizer, ema_decay: float) -> None:
        self.flow = flow
        self.optimizer = optimizer
        self.average = WeightAverage(flow, ema_decay)
        self.step = 0
        self.tested_step = -1
        self.seconds = 0.0

    def update(self, learning_rate: float, seconds: float) -> None:
        """One update by the gradients that the parameters hold, ``seconds`` after the start."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.average.update(self.flow, self.step)
        self.step += 1
        self.seconds = seconds

    def save(self, path: Path, sampling: dict[str, int]) -> None:
        """Writes the checkpoint; ``sampling`` is what the order of the images depends on."""
        tensors = {
            **with_prefix("model", self.flow.state_dict()),
            **with_prefix("ema", self.average.flow.state_dict()),
            **with_prefix("optimizer", optimizer_tensors(self.optimizer, self._names())),
        }
        progress = {name: getattr(self, name) for name in _PROGRESS}
        write_tensors(path, tensors, CHECKPOINT, progress=progress, sampling=sampling)

    def load(self, path: Path, sampling: dict[str, int]) -> None:
        """Goes back to a checkpoint.

        Raises:
            CheckpointError: It cannot be read, is of another model, or its run drew other batches.
        """
        tensors, header = read_tensors(path, CHECKPOINT)
        _check_sampling(path, header["sampling"], sampling)
        load_tensors(self.flow, under_prefix("model", tensors), path)
        load_tensors(self.average.flow, under_prefix("ema", tensors), path)
        load_optimizer(self.optimizer, self._names(), under_prefix("optimizer", tensors))
        for name in _PROGRESS:
            setattr(self, name, header["progress"][name])

    def _names(self) -> list[str]:
        return [name for name, _ in self.flow.named_parameters()]


def _check_sampling(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [f"{name} was {then.get(name)} and is {now[name]}" for name in now if then.get(name) != now[name]]
    if changed:
        raise CheckpointError(
            f"cannot resume {path}, its updates were made of other images: {', '.join(changed)}. "
            "Resume with what it had, or start a new run."
        )
