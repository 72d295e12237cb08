"""A path is a string or a Path, wherever a program gives one."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest

import nflows_core
from nflows_core import find_run, load_run, read_images
from nflows_core.latents import read_attributes
from nflows_core.runs import read_run, report, save_run
from nflows_core.runs.edits import edit_pictures, interpolate_pictures
from nflows_core.runs.experiment import resume, train
from nflows_core.runs.samples import save_samples
from nflows_core.runtime.images import read_picture, write_picture
from nflows_core.runtime.jobs import plan_batch
from nflows_core.runtime.tensors import read_tensors, write_tensors
from nflows_core.training import TrainingConfig
from nflows_core.training.curve import read_curve

ROOMS = ["data", "evaluation", "latents", "models", "runs", "training", "runtime.images"]
MODULES = ["runs.comparison", "runs.edits", "runs.experiment", "runs.folder", "runs.pictures", "runs.report", "shipped"]
MODULES += ["runs.samples", "runs.scores"]
MODULES += ["runtime.files", "runtime.jobs", "runtime.report", "runtime.tensors"]


def functions(module: str) -> list[FunctionType]:
    """Those that a room offers, or a module has."""
    home = import_module(f"nflows_core.{module}")
    names = getattr(home, "__all__", [name for name, value in vars(home).items() if is_own(value, home.__name__)])
    return [value for name in names if inspect.isfunction(value := getattr(home, name)) and not name.startswith("_")]


def is_own(value: object, module: str) -> bool:
    return inspect.isfunction(value) and value.__module__ == module


@pytest.mark.parametrize("module", [*ROOMS, *MODULES])
def test_no_function_asks_for_a_path_alone(module: str) -> None:
    takes_paths = {
        f"{thing.__name__}({parameter})"
        for thing in functions(module)
        for parameter in inspect.signature(thing).parameters.values()
        if "Path" in str(parameter.annotation) and "str | Path" not in str(parameter.annotation)
    }
    assert takes_paths == set()


def test_a_run_from_end_to_end_by_strings(tmp_path: Path) -> None:
    run, picture = str(tmp_path / "run"), str(tmp_path / "picture.png")
    config = TrainingConfig(epochs=1, batch_size=500)
    flow = train("digits", run, "glow", {"levels": 1, "depth": 1, "width": 4}, config)
    assert resume("digits", run).summary() == load_run(run).summary() == flow.summary()
    assert nflows_core.find_run(run) == find_run(Path(run)) == Path(run)
    assert report.report_run(run, "Digits")["test_images"] == report.measure_run(run)["test_images"]
    report.reconstruct_run(run, n=5, path=picture)
    save_run(str(tmp_path / "other"), read_run(run), flow)
    assert load_run(tmp_path / "other").summary() == flow.summary()
    assert read_curve(f"{run}/metrics.csv", "bits_per_dim")
    save_samples(flow, picture, 1)
    (tmp_path / "pictures").mkdir()
    for name in map(str, range(30)):
        write_picture(str(tmp_path / "pictures" / f"{name}.png"), read_picture(picture))
    assert len(read_images(str(tmp_path / "pictures"), "train", 8)) > 20
    interpolate_pictures(run, [picture, picture], str(tmp_path / "between.png"), size=8)
    (tmp_path / "values.csv").write_text("image,x\na.png,1\n")
    assert read_attributes(str(tmp_path / "values.csv"))
    edit_pictures(run, [picture], "brightness", [1.0], str(tmp_path / "edited.png"), size=8)
    assert plan_batch([picture], str(tmp_path / "results"), {".png"}).jobs[0].source == Path(picture)
    write_tensors(str(tmp_path / "x"), {}, "nothing")
    assert read_tensors(str(tmp_path / "x"), "nothing")[0] == {}
