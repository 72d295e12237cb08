"""``nflows bench`` on the embedded digits: rows that can be trusted, runs that are not made twice."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from nflows_core.cli import nflows
from nflows_core.runs import load_run
from nflows_core.runs.comparison import rows_of
from nflows_core.runtime.cli import run
from nflows_core.runtime.errors import ExitCode
from nflows_core.training import DivergedError

SMALL = ["--levels", "1", "--depth", "1", "--width", "4", "--epochs", "1", "--rounds", "1"]


def bench(folder: Path, *models: str, extra: tuple[str, ...] = ()) -> int:
    chosen = [word for model in models for word in ("--model", model)]
    return run(nflows, ["bench", "digits", "-o", str(folder), *chosen, *SMALL, *extra])


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    assert bench(folder, "glow", "cinc:coupling=quad,width=6", "planar-stack:depth=2") == ExitCode.DONE
    return folder


@pytest.fixture
def own(compared: Path, tmp_path: Path) -> Path:
    """A copy of the folder for a test that changes it."""
    return shutil.copytree(compared, tmp_path / "own")


def rows(folder: Path) -> list[dict[str, Any]]:
    return rows_of(json.loads((folder / "report.json").read_text()))


def test_has_a_row_of_each_model(compared: Path) -> None:
    assert [row["model"] for row in rows(compared)] == ["glow", "cinc:coupling=quad,width=6", "planar-stack:depth=2"]
    for row in rows(compared):
        low, high = row["bits_per_dim_interval_95"]
        assert low < row["bits_per_dim"] < high
        assert row["nats_per_image"] == pytest.approx(row["bits_per_dim"] * 64 * math.log(2))
        assert row["max_reconstruction_error"] < 1e-4
        assert row["epochs"] == 1


def test_relates_times_to_the_first_model(compared: Path) -> None:
    first, *others = rows(compared)
    for kind in ("sampling", "forward", "training"):
        assert first[f"{kind}_ratio"] == 1
        for row in others:
            expected = row[f"{kind}_ms_per_100"] / first[f"{kind}_ms_per_100"]
            assert row[f"{kind}_ratio"] == pytest.approx(expected)


def test_a_row_is_of_the_run_in_its_folder(compared: Path) -> None:
    flow = load_run(compared / "cinc-coupling-quad-width-6")
    assert rows(compared)[1]["parameters"] == sum(parameter.numel() for parameter in flow.parameters())
    assert any(type(module).__name__ == "QuadCoupling" for module in flow.modules())


def test_the_table_is_a_csv_file_too(compared: Path) -> None:
    with (compared / "rows.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["bits_per_dim"]) for row in table] == [row["bits_per_dim"] for row in rows(compared)]
    assert json.loads(table[0]["bits_per_dim_interval_95"]) == rows(compared)[0]["bits_per_dim_interval_95"]


def test_trains_no_model_twice(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = own / "glow" / "model.safetensors"
    before, bits = weights.stat().st_mtime_ns, rows(own)[0]["bits_per_dim"]
    assert bench(own, "glow", "cinc:coupling=quad,width=6", "planar-stack:depth=2") == ExitCode.DONE
    assert weights.stat().st_mtime_ns == before
    assert rows(own)[0]["bits_per_dim"] == bits
    shown = capsys.readouterr()
    assert "epochs" not in shown.err
    assert [line.split()[0] for line in shown.out.splitlines()[1:]] == [row["model"] for row in rows(own)]


def test_goes_on_with_a_stopped_model(own: Path) -> None:
    weights = own / "glow" / "model.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    assert bench(own, "glow") == ExitCode.DONE
    assert weights.read_bytes() == before


def test_refuses_a_run_with_other_settings(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(own, "glow", extra=("--epochs", "2")) == ExitCode.USAGE
    assert "glow holds a run with other settings; choose another folder, or remove it" in capsys.readouterr().err


def test_says_so_when_every_model_diverges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ("--learning-rate", "1e12", "--warmup-steps", "0")
    assert bench(tmp_path, "glow", extra=wild) == ExitCode.USAGE
    assert "every candidate diverged: diverged after" in capsys.readouterr().err


def test_a_model_that_diverges_stops_no_other(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverge(*arguments: object, **options: object) -> None:
        raise DivergedError("output of layer 3", 7, 0.1, None)

    monkeypatch.setattr("nflows_core.runs.experiment.train", diverge)
    assert bench(own, "glow:width=5", "glow") == ExitCode.FAILED
    assert [row["model"] for row in rows(own)] == ["glow"]
    report = json.loads((own / "report.json").read_text())
    assert "output of layer 3" in report["diverged"]["glow:width=5"]
    assert "glow:width=5: diverged after 7 updates" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("glw", "no model is called 'glw'; there are cinc,"),
        ("glow:width", "glow:width: 'width' is no argument; write NAME:ARGUMENT=VALUE"),
        ("glow:=3", "'=3' is no argument"),
        ("glow:colour=3", "the model glow takes no colour"),
        ("cinc:coupling=octo", "coupling must be one of affine, additive, quad, got 'octo'"),
    ],
)
def test_refuses_a_model_that_cannot_be(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tmp_path, text) == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_of_data_that_cannot_be_read_no_folder_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "bench"
    assert run(nflows, ["bench", str(tmp_path / "missing"), "-o", str(folder), *SMALL]) == ExitCode.USAGE
    assert "missing: no such file or folder" in capsys.readouterr().err
    assert not folder.exists()


def test_refuses_the_same_model_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(tmp_path, "glow", "glow") == ExitCode.USAGE
    assert "glow is given twice" in capsys.readouterr().err


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("mine")
    assert bench(tmp_path, "glow") == ExitCode.USAGE
    assert "has files without the mark of an nflows command, such as rows.csv" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_comparison_that_was_stopped_before_its_report_goes_on(own: Path) -> None:
    for name in ("report.json", "report.html", "rows.csv"):
        (own / name).unlink()
    before = (own / "glow" / "model.safetensors").read_bytes()
    assert bench(own, "glow") == ExitCode.DONE
    assert (own / "glow" / "model.safetensors").read_bytes() == before
