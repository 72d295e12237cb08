"""The loop over updates that `Trainer` runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nflows_core.runtime.page import words
from nflows_core.training.batches.order import Purpose, seeds
from nflows_core.training.curve import Log, StepMetrics, TestMetrics
from nflows_core.training.guard import DivergedError, largest_gradient, locate_non_finite
from nflows_core.training.interrupts import held_interrupts
from nflows_core.training.schedule import learning_rate
from nflows_core.training.state import TrainingState
from nflows_core.training.task import B, Batches, M, Objective, Place, Task

Progress = Callable[[StepMetrics, int], None]
"""Called on the main process after every update, with its metrics and the number of updates of the run."""


@dataclass(frozen=True)
class Player(Generic[B]):
    """An objective in a training.

    Arguments:
        index: Its place among the task's objectives.
        objective: What it lowers.
        module: Its module as it is distributed over the processes.
    """

    index: int
    objective: Objective[B]
    module: nn.Module

    @property
    def name(self) -> str:
        """The name of the objective."""
        return self.objective.name

    def step(self, learning_rate: float) -> None:
        """One update by the gradients that the parameters hold."""
        for group in self.objective.optimizer.param_groups:
            group["lr"] = learning_rate * self.objective.relative_rate
        self.objective.optimizer.step()


@dataclass(frozen=True)
class Gradient:
    """What is known of a gradient before its update is made.

    Arguments:
        loss: The mean loss of the update's batches over all processes.
        norm: The Euclidean norm before clipping.
    """

    loss: float
    norm: float


class TrainingLoop(Generic[M, B]):
    """Makes one update after the other.

    A checkpoint of the weights after some update is written only once their gradient on the next batch turned
    out finite: a run that stops on a NaN leaves a checkpoint from which training can go on.

    Arguments:
        accelerator: Places, distributes and synchronizes.
        task: What is trained, on the accelerator's device.
        place: This process.
        batches: What the updates are made on.
        checkpoint: The file of the checkpoint, if anything is to be kept; one that exists is resumed.
        progress: See `Progress`.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        task: Task[M, B],
        place: Place,
        batches: Batches[B],
        checkpoint: Path | None,
        progress: Progress | None,
    ) -> None:
        self.accelerator = accelerator
        self.task = task
        self.config = task.config
        self.place = place
        self.batches = batches
        self.checkpoint = checkpoint
        self.progress = progress
        self.total_steps = self.config.epochs * batches.steps_per_epoch
        self.players = [_player(accelerator, i, objective) for i, objective in enumerate(task.objectives())]
        optimizers = [player.objective.optimizer for player in self.players]
        self.state = TrainingState(task.model, optimizers, self.config.ema_decay, task.early_stopping)
        resumed = checkpoint is not None and checkpoint.exists()
        if checkpoint is not None and resumed:
            self.state.load(checkpoint, batches.sampling)
        self.log = Log(
            accelerator,
            None if checkpoint is None else checkpoint.parent,
            _examples(self.players, task.measures),
            self.state.step if resumed else -1,
            self.state.tested_step,
        )
        self._started = time.perf_counter() - self.state.seconds

    def run(self) -> M:
        """Trains to the end and returns the model with averaged weights, those of the best test if it may end early."""
        try:
            self._updates()
        except KeyboardInterrupt:
            self._save()
            raise
        finally:
            self.log.close()
        return self.state.result

    def _updates(self) -> None:
        while True:
            if self._epoch_is_over() and self.task.measures and self.state.tested_step < self.state.step:
                self._test()
            if self.state.is_settled:
                self._save()
                return
            drawn = list(self.batches.training(self.state.step))
            gradient = self._gradient(self.players[0], drawn)
            if self._epoch_is_over() or self.state.step % self.config.checkpoint_steps == 0:
                self._save()
            if self.state.step >= self.total_steps:
                return
            self._update(gradient, drawn)

    def _epoch_is_over(self) -> bool:
        return self.state.step % self.batches.steps_per_epoch == 0

    def _learning_rate(self) -> float:
        return learning_rate(self.state.step, self.total_steps, self.config)

    def _gradient(self, player: Player[B], drawn: Sequence[B]) -> Gradient:
        """Leaves a player's clipped gradient of the next update."""
        self._seed(player)
        self.task.model.zero_grad()
        losses = []
        with _alone(player, self.players):
            for batch in drawn:
                with self.accelerator.accumulate(player.module):
                    loss = player.objective.loss(player.module, batch)
                    self.accelerator.backward(loss)
                losses.append(loss.detach())
        norm = self.accelerator.clip_grad_norm_(player.objective.module.parameters(), self.config.clip_norm)
        # Averaged over the processes, so that one that is not finite stops them all; read in one transfer.
        mean, norm = self.accelerator.reduce(torch.stack([torch.stack(losses).mean(), norm]), "mean").tolist()
        if not (math.isfinite(mean) and math.isfinite(norm)):
            self._stop(f"not finite: {self._locate(player, drawn)}", player)
        if mean > player.objective.limit:
            largest = largest_gradient(self.task.model)
            self._stop(f"{mean:,.0f} {words(player.name)}; of their gradient, {largest}", player)
        return Gradient(mean, norm)

    def _seed(self, player: Player[B]) -> None:
        """Makes what is random in a loss, such as dropout, a function of the update: a kill does not change it."""
        key = (self.config.seed, Purpose.UPDATE, self.state.step, player.index, self.place.process)
        (seed,) = seeds(1, *key)
        # Not torch.manual_seed: it also notes the seed for every accelerator that is not there, with a stack trace.
        torch.default_generator.manual_seed(seed)
        if self.place.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _locate(self, player: Player[B], drawn: Sequence[B]) -> str:
        self._seed(player)
        losses = (player.objective.loss(player.objective.module, batch) for batch in drawn)
        where = locate_non_finite(self.task.model, losses)
        # One process may have met it alone; all of them stop, and any of them may be the one that is heard.
        return next(filter(None, gather_object([where])), "something that repeating the update does not show")

    def _stop(self, where: str, player: Player[B]) -> None:
        saved = self.checkpoint if self.checkpoint is not None and self.checkpoint.exists() else None
        rate = self._learning_rate() * player.objective.relative_rate
        raise DivergedError(where, self.state.step, rate, saved)

    def _update(self, first: Gradient, drawn: Sequence[B]) -> None:
        epoch = self.state.step // self.batches.steps_per_epoch + 1
        rate = self._learning_rate()
        gradients = {self.players[0].name: first}
        with held_interrupts():
            self.players[0].step(rate)
            for player in self.players[1:]:
                gradients[player.name] = self._gradient(player, drawn)
                player.step(rate)
            self.state.advance(time.perf_counter() - self._started)
            metrics = _step_metrics(self.state, epoch, gradients, rate)
            if self.state.step % self.config.log_steps == 0 or self.state.step == self.total_steps:
                self.log.write(metrics)
        if self.progress and self.accelerator.is_main_process:
            self.progress(metrics, self.total_steps)

    @torch.no_grad()
    def _test(self) -> None:
        total = torch.zeros(1 + len(self.task.measures), device=self.place.device)
        for batch in self.task.test_batches(self.place):
            values = self.task.measure(self.state.average.model, batch)
            sums = [values[name].sum() for name in self.task.measures]
            total = total + torch.stack([sums[0].new_tensor(len(values[self.task.measures[0]])), *sums])
        items, *sums = self.accelerator.reduce(total, "sum").tolist()
        if not items:
            raise ValueError(
                f"{type(self.task).__name__} measures {', '.join(self.task.measures)}, but has no test data"
            )
        means = {name: value / items for name, value in zip(self.task.measures, sums, strict=True)}
        with held_interrupts():
            epoch = self.state.step // self.batches.steps_per_epoch
            self.log.write(TestMetrics(self.state.step, epoch, means))
            self.state.tested(means[self.task.measures[0]])

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        self.log.sync()
        if self.accelerator.is_main_process:
            self.state.save(self.checkpoint, self.batches.sampling)


