"""The diffusion of a run folder: what guides one, or ResShift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.res_shift import ResShift
from nflows_sr.diffusion.stable_sr import StableSR
from nflows_sr.diffusion.wrapping import FeatureWrapping
from nflows_sr.training.diffusion import GUIDANCE, GuidanceSettings, load_base
from nflows_sr.training.res_shift import RES_SHIFT, load_autoencoder
from nflows_sr.training.runs import is_run, load_model, read_run, warn_of_base
from nflows_sr.training.wrapping import WRAPPING

_GUIDANCE, _WRAPPING, _SHIFTING = "stable-sr", "stable-sr-wrapping", "res-shift"


def is_guided_run(path: Path) -> bool:
    """Whether a folder is that of a training of what guides a diffusion, or wraps its autoencoder."""
    return is_run(path, _GUIDANCE, _WRAPPING)


def is_res_shift_run(path: Path) -> bool:
    """Whether a folder is that of a training of ResShift."""
    return is_run(path, _SHIFTING)


def load_res_shift(folder: Path) -> tuple[ResShift, int]:
    """The model of a run, on the CPU, and the scale that it was trained for.

    Raises:
        CommandError: The autoencoder is missing; exit code 3.
        RunError: Nothing was trained yet.
        ValueError: Something is damaged.
    """
    run = read_run(folder)
    settings = RES_SHIFT.configured(run.settings)
    autoencoder = load_autoencoder(Path(settings.autoencoder))
    side = settings.scale * settings.crop
    return ResShift(load_model(folder, run), autoencoder, settings.schedule, side), settings.scale


def guidance_of(folder: Path) -> GuidanceSettings:
    """The settings of the guidance that a run is of, or that the one has on which it builds."""
    run = read_run(folder)
    if run.model == _WRAPPING:
        return guidance_of(Path(WRAPPING.configured(run.settings).guide))
    return GUIDANCE.configured(run.settings)


def load_guided(folder: Path) -> StableSR:
    """The model of a run, on the CPU, with its wrapping if it is of one.

    Raises:
        CommandError: The folder of the diffusion is missing; exit code 3.
        RunError: Nothing was trained yet.
        ValueError: Something is damaged.
    """
    run = read_run(folder)
    model = load_model(folder, run)
    if isinstance(model, FeatureWrapping):
        return replace(load_guided(Path(WRAPPING.configured(run.settings).guide)), wrapping=model)
    assert isinstance(model, Conditioning)  # the recipes that `is_guided_run` knows build no other
    base = load_base(GUIDANCE.configured(run.settings))
    warn_of_base(folder, run, base.digest)
    return StableSR(base, model)
