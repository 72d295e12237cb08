"""The loop over updates that `Trainer` runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from nflows_core.flow import Flow, density_to_bits_per_dim, log_density
from nflows_core.training.batches import Batch, Batches
from nflows_core.training.config import TrainingConfig
from nflows_core.training.curve import Log, StepMetrics, TestMetrics
from nflows_core.training.guard import DivergedError, largest_gradient, locate_non_finite
from nflows_core.training.interrupts import held_interrupts
from nflows_core.training.schedule import learning_rate
from nflows_core.training.state import TrainingState

Progress = Callable[[StepMetrics, int], None]
"""Called on the main process after every update, with its metrics and the number of updates of the run."""

_DIVERGED = 1000.0
"""Bits per dimension above which a run is given up; a uniform guess needs 8 for 8-bit images."""


class TrainingLoop:
    """Makes one update after the other.

    A checkpoint of the weights after some update is written only once their gradient on the next batch turned
    out finite: a run that stops on a NaN leaves a checkpoint from which training can go on.

    Arguments:
        accelerator: Places, distributes and synchronizes.
        flow: Initialized, on the accelerator's device.
        config: The settings.
        train: What the updates are made on.
        test: What is evaluated before the first epoch and after each, if anything.
        checkpoint: The file of the checkpoint; one that exists is resumed.
        progress: See `Progress`.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        flow: Flow,
        config: TrainingConfig,
        train: Batches,
        test: Batches | None,
        checkpoint: Path,
        progress: Progress | None,
    ) -> None:
        self.accelerator = accelerator
        self.flow = flow
        self.config = config
        self.train = train
        self.test = test
        self.checkpoint = checkpoint
        self.progress = progress
        self.total_steps = config.epochs * train.steps_per_epoch
        self.model, self.optimizer = accelerator.prepare(flow, torch.optim.Adam(flow.parameters()))
        self.state = TrainingState(flow, self.optimizer, config.ema_decay)
        resumed = checkpoint.exists()
        if resumed:
            self.state.load(checkpoint, train.sampling)
        self.log = Log(accelerator, checkpoint.parent, self.state.step if resumed else -1, self.state.tested_step)
        self._started = time.perf_counter() - self.state.seconds

    def run(self) -> Flow:
        """Trains to the end and returns the flow with averaged weights."""
        try:
            self._updates()
        except KeyboardInterrupt:
            self._save()
            raise
        finally:
            self.log.close()
        return self.state.average.flow

    def _updates(self) -> None:
        while True:
            if self._epoch_is_over() and self.test and self.state.tested_step < self.state.step:
                self._evaluate(self.test)
            bits_per_dim, norm = self._gradient()
            if self._epoch_is_over() or self.state.step % self.config.checkpoint_steps == 0:
                self._save()
            if self.state.step >= self.total_steps:
                return
            self._update(bits_per_dim, norm)

    def _epoch_is_over(self) -> bool:
        return self.state.step % self.train.steps_per_epoch == 0

    def _learning_rate(self) -> float:
        return learning_rate(self.state.step, self.total_steps, self.config)

    def _gradient(self) -> tuple[float, float]:
        """Leaves the next update's clipped gradient; returns its bits per dimension and unclipped norm."""
        self.optimizer.zero_grad()
        mean = torch.zeros((), device=self.accelerator.device, dtype=self.train.dtype)
        for batch in self.train.training(self.state.step):
            with self.accelerator.accumulate(self.model):
                loss = self._loss(self.model, batch)
                self.accelerator.backward(loss)
            mean += loss.detach() / self.config.accumulation_steps
        norm = self.accelerator.clip_grad_norm_(self.flow.parameters(), self.config.clip_norm)
        # Averaged over the processes, so that one that is not finite stops them all; read in one transfer.
        bits_per_dim, norm = self.accelerator.reduce(torch.stack([mean, norm]), "mean").tolist()
        if not (math.isfinite(bits_per_dim) and math.isfinite(norm)):
            self._stop(f"not finite: {self._locate()}")
        if bits_per_dim > _DIVERGED:
            self._stop(f"{bits_per_dim:,.0f} bits per dimension; of their gradient, {largest_gradient(self.flow)}")
        return bits_per_dim, norm

    def _locate(self) -> str:
        found = locate_non_finite(self.flow, self._repeated_losses())
        # One process may have met it alone; all of them stop, and any of them may be the one that is heard.
        return next(filter(None, gather_object([found])), "something that repeating the update does not show")

    def _stop(self, where: str) -> None:
        saved = self.checkpoint if self.checkpoint.exists() else None
        raise DivergedError(where, self.state.step, self._learning_rate(), saved)

    def _repeated_losses(self) -> Iterator[Tensor]:
        for batch in self.train.training(self.state.step):
            yield self._loss(self.flow, batch)

    def _loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return self._bits_per_dim(model, batch).mean()

    def _bits_per_dim(self, model: nn.Module, batch: Batch) -> Tensor:
        density = log_density(*model(batch.x, batch.context))
        return density_to_bits_per_dim(density, self.flow.shape, self.flow.quantization)

    def _update(self, bits_per_dim: float, norm: float) -> None:
        epoch = self.state.step // self.train.steps_per_epoch + 1
        rate = self._learning_rate()
        with held_interrupts():
            self.state.update(rate, time.perf_counter() - self._started)
            metrics = StepMetrics(self.state.step, epoch, bits_per_dim, norm, rate, self.state.seconds)
            if self.state.step % self.config.log_steps == 0 or self.state.step == self.total_steps:
                self.log.write(metrics)
        if self.progress and self.accelerator.is_main_process:
            self.progress(metrics, self.total_steps)

    @torch.no_grad()
    def _evaluate(self, test: Batches) -> None:
        total = torch.zeros((), device=self.accelerator.device, dtype=test.dtype)
        for batch in test.test():
            total += self._bits_per_dim(self.state.average.flow, batch).sum()
        mean = self.accelerator.reduce(total, "sum").item() / len(test.images)
        with held_interrupts():
            epoch = self.state.step // self.train.steps_per_epoch
            self.log.write(TestMetrics(self.state.step, epoch, mean))
            self.state.tested_step = self.state.step

    def _save(self) -> None:
        self.log.sync()
        if self.accelerator.is_main_process:
            self.state.save(self.checkpoint, self.train.sampling)
