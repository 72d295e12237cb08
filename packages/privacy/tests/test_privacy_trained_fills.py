"""The ways that need weights: of files and folders as they are published, whose networks are untrained."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import tiny_inpainting
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_privacy.fills import FillSettings, load_fill, weights_of
from nflows_privacy.masks import Rectangle

PLACE = Rectangle(20, 20, 34, 30)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, inputs in (("fills", 9), ("text", 4)):
        tiny_inpainting.write_diffusion(folder / name, inputs)
    torch.save(tiny_inpainting.lama_state(), folder / "lama.pth")
    return folder


@pytest.fixture
def street() -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without models and without a network."""
    for name in ("NFLOWS_MODELS", "NFLOWS_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    return tmp_path


@pytest.mark.parametrize(("how", "model"), [("lama", "lama.pth"), ("diffusion", "fills"), ("diffusion", "text")])
def test_hidden_pixels_go_nowhere_and_others_stay(models: Path, street: NDArray[Any], how: str, model: str) -> None:
    settings = FillSettings(how, model=str(models / model))
    fill = load_fill(settings)
    filled = fill(street, [PLACE], 0)
    inside = np.zeros(street.shape[:2], np.bool_)
    inside[PLACE.slices] = True
    assert np.array_equal(filled[~inside], street[~inside])
    assert filled[inside].std() > 0
    assert not np.array_equal(filled[inside], street[inside])
    street[inside] = 255 - street[inside]
    assert np.array_equal(fill(street, [PLACE], 0)[inside], filled[inside])
    assert weights_of(settings) == {how: models / model}


def test_networks_are_loaded_once(models: Path) -> None:
    settings = FillSettings("diffusion", model=str(models / "fills"))
    first = load_fill(settings)
    load_fill(FillSettings("solid"))
    assert load_fill(settings) == first


def test_lama_is_read_as_it_is_published_too(models: Path, tmp_path: Path) -> None:
    """As TorchScript, of which nothing is called."""
    state = torch.load(models / "lama.pth", weights_only=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)
        torch.jit.script(tree(state)).save(tmp_path / "big-lama.pt")
    fill: Any = load_fill(FillSettings("lama", model=str(tmp_path / "big-lama.pt")))
    read = fill.way.network.model.state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in state.items())


def tree(state: Mapping[str, Tensor]) -> nn.Module:
    """A module with tensors of these names, which does nothing."""
    root = nn.Module()
    for name, tensor in state.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_buffer(last, tensor)
    return root


def test_missing_lama_says_which_file_goes_where(nowhere: Path) -> None:
    with pytest.raises(CommandError, match=r"Put big-lama.pt \(205,669,692 bytes, SHA-256 344c77bb") as raised:
        load_fill(FillSettings("lama"))
    assert raised.value.exit_code == ExitCode.WEIGHTS
    assert f"at {nowhere / 'weights' / 'big-lama' / 'places2' / 'big-lama.pt'}, or into {nowhere}" in str(raised.value)


def test_missing_diffusion_says_what_to_download_and_its_copies(nowhere: Path) -> None:
    with pytest.raises(CommandError, match=r"or a mirror of it such as runwayml/.* or botp/") as raised:
        weights_of(FillSettings("diffusion"))
    assert raised.value.exit_code == ExitCode.WEIGHTS
    assert f"put it as stable-diffusion-inpainting into {nowhere}" in str(raised.value)


def test_diffusion_is_found_by_the_name_of_a_copy(nowhere: Path) -> None:
    copy = nowhere / "stable-diffusion-v1-5-inpainting"
    copy.mkdir()
    assert weights_of(FillSettings("diffusion")) == {"diffusion": copy}


@pytest.mark.parametrize("how", ["lama", "diffusion"])
def test_path_of_nothing_is_named(nowhere: Path, how: str) -> None:
    with pytest.raises(CommandError, match=r"nothing\.pth: no such") as raised:
        load_fill(FillSettings(how, model=str(nowhere / "nothing.pth")))
    assert raised.value.exit_code == ExitCode.WEIGHTS


def test_half_a_lama_is_refused(models: Path, tmp_path: Path) -> None:
    state = torch.load(models / "lama.pth", weights_only=True)
    torch.save(dict(list(state.items())[: len(state) // 2]), tmp_path / "half.pth")
    with pytest.raises(ValueError, match=r"half\.pth holds no whole LaMa: .*; take an intact copy of big-lama\.pt"):
        load_fill(FillSettings("lama", model=str(tmp_path / "half.pth")))


def test_network_that_fills_no_holes_is_refused(tmp_path: Path) -> None:
    from spandrel.architectures.Compact import Compact

    torch.save(Compact(num_feat=4, num_conv=1, upscale=2).state_dict(), tmp_path / "compact.pth")
    with pytest.raises(ValueError, match=r"compact\.pth is a model of .*, which fills no holes; give big-lama\.pt"):
        load_fill(FillSettings("lama", model=str(tmp_path / "compact.pth")))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (None, r"it has no model_index\.json: give the folder that has"),
        ({}, r"model_index\.json names no pipeline and its parts; take an intact copy"),
        ({"_class_name": "StableDiffusionPipeline", "unet": ["thief", "Thief"]}, r"wants code of 'thief' to be run"),
        (
            {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]},
            r"is damaged or no",
        ),
        ({"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}, r"is damaged or no model that fills"),
    ],
)
def test_folder_that_is_no_diffusion_is_refused(tmp_path: Path, index: Any, message: str) -> None:
    if index is not None:
        (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=message):
        load_fill(FillSettings("diffusion", model=str(tmp_path)))


def test_code_in_a_folder_is_not_run(models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models / "fills", tmp_path / "copy"))
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"unet": ["own", "Unet"]}))
    (folder / "unet" / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ValueError, match=r"wants code of 'own' to be run, which is refused"):
        load_fill(FillSettings("diffusion", model=str(folder)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("how", "model", "library"), [("lama", "lama.pth", "spandrel"), ("diffusion", "fills", "diffusers")]
)
def test_missing_extra_is_named(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, model: str, library: str
) -> None:
    (tmp_path / model).symlink_to(models / model)  # another path, so that no network is kept of it
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"needs {library}: pip install 'nflows-privacy\[{how}\]'"):
        load_fill(FillSettings(how, model=str(tmp_path / model)))


def test_device_that_is_not_there_is_refused(models: Path) -> None:
    with pytest.raises(ValueError, match=r"`device`"):
        load_fill(FillSettings("lama", model=str(models / "lama.pth"), device="warp"))
