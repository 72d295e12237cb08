"""The run folder: the trained flow comes back from it, and a bad folder says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nflows_core.bijections import ActNorm, AffineCoupling, Composition, Conv1x1
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.models import MODELS
from nflows_core.runs import Run, RunError, load_run, read_run, save_run
from nflows_core.training import CheckpointError, FlowLikelihood, StepMetrics, Trainer, TrainingConfig

RUN = Run(
    model="tiny",
    arguments={"shape": (2, 4, 4), "depth": 2, "quantization": 32},
    data="digits",
    size=None,
    classes=("zero", "one"),
    training=TrainingConfig(epochs=2, batch_size=8, seed=5),
)
IMAGES = Images(torch.arange(16 * 32).reshape(16, 2, 4, 4).remainder(32).to(torch.uint8), quantization=32)


class TinyFlow(Flow):
    def __init__(self, shape: tuple[int, int, int], depth: int, quantization: int = 256) -> None:
        layers = [kind(shape) for _ in range(depth) for kind in (ActNorm, Conv1x1, AffineCoupling)]
        super().__init__([Composition(layers)], quantization=quantization)


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "tiny", TinyFlow)


def trained(folder: Path, stop_at: int | None = None) -> Flow:
    """A run's flow with averaged weights; interrupted after ``stop_at`` updates if given."""

    def stop(metrics: StepMetrics, total: int) -> None:
        if metrics.step == stop_at:
            raise KeyboardInterrupt

    save_run(folder, RUN)
    torch.manual_seed(0)
    return Trainer(FlowLikelihood(TinyFlow(**RUN.arguments), IMAGES, RUN.training), folder, stop).fit()


def test_a_finished_run_gives_the_flow_back(tmp_path: Path) -> None:
    flow = trained(tmp_path)
    save_run(tmp_path, RUN, flow)
    (tmp_path / "checkpoint.safetensors").unlink()
    loaded = load_run(tmp_path)
    x = torch.rand(3, 2, 4, 4)
    assert torch.equal(loaded.log_prob(x), flow.log_prob(x))
    assert (loaded.quantization, loaded.shape, loaded.training) == (32, (2, 4, 4), False)


def test_an_unfinished_run_gives_the_average_of_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, stop_at=4)
    # Four updates of two epochs are all: the same average as of a run that went to its end.
    flow = trained(tmp_path / "whole")
    x = torch.rand(3, 2, 4, 4)
    with pytest.warns(RuntimeWarning, match=r"has no model\.safetensors, as its training has not finished"):
        loaded = load_run(tmp_path)
    assert torch.equal(loaded.log_prob(x), flow.log_prob(x))


def test_weights_that_were_changed_on_the_disk_are_refused(tmp_path: Path) -> None:
    save_run(tmp_path / "run", RUN, trained(tmp_path / "run"))
    weights = tmp_path / "run" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 0x10  # in the last number, which stays finite
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged, or of another run: its SHA-256 is"):
        load_run(tmp_path / "run")


def test_a_run_of_before_there_were_digests_is_loaded(tmp_path: Path) -> None:
    flow = trained(tmp_path)
    save_run(tmp_path, RUN, flow)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["weights_sha256"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    x = torch.rand(3, 2, 4, 4)
    assert torch.equal(load_run(tmp_path).log_prob(x), flow.log_prob(x))


def test_the_description_comes_back(tmp_path: Path) -> None:
    save_run(tmp_path, RUN)
    assert read_run(tmp_path) == RUN
    settings = json.loads((tmp_path / "config.json").read_text())
    assert torch.__version__.startswith(settings["versions"]["torch"])


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no run folder, it has no config\.json"):
        load_run(tmp_path)
    with pytest.raises(RunError, match="is no run folder"):
        load_run(tmp_path / "absent")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": "tiny", "arguments": 3}'])
def test_a_foreign_configuration_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config\.json does not describe a run of this version"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bits", "five"),
        ("bits", 9),
        ("splits", 5),
        ("splits", "train"),
        ("size", -1),
        ("size", 10**6),
        ("fingerprint", {"train": {}}),
    ],
)
def test_a_foreign_way_of_reading_is_refused(tmp_path: Path, key: str, value: object) -> None:
    save_run(tmp_path, RUN)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, key: value}))
    with pytest.raises(RunError, match=r"config\.json does not describe a run of this version"):
        read_run(tmp_path)


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    save_run(tmp_path, replace(RUN, model="glo"))
    with pytest.raises(RunError, match=r"config\.json: no model is called 'glo'; there are cinc, .*, tiny, "):
        load_run(tmp_path)


def test_arguments_of_another_version_are_named(tmp_path: Path) -> None:
    save_run(tmp_path, replace(RUN, arguments={"shape": (2, 4, 4), "levels": 3}))
    with pytest.raises(RunError, match=r"config\.json: the model tiny takes no levels; it takes shape, depth, "):
        load_run(tmp_path)


def test_a_run_that_wrote_no_weights_is_named(tmp_path: Path) -> None:
    save_run(tmp_path, RUN)
    with pytest.raises(RunError, match=r"neither model\.safetensors nor checkpoint\.safetensors"):
        load_run(tmp_path)


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    save_run(tmp_path, RUN)
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is a safetensors file, but of another program"):
        load_run(tmp_path)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_run(tmp_path, RUN, TinyFlow((2, 4, 4), depth=1, quantization=32))
    with pytest.raises(CheckpointError, match=r"model\.safetensors holds the weights of another model.*missing: "):
        load_run(tmp_path)
