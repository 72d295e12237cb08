"""A run that is stopped at any moment goes on to the curve that it would have had."""

from __future__ import annotations

import csv
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nflows_core.bijections import ActNorm, AffineCoupling, Composition, Conv1x1
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.runtime.tensors import read_tensors, write_tensors
from nflows_core.testing import one_thread
from nflows_core.training import (
    Autoencoder,
    CheckpointError,
    EngineConfig,
    FlowLikelihood,
    Reconstruction,
    StepMetrics,
    Trainer,
    TrainingConfig,
)
from nflows_core.training.batches.images import ImageBatch
from nflows_core.training.loop import Progress

SHAPE = (2, 4, 4)
CONFIG = TrainingConfig(epochs=3, batch_size=8, warmup_steps=3, checkpoint_steps=3, log_steps=1)
STEPS = 15  # 40 images make 5 updates an epoch


def tiny_flow() -> Flow:
    torch.manual_seed(0)
    layers = [kind(SHAPE) for _ in range(2) for kind in (ActNorm, Conv1x1, AffineCoupling)]
    return Flow([Composition(layers)])


def some_images(n: int = 40) -> Images:
    generator = torch.Generator().manual_seed(0)
    return Images(torch.randint(40, 200, (n, *SHAPE), generator=generator, dtype=torch.uint8))


def trainer(
    folder: Path, progress: Progress | None = None, config: TrainingConfig = CONFIG
) -> Trainer[Flow, ImageBatch]:
    return Trainer(FlowLikelihood(tiny_flow(), some_images(), config, some_images()), folder, progress)


