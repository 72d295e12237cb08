"""The objectives of a task as they are trained: distributed, each with the rates of its own optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic

from accelerate import Accelerator
from torch import Tensor, nn

from nflows_core.training.config import EngineConfig
from nflows_core.training.schedule import learning_rate
from nflows_core.training.task import B, M, Objective, Task

_TAKEN = {"step", "epoch", "learning_rate", "gradient_norm", "seconds"}
"""Columns of the curve that no loss may have."""


@dataclass(frozen=True)
class Player(Generic[B]):
    """An objective in a training.

    Arguments:
        index: Its place among the task's objectives.
        objective: What it lowers.
        module: Its module as it is distributed over the processes.
        settings: The settings of each of its optimizer's groups, which differ by the learning rate.
    """

    index: int
    objective: Objective[B]
    module: nn.Module
    settings: Sequence[EngineConfig]

    @property
    def name(self) -> str:
        """The name of the objective."""
        return self.objective.name

    def update(self, step: int, total_steps: int) -> None:
        """The update after so many, of so many, by the gradients that the parameters hold."""
        for group, settings in zip(self.objective.optimizer.param_groups, self.settings, strict=True):
            group["lr"] = learning_rate(step, total_steps, settings)
        self.objective.optimizer.step()

    def loss(self, batch: B) -> Tensor:
        """The loss of a batch by the distributed module.

        Raises:
            TypeError: The task gives something else than a scalar tensor.
        """
        loss = self.objective.loss(self.module, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise TypeError(f"the loss {self.name} must be a scalar tensor, the mean of a batch, got {shape}")
        return loss


def players_of(accelerator: Accelerator, task: Task[M, B]) -> list[Player[B]]:
    """The players of a task, on the accelerator's device.

    Raises:
        ValueError: There are none, two have the same name or that of another column, or an optimizer is of other
            parameters than its module's, or these are not the model's.
    """
    objectives = list(task.objectives())
    names = [objective.name for objective in objectives]
    if not names or len(set(names)) < len(names) or _TAKEN & set(names):
        taken, got = ", ".join(sorted(_TAKEN)), ", ".join(names) or "none"
        raise ValueError(f"a task needs objectives with names of their own, other than {taken}; got {got}")
    return [_player(accelerator, task, index, objective) for index, objective in enumerate(objectives)]


def _player(accelerator: Accelerator, task: Task[M, B], index: int, objective: Objective[B]) -> Player[B]:
    groups = objective.optimizer.param_groups
    own = set(objective.module.parameters())
    if not own <= set(task.model.parameters()):
        raise ValueError(f"the module of {objective.name} is no part of the model: checkpoints would lose it")
    if any(parameter not in own for group in groups for parameter in group["params"]):
        raise ValueError(f"the optimizer of {objective.name} has parameters that its module has not")
    settings = [replace(task.config, learning_rate=float(group["lr"])) for group in groups]
    # The optimizer stays as it is: nothing is scaled, and Accelerate's own looks for packages on the disk in each step.
    return Player(index, objective, accelerator.prepare_model(objective.module), settings)


@contextmanager
def alone(player: Player[B], players: Sequence[Player[B]]) -> Iterator[None]:
    """Keeps the others' parameters from gradients of this player's loss, which would be computed and never used."""
    others = [p for other in players if other is not player for p in other.objective.module.parameters()]
    own = set(player.objective.module.parameters()) if others else set()
    held = [parameter for parameter in others if parameter.requires_grad and parameter not in own]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
