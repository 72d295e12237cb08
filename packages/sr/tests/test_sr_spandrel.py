from __future__ import annotations

import pickle
import shutil
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nflows_sr.engines import EngineSettings, NetworkEngine, load_engine, resolve
from nflows_sr.evaluation.about import about

TINY = {
    "compact": ("Compact.__arch.SRVGG", "SRVGGNetCompact", {"num_feat": 4, "num_conv": 2, "upscale": 2}),
    "grey": (
        "Compact.__arch.SRVGG",
        "SRVGGNetCompact",
        {"num_in_ch": 1, "num_out_ch": 1, "num_feat": 4, "num_conv": 2, "upscale": 3},
    ),
    "rrdb": ("ESRGAN.__arch.RRDB", "RRDBNet", {"num_filters": 4, "num_blocks": 1, "scale": 4}),
    "swinir": (
        "SwinIR.__arch.SwinIR",
        "SwinIR",
        {"embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 8, "upscale": 2, "upsampler": "pixelshuffle"},
    ),
}
SCALES = {"compact": 2, "grey": 3, "rrdb": 4, "swinir": 2}


def network(name: str, **changes: Any) -> nn.Module:
    module, kind, arguments = TINY[name]
    with warnings.catch_warnings(action="ignore"):
        built: nn.Module = getattr(import_module(f"spandrel.architectures.{module}"), kind)(**{**arguments, **changes})
    return built


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name in TINY:
        torch.save({"params": network(name).state_dict()}, folder / f"{name}.pth")
    return folder


def load(path: Path, scale: int | None = None) -> NetworkEngine:
    engine = load_engine(resolve(EngineSettings(str(path), scale, "cpu")))
    assert isinstance(engine, NetworkEngine)
    return engine


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("shape", [(3, 16, 24), (1, 13, 9), (3, 1, 5)])
def test_a_file_is_enough_for_an_engine(files: Path, name: str, shape: tuple[int, int, int]) -> None:
    engine = load(files / f"{name}.pth")
    enlarged = engine(torch.rand(shape))
    assert engine.scale == SCALES[name]
    assert enlarged.shape == (shape[0], engine.scale * shape[1], engine.scale * shape[2])
    enlarged.mul_(0.5)  # what is made in inference mode could not be


def test_an_engine_computes_what_the_network_does(files: Path) -> None:
    plain, tile = network("compact"), torch.rand(3, 9, 7)
    plain.load_state_dict(torch.load(files / "compact.pth")["params"])
    with torch.no_grad():
        expected = plain(tile[None])[0].clamp(0, 1)
    torch.testing.assert_close(load(files / "compact.pth")(tile), expected)


def test_safetensors_hold_the_same(files: Path, tmp_path: Path) -> None:
    state = torch.load(files / "swinir.pth")["params"]
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "swinir.safetensors")
    tile = torch.rand(3, 16, 16)
    assert torch.equal(load(files / "swinir.pth")(tile), load(tmp_path / "swinir.safetensors")(tile))


def test_the_margin_is_the_reach_of_the_convolutions(files: Path) -> None:
    assert load(files / "compact.pth").margin == 4  # four of 3 x 3
    assert load(files / "rrdb.pth").margin == 19  # 18 before the picture grows, three more on the larger one
    assert load(files / "swinir.pth").margin > 14  # two windows of 8, of which one is shifted by 4, and convolutions


def test_a_margin_is_not_called_a_receptive_field(files: Path) -> None:
    told = about(str(files / "rrdb.pth"))
    assert told["margin_of_a_tile"] == 19
    assert "receptive_field" not in told


def test_a_transformer_gets_smaller_tiles(files: Path) -> None:
    assert [load(files / f"{name}.pth").tile for name in ("rrdb", "swinir")] == [256, 192]


@pytest.mark.parametrize("name", ["compact", "rrdb"])
def test_beyond_its_margin_an_engine_sees_nothing(files: Path, name: str) -> None:
    engine, picture = load(files / f"{name}.pth"), torch.rand(3, 48, 48)
    cut, s = engine.margin, engine.scale
    changed = picture.clone()
    changed[:, : 24 - cut] = torch.rand(3, 24 - cut, 48)
    torch.testing.assert_close(engine(changed)[:, 24 * s :], engine(picture)[:, 24 * s :])


def test_another_scale_than_the_models_is_refused(files: Path) -> None:
    with pytest.raises(ValueError, match=r"`scale` 3: .*compact\.pth enlarges 2 times"):
        load(files / "compact.pth", 3)


def test_what_does_not_enlarge_is_refused(tmp_path: Path) -> None:
    torch.save(network("compact", upscale=1).state_dict(), tmp_path / "denoiser.pth")
    with pytest.raises(ValueError, match=r"denoiser\.pth is a model of RealESRGAN Compact .* does not enlarge"):
        load(tmp_path / "denoiser.pth")


def test_weights_of_no_known_network_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "linear.pth")
    with pytest.raises(ValueError, match=r"linear\.pth: spandrel .* no architecture with its tensors \(weight, bias\)"):
        load(tmp_path / "linear.pth")


def test_a_model_that_lost_a_layer_is_refused(files: Path, tmp_path: Path) -> None:
    state = torch.load(files / "swinir.pth")["params"]
    state.pop("conv_first.bias")
    torch.save(state, tmp_path / "broken.pth")
    with pytest.raises(ValueError, match=r"broken\.pth holds no whole model: .*; take an intact copy"):
        load(tmp_path / "broken.pth")


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_code_in_a_file_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"params": _Code()}, tmp_path / "evil.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"params": _Code()}, 2))
    for name in ("evil.pth", "old.pth"):
        with pytest.raises(ValueError, match="holds more than tensors, or is damaged"):
            load(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_without_spandrel_its_extra_is_named(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = shutil.copy(files / "rrdb.pth", tmp_path)  # an engine that was loaded needs it no more
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ModuleNotFoundError, match=r"rrdb\.pth needs spandrel: pip install 'nflows-sr\[models\]'"):
        load(unread)
