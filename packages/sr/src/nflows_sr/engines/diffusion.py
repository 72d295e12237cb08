"""The engines of diffusion models: StableSR, ResShift, and the upscalers of diffusers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.model_folders import INDEX_FILE
from nflows_core.runtime.tensors import load_tensors
from nflows_core.runtime.weights import load_state
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.folder import load_stable_diffusion, read_index
from nflows_sr.diffusion.pipelines import PIPELINES, PipelineUpscaler, load_pipeline
from nflows_sr.diffusion.res_shift import ResShift
from nflows_sr.diffusion.stable_sr import StableSR
from nflows_sr.diffusion.wrapping import FeatureWrapping
from nflows_sr.engines.base import EngineSettings, PictureEngine, enlarged_as_rgb
from nflows_sr.training.guided import guidance_of, is_guided_run, is_res_shift_run, load_guided, load_res_shift

CONDITIONING_FILE, WRAPPING_FILE = "conditioning.safetensors", "wrapping.safetensors"
_SCALE = 4  # StableSR's


class StableSREngine(PictureEngine):
    """StableSR; grey pictures as three equal channels, whose mean comes out.

    Arguments:
        model: The networks, on their device.
        settings: The scale, and how pictures are made.
        scale: The scale that the model was trained for; any other can be asked for.
    """

    def __init__(self, model: StableSR, settings: EngineSettings, scale: int = _SCALE) -> None:
        self.scale = scale if settings.scale is None else settings.scale
        self.network = model.networks
        self._model, self._sampling = model, settings.sampling
        model.check(self._sampling)

    def enlarge(self, picture: Tensor, seed: int) -> Tensor:
        try:
            return enlarged_as_rgb(picture, lambda rgb: self._model.enlarge(rgb, self.scale, self._sampling, seed))
        except FloatingPointError as error:
            if self._model.dtype == torch.float32:
                raise
            raise FloatingPointError(f"{error}: float16 is too small for this picture, give `fp32`") from error


class PipelineEngine(PictureEngine):
    """An upscaler of diffusers; grey pictures as above.

    Arguments:
        upscaler: The upscaler, on its device.
        settings: How pictures are made.
    """

    def __init__(self, upscaler: PipelineUpscaler, settings: EngineSettings) -> None:
        self.scale, self.network = upscaler.scale, upscaler.networks
        self._upscaler, self._sampling = upscaler, settings.sampling
        upscaler.check(self._sampling)

    def enlarge(self, picture: Tensor, seed: int) -> Tensor:
        return enlarged_as_rgb(picture, lambda rgb: self._upscaler.enlarge(rgb, self._sampling, seed))


class ResShiftEngine(PictureEngine):
    """ResShift; grey pictures as above. How pictures are made is trained, and cannot be chosen.

    Arguments:
        model: The networks, on their device.
        settings: The scale.
        scale: The scale that the model was trained for; any other can be asked for.

    Raises:
        ValueError: A sampler or the like is chosen.
    """

    def __init__(self, model: ResShift, settings: EngineSettings, scale: int) -> None:
        if chosen := settings.sampling.chosen:
            raise ValueError(
                f"`{chosen[0]}`: ResShift makes pictures in the steps that it was trained with; leave it out"
            )
        self.scale = scale if settings.scale is None else settings.scale
        self.network = model.networks
        self._model = model

    def enlarge(self, picture: Tensor, seed: int) -> Tensor:
        return enlarged_as_rgb(picture, lambda rgb: self._model.enlarge(rgb, self.scale, seed))


def is_diffusion(path: Path) -> bool:
    """Whether a path is a folder in diffusers' layout, or a run that guides one, or of ResShift."""
    return (path / INDEX_FILE).is_file() or is_guided_run(path) or is_res_shift_run(path)


def load_diffusion(settings: EngineSettings) -> PictureEngine:
    """The engine of such a folder or run.

    A Stable Diffusion needs the weights that guide it beside its parts, as ``conditioning.safetensors``, and may have
    ``wrapping.safetensors``: they are the ``model.safetensors`` of runs of ours.

    Raises:
        CommandError: The guiding weights are missing; exit code 3.
        ValueError: The folder is of another kind or damaged.
        ModuleNotFoundError: The extra ``diffusion`` is not installed.
    """
    folder = Path(settings.model)
    if is_res_shift_run(folder):
        shifting, scale = load_res_shift(folder)
        return ResShiftEngine(shifting.to(settings.place), settings, scale)
    if not (folder / INDEX_FILE).is_file():
        model = load_guided(folder).to(settings.place, settings.dtype)
        return StableSREngine(model, settings, guidance_of(folder).scale)
    if read_index(folder)["_class_name"] in PIPELINES:
        return PipelineEngine(load_pipeline(folder).to(settings.place, settings.dtype), settings)
    return StableSREngine(_stable_sr(folder, settings), settings)


def _stable_sr(folder: Path, settings: EngineSettings) -> StableSR:
    guide = folder / CONDITIONING_FILE
    if not guide.is_file():
        raise CommandError(
            f"{folder} has no {CONDITIONING_FILE}: a Stable Diffusion alone does not enlarge. Train what guides it:"
            " nflows sr train --model stable-sr, and give that run, or put its model.safetensors there",
            ExitCode.WEIGHTS,
        )
    base = load_stable_diffusion(folder)
    weights = load_state(guide)
    first = weights.get("encoder.first.weight", torch.empty(0))
    conditioning = Conditioning(base.unet, *first.shape[:1])
    load_tensors(conditioning, weights, guide)
    wrapping = None
    if (file := folder / WRAPPING_FILE).is_file():
        wrapping = FeatureWrapping(base.widths)
        load_tensors(wrapping, load_state(file), file)
    return StableSR(base, conditioning, wrapping).to(settings.place, settings.dtype)
