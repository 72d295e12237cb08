r"""From noise to a latent: the schedules of diffusers, for a network that is guided by a low-resolution latent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from nflows_sr.autoencoders.libraries import diffusers
from nflows_sr.diffusion.settings import Sampler

Predict = Callable[[Tensor, Tensor], Tensor]
"""From noisy latents :math:`(B, C, h, w)` and the time, a scalar, to what the network is trained to predict."""

_CLASSES = {"ddpm": "DDPMScheduler", "ddim": "DDIMScheduler", "dpm++": "DPMSolverMultistepScheduler"}
_PREDICTIONS = ("epsilon", "v_prediction")
# The last step ends at the latent, and not at the least noise of the training; nothing is cut off on the way, since
# latents have no bounds. The first step is at the last time, from where the training's noise is nearly all there is.
_EXACT = {"clip_sample": False, "thresholding": False, "set_alpha_to_one": True, "final_sigmas_type": "zero"}


class NoiseSchedule:
    r"""The forward process :math:`z_t = \sqrt{\bar\alpha_t} z + \sqrt{1 - \bar\alpha_t} \varepsilon`, and its ends.

    Arguments:
        config: The configuration of a scheduler of diffusers, whichever it is.

    Raises:
        ValueError: The network predicts something else than :math:`\varepsilon` or
            :math:`v = \sqrt{\bar\alpha_t} \varepsilon - \sqrt{1 - \bar\alpha_t} z` (Salimans and Ho 2022), or the
            configuration is none of a diffusion.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)
        prediction = self.config.get("prediction_type", "epsilon")
        if prediction not in _PREDICTIONS:
            raise ValueError(f"the scheduler predicts {prediction!r}; known are {' and '.join(_PREDICTIONS)}")
        self.predicts_noise = prediction == "epsilon"
        self._forward = self._scheduler("ddpm")

    @property
    def times(self) -> int:
        """How many times there are."""
        return int(self._forward.config.num_train_timesteps)

    @property
    def few_steps(self) -> Sampler:
        """The sampler of few steps that suits the configuration: DDIM where that is its own, else DPM-Solver++."""
        return "ddim" if self.config.get("_class_name") == _CLASSES["ddim"] else "dpm++"

    def noised(self, latent: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Latents with noise, at times :math:`(B,)`."""
        noised: Tensor = self._forward.add_noise(latent, noise, times)
        return noised

    def target(self, latent: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What the network is to predict of ``noised``."""
        if self.predicts_noise:
            return noise
        velocity: Tensor = self._forward.get_velocity(latent, noise, times)
        return velocity

    def check_steps(self, steps: int) -> None:
        """Raises a ValueError if no sampler takes so many steps."""
        if not 1 <= steps <= self.times:
            raise ValueError(f"`steps` {steps}: give 1 to {self.times}")

    def sample(
        self, predict: Predict, start: Tensor, noise: Tensor, generator: torch.Generator, sampler: Sampler, steps: int
    ) -> Tensor:
        """Latents like those of the training, from noise about a start.

        The first latents are the start with the noise of the last time, as StableSR's, of which little is left but the
        colours: they are nearer to those of the picture than by noise alone.

        Arguments:
            predict: The network.
            start: The low-resolution latents, :math:`(B, C, h, w)`.
            noise: The noise that is added to them, of the same shape.
            generator: What the noise of later steps is drawn from, on the CPU: the same on every device. Only DDPM has
                some.
            sampler: The sampler.
            steps: How many times the network is asked.

        Raises:
            ValueError: See `check_steps`.
        """
        self.check_steps(steps)
        scheduler = self._scheduler(sampler)
        scheduler.set_timesteps(steps, device=start.device)
        latents = self.noised(start, noise, scheduler.timesteps[:1])
        for time in scheduler.timesteps:
            latents = scheduler.step(predict(latents, time), time, latents, generator=generator).prev_sample
        return latents

    def _scheduler(self, sampler: Sampler) -> Any:
        kind = getattr(diffusers(), _CLASSES[sampler])
        exact = {name: value for name, value in _EXACT.items() if name in kind().config}
        return kind.from_config(self.config, timestep_spacing="trailing", **exact)
