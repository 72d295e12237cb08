"""A run that a program made by `Trainer`, of arrays in memory, is one for every command."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from nflows_core.bijections import ActNorm
from nflows_core.cli import nflows
from nflows_core.data import Images
from nflows_core.flow import Flow
from nflows_core.models import MODELS, Glow, argument_names, build
from nflows_core.runs import RunError, load_run, read_run
from nflows_core.runtime.images import read_picture
from nflows_core.testing import call_command
from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig

call = partial(call_command, nflows)
IMAGES = Images(
    np.random.default_rng(0).integers(0, 17, (30, 1, 8, 8), np.uint8), 17, np.arange(30) % 3, classes=("a", "b", "c")
)


def trained(flow: Flow, folder: Path, *, conditional: bool = False) -> Flow:
    config = TrainingConfig(epochs=1, batch_size=10, conditional=conditional)
    return Trainer(FlowLikelihood(flow, IMAGES, config), folder).fit()


@pytest.mark.parametrize("model", MODELS)
def test_it_is_loaded_to_the_same_bits(model: str, tmp_path: Path) -> None:
    small = {name: 1 for name in ("levels", "depth", "width") if name in argument_names(model)}
    flow = trained(build(model, {"shape": IMAGES.shape, "quantization": 17, **small}), tmp_path)
    loaded, x = load_run(tmp_path), torch.rand(2, 1, 8, 8)
    assert (type(loaded), loaded.quantization, loaded.training) == (MODELS[model], 17, False)
    assert torch.equal(loaded.log_prob(x), flow.log_prob(x))
    assert read_run(tmp_path).model == model


def test_a_command_samples_it_and_measures_data_that_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    trained(Glow([1, 8, 8], 1, 1, width=4, context_features=3, quantization=17), run, conditional=True)
    assert call("sample", run, "-n", 4, "--class", "b", "-o", tmp_path / "b.png") == 0
    assert read_picture(tmp_path / "b.png").pixels.shape[:2] > (16, 16)
    assert call("eval", run) == 2
    assert "was trained on images in memory; give as data where it is now" in capsys.readouterr().err
    assert call("eval", run, "digits") == 2
    assert "the flow knows no class '0'; its classes are a, b, c" in capsys.readouterr().err


def test_no_other_run_begins_in_its_folder_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    trained(Glow((1, 8, 8), 1, 1, width=4, quantization=17), run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    tiny = ("--levels", 1, "--depth", 1, "--width", 4, "--epochs", 1)
    assert call("train", "digits", "-o", run, *tiny) == 2
    assert "a run is there; resume it, overwrite it or choose another folder" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert call("train", "digits", "-o", run, *tiny, "--overwrite") == 0
    assert read_run(run).model == "inverse-flow"


def test_a_flow_of_ones_own_is_for_who_built_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Own(Glow):
        """A preset that no name stands for."""

    for flow in (Flow([ActNorm((1, 8, 8))], quantization=17), Own((1, 8, 8), 1, 1, width=4, quantization=17)):
        folder = tmp_path / type(flow).__name__
        trained(flow, folder)
        with pytest.raises(RunError, match=r"only who built it can load it: keep what Trainer.fit returns"):
            load_run(folder)
        assert call("sample", folder, "-o", tmp_path / "x.png") == 2
        assert "is not of one of the models that are known by name" in capsys.readouterr().err
