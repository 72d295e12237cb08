from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.testing import call_command
from nflows_core.testing.tiny_diffusion import write_stable_diffusion, write_upscaler
from nflows_sr.cli import sr
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.folder import load_stable_diffusion
from nflows_sr.diffusion.settings import Sampling
from nflows_sr.diffusion.wrapping import FeatureWrapping
from nflows_sr.engines import EngineSettings, PictureEngine, load_engine

OPTIONS = ("--steps", 2, "--fidelity", 0.5, "--colour", "wavelet")
SAMPLING = Sampling(steps=2, fidelity=0.5, colour="wavelet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion with the weights of both trainings beside its parts."""
    folder = write_stable_diffusion(tmp_path_factory.mktemp("guided"))
    base = load_stable_diffusion(folder)
    torch.manual_seed(0)
    save_file(Conditioning(base.unet, width=8).state_dict(), folder / "conditioning.safetensors")
    save_file(FeatureWrapping(base.widths).state_dict(), folder / "wrapping.safetensors")
    return folder


def pixels(height: int, width: int, channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, int(np.iinfo(dtype).max) + 1, (height, width, channels), dtype)


def engine(model: Path, **settings: Any) -> PictureEngine:
    loaded = load_engine(EngineSettings(str(model), **{"sampling": SAMPLING, "device": "cpu", **settings}))
    assert isinstance(loaded, PictureEngine)
    return loaded


def upscaled(source: Path, target: Path, *options: object) -> Picture:
    assert call_command(sr, "upscale", source, "-o", target, "--device", "cpu", *options) == 0
    return read_picture(target)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_of_the_command_is_that_of_the_engine(folder: Path, tmp_path: Path, dtype: Any) -> None:
    source = pixels(9, 7, dtype=dtype)
    write_picture(tmp_path / "a.png", Picture(source))
    made = upscaled(tmp_path / "a.png", tmp_path / "b.png", "--model", folder, *OPTIONS)
    again = upscaled(tmp_path / "a.png", tmp_path / "c.png", "--model", folder, *OPTIONS)
    other = upscaled(tmp_path / "a.png", tmp_path / "d.png", "--model", folder, *OPTIONS, "--seed", 1)
    assert made.pixels.shape == (36, 28, 3)
    np.testing.assert_array_equal(made.pixels, again.pixels)
    assert not np.array_equal(made.pixels, other.pixels)


def test_alpha_is_enlarged_apart(folder: Path, tmp_path: Path) -> None:
    source = pixels(8, 8, 4)
    source[..., 3] = 255
    write_picture(tmp_path / "a.png", Picture(source))
    made = upscaled(tmp_path / "a.png", tmp_path / "b.png", "--model", folder, "--steps", 1, "--scale", 2)
    assert made.pixels.shape == (16, 16, 4)
    assert (made.pixels[..., 3] == 255).all()


def test_samples_are_files_beside_each_other(folder: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(6, 5)))
    options = ("--model", folder, "--steps", 1, "--scale", 2, "--seed", 1)
    assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "out", *options, "--samples", 2) == 0
    first, second = (read_picture(tmp_path / "out" / name).pixels for name in ("a.png", "a-2.png"))
    np.testing.assert_array_equal(first, upscaled(tmp_path / "a.png", tmp_path / "c.png", *options).pixels)
    assert not np.array_equal(first, second)


def test_grey_is_the_mean_of_three_equal_channels(folder: Path) -> None:
    grey = to_tensor(pixels(8, 8, 1))
    made, colours = (engine(folder).enlarge(picture, seed=3) for picture in (grey, grey.expand(3, -1, -1)))
    assert made.shape == (1, 32, 32)
    torch.testing.assert_close(made, colours.mean(0, keepdim=True))


def test_pipeline_of_diffusers_enlarges_four_times(tmp_path: Path) -> None:
    write_upscaler(tmp_path / "x4")
    write_picture(tmp_path / "a.png", Picture(pixels(6, 9)))
    made = upscaled(tmp_path / "a.png", tmp_path / "b.png", "--model", tmp_path / "x4", "--steps", 2)
    source = to_tensor(pixels(6, 9))
    assert made.pixels.shape == (24, 36, 3)
    expected = engine(tmp_path / "x4", sampling=Sampling(steps=2))
    assert expected.scale == 4
    assert to_pixels(expected.enlarge(source, 0), np.uint8).shape == made.pixels.shape


def test_half_precision_is_near(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU computes; here in the type that a processor has."""
    whole = engine(folder)
    monkeypatch.setattr(EngineSettings, "dtype", torch.bfloat16)
    half = engine(folder, scale=4)
    picture = to_tensor(pixels(8, 8))
    made: list[Tensor] = [one.enlarge(picture, seed=1) for one in (whole, half)]
    assert not torch.equal(*made)
    assert (made[0] - made[1]).abs().mean() < 0.02


def test_values_that_float16_cannot_hold_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EngineSettings, "dtype", torch.bfloat16)
    half = engine(folder, scale=2)
    half._model.base.unet.conv_out.bias.fill_(torch.inf)  # type: ignore[attr-defined]
    with pytest.raises(FloatingPointError, match="float16 is too small for this picture, give `fp32`"):
        half.enlarge(to_tensor(pixels(8, 8)), seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tile", 64), "--tile 64: this model cuts its own tiles"),
        (("--steps", 5000), "--steps 5000: give 1 to 1000"),
    ],
)
def test_bad_options_are_named(
    options: tuple[object, ...], message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(5, 5)))
    command = ("upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", folder, "--device", "cpu", *options)
    assert call_command(sr, *command) == 2
    assert message in capsys.readouterr().err


def test_settings_of_a_diffusion_are_none_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(5, 5)))
    assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--fidelity", 0) == 2
    assert "--fidelity: coupling is no diffusion; leave it out" in capsys.readouterr().err


def test_repository_that_is_not_there_exits_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    write_picture(tmp_path / "a.png", Picture(pixels(5, 5)))
    model = "stabilityai/stable-diffusion-x4-upscaler"
    assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", model) == 3
    said = capsys.readouterr().err
    assert f"{model}: no such folder. Download {model} in diffusers' layout" in said
    assert f"put it as stable-diffusion-x4-upscaler into {tmp_path}" in said


def test_file_that_is_not_there_is_no_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(5, 5)))
    assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", "weights/a.pth") == 3
    assert "weights/a.pth: no such model" in capsys.readouterr().err


def test_stable_diffusion_alone_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(5, 5)))
    (tmp_path / "sd").mkdir()
    (tmp_path / "sd" / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    assert call_command(sr, "upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", tmp_path / "sd") == 3
    assert "has no conditioning.safetensors: a Stable Diffusion alone does not enlarge" in capsys.readouterr().err


def test_guiding_weights_of_another_model_are_refused(folder: Path) -> None:
    file = folder / "conditioning.safetensors"
    content = file.read_bytes()
    save_file({"encoder.first.weight": torch.zeros(8, 4, 3, 3)}, file)
    try:
        with pytest.raises(ValueError, match=r"conditioning.safetensors holds the weights of another model"):
            engine(folder, sampling=replace(SAMPLING, steps=3))
    finally:
        file.write_bytes(content)
