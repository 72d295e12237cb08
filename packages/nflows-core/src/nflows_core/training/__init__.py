"""Training of flows: settings, the trainer, checkpoints, and the folder that a run leaves."""

from nflows_core.training.checkpoint import CheckpointError
from nflows_core.training.config import TrainingConfig
from nflows_core.training.curve import StepMetrics, TestMetrics
from nflows_core.training.ema import WeightAverage
from nflows_core.training.guard import DivergedError
from nflows_core.training.run import Run, RunError, load_run, read_run, save_run
from nflows_core.training.schedule import learning_rate
from nflows_core.training.trainer import Trainer

__all__ = [
    "CheckpointError",
    "DivergedError",
    "Run",
    "RunError",
    "StepMetrics",
    "TestMetrics",
    "Trainer",
    "TrainingConfig",
    "WeightAverage",
    "learning_rate",
    "load_run",
    "read_run",
    "save_run",
]
