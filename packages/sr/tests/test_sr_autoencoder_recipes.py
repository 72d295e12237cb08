"""The recipes of autoencoders, through `nflows sr train`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from nflows_core.cli import nflows
from nflows_core.runtime.cli import run
from nflows_core.runtime.errors import ExitCode
from nflows_core.training.curve import read_curve
from nflows_sr.autoencoders import SHAPES, build_autoencoder
from nflows_sr.degradations import resize_bicubic
from nflows_sr.engines import EngineSettings, load_engine, resolve
from nflows_sr.evaluation.about import about
from nflows_sr.training.autoencoder_recipes import AFFINE_AE, AutoencoderSettings, CodedSettings
from nflows_sr.training.recipes import find_recipe
from nflows_sr.training.runs import load_model, read_run

TINY = "width=8,levels=2,layers=1,groups=4,crop=4,perceptual=none,discriminator_width=2,discriminator_layers=1"
RECIPES = ("affine-ae", "ae-kl", "affine-vqgan", "vqgan")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, generator = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for index in range(20):
        coarse = generator.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


def train(pictures: Path, folder: Path, model: str, *options: object) -> int:
    words = ["sr", "train", pictures, "-o", folder, "--model", model, "--epochs", 1, "--batch-size", 8, *options]
    return run(nflows, [str(word) for word in words])


@pytest.mark.parametrize("name", RECIPES)
def test_defaults_of_a_recipe_are_the_full_size(name: str) -> None:
    recipe = find_recipe(name)
    with torch.device("meta"):
        model = recipe.build(recipe.configured({}))
        parameters = sum(parameter.numel() for parameter in build_autoencoder(SHAPES[name]).parameters())
    assert sum(parameter.numel() for parameter in model.reconstructor.parameters()) == parameters
    assert sum(parameter.numel() for parameter in model.discriminator.parameters()) == 2_765_633


@pytest.fixture(scope="module")
def affine_run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "affine-ae"
    assert train(pictures, folder, f"affine-ae:{TINY},scale=3,crop=2,discriminator_start=2") == ExitCode.DONE
    return folder


def test_a_run_is_tested_by_what_the_tables_have(affine_run: Path) -> None:
    for measure in ("rec", "ae", "nll", "total"):
        assert 0 < read_curve(affine_run / "metrics_test.csv", measure)[-1][1] < 2
    assert json.loads((affine_run / "report.json").read_text())["run"]["settings"]["trained"] == "everything"


def test_info_says_which_weights_learned(affine_run: Path) -> None:
    about_it = about(str(affine_run))
    assert about_it["trained"] == "everything"
    assert about_it["learnable_parameters"] > about_it["parameters"]  # the discriminator learns too


def test_an_autoencoder_with_codes_is_built_again(pictures: Path, tmp_path: Path) -> None:
    assert train(pictures, tmp_path / "run", f"vqgan:{TINY},codes=8") == ExitCode.DONE
    model = load_model(tmp_path / "run", read_run(tmp_path / "run"))
    assert model.reconstructor.autoencoder.quantize.embedding.weight.shape == (8, 4)


def test_a_run_enlarges_pictures_of_any_size(affine_run: Path, tmp_path: Path) -> None:
    Image.new("RGB", (7, 5), (200, 100, 50)).save(tmp_path / "small.png")
    words = ["sr", "upscale", tmp_path / "small.png", "-o", tmp_path / "large", "--model", affine_run]
    assert run(nflows, [str(word) for word in words]) == ExitCode.DONE
    with Image.open(tmp_path / "large" / "small.png") as large:
        assert large.size == (21, 15)


def test_an_engine_gives_what_the_autoencoder_makes_of_the_bicubic_picture(affine_run: Path) -> None:
    engine = load_engine(resolve(EngineSettings(str(affine_run), device="cpu")))
    reconstructor = load_model(affine_run, read_run(affine_run)).reconstructor
    tile = torch.rand(3, 4, 6)
    with torch.no_grad():
        expected, _ = reconstructor(2 * resize_bicubic(tile[None], 3.0).clamp(0, 1) - 1, mode=True)
    torch.testing.assert_close(engine(tile), (expected[0] + 1) / 2)
    assert engine.scale == 3


def test_a_pretrained_autoencoder_is_what_training_begins_with(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = AFFINE_AE.configured({"width": 8, "levels": 2, "layers": 1, "groups": 4})
    pretrained = build_autoencoder(settings.shape(coupled=False))
    save_file(pretrained.state_dict(), tmp_path / "vae.safetensors")
    model = f"affine-ae:{TINY},trained=couplings,pretrained={tmp_path / 'vae.safetensors'}"
    assert train(pictures, tmp_path / "run", model, "--ema-decay", 0) == ExitCode.DONE
    assert re.search(r"vae\.safetensors: \d+ tensors kept, \d+ new, \d+ of replaced blocks", capsys.readouterr().err)
    trained = load_model(tmp_path / "run", read_run(tmp_path / "run")).reconstructor.autoencoder.state_dict()
    ours = {name for name in trained if ".coupling." in name}
    assert all(torch.equal(trained[name], pretrained.state_dict()[name]) for name in trained.keys() - ours)
    assert any(trained[name].any() for name in ours if name.endswith("conv2.weight"))  # they began at zero


def test_a_missing_pretrained_autoencoder_has_its_exit_code(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(pictures, tmp_path / "run", f"ae-kl:{TINY},pretrained=nowhere") == ExitCode.WEIGHTS
    assert "nowhere: no such weights" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_missing_weights_of_vgg_have_their_exit_code(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    model = f"ae-kl:{TINY}".replace("perceptual=none", "perceptual=vgg")
    assert train(pictures, tmp_path / "run", model) == ExitCode.WEIGHTS
    assert "Put vgg16-397923af.pth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"crop": 3}, r"`crop`: large crops must divide by 8, got 4 x 3"),
        ({"trained": "some"}, "`trained`: expected one of everything, couplings, got 'some'"),
        ({"perceptual": "alex"}, "`perceptual`: expected vgg, efficientnet-lite0 or none, got 'alex'"),
        ({"levels": 0}, "`levels`: expected 1 or more, got 0"),
        ({"latent_weight": -1.0}, "expected a finite number, 0 or more, got -1.0"),
        ({"width": 100}, "widths: expected multiples of 32"),
    ],
)
def test_settings_that_do_not_fit_are_refused(setting: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AutoencoderSettings(**setting)  # type: ignore[arg-type]


def test_codes_are_settings_of_those_that_have_some() -> None:
    assert CodedSettings(codes=8).shape(coupled=True).codes == 8
    assert AutoencoderSettings().shape(coupled=True).codes == 0
