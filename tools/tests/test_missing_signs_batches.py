"""`apps/missing_signs categorise` killed and gone on with, on a cluster, and with what was done before."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pytest
from missing_signs_learned import APP, app

from nflows_core.testing import kill_at_call, one_thread


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, learned: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*sys.path, str(APP)]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("erased", "seen"):
        Path(name).symlink_to(learned / name)
    with one_thread():
        yield


@pytest.fixture
def address() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as local:
        yield local.scheduler_address


def numbers(run: Path) -> dict[str, Any]:
    """The report of a run, but for its inputs: the configuration names the folder of the scenes."""
    report: dict[str, Any] = json.loads((run / "report.json").read_text())
    return {name: value for name, value in report.items() if name != "inputs"}


def same_run(first: Path, second: Path) -> bool:
    weights = [(run / "model.safetensors").read_bytes() for run in (first, second)]
    return weights[0] == weights[1] and numbers(first) == numbers(second)


def verdicts(folder: str | Path) -> dict[str, bytes]:
    found = [path for path in Path(folder).rglob("*") if path.parent.name in ("missing", "standing")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("nflows_privacy.missing.observing.write_tensors", 3),  # while it looks at scenes
        ("nflows_core.runtime.status.to_json", 7),  # when a scene is written and not logged
        ("nflows_core.runs.kind.write_tensors", 1),  # when it has learned
    ],
)
def test_killed_and_resumed_is_the_run_that_was_not(function: str, call: int, learned: Path) -> None:
    kill_at_call(function, call, "missing_signs", "categorise", "erased", "-o", "run")
    assert not Path("run", "model.safetensors").exists()
    assert app("categorise", "erased", "-o", "run") == 2  # unasked, nothing is gone on with
    left = {path: path.stat().st_mtime_ns for path in Path("run", "observed").rglob("*.safetensors")}
    assert app("categorise", "erased", "-o", "run", "--resume") == 0
    assert same_run(Path("run"), learned / "run")
    kept = [path for path, time in left.items() if path.stat().st_mtime_ns == time]
    assert len(kept) >= len(left) - 1  # one may have been written and not logged
    assert len(kept) >= 2


def test_a_cluster_gives_the_bytes_of_one_process(address: str, learned: Path) -> None:
    assert app("categorise", "erased", "-o", "run", "--dask", address) == 0
    assert same_run(Path("run"), learned / "run")
    judge = ("categorise", "seen", "--model", learned / "run")
    assert app(*judge, "-o", "here") == 0
    assert app(*judge, "-o", "there", "--dask", address) == 0
    assert len(verdicts("here")) == 18  # a file and a picture of each scene
    assert verdicts("here") == verdicts("there")


def test_what_was_judged_is_not_judged_again_unless_something_is_other(
    learned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = ("categorise", "seen", "--model", learned / "run", "-o", "found", "--skip-existing")
    assert app(*judge) == 0
    whole = verdicts("found")
    Path("found", "missing", "00001.json").unlink()
    capsys.readouterr()
    assert app(*judge) == 0
    assert "1 done, 8 skipped" in capsys.readouterr().err
    assert verdicts("found") == whole
    assert app(*judge, "--certainty", 0.99) == 0
    assert "9 done" in capsys.readouterr().err


def test_a_scene_that_cannot_be_read_is_left_out_of_learning_and_told(
    learned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(learned / "erased", "damaged")
    Path("damaged", "standing", "00003.png").write_bytes(b"no picture")
    assert app("categorise", "damaged", "-o", "run") == 1
    assert "damaged/standing/00003.png: " in capsys.readouterr().err.splitlines()[-1]
    assert json.loads(Path("run", "report.json").read_text())["scenes"] == 10
    assert app("categorise", "seen", "--model", "run", "-o", "found") == 0
    assert len(verdicts("found")) == 18
