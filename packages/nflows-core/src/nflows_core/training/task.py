r"""What is trained: the part of a training that differs between a flow, a classifier and a pair of adversaries."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from nflows_core.training.config import EngineConfig

M = TypeVar("M", bound=nn.Module)
B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)


@dataclass(frozen=True)
class Place:
    """Where a process stands in a training.

    Arguments:
        process: The rank of this process, from 0.
        processes: How many share each update.
        device: Where this process computes.
    """

    process: int
    processes: int
    device: torch.device


class Batches(Protocol[B_co]):
    """The training data, as one process draws them."""

    @property
    def steps_per_epoch(self) -> int:
        """Updates after which all items were seen, or, of data without an end, after which the model is tested."""

    @property
    def sampling(self) -> Mapping[str, int | str]:
        """What decides the batches, by plain words: a run is only resumed with the same.

        Of data that are at hand, a digest of them belongs to it.
        """

    def training(self, step: int) -> Iterator[B_co]:
        """The ``accumulation_steps`` batches of an update from 0, a pure function of its number and of the settings."""


@dataclass(frozen=True)
class Objective(Generic[B]):
    """One loss, and the module that lowers it.

    Arguments:
        name: The column of its loss in the curve, in plain words with underscores.
        module: The model of the task or a part of it. It must be called as a module, in the loss, so that processes
            can share its gradients.
        optimizer: Over parameters of ``module``. The rates that its groups have are those after the warm-up; each is
            scheduled by itself, see `learning_rate`. Most give it ``config.learning_rate``.
        loss: The mean loss of a batch, a scalar, by the module as it is distributed over the processes: it is to be
            called, and not another reference to it.
        limit: The loss above which the run is given up.
    """

    name: str
    module: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[nn.Module, B], Tensor]
    limit: float = math.inf


@dataclass(frozen=True)
class EarlyStopping:
    """Keeps the weights that were best in a test, and ends the training when they stay the best.

    Arguments:
        patience: Tests without a better value after which the training ends.
        higher_is_better: Whether the first of the task's measures is to be high, rather than low.
    """

    patience: int
    higher_is_better: bool = False

    def is_better(self, value: float, best: float | None) -> bool:
        """Whether a tested value is better than the best one so far; one that is not finite never is."""
        if not math.isfinite(value):
            return False
        return best is None or (value > best if self.higher_is_better else value < best)


class Task(ABC, Generic[M, B]):
    """The losses of an update, their optimizers, the data, and what is tested; `Trainer` does the rest.

    Whatever is random in it must be a pure function of the settings' seed, the epoch and the item, or be drawn from
    torch's global generator while a loss is computed, as dropout is: the trainer seeds that for each update.

    Arguments:
        model: All that has weights, trained in place. Checkpoints and the moving average hold its ``state_dict``.
        config: The settings of the training.
    """

    measures: Sequence[str] = ()
    """What a test gives, the value that decides first; nothing if the task is not tested."""
    early_stopping: EarlyStopping | None = None

    def __init__(self, model: M, config: EngineConfig) -> None:
        self.model = model
        self.config = config

    @property
    def description(self) -> Mapping[str, Any]:
        """What a checkpoint says of the model, in JSON's own types, so that others can build it again."""
        return {}

    @abstractmethod
    def objectives(self) -> Sequence[Objective[B]]:
        """What an update lowers, one after the other. Called once, when the model is on its device."""

    @abstractmethod
    def training_batches(self, place: Place) -> Batches[B]:
        """The training data for a process.

        Raises:
            ValueError: They do not fill one update.
        """

    def initialize(self, place: Place) -> None:
        """Sets what depends on the data before the first update; the same in every process."""

    def test_batches(self, place: Place) -> Iterable[B]:
        """The process's share of the test data, the same in every test; all items of all processes once."""
        return ()

    def measure(self, model: M, batch: B) -> Mapping[str, Tensor]:
        r"""What is tested of each item of a batch, by name: values :math:`(B, \dots)` whose mean over all items counts.

        Arguments:
            model: A copy of the task's model with averaged weights, in evaluation mode.
            batch: Of the test data.
        """
        raise NotImplementedError

    def summarize(self, means: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The numbers of ``measures``, scalars, from the means of what `measure` gives over the items of all processes.

        By default these means themselves. A number that is no mean, such as an F-score, is a function of some.
        """
        return means

    def fault(self, model: M, batch: B) -> str | None:
        """Says in words what makes weights useless though their losses are finite; asked before each checkpoint.

        Arguments:
            model: The task's model, or the copy with averaged weights.
            batch: Of the training data.

        Returns:
            The fault, for which the training is given up; nothing if the weights are good.
        """
        return None

    def running(self) -> AbstractContextManager[None]:
        """What holds while the model is trained."""
        return nullcontext()
