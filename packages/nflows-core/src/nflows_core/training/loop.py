"""The loop over updates that `Trainer` runs."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from nflows_core.runtime.errors import Terminated
from nflows_core.runtime.page import words
from nflows_core.training.batches.order import Purpose, seeds
from nflows_core.training.curve import Log, StepMetrics, TestMetrics
from nflows_core.training.guard import DivergedError, largest_gradient, locate_non_finite
from nflows_core.training.interrupts import held_interrupts
from nflows_core.training.measuring import summarized, tallied
from nflows_core.training.numerics import Autocast
from nflows_core.training.players import Player, alone, players_of
from nflows_core.training.schedule import learning_rate
from nflows_core.training.state import TrainingState
from nflows_core.training.task import B, Batches, M, Place, Task

Progress = Callable[[StepMetrics, int], None]
"""Called on the main process after every update, with its metrics and the number of updates of the run."""


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
    out finite, and the task finds no fault with them: a run that stops on a NaN leaves a checkpoint from which training
    can go on.

    Arguments:
        accelerator: Places, distributes and synchronizes.
        task: What is trained, on the accelerator's device.
        place: This process.
        batches: What the updates are made on.
        checkpoint: The file of the checkpoint, if anything is to be kept; one that exists is resumed.
        progress: See `Progress`.
        autocast: The precision in which losses and measures are computed.
        signals: What `terminations` notes.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        task: Task[M, B],
        place: Place,
        batches: Batches[B],
        checkpoint: Path | None,
        progress: Progress | None,
        autocast: Autocast,
        signals: Sequence[int] = (),
    ) -> None:
        self.accelerator = accelerator
        self.task = task
        self.config = task.config
        self.place = place
        self.batches = batches
        self.checkpoint = checkpoint
        self.progress = progress
        self.autocast = autocast
        self.signals = signals
        self.total_steps = self.config.epochs * batches.steps_per_epoch
        self.players = players_of(accelerator, task)
        optimizers = [player.objective.optimizer for player in self.players]
        average = self.config.ema_decay
        self.state = TrainingState(task.model, optimizers, average, task.early_stopping, task.description)
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
        self._is_whole = True

    def run(self) -> M:
        """Trains to the end and returns the model with averaged weights, those of the best test if it may end early."""
        try:
            self._updates()
        except DivergedError:
            raise
        except (KeyboardInterrupt, SystemExit, Exception):
            # Of no updates there is nothing to lose, and a checkpoint would stand in the way of the next try.
            if self._is_whole and self.state.step:
                with held_interrupts():
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
            self._end_together()
            drawn = self._draw()
            gradient = self._gradient(self.players[0], drawn)
            if self._epoch_is_over() or self.state.step % self.config.checkpoint_steps == 0:
                self._check(drawn[0])
                self._save()
            if self.state.step >= self.total_steps:
                return
            self._update(gradient, drawn)

    def _end_together(self) -> None:
        """Ends all processes after the same update if one of them was told to end."""
        if self.place.processes == 1:
            return
        told = torch.tensor(float(bool(self.signals)), device=self.place.device)
        if self.accelerator.reduce(told, "sum").item():
            raise Terminated(self.signals[0] if self.signals else signal.SIGTERM)

    def _draw(self) -> list[B]:
        """The batches of the next update; after the last, those of the last, for the gradient that proves it good."""
        step = min(self.state.step, self.total_steps - 1)
        drawn = list(self.batches.training(step))
        if len(drawn) != self.config.accumulation_steps:
            raise ValueError(
                f"update {step} has {len(drawn)} batches, and accumulation_steps is {self.config.accumulation_steps}"
            )
        return drawn

    def _epoch_is_over(self) -> bool:
        return self.state.step % self.batches.steps_per_epoch == 0

    def _gradient(self, player: Player[B], drawn: Sequence[B]) -> Gradient:
        """Leaves a player's clipped gradient of the next update."""
        self._seed(player)
        self.task.model.zero_grad()
        losses = []
        with alone(player, self.players):
            for index, batch in enumerate(drawn):
                is_last = index == len(drawn) - 1
                with nullcontext() if is_last else self.accelerator.no_sync(player.module):
                    with self.autocast():
                        loss = player.loss(batch)
                    # Not by Accelerate, which divides by a number that all trainings of a process share.
                    (loss / len(drawn)).backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
        norm = nn.utils.clip_grad_norm_(player.objective.module.parameters(), self.config.clip_norm)
        # Averaged over the processes, so that one that is not finite stops them all; read in one transfer.
        mean, norm = self.accelerator.reduce(torch.stack([torch.stack(losses).mean(), norm]), "mean").tolist()
        if not (math.isfinite(mean) and math.isfinite(norm)):
            self._stop(f"not finite: {self._locate(player, drawn)}", player)
        if mean > player.objective.limit:
            largest = largest_gradient(self.task.model)
            self._stop(f"{mean:,.0f} {words(player.name)}; of their gradient, {largest}", player)
        return Gradient(mean, norm)

    @torch.no_grad()
    def _check(self, batch: B) -> None:
        """Gives the training up if its weights or their averages have a fault."""
        with self.autocast():
            faults = [self.task.fault(model, batch) for model in (self.task.model, self.state.average.model)]
        # One process may have met it alone; all of them stop.
        if found := next(filter(None, gather_object(faults)), None):
            self._stop(found, self.players[0])

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
        rates = [learning_rate(self.state.step, self.total_steps, settings) for settings in player.settings]
        raise DivergedError(where, self.state.step, max(rates), saved)

    def _update(self, first: Gradient, drawn: Sequence[B]) -> None:
        epoch = self.state.step // self.batches.steps_per_epoch + 1
        rate = learning_rate(self.state.step, self.total_steps, self.config)
        gradients = {self.players[0].name: first}
        with held_interrupts():
            self._is_whole = False
            self.players[0].update(self.state.step, self.total_steps)
            for player in self.players[1:]:
                gradients[player.name] = self._gradient(player, drawn)
                player.update(self.state.step, self.total_steps)
            self.state.advance(time.perf_counter() - self._started)
            self._is_whole = True
            metrics = _step_metrics(self.state, epoch, gradients, rate)
            if self.state.step % self.config.log_steps == 0 or self.state.step == self.total_steps:
                self.log.write(metrics)
        if self.progress and self.accelerator.is_main_process:
            self.progress(metrics, self.total_steps)

    def _test(self) -> None:
        own = tallied(self.task, self.state.average.model, self.place, self.autocast)
        measured = summarized(self.task, gather_object([own]))
        with held_interrupts():
            epoch = self.state.step // self.batches.steps_per_epoch
            self.log.write(TestMetrics(self.state.step, epoch, measured))
            self.state.tested(measured[self.task.measures[0]])

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        self.log.sync()
        if self.accelerator.is_main_process:
            self.state.save(self.checkpoint, self.batches.sampling)


def _examples(players: Sequence[Player[B]], measures: Sequence[str]) -> list[StepMetrics | TestMetrics]:
    numbers = {player.name: 0.0 for player in players}
    tests = [TestMetrics(0, 0, dict.fromkeys(measures, 0.0))] if measures else []
    return [StepMetrics(0, 0, numbers, numbers, 0.0, 0.0), *tests]


def _step_metrics(state: TrainingState[M], epoch: int, gradients: Mapping[str, Gradient], rate: float) -> StepMetrics:
    losses = {name: gradient.loss for name, gradient in gradients.items()}
    norms = {name: gradient.norm for name, gradient in gradients.items()}
    return StepMetrics(state.step, epoch, losses, norms, rate, state.seconds)