def curve(folder: Path, file: str = "metrics.csv") -> list[tuple[str, str]]:
    with (folder / file).open(newline="") as stream:
        return [(row["step"], row["bits_per_dim"]) for row in csv.DictReader(stream)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    trainer(folder).fit()
    assert len(curve(folder)) == STEPS
    return folder


class Killed(BaseException):
    """Ends a run as suddenly as a kill, for all that the files can tell."""


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_the_curve_is_the_same_wherever_it_stopped(tmp_path: Path, uninterrupted: Path, step: int) -> None:
    def kill(metrics: StepMetrics, total: int) -> None:
        if metrics.step == step:
            raise Killed

    with pytest.raises(Killed):
        trainer(tmp_path, kill).fit()
    trainer(tmp_path).fit(resume=True)
    for file in ("metrics.csv", "metrics_test.csv"):
        assert curve(tmp_path, file) == curve(uninterrupted, file)


def start(folder: Path, program: str) -> subprocess.Popen[bytes]:
    """A process that runs ``program`` with the functions of this very file at ``here``."""
    prelude = f"""
import runpy
from pathlib import Path
here = runpy.run_path({__file__!r})
folder = Path({str(folder)!r})
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", prelude + program], env=environment)


def test_killed_twice_the_curve_is_the_same(tmp_path: Path, uninterrupted: Path) -> None:
    after_five = """
import os, signal
def kill(metrics, total):
    if metrics.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
here['trainer'](folder, kill).fit()
"""
    with start(tmp_path, after_five) as process:
        pass
    assert process.returncode == -signal.SIGKILL
    assert len(curve(tmp_path)) == 5
    # The second time in the middle of a checkpoint, when all of it is written and nothing yet renamed.
    in_checkpoint = """
import os, signal
def kill(source, target):
    if Path(target).name == "checkpoint.safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)
rename, os.replace = os.replace, kill
here['trainer'](folder).fit(resume=True)
"""
    with start(tmp_path, in_checkpoint) as process:
        pass
    assert process.returncode == -signal.SIGKILL
    trainer(tmp_path).fit(resume=True)
    for file in ("metrics.csv", "metrics_test.csv"):
        assert curve(tmp_path, file) == curve(uninterrupted, file)


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path: Path, uninterrupted: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(metrics: StepMetrics, total: int) -> None:
        if metrics.step == 8:
            size = (tmp_path / "checkpoint.safetensors").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))

    try:
        with pytest.raises(OSError, match=r"checkpoint\.safetensors"):
            trainer(tmp_path, fill).fit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    first: list[int] = []
    trainer(tmp_path, lambda metrics, total: first.append(metrics.step)).fit(resume=True)
    assert first[0] == 7
    assert curve(tmp_path) == curve(uninterrupted)


def test_a_row_cut_by_the_kill_is_dropped(tmp_path: Path, uninterrupted: Path) -> None:
    def kill(metrics: StepMetrics, total: int) -> None:
        if metrics.step == 8:
            with (tmp_path / "metrics.csv").open("a") as file:
                file.write("9,2,5.43")
            raise Killed

    with pytest.raises(Killed):
        trainer(tmp_path, kill).fit()
    trainer(tmp_path).fit(resume=True)
    assert curve(tmp_path) == curve(uninterrupted)


def test_seconds_go_on(tmp_path: Path) -> None:
    trainer(tmp_path).fit()
    seconds: list[float] = []
    longer = replace(CONFIG, epochs=4)
    trainer(tmp_path, lambda metrics, total: seconds.append(metrics.seconds), longer).fit(resume=True)
    assert len(seconds) == 5
    with (tmp_path / "metrics.csv").open(newline="") as file:
        before = float(list(csv.DictReader(file))[STEPS - 1]["seconds"])
    assert before < seconds[0]


def test_resume_without_a_checkpoint_starts(tmp_path: Path, uninterrupted: Path) -> None:
    trainer(tmp_path).fit(resume=True)
    assert curve(tmp_path) == curve(uninterrupted)


def test_a_run_is_not_overwritten(uninterrupted: Path) -> None:
    before = curve(uninterrupted)
    with pytest.raises(FileExistsError, match=r"a run is there; resume it.*checkpoint\.safetensors"):
        trainer(uninterrupted).fit()
    assert curve(uninterrupted) == before


def test_other_batches_are_refused(uninterrupted: Path) -> None:
    config = replace(CONFIG, batch_size=4, seed=3)
    with pytest.raises(CheckpointError, match=r"seed was 0 and is 3, batch_size x .* processes was 8 and is 4"):
        trainer(uninterrupted, config=config).fit(resume=True)
    with pytest.raises(CheckpointError, match="images was 40 and is 48"):
        Trainer(FlowLikelihood(tiny_flow(), some_images(48), CONFIG), uninterrupted).fit(resume=True)


def test_as_many_other_images_are_refused(uninterrupted: Path) -> None:
    images = some_images()
    brighter = replace(images, pixels=images.pixels + 1)
    with pytest.raises(CheckpointError, match=r"made of other data: content was \w{8} and is \w{8}\. "):
        Trainer(FlowLikelihood(tiny_flow(), brighter, CONFIG, images), uninterrupted).fit(resume=True)


def test_as_many_other_vectors_are_refused(tmp_path: Path) -> None:
    def train(x: torch.Tensor) -> None:
        torch.manual_seed(0)
        model = Autoencoder(torch.nn.Linear(3, 2), torch.nn.Linear(2, 3))
        Trainer(Reconstruction(model, x, EngineConfig(epochs=1, batch_size=8)), tmp_path).fit(resume=True)

    x = torch.randn(16, 3)
    train(x)
    train(x.clone())
    with pytest.raises(CheckpointError, match="content was"):
        train(x + 1e-6)


def test_another_model_is_refused(uninterrupted: Path) -> None:
    flow = Flow([Composition([ActNorm(SHAPE)])])
    with pytest.raises(CheckpointError, match=r"holds the weights of another model.*unexpected: "):
        Trainer(FlowLikelihood(flow, some_images(), CONFIG), uninterrupted).fit(resume=True)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all, but long enough to be taken for one"])
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="is cut short or no safetensors file"):
        trainer(tmp_path).fit(resume=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"progress": {}},
        {"progress": 5},
        {"sampling": None},
        {"optimizers": None},
        {"optimizers": [1]},
        {"progress": {"step": 1, "seconds": 0.1}},
    ],
)
def test_a_header_that_was_changed_is_refused(tmp_path: Path, uninterrupted: Path, changes: dict[str, object]) -> None:
    tensors, header = read_tensors(uninterrupted / "checkpoint.safetensors", "checkpoint")
    described = {name: value for name, value in header.items() if name not in ("kind", "version")}
    write_tensors(tmp_path / "checkpoint.safetensors", tensors, "checkpoint", **(described | changes))
    with pytest.raises(CheckpointError, match="does not say how far its training is; take an intact copy"):
        trainer(tmp_path).fit(resume=True)
