from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from nflows_core.runtime import cluster
from nflows_core.runtime.batch import run_batch
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.jobs import Batch, Job, plan_batch
from nflows_core.runtime.status import STATUS_FILE


def reverse(source: Path, target: Path) -> Mapping[str, Any]:
    """Writes a text backwards; refuses one that has no letters."""
    text = source.read_text()
    if not text:
        raise ValueError(f"{source.name} is empty")
    with atomic_write(target, "w") as file:
        file.write(text[::-1])
    return {"letters": len(text)}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler and two workers in threads, which talk over TCP as machines do."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as local:
        yield local.scheduler_address


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """Twelve texts, some of them empty, by relative paths."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for number in range(12):
        (tmp_path / "in" / ("sub" if number % 2 else "") / f"{number:02}.txt").write_text("abc" * (number % 5))
    monkeypatch.chdir(tmp_path)
    return plan_batch([Path("in")], Path("out"), {".txt"})


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*.txt")}


def test_a_cluster_does_what_one_process_does(address: str, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PORTION", 2)
    here = run_batch(batch, reverse)
    expected, outcomes = contents(Path("out")), list(here.outcomes)
    Path("out").rename("first")
    there = run_batch(batch, reverse, dask=address)
    assert contents(Path("out")) == expected
    assert here.counts() == there.counts() == {"done": 9, "skipped": 0, "failed": 3}
    for one, other in zip(outcomes, there.outcomes, strict=True):
        assert (one.job, one.status, one.result, one.error) == (other.job, other.status, other.result, other.error)
    assert len((Path("out") / STATUS_FILE).read_text().splitlines()) == 12


def test_a_cluster_goes_on(address: str, batch: Batch) -> None:
    run_batch(batch, reverse)
    again = run_batch(batch, reverse, skip_existing=True, dask=address)
    assert again.counts() == {"done": 0, "skipped": 9, "failed": 3}


def test_a_cluster_makes_again_what_was_cut_short_and_nothing_else(address: str, batch: Batch) -> None:
    run_batch(batch, reverse)
    Path("out/02.txt").write_text("cba")
    Path("out/04.txt").write_text("mine")
    again = run_batch(batch, reverse, skip_existing=True, dask=address)
    assert again.counts() == {"done": 1, "skipped": 7, "failed": 4}
    assert Path("out/02.txt").read_text() == "cbacba"
    assert Path("out/04.txt").read_text() == "mine"


def test_a_scheduler_that_is_gone(address: str, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cluster._outcome
    monkeypatch.setattr(cluster, "_outcome", lambda status, result, job: found("cancelled", CancelledError(), job))
    with pytest.raises(CommandError, match="the Dask scheduler is gone; start it again and go on with") as raised:
        run_batch(batch, reverse, dask=address)
    assert raised.value.exit_code == 1


def test_an_error_of_dask_is_one_of_the_file(tmp_path: Path) -> None:
    # As it gives the error of a worker that died again and again.
    error = RuntimeError("4 workers died")
    outcome = cluster._outcome("error", (RuntimeError, error, None), Job(tmp_path / "a", tmp_path / "b"))
    assert (outcome.status, outcome.error) == ("failed", "RuntimeError: 4 workers died; --debug shows where")


def test_no_scheduler(batch: Batch) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    import dask

    assert distributed
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "100ms"}),
            pytest.raises(CommandError, match=f"{address}: no Dask scheduler answers"),
        ):
            run_batch(batch, reverse, dask=address)


def test_without_dask(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nflows-core\[dask\]'"):
        run_batch(batch, reverse, dask="tcp://127.0.0.1:9")
