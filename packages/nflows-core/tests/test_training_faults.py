"""What a task may get wrong, and what the engine must not: change a training silently, or lose it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nflows_core.runtime.tensors import CheckpointError
from nflows_core.testing import one_thread
from nflows_core.training import (
    Autoencoder,
    DivergedError,
    EarlyStopping,
    EngineConfig,
    Objective,
    Place,
    Reconstruction,
    StepMetrics,
    Task,
    Trainer,
    TrainingItems,
    VectorBatches,
)

CONFIG = EngineConfig(epochs=2, batch_size=4, learning_rate=0.1, schedule="constant", log_steps=1, ema_decay=0.0)
X = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
Optimizers = Callable[[nn.Module], torch.optim.Optimizer]


def sgd(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), lr=0.1)


class Shrinking(Task[nn.Module, Tensor]):
    """Makes the outputs of modules small, each by an optimizer; the model is one module unless given."""

    def __init__(
        self,
        model: nn.Module,
        config: EngineConfig = CONFIG,
        optimizers: Sequence[Optimizers] = (sgd,),
        modules: Sequence[nn.Module] | None = None,
        x: Tensor = X,
    ) -> None:
        super().__init__(model, config)
        self.optimizers = optimizers
        self.modules = modules or [model]
        self.x = x

    def objectives(self) -> Sequence[Objective[Tensor]]:
        pairs = enumerate(zip(self.modules, self.optimizers, strict=True))
        return [Objective(f"loss_{i}", module, make(module), self.loss) for i, (module, make) in pairs]

    def training_batches(self, place: Place) -> VectorBatches:
        return VectorBatches(self.x, torch.arange(len(self.x)).split(4), 4, self.config, place)

    def loss(self, module: nn.Module, batch: Tensor) -> Tensor:
        loss: Tensor = module(batch).square().mean()
        return loss


class Measuring(Shrinking):
    """Tests give what they are told to, one value after the other."""

    measures: Sequence[str] = ("value",)

    def __init__(self, model: nn.Module, values: Iterable[Any], stopping: EarlyStopping | None = None) -> None:
        super().__init__(model, replace(CONFIG, epochs=6))
        self.values = iter(values)
        self.early_stopping = stopping

    def test_batches(self, place: Place) -> Iterable[Tensor]:
        return [X]

    def measure(self, model: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
        value = next(self.values)
        return value if isinstance(value, dict) else {"value": torch.full((len(batch),), value)}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 3)


def test_each_group_of_an_optimizer_follows_its_own_rate() -> None:
    rates: list[list[float]] = []
    made: list[torch.optim.Optimizer] = []

    def grouped(module: nn.Module) -> torch.optim.Optimizer:
        first, second = module.parameters()
        made.append(torch.optim.SGD([{"params": [first], "lr": 1e-3}, {"params": [second], "lr": 0.5}]))
        return made[0]

    def progress(metrics: StepMetrics, total: int) -> None:
        rates.append([group["lr"] for group in made[0].param_groups])

    config = replace(CONFIG, schedule="exponential", final_fraction=0.1)
    Trainer(Shrinking(linear(), config, [grouped]), progress=progress).fit()
    assert rates[0] == [1e-3, 0.5]
    assert all(second == pytest.approx(500 * first) for first, second in rates)
    assert rates[-1][0] < 0.2e-3


def test_what_two_objectives_share_is_trained_by_both() -> None:
    trunk = linear()
    modules = [nn.Sequential(trunk, nn.Linear(3, 1)), nn.Sequential(trunk, nn.Linear(3, 1))]
    before = trunk.weight.detach().clone()
    Trainer(Shrinking(nn.ModuleList(modules), CONFIG, [sgd, sgd], modules)).fit()
    assert not torch.equal(trunk.weight, before)


@pytest.mark.parametrize("accumulation_steps", [2, 4])
def test_a_last_update_that_is_smaller_is_accumulated_alike(accumulation_steps: int) -> None:
    norms = {}
    for parts in (1, accumulation_steps):
        torch.manual_seed(0)
        model = Autoencoder(nn.Linear(3, 2), nn.Linear(2, 3))
        config = replace(CONFIG, batch_size=8 // parts, accumulation_steps=parts)
        norms[parts] = []
        Trainer(
            Reconstruction(model, X[:12], config),
            progress=lambda metrics, total, kept=norms[parts]: kept.append(metrics.gradient_norms["loss"]),  # type: ignore[misc]
        ).fit()
    assert len(norms[1]) == 4
    assert norms[accumulation_steps] == pytest.approx(norms[1], rel=1e-4)


def test_a_training_within_another_changes_neither() -> None:
    def norms(progress: Callable[[StepMetrics], None]) -> list[float]:
        kept: list[float] = []
        config = replace(CONFIG, batch_size=2, accumulation_steps=2)
        Trainer(
            Shrinking(linear(), config),
            progress=lambda metrics, total: (kept.append(metrics.gradient_norms["loss_0"]), progress(metrics))[0],
        ).fit()
        return kept

    assert norms(lambda metrics: None) == norms(lambda metrics: Trainer(Shrinking(linear())).fit() and None)


def test_other_numbers_of_batches_are_refused() -> None:
    class Halved(Shrinking):
        def training_batches(self, place: Place) -> VectorBatches:
            return VectorBatches(
                self.x, torch.arange(16).split(4), 4, replace(self.config, accumulation_steps=1), place
            )

    config = replace(CONFIG, accumulation_steps=2)
    with pytest.raises(ValueError, match="update 0 has 1 batches, and accumulation_steps is 2"):
        Trainer(Halved(linear(), config)).fit()
    with pytest.raises(ValueError, match="4 vectors an update are too few for 8 batches on each of 1 processes"):
        Trainer(Shrinking(linear(), replace(CONFIG, accumulation_steps=8))).fit()


@pytest.mark.parametrize("first", [math.nan, math.inf])
def test_a_test_that_is_not_finite_is_never_the_best(first: float) -> None:
    model = linear()
    before = model.weight.detach().clone()
    task = Measuring(model, [first, 0.5, 0.6, 0.7, 0.1, 0.1, 0.1], EarlyStopping(3, higher_is_better=True))
    trained = Trainer(task).fit()
    assert not torch.equal(trained.weight, before)
    task = Measuring(linear(), [math.nan] * 7, EarlyStopping(9))
    assert not torch.equal(Trainer(task).fit().weight, before), "the average, if no test says what is best"


def test_early_stopping_needs_something_to_decide_by() -> None:
    task = Shrinking(linear())
    task.early_stopping = EarlyStopping(1)
    with pytest.raises(ValueError, match="Shrinking may end early, but measures nothing to decide it by"):
        Trainer(task)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"value": torch.tensor(1.0)},
            r"a value for each item of a batch, of shape \(B, ...\); got the shapes \{'value': \(\)",
        ),
        ({"value": torch.ones(16, 2)}, r"a measure is one number; the task gives the shapes \{'value': \(2,\)\}"),
        ({"other": torch.ones(16)}, "measure gives other, and not value"),
    ],
)
def test_measures_are_of_items(value: Mapping[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trainer(Measuring(linear(), [value])).fit()


@pytest.mark.parametrize("model", [nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))])
def test_bfloat16_is_for_all_of_a_model_without_bijections(model: nn.Module) -> None:
    types: set[torch.dtype] = set()
    model.register_forward_hook(lambda module, inputs, output: types.add(output.dtype))
    Trainer(Shrinking(model, replace(CONFIG, mixed_precision="bf16"))).fit()
    assert types == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


class Harmonic(torch.optim.Optimizer):
    """Steps that become shorter, by a number that it keeps in its group."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        super().__init__(parameters, {"lr": 0.1, "k": 0})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["k"] += 1
            for parameter in group["params"]:
                parameter -= group["lr"] / group["k"] * parameter.grad


