"""The settings of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from nflows_core.distributions.generator import check_seed

Schedule = Literal["cosine", "exponential", "constant"]
Precision = Literal["no", "bf16"]


@dataclass(frozen=True)
class EngineConfig:
    r"""What decides a training besides the model and its data; each task may add settings of its own.

    ``dataclasses.asdict`` gives it as JSON's own types and `from_dict` reads them back.

    Arguments:
        epochs: Passes over the training data.
        batch_size: Items of one forward pass, on each process.
        accumulation_steps: Forward passes whose gradients are averaged into one update. An update sees
            ``batch_size * accumulation_steps`` items a process.
        learning_rate: The optimizers' rate after the warm-up.
        warmup_steps: Updates over which the rate grows linearly to ``learning_rate``.
        schedule: How the rate decays after the warm-up.
        final_fraction: The part of ``learning_rate`` that is left at the end of "cosine" and "exponential".
        clip_norm: The upper bound of each objective's gradient, as a Euclidean norm.
        ema_decay: The decay of the exponential moving average of the weights, in :math:`[0, 1)`; 0 averages
            nothing.
        seed: The seed of everything random.
        mixed_precision: "bf16" runs the networks in bfloat16. The path of a flow stays in full precision, so that it
            remains invertible and its density honest.
        checkpoint_steps: Updates between two checkpoints; each epoch ends with one besides.
        log_steps: Updates between two rows of ``metrics.csv``; the last update has one besides.
        tensorboard: Whether the same curves are written for TensorBoard.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of its range.
    """

    epochs: int
    batch_size: int = 100
    accumulation_steps: int = 1
    learning_rate: float = 3e-3
    warmup_steps: int = 0
    schedule: Schedule = "cosine"
    final_fraction: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    seed: int = 0
    mixed_precision: Precision = "no"
    checkpoint_steps: int = 1000
    log_steps: int = 10
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulation_steps", "checkpoint_steps", "log_steps"):
            self._check_integer(name, 1)
        for name in ("warmup_steps", "seed"):
            self._check_integer(name, 0)
        check_seed(self.seed)
        self._check_flag("tensorboard")
        self._check_number("learning_rate", "positive and finite", lambda value: 0 < value < math.inf)
        self._check_number("clip_norm", "positive and finite", lambda value: 0 < value < math.inf)
        self._check_number("final_fraction", "in (0, 1]", lambda value: 0 < value <= 1)
        self._check_number("ema_decay", "in [0, 1)", lambda value: 0 <= value < 1)
        self._check_choice("schedule", get_args(Schedule))
        self._check_choice("mixed_precision", get_args(Precision))

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """The configuration with these settings, the others at their defaults."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(f"unknown training settings {', '.join(unknown)}; known are {', '.join(known)}")
        if "epochs" not in settings:
            raise ValueError("training settings without epochs")
        return cls(**settings)

    def _check_integer(self, name: str, minimum: int) -> None:
        value = self._check_type(name, int, "an integer")
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}")

    def _check_number(self, name: str, requirement: str, holds: Any) -> None:
        value = self._check_type(name, (int, float), "a number")
        if not holds(value):
            raise ValueError(f"{name} must be {requirement}, got {value}")

    def _check_type(self, name: str, types: Any, description: str) -> Any:
        value = getattr(self, name)
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise TypeError(f"{name} must be {description}, got {value!r}")
        return value

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")

    def _check_flag(self, name: str) -> None:
        self._check_type(name, bool, "true or false")


@dataclass(frozen=True)
class TrainingConfig(EngineConfig):
    r"""The settings of a flow's training: those of `EngineConfig`, with a warm-up, and two that only a flow has.

    Arguments:
        warmup_steps: As of `EngineConfig`; the first updates of a flow of many layers move its density the most.
        reversible: Recomputes activations by the inverse in the backward pass instead of keeping them: memory does not
            grow with depth, an update takes longer; see `recomputed_activations`.
        conditional: Feeds each image's context to the flow: its map if it has one, or its vector, or else its label,
            one-hot.
    """

    warmup_steps: int = 100
    reversible: bool = False
    conditional: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_flag("reversible")
        self._check_flag("conditional")
