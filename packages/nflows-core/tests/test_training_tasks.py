"""What the engine promises of every task: it resumes exactly after a kill, and processes share one curve."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import training_tasks
from nflows_core.runtime.tensors import read_tensors
from nflows_core.testing import one_thread
from nflows_core.training import DivergedError, EngineConfig, Objective, Place, Trainer
from training_tasks import CENTRES, KILLED_AFTER, SPREAD, TASKS, Adversaries, Classifier, train

FILES = ("metrics.csv", "metrics_test.csv")
SHARED = [name for name in TASKS if name not in ("noisy_classifier", "labelled_adversaries")]
"""Tasks without anything random in a network or a loss, which processes would draw apart."""


def curve(folder: Path, file: str) -> list[dict[str, str]]:
    """The rows of a curve but for its times."""
    with (folder / file).open(newline="") as stream:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(stream)]


def start(program: str, **variables: str) -> subprocess.Popen[bytes]:
    """A process that runs a program with this folder's modules."""
    paths = [str(Path(training_tasks.__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen([sys.executable, "-c", program], env=environment)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every task, trained to its end."""
    folder = tmp_path_factory.mktemp("whole")
    for name in TASKS:
        train(name, folder / name)
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every task, killed: a process imports torch once, and each task dies in a child of its own."""
    folder = tmp_path_factory.mktemp("killed")
    program = f"""
import os, signal, sys
from pathlib import Path
from training_tasks import TASKS, train
for name in TASKS:
    child = os.fork()
    if child == 0:
        train(name, Path({str(folder)!r}, name), kill=True)
        os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        sys.exit(name + " was not killed")
"""
    with start(program) as process:
        pass
    assert process.returncode == 0
    return folder


@pytest.mark.parametrize("name", TASKS)
def test_killed_and_resumed_it_is_the_run_that_was_not(name: str, whole: Path, killed: Path) -> None:
    assert len(curve(killed / name, "metrics.csv")) == KILLED_AFTER
    train(name, killed / name, resume=True)
    for file in FILES:
        assert curve(killed / name, file) == curve(whole / name, file)
    for (key, one), (other, two) in zip(*(tensors(folder / name) for folder in (killed, whole)), strict=True):
        assert key == other
        assert torch.equal(one, two), key


def tensors(folder: Path) -> list[tuple[str, torch.Tensor]]:
    return sorted(read_tensors(folder / "checkpoint.safetensors", "checkpoint")[0].items())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every task, trained by two processes with half of the batch each."""
    folder = tmp_path_factory.mktemp("shared")
    program = f"""
from pathlib import Path
from training_tasks import train
for name in {SHARED!r}:
    train(name, Path({str(folder)!r}, name), batch_size=4)
"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    places = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    pair = [start(program, RANK=str(rank), LOCAL_RANK=str(rank), **places) for rank in range(2)]
    assert [process.wait(120) for process in pair] == [0, 0]
    return folder


@pytest.mark.parametrize("name", SHARED)
def test_two_processes_draw_the_curve_of_one(name: str, whole: Path, shared: Path) -> None:
    for file in FILES:
        two, one = curve(shared / name, file), curve(whole / name, file)
        assert [row.keys() for row in two] == [row.keys() for row in one]
        for row, expected in zip(two, one, strict=True):
            assert list(map(float, row.values())) == pytest.approx(list(map(float, expected.values())), abs=2e-4)


def test_the_curve_has_a_column_for_each_loss_and_its_gradient(whole: Path) -> None:
    losses = ["discriminator_loss", "generator_loss"]
    norms = [f"{loss}_gradient_norm" for loss in losses]
    assert list(curve(whole / "adversaries", "metrics.csv")[0]) == ["step", "epoch", *losses, *norms, "learning_rate"]
    assert list(curve(whole / "vectors", "metrics.csv")[0])[2:4] == ["negative_log_likelihood", "gradient_norm"]


@pytest.mark.parametrize("seed", range(3))
def test_adversaries_cover_the_eight_gaussians(seed: int) -> None:
    config = EngineConfig(
        epochs=40, batch_size=256, learning_rate=2e-3, schedule="constant", clip_norm=1e3, ema_decay=0.99, seed=seed
    )
    generator = Trainer(Adversaries(config)).fit()["generator"]
    with torch.no_grad():
        made = generator(torch.randn(4000, 4, generator=torch.Generator().manual_seed(1)))
    distances, nearest = torch.cdist(made, CENTRES).min(dim=1)
    close = distances < 4 * SPREAD
    assert close.float().mean() > 0.5
    assert torch.bincount(nearest[close], minlength=8).min() > 4000 / 8 / 8


@pytest.mark.parametrize("workers", [0, 2])
def test_a_classifier_learns_and_the_best_weights_are_kept(workers: int, tmp_path: Path) -> None:
    config = EngineConfig(epochs=40, batch_size=16, learning_rate=1e-2, ema_decay=0.9)
    task = Classifier(config, tmp_path / "pictures", nn.Dropout(0.2), workers=workers, patience=3)
    model = Trainer(task, tmp_path).fit()
    accuracies = [float(row["accuracy"]) for row in curve(tmp_path, "metrics_test.csv")]
    assert max(accuracies) > 0.9
    assert len(accuracies) < 41, "it ends early"
    assert max(accuracies[-4:]) == accuracies[-4] == max(accuracies), "three tests after the best one"
    with torch.no_grad():
        batches = task.test_batches(Place(0, 1, torch.device("cpu")))
        measured = torch.cat([task.measure(model, batch)["accuracy"] for batch in batches])
    assert measured.mean().item() == pytest.approx(max(accuracies))


def test_a_network_that_breaks_is_named(tmp_path: Path) -> None:
    task = Adversaries(EngineConfig(epochs=1, batch_size=256))

    def poison(metrics: object, total: int) -> None:
        with torch.no_grad():
            task.discriminator[2].weight.fill_(torch.nan)

    with pytest.raises(DivergedError, match=r"after 1 updates, .*: output of layer discriminator\.2 \(Linear\)"):
        Trainer(task, tmp_path, poison).fit()


def test_parameters_that_checkpoints_would_miss_are_refused(tmp_path: Path) -> None:
    class Foreign(Adversaries):
        def objectives(self) -> list[Objective[tuple[torch.Tensor, torch.Tensor]]]:
            stranger = nn.Linear(2, 1)
            adam = torch.optim.Adam(stranger.parameters())
            return [Objective("loss", stranger, adam, lambda module, batch: module(batch[0]).square().mean())]

    with pytest.raises(ValueError, match="the module of loss is no part of the model: checkpoints would lose it"):
        Trainer(Foreign(EngineConfig(epochs=1, batch_size=512)), tmp_path).fit()


def test_the_generator_of_the_caller_is_left_alone() -> None:
    task = Adversaries(EngineConfig(epochs=1, batch_size=512))
    before = torch.get_rng_state()
    Trainer(task).fit()
    assert torch.equal(torch.get_rng_state(), before)
