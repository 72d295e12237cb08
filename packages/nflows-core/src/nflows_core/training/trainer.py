"""The engine of every training."""

from __future__ import annotations

import errno
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic

import torch
from accelerate import Accelerator

from nflows_core.runtime.memory import keep_freed_memory
from nflows_core.training.interrupts import terminations
from nflows_core.training.loop import Progress, TrainingLoop
from nflows_core.training.memory import memory_advice
from nflows_core.training.numerics import (
    any_gradient_layout,
    deterministic_convolutions,
    loss_precision,
    network_precision,
)
from nflows_core.training.processes import hold_folder, on_cpu, processes
from nflows_core.training.task import B, M, Place, Task

CHECKPOINT_FILE = "checkpoint.safetensors"


class Trainer(Generic[M, B]):
    r"""Trains what a task describes, on the device and the processes that Accelerate finds.

    That is one CPU or GPU in a plain script, many under ``accelerate launch`` or ``torchrun``. Everything random is a
    pure function of the seed, the epoch and the item: a run that was killed at any moment and resumed on the same
    machine draws the same curve as one that never was, and processes or accumulation steps that share the items of an
    update draw it too, but for the order of sums and for what is random inside of a network, such as dropout.

    Batch normalization sees the batch of its process alone. In its folder, it leaves ``checkpoint.safetensors``,
    ``metrics.csv`` and, of a task that is tested, ``metrics_test.csv``.

    Arguments:
        task: The model, its losses and its data, with the settings.
        folder: Where checkpoints and curves go; made if it is missing. Without one, nothing is kept: for trainings of
            seconds.
        progress: Called after every update with a `StepMetrics` and the number of updates of the whole run.

    Raises:
        ModuleNotFoundError: TensorBoard is asked for and not installed.

    Example:
        >>> from nflows_core.data import read_images
        >>> from nflows_core.models import Glow
        >>> from nflows_core.training import FlowLikelihood, TrainingConfig
        >>> images = read_images("digits", "train")[:64]
        >>> flow = Glow(images.shape, levels=1, depth=1, width=8, quantization=images.quantization)
        >>> config = TrainingConfig(epochs=1, batch_size=32)
        >>> trained = Trainer(FlowLikelihood(flow, images, config)).fit()
        >>> trained.sample(3).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, task: Task[M, B], folder: str | Path | None = None, progress: Progress | None = None) -> None:
        if task.early_stopping and not task.measures:
            raise ValueError(f"{type(task).__name__} may end early, but measures nothing to decide it by")
        if task.config.tensorboard and folder is None:
            raise ValueError("tensorboard=True needs a folder, where its files go")
        if task.config.tensorboard and not importlib.util.find_spec("tensorboard"):
            raise ModuleNotFoundError("tensorboard=True needs TensorBoard: pip install 'nflows-core[tensorboard]'")
        self.task = task
        self.config = task.config
        self.folder = None if folder is None else Path(folder)
        self.progress = progress
        self._holds_folder = False

    @property
    def checkpoint(self) -> Path | None:
        """Where the checkpoint is written, if anything is kept."""
        return None if self.folder is None else self.folder / CHECKPOINT_FILE

    def check_filled(self) -> None:
        """Refuses data that do not fill one update, before there is a folder that could only be removed.

        Raises:
            ValueError: They do not.
        """
        own = processes()
        self.task.training_batches(Place(own.process_index, own.num_processes, torch.device("cpu")))

    def fit(self, resume: bool = False) -> M:
        """Trains to the end.

        Arguments:
            resume: Goes on from the folder's checkpoint; without one, because the run was stopped before its
                first or never started, it starts.

        Returns:
            A copy of the model with the averaged weights, in evaluation mode.

        Raises:
            FileExistsError: The folder has a checkpoint and ``resume`` is false.
            CheckpointError: The checkpoint cannot be resumed.
            MemoryError: Memory ran out; the message says which settings need less.
            DivergedError: The loss or its gradient is not finite, or the loss absurd. The weights are those before, but
                for those of objectives that came earlier in the update; the checkpoint is good.
            FolderInUseError: Another training writes into the folder.
            KeyboardInterrupt: After a checkpoint was written, as after other errors between two updates.
            Terminated: Likewise, after SIGTERM or SIGHUP, unless the program handles them itself; a `SystemExit`.
            ValueError: The data do not fill one update, or the task contradicts itself.
        """
        with self.holding_folder():
            self._check_free(resume)
            return self._fit()

    @contextmanager
    def holding_folder(self) -> Iterator[None]:
        """Keeps other trainings out of the folder, as `fit` does, for those who write more into it than `fit`.

        Raises:
            ValueError: The data do not fill one update; then there is nothing in the folder, nor is it made.
            FolderInUseError: Another training writes into the folder.
        """
        if self.folder is None or self._holds_folder:
            yield
            return
        self.check_filled()
        with hold_folder(self.folder):
            self._holds_folder = True
            try:
                yield
            finally:
                self._holds_folder = False

    def _check_free(self, resume: bool) -> None:
        if self.checkpoint is not None and self.checkpoint.exists() and not resume:
            raise FileExistsError(
                errno.EEXIST, "a run is there; resume it or choose another folder", str(self.checkpoint)
            )

    def _fit(self) -> M:
        accelerator = self._accelerator()
        device = accelerator.device
        if device.type == "cpu":
            keep_freed_memory()
        generators = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
        signals = terminations(at_once=accelerator.num_processes == 1)
        with signals as came, deterministic_convolutions(), generators:
            loop = self._loop(accelerator, came)
            precision = network_precision(self.task.model, self.config.mixed_precision, device)
            with memory_advice(self.config), precision, self.task.running(), any_gradient_layout():
                return loop.run()

    def _accelerator(self) -> Accelerator:
        processes()
        # Its own mixed precision would round the flow's path too: see `network_precision`.
        return Accelerator(
            cpu=on_cpu(),
            mixed_precision="no",
            log_with="tensorboard" if self.config.tensorboard else None,
            project_dir=self.folder,
        )

    def _loop(self, accelerator: Accelerator, signals: Sequence[int]) -> TrainingLoop[M, B]:
        place = Place(accelerator.process_index, accelerator.num_processes, accelerator.device)
        batches = self.task.training_batches(place)
        self.task.model.to(place.device).train()
        if self.checkpoint is None or not self.checkpoint.exists():
            self.task.initialize(place)
        autocast = loss_precision(self.task.model, self.config.mixed_precision, place.device)
        return TrainingLoop(accelerator, self.task, place, batches, self.checkpoint, self.progress, autocast, signals)
