"""Training: one engine, `Trainer`, and tasks that say what is trained on what.

A package that trains something writes a `Task`: the model, the losses of an update with their optimizers, the data, and
what is tested. Checkpoints, curves, averaged weights, processes, and the exact resumption of a run are the engine's.
"""

from nflows_core.runtime.tensors import CheckpointError
from nflows_core.training.adversarial_losses import hinge_loss, lecam_penalty, orthogonal_penalty, r1_penalty
from nflows_core.training.augmentation import Recoloured, Together, Turned
from nflows_core.training.batch_statistics import gather_statistics
from nflows_core.training.batches.balanced import BalancedOrder
from nflows_core.training.batches.items import Items, TrainingItems, items_for_test
from nflows_core.training.batches.labelled import Augmentation, Labelled
from nflows_core.training.batches.vectors import VectorBatches
from nflows_core.training.config import EngineConfig, TrainingConfig
from nflows_core.training.curve import StepMetrics, TestMetrics
from nflows_core.training.diff_augment import diff_augment
from nflows_core.training.ema import WeightAverage
from nflows_core.training.guard import DivergedError
from nflows_core.training.schedule import learning_rate
from nflows_core.training.task import Batches, EarlyStopping, Objective, Place, Task
from nflows_core.training.tasks.adversarial import (
    AdversarialPair,
    AdversarialSettings,
    AdversarialTask,
)
from nflows_core.training.tasks.autoencoder import Autoencoder, Reconstruction
from nflows_core.training.tasks.classification import Classification, balancing_weights
from nflows_core.training.tasks.likelihood import FlowLikelihood
from nflows_core.training.tasks.restoration import Restoration
from nflows_core.training.tasks.vectors import VectorLikelihood
from nflows_core.training.trainer import Trainer

__all__ = [
    "AdversarialPair",
    "AdversarialSettings",
    "AdversarialTask",
    "Augmentation",
    "Autoencoder",
    "BalancedOrder",
    "Batches",
    "CheckpointError",
    "Classification",
    "DivergedError",
    "EarlyStopping",
    "EngineConfig",
    "FlowLikelihood",
    "Items",
    "Labelled",
    "Objective",
    "Place",
    "Recoloured",
    "Reconstruction",
    "Restoration",
    "StepMetrics",
    "Task",
    "TestMetrics",
    "Together",
    "Trainer",
    "TrainingConfig",
    "TrainingItems",
    "Turned",
    "VectorBatches",
    "VectorLikelihood",
    "WeightAverage",
    "balancing_weights",
    "diff_augment",
    "gather_statistics",
    "hinge_loss",
    "items_for_test",
    "learning_rate",
    "lecam_penalty",
    "orthogonal_penalty",
    "r1_penalty",
]