class StoppedError(Exception):
    pass


def stop_after(step: int) -> Callable[[StepMetrics, int], None]:
    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step == step:
            raise StoppedError

    return progress


def test_an_error_between_updates_loses_none_and_numbers_of_groups_are_resumed(tmp_path: Path) -> None:
    def task() -> Shrinking:
        return Shrinking(linear(), CONFIG, [lambda module: Harmonic(module.parameters())])

    whole = Trainer(task()).fit()
    with pytest.raises(StoppedError):
        Trainer(task(), tmp_path, stop_after(5)).fit()
    steps: list[int] = []
    resumed = Trainer(task(), tmp_path, lambda metrics, total: steps.append(metrics.step)).fit(resume=True)
    assert steps == [6, 7, 8]
    assert torch.equal(resumed.weight, whole.weight)


def test_another_optimizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        Trainer(Shrinking(linear()), tmp_path, stop_after(2)).fit()
    other = Shrinking(linear(), CONFIG, [lambda module: torch.optim.Adam(module.parameters(), lr=0.1)])
    with pytest.raises(CheckpointError, match="with Adam: it was trained by SGD"):
        Trainer(other, tmp_path).fit(resume=True)


def test_a_curve_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,train_loss\n0,1,2.5\n")
    with pytest.raises(FileExistsError, match=r"it has the columns epoch, step, train_loss, and is not of this run"):
        Trainer(Shrinking(linear()), tmp_path).fit()
    assert (tmp_path / "metrics.csv").read_text() == "epoch,step,train_loss\n0,1,2.5\n"


