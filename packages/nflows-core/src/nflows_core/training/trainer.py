"""Maximum-likelihood training of a flow."""

from __future__ import annotations

import errno
import importlib.util
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin

from nflows_core.bijections.reversible import check_exact, recomputed_activations
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.runtime.memory import keep_freed_memory
from nflows_core.training.batches import Batches
from nflows_core.training.config import TrainingConfig
from nflows_core.training.loop import Progress, TrainingLoop
from nflows_core.training.numerics import (
    any_gradient_layout,
    deterministic_convolutions,
    network_precision,
)
from nflows_core.training.processes import on_cpu, processes

CHECKPOINT_FILE = "checkpoint.safetensors"


class Trainer:
    r"""Minimizes a flow's bits per dimension on images with Adam (Kingma & Ba 2015).

    Runs on the device and the processes that Accelerate finds: one CPU or GPU in a plain script, many under
    ``accelerate launch`` or ``torchrun``. Everything random is a pure function of the seed, the epoch and the image:
    a run that was killed at any moment and resumed on the same machine draws the same curve as one that never was,
    and processes or accumulation steps that share the images of an update draw it too, but for the order of sums.

    It leaves ``checkpoint.safetensors``, ``metrics.csv`` and ``metrics_test.csv`` in its folder.

    Arguments:
        flow: Trained in place.
        train_images: Of the flow's shape and quantization.
        config: The settings.
        folder: Made if it is not there.
        test_images: Evaluated with the averaged weights at the end of each epoch.
        progress: Called after every update with a `StepMetrics` and the number of updates of the whole run.

    Raises:
        ValueError: The images or the flow do not fit the settings, or each other.
        ModuleNotFoundError: TensorBoard is asked for and not installed.
    """

    def __init__(
        self,
        flow: Flow,
        train_images: Images,
        config: TrainingConfig,
        folder: Path,
        test_images: Images | None = None,
        progress: Progress | None = None,
    ) -> None:
        _check_images(flow, train_images, "training")
        if test_images is not None:
            _check_images(flow, test_images, "test")
        if config.reversible:
            check_exact(flow)
        if config.tensorboard and not importlib.util.find_spec("tensorboard"):
            raise ModuleNotFoundError("tensorboard=True needs TensorBoard: pip install 'nflows-core[tensorboard]'")
        self.flow = flow
        self.train_images = train_images
        self.config = config
        self.folder = folder
        self.test_images = test_images
        self.progress = progress

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint is written."""
        return self.folder / CHECKPOINT_FILE

    def fit(self, resume: bool = False) -> Flow:
        """Trains to the end.

        Arguments:
            resume: Goes on from the folder's checkpoint; without one, because the run was stopped before its
                first or never started, it starts.

        Returns:
            A flow with the averaged weights, in evaluation mode.

        Raises:
            FileExistsError: The folder has a checkpoint and ``resume`` is false.
            CheckpointError: The checkpoint cannot be resumed.
            DivergedError: The loss or its gradient is not finite, or the loss absurd; the weights are those before.
            KeyboardInterrupt: After a checkpoint was written.
        """
        if self.checkpoint.exists() and not resume:
            raise FileExistsError(
                errno.EEXIST, "a run is there; resume it or choose another folder", str(self.checkpoint)
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        accelerator = self._accelerator()
        if accelerator.device.type == "cpu":
            keep_freed_memory()
        with deterministic_convolutions():
            loop = self._loop(accelerator)
            precision = network_precision(self.flow, self.config.mixed_precision, accelerator.device)
            with precision, self._activations(), any_gradient_layout():
                return loop.run()

    def _activations(self) -> AbstractContextManager[None]:
        return recomputed_activations(self.flow) if self.config.reversible else nullcontext()

    def _accelerator(self) -> Accelerator:
        processes()
        # Its own mixed precision would round the flow's path too: see `network_precision`.
        return Accelerator(
            cpu=on_cpu(),
            mixed_precision="no",
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=self.config.accumulation_steps),
            log_with="tensorboard" if self.config.tensorboard else None,
            project_dir=self.folder,
        )

    def _loop(self, accelerator: Accelerator) -> TrainingLoop:
        train = self._batches(self.train_images, accelerator)
        test = None if self.test_images is None else self._batches(self.test_images, accelerator)
        if train.steps_per_epoch == 0:
            raise ValueError(
                f"{len(self.train_images)} training images do not fill one update of {train.update_images} "
                "(batch_size x accumulation_steps x processes): lower batch_size"
            )
        self.flow.to(accelerator.device).train()
        if not self.checkpoint.exists():
            self.flow.initialize(*train.initial())
        return TrainingLoop(accelerator, self.flow, self.config, train, test, self.checkpoint, self.progress)

    def _batches(self, images: Images, accelerator: Accelerator) -> Batches:
        return Batches(
            images,
            self.config,
            accelerator.process_index,
            accelerator.num_processes,
            accelerator.device,
            next(self.flow.parameters()).dtype,
        )


def _check_images(flow: Flow, images: Images, use: str) -> None:
    if images.shape != flow.shape:
        raise ValueError(f"the flow takes images of shape {flow.shape}, the {use} images have {images.shape}")
    if images.quantization != flow.quantization:
        raise ValueError(
            f"the flow is of images with {flow.quantization} values a pixel, "
            f"the {use} images have {images.quantization}"
        )
