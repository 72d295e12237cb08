"""Two processes train as one does with twice the batch, are killed and go on, and speak with one voice."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nflows_core.bijections import ActNorm
from nflows_core.data import read_images
from nflows_core.runs import experiment, load_run, read_run
from nflows_core.runs.folder import build_run
from nflows_core.runtime.tensors import read_tensors
from nflows_core.testing import one_thread
from nflows_core.training import CheckpointError, FlowLikelihood, StepMetrics, Trainer, TrainingConfig

MODEL = {"levels": 1, "depth": 2, "width": 8}
CONFIG = TrainingConfig(epochs=2, batch_size=100, warmup_steps=4, checkpoint_steps=3, log_steps=1)
ALL_AT_ONCE = replace(CONFIG, reversible=True, mixed_precision="bf16", batch_size=50, accumulation_steps=2)
STEPS = 16  # 1,620 digits make 8 updates of 200 an epoch
KILLED_AFTER = 10


def run(folder: Path, config: TrainingConfig = CONFIG, progress: object = None) -> None:
    experiment.train("digits", folder, "inverse-flow", MODEL, config, progress=progress)  # type: ignore[arg-type]


def kill(metrics: StepMetrics, total: int) -> None:
    if metrics.step == KILLED_AFTER:
        os.kill(os.getpid(), signal.SIGKILL)


def tell_to_end(metrics: StepMetrics, total: int) -> None:
    if metrics.step == KILLED_AFTER:
        signal.raise_signal(signal.SIGTERM)


def column(folder: Path, file: str = "metrics.csv", name: str = "bits_per_dim") -> list[str]:
    with (folder / file).open(newline="") as stream:
        return [row[name] for row in csv.DictReader(stream)]


def numbers(folder: Path, file: str = "metrics.csv", name: str = "bits_per_dim") -> list[float]:
    return [float(value) for value in column(folder, file, name)]


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def process(rank: int, port: str, folder: Path) -> subprocess.Popen[str]:
    program = f"""
import os, runpy
from pathlib import Path
here = runpy.run_path({__file__!r})
folder = Path({str(folder)!r})
here["run"](folder / "whole")
here["run"](folder / "all", here["ALL_AT_ONCE"])
try:
    here["run"](folder / "told", progress=here["tell_to_end"])
except SystemExit as ended:
    (folder / f"told-{{os.environ['RANK']}}").write_text(str(ended.code))
here["run"](folder / "killed", progress=here["kill"])
"""
    places = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = {**os.environ, **places, **address, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of two processes, one of them killed, and two of one process with twice the batch."""
    folder, port = tmp_path_factory.mktemp("two"), free_port()
    pair = [process(rank, port, folder) for rank in range(2)]
    with one_thread():
        run(folder / "one", replace(CONFIG, batch_size=200))
        run(folder / "parts", replace(CONFIG, accumulation_steps=2))
    errors = [one.communicate(timeout=120)[1] for one in pair]
    assert pair[0].returncode == -signal.SIGKILL, errors
    assert pair[1].returncode not in (0, None), "a process cannot go on without the other"
    shutil.copytree(folder / "killed", folder / "alone")
    return folder


@pytest.mark.parametrize("other", ["whole", "parts"])
def test_the_images_of_an_update_may_be_shared_in_any_way(runs: Path, other: str) -> None:
    # Not bit for bit: the means over the parts are averaged, so float32 sums are rounded in another order.
    assert numbers(runs / other) == pytest.approx(numbers(runs / "one"), abs=1e-4)
    assert len(numbers(runs / other)) == STEPS
    test = numbers(runs / other, "metrics_test.csv")
    assert test == pytest.approx(numbers(runs / "one", "metrics_test.csv"), abs=1e-4)


def test_the_first_update_of_both_is_the_same_but_for_rounding(runs: Path) -> None:
    for name in ("bits_per_dim", "gradient_norm"):
        first, alone = (numbers(runs / run, name=name)[0] for run in ("whole", "one"))
        assert first == pytest.approx(alone, rel=1e-6)


def test_actnorm_is_initialized_alike_and_kept_in_checkpoints(runs: Path) -> None:
    layers = {}
    for name in ("one", "whole"):
        layers[name] = [module for module in load_run(runs / name).modules() if isinstance(module, ActNorm)]
        kept = read_tensors(runs / name / "checkpoint.safetensors", "checkpoint")[0]
        flags = [value for key, value in kept.items() if key.endswith("initialized")]
        assert len(flags) == 2 * len(layers[name]), "of the weights and of their average"
        assert all(flags)
    for two, one in zip(layers["whole"], layers["one"], strict=True):
        torch.testing.assert_close(two.state_dict(), one.state_dict(), rtol=1e-3, atol=1e-4)


def test_bfloat16_accumulation_and_recomputed_activations_train_together(runs: Path) -> None:
    curve = numbers(runs / "all")
    assert curve == pytest.approx(numbers(runs / "one"), abs=0.02), "but for the rounding of bfloat16"
    assert curve[-1] < curve[0] - 0.2


def test_all_processes_end_after_the_update_in_which_one_was_told_to(runs: Path) -> None:
    assert [(runs / f"told-{rank}").read_text() for rank in range(2)] == ["143", "143"]
    kept = read_tensors(runs / "told" / "checkpoint.safetensors", "checkpoint")[1]
    assert kept["progress"]["step"] == KILLED_AFTER, "not that of the last regular checkpoint, 9"
    assert column(runs / "told") == column(runs / "whole")[:KILLED_AFTER]


def test_killed_and_resumed_by_torchrun_is_the_run_that_was_not(runs: Path) -> None:
    assert len(column(runs / "killed")) == KILLED_AFTER
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    command = [*launch, "-m", "nflows_core.cli", "train", "digits", "-o", str(runs / "killed"), "--resume"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    for file in ("metrics.csv", "metrics_test.csv"):
        assert column(runs / "killed", file) == column(runs / "whole", file)
    assert result.stdout.count("report.html") == 1, "the main process alone reports"
    assert result.stderr.count("epochs 1/2") == 1


def test_one_process_goes_on_for_two_with_all_images_of_an_update(runs: Path) -> None:
    folder = runs / "alone"
    with pytest.raises(CheckpointError, match="batch_size x accumulation_steps x processes was 200 and is 100"):
        experiment.resume("digits", folder)
    config = replace(CONFIG, batch_size=200)
    images, test = read_images("digits", "train"), read_images("digits", "test")
    task = FlowLikelihood(build_run(folder, read_run(folder)), images, config, test)
    Trainer(task, folder).fit(resume=True)
    assert numbers(folder) == pytest.approx(numbers(runs / "whole"), abs=1e-4)
