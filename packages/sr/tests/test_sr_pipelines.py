from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nflows_core.testing.tiny_diffusion import write_latent_upscaler, write_upscaler
from nflows_sr.diffusion.pipelines import PipelineUpscaler, load_pipeline
from nflows_sr.diffusion.settings import Sampling

FEW = Sampling(steps=2)


@pytest.fixture(scope="module", params=[write_upscaler, write_latent_upscaler])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write: Callable[[Path], Path] = request.param
    return write(tmp_path_factory.mktemp("upscaler"))


@pytest.fixture(scope="module")
def upscaler(folder: Path) -> PipelineUpscaler:
    return load_pipeline(folder)


@pytest.mark.parametrize("size", [(16, 16), (5, 22)])
def test_sides_are_four_times_as_long(size: tuple[int, int], upscaler: PipelineUpscaler) -> None:
    made = upscaler.enlarge(torch.rand(3, *size), FEW, seed=1)
    assert made.shape == (3, 4 * size[0], 4 * size[1])
    assert made.min() >= 0
    assert made.max() <= 1


def test_seed_decides_the_bytes(upscaler: PipelineUpscaler) -> None:
    picture = torch.rand(3, 8, 8)
    first, again, other = (upscaler.enlarge(picture, FEW, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_picture_of_one_tile_is_diffusers_own(folder: Path, upscaler: PipelineUpscaler) -> None:
    from diffusers import DiffusionPipeline

    pipeline: Any = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    picture, generator = torch.rand(1, 3, 16, 16), torch.Generator().manual_seed(7)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(7))
    arguments: dict[str, Any] = {"num_inference_steps": 2, "generator": generator, "output_type": "np"}
    if "text_encoder" in pipeline.components:
        expected = pipeline(prompt="", image=picture, latents=noise, guidance_scale=1.0, **arguments).images[0]
    else:
        expected = pipeline(image=2 * picture - 1, **arguments).images[0]
    torch.testing.assert_close(upscaler.enlarge(picture[0], FEW, seed=7), torch.from_numpy(expected).permute(2, 0, 1))


def test_colours_are_corrected_if_asked(upscaler: PipelineUpscaler) -> None:
    picture = torch.rand(3, 16, 16) / 2 + 0.25
    made = upscaler.enlarge(picture, Sampling(steps=2, colour="adain"), seed=1)
    torch.testing.assert_close(made.mean((1, 2)), picture.mean((1, 2)), atol=0.02, rtol=0)


@pytest.mark.parametrize("sampling", [Sampling(sampler="ddpm"), Sampling(fidelity=0.5)])
def test_what_a_pipeline_has_not_is_refused(sampling: Sampling, upscaler: PipelineUpscaler) -> None:
    with pytest.raises(ValueError, match=r"`(sampler|fidelity)`: a pipeline of diffusers has its own; leave it out"):
        upscaler.enlarge(torch.rand(3, 8, 8), sampling, seed=1)


def test_missing_part_is_named(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    shutil.rmtree(copy / "unet")
    with pytest.raises(ValueError, match=r"copy has no unet; copy all of"):
        load_pipeline(copy)


@pytest.mark.parametrize("kind", ["FrozenDict", "NoScheduler"])
def test_scheduler_is_one(kind: str, folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "scheduler" / "scheduler_config.json").write_text(json.dumps({"_class_name": kind}))
    with pytest.raises(ValueError, match=r"scheduler is damaged or not complete: .*(no scheduler|NoScheduler)"):
        load_pipeline(copy)


def test_other_pipelines_are_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(ValueError, match=r"is a FluxPipeline; known are StableDiffusionUpscalePipeline, LDM"):
        load_pipeline(tmp_path)
