"""Training of flows: settings, the trainer, checkpoints."""

from nflows_core.runtime.tensors import CheckpointError
from nflows_core.training.config import TrainingConfig
from nflows_core.training.curve import StepMetrics, TestMetrics
from nflows_core.training.ema import WeightAverage
from nflows_core.training.guard import DivergedError
from nflows_core.training.schedule import learning_rate
from nflows_core.training.trainer import Trainer

__all__ = [
    "CheckpointError",
    "DivergedError",
    "StepMetrics",
    "TestMetrics",
    "Trainer",
    "TrainingConfig",
    "WeightAverage",
    "learning_rate",
]