class Torn:
    """Items of which one cannot be read."""

    def __len__(self) -> int:
        return 16

    def read(self, index: int, seed: int) -> Tensor:
        if index == 7:
            raise OSError("truncated picture")
        return X[index]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_item_that_cannot_be_read_is_named(workers: int) -> None:
    class Reading(Shrinking):
        def training_batches(self, place: Place) -> TrainingItems[Tensor]:  # type: ignore[override]
            return TrainingItems(Torn(), self.config, place, workers)

    with pytest.raises(OSError, match="truncated picture") as caught:
        Trainer(Reading(linear())).fit()
    said = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    assert any("while item 7 of Torn was read" in line for line in said)


class Shaken:
    """Items with noise from torch's global generator, as transforms of torchvision take it."""

    def __len__(self) -> int:
        return 16

    def read(self, index: int, seed: int) -> Tensor:
        return X[index] + torch.rand(3)


def test_items_may_draw_from_the_global_generator(tmp_path: Path) -> None:
    class Reading(Shrinking):
        def training_batches(self, place: Place) -> TrainingItems[Tensor]:  # type: ignore[override]
            return TrainingItems(Shaken(), self.config, place, int(self.x[0, 0]))

    here, by_workers = (Trainer(Reading(linear(), x=torch.full((1, 1), workers))).fit() for workers in (0, 2))
    assert torch.equal(here.weight, by_workers.weight)
    with pytest.raises(StoppedError):
        Trainer(Reading(linear(), x=torch.full((1, 1), 2)), tmp_path, stop_after(5)).fit()
    resumed = Trainer(Reading(linear(), x=torch.zeros(1, 1)), tmp_path).fit(resume=True)
    assert torch.equal(resumed.weight, here.weight)


def test_a_loss_is_a_scalar() -> None:
    class Several(Shrinking):
        def loss(self, module: nn.Module, batch: Tensor) -> Tensor:
            rows: Tensor = module(batch).square().mean(1)
            return rows

    with pytest.raises(TypeError, match=r"the loss loss_0 must be a scalar tensor, the mean of a batch, got \(4,\)"):
        Trainer(Several(linear())).fit()


def test_columns_of_the_curve_are_told_apart() -> None:
    class Named(Shrinking):
        def objectives(self) -> Sequence[Objective[Tensor]]:
            return [Objective("step", self.model, sgd(self.model), self.loss)]

    with pytest.raises(ValueError, match="a task needs objectives with names of their own, other than epoch"):
        Trainer(Named(linear())).fit()


def test_an_optimizer_beyond_its_module_is_refused() -> None:
    model = nn.ModuleList([linear(), linear()])
    task = Shrinking(model, CONFIG, [lambda module: sgd(model)], [model[0]])
    with pytest.raises(ValueError, match="the optimizer of loss_0 has parameters that its module has not"):
        Trainer(task).fit()


def test_data_that_are_not_finite_are_told_from_layers() -> None:
    x = X.clone()
    x[0, 0] = torch.nan
    with pytest.raises(DivergedError, match=r"not finite: the data, the input of layer 0 \(Linear\)"):
        Trainer(Shrinking(nn.Sequential(linear(), nn.Tanh()), x=x)).fit()


def test_tensorboard_needs_a_folder() -> None:
    with pytest.raises(ValueError, match="tensorboard=True needs a folder"):
        Trainer(Shrinking(linear(), replace(CONFIG, tensorboard=True)))