def _player(accelerator: Accelerator, index: int, objective: Objective[B]) -> Player[B]:
    # The optimizer stays as it is: nothing is scaled, and Accelerate's own looks for packages on the disk in each step.
    return Player(index, objective, accelerator.prepare_model(objective.module))


@contextmanager
def _alone(player: Player[B], players: Sequence[Player[B]]) -> Iterator[None]:
    """Keeps the others' parameters from gradients of this player's loss, which would be computed and never used."""
    others = [p for other in players if other is not player for p in other.objective.module.parameters()]
    held = [parameter for parameter in others if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)


def _examples(players: Sequence[Player[B]], measures: Sequence[str]) -> list[StepMetrics | TestMetrics]:
    numbers = {player.name: 0.0 for player in players}
    tests = [TestMetrics(0, 0, dict.fromkeys(measures, 0.0))] if measures else []
    return [StepMetrics(0, 0, numbers, numbers, 0.0, 0.0), *tests]


def _step_metrics(state: TrainingState[M], epoch: int, gradients: Mapping[str, Gradient], rate: float) -> StepMetrics:
    losses = {name: gradient.loss for name, gradient in gradients.items()}
    norms = {name: gradient.norm for name, gradient in gradients.items()}
    return StepMetrics(state.step, epoch, losses, norms, rate, state.seconds)
