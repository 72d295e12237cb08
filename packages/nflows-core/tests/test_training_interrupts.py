"""Signals that end a training leave a checkpoint, and a folder has one training at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from nflows_core.runtime.errors import Terminated, explain
from nflows_core.runtime.lock import LOCK_FILE, FolderInUseError, locked
from nflows_core.runtime.tensors import read_tensors
from nflows_core.testing import one_thread
from nflows_core.training import Autoencoder, EngineConfig, Reconstruction, StepMetrics, Trainer
from nflows_core.training.interrupts import held_interrupts, terminations
from nflows_core.training.loop import Progress

ENDING = [signal.SIGTERM, signal.SIGHUP]
X = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def trainer(folder: Path | None, progress: Progress | None = None) -> Trainer[Autoencoder, torch.Tensor]:
    torch.manual_seed(0)
    model = Autoencoder(torch.nn.Linear(3, 2), torch.nn.Linear(2, 3))
    config = EngineConfig(epochs=3, batch_size=4, checkpoint_steps=1000)
    return Trainer(Reconstruction(model, X, config), folder, progress)


def at(step: int, number: signal.Signals) -> Progress:
    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step == step:
            signal.raise_signal(number)

    return progress


# Signals


@pytest.mark.parametrize("number", ENDING)
def test_the_update_that_was_made_last_is_not_lost(tmp_path: Path, number: signal.Signals) -> None:
    whole = trainer(None).fit()
    with pytest.raises(Terminated) as caught:
        trainer(tmp_path, at(6, number)).fit()
    assert caught.value.code == 128 + number
    assert explain(caught.value) == (f"ended by {number.name}", 128 + number)
    steps: list[int] = []
    resumed = trainer(tmp_path, lambda metrics, total: steps.append(metrics.step)).fit(resume=True)
    assert steps[0] == 7
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_before_the_first_update_there_is_nothing_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reconstruction, "initialize", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Terminated):
        trainer(tmp_path).fit()
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
def test_a_second_signal_does_not_spoil_the_checkpoint(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def impatient(source: str | Path, target: str | Path) -> None:
        signal.raise_signal(number)
        replace(source, target)

    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step == 2:
            monkeypatch.setattr(os, "replace", impatient)
            signal.raise_signal(number)

    with pytest.raises((KeyboardInterrupt, Terminated)):
        trainer(tmp_path, progress).fit()
    assert read_tensors(tmp_path / "checkpoint.safetensors", "checkpoint")[1]["progress"]["step"] == 2


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_what_a_program_does_on_a_signal_is_left_to_it(number: signal.Signals, handler: signal.Handlers) -> None:
    before = signal.signal(number, handler)
    try:
        trainer(None, at(2, number)).fit()
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", ENDING)
def test_afterwards_signals_do_what_they_did(number: signal.Signals) -> None:
    trainer(None).fit()
    assert signal.getsignal(number) is signal.SIG_DFL


def test_several_processes_note_a_signal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with suppress(InterruptedError), terminations(at_once=False) as came:
            signal.raise_signal(signal.SIGHUP)
            raise InterruptedError
        assert came == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_held_until_an_update_is_done() -> None:
    done = []
    with suppress(Terminated), terminations(at_once=True), held_interrupts():
        signal.raise_signal(signal.SIGTERM)
        done.append("update")
    assert done == ["update"]


def test_other_threads_train_without_signals() -> None:
    trained: list[Autoencoder] = []
    thread = threading.Thread(target=lambda: trained.append(trainer(None).fit()))
    thread.start()
    thread.join()
    assert len(trained) == 1


# The lock


def test_a_second_training_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    def intrude(metrics: StepMetrics, total: int) -> None:
        for resume in (False, True):
            with pytest.raises(FolderInUseError, match=rf"\(process {os.getpid()} on .*\) writes here"):
                trainer(tmp_path).fit(resume)

    trainer(tmp_path, intrude).fit()
    assert not (tmp_path / LOCK_FILE).exists()


def test_the_folder_is_free_after_an_error(tmp_path: Path) -> None:
    for step in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            trainer(tmp_path, at(step, signal.SIGINT)).fit(resume=True)
    assert not (tmp_path / LOCK_FILE).exists()


def test_a_kill_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from nflows_core.runtime.lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / LOCK_FILE).exists(), "the file stays, but nobody holds it"
    trainer(tmp_path).fit()
    assert not (tmp_path / LOCK_FILE).exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_workers_that_outlive_a_killed_training_keep_no_lock(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, time; from pathlib import Path; from nflows_core.runtime.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    there, here = os.pipe()\n"
        "    if worker := os.fork():\n"
        "        os.read(there, 1)\n"  # else the worker may not have run yet, and still has what the fork gave it
        "        print(worker, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    os.write(here, b'.')\n"
        "    time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert process.wait() == -signal.SIGKILL
        with locked(tmp_path):
            os.kill(worker, 0)  # it is there still
        os.kill(worker, signal.SIGKILL)


def test_who_waited_for_a_file_that_is_gone_gets_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_, opened = os.open, []

    def slow(path: Path, *arguments: int) -> int:
        descriptor = open_(path, *arguments)
        if not opened:
            Path(path).unlink()  # as the training does that ended just now
        opened.append(path)
        return descriptor

    monkeypatch.setattr("nflows_core.runtime.lock.os.open", slow)
    with locked(tmp_path):
        assert len(opened) == 2
        with pytest.raises(FolderInUseError), locked(tmp_path):
            pass


def test_where_files_cannot_be_locked_a_person_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(RuntimeWarning, match=r"cannot be locked \(No locks available\): let nothing else"):
        trainer(tmp_path).fit()
