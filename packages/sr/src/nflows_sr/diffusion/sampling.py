r"""From noise to a latent: the schedules of diffusers, for a network that is guided by a low-resolution latent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from nflows_sr.diffusion.libraries import diffusers

Sampler = Literal["ddpm", "ddim", "dpm++"]
"""Ho et al. 2020 (StableSR's own, for 200 steps), Song et al. 2021, and Lu et al. 2022 (for few steps)."""

Predict = Callable[[Tensor, Tensor], Tensor]
"""From a noisy latent :math:`(1, C, h, w)` and the time, a scalar, to what the network is trained to predict."""

STEPS: Mapping[Sampler, int] = {"ddpm": 200, "ddim": 20, "dpm++": 20}
"""How many steps each sampler takes if nobody says."""

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

    def sample(
        self, predict: Predict, start: Tensor, generator: torch.Generator, sampler: Sampler, steps: int
    ) -> Tensor:
        """A latent like those of the training, from noise about a start.

        The first latent is the start with the noise of the first time, as StableSR's, of which little is left but the
        colours: they are nearer to those of the picture than by noise alone.

        Arguments:
            predict: The network.
            start: The low-resolution latent, :math:`(1, C, h, w)`.
            generator: What the noise is drawn from, on the CPU: the same on every device.
            sampler: The sampler.
            steps: How many times the network is asked.

        Raises:
            ValueError: There is no such sampler, or it cannot take so many steps.
        """
        scheduler = self._scheduler(sampler)
        if not 1 <= steps <= self.times:
            raise ValueError(f"`steps` {steps}: give 1 to {self.times}")
        scheduler.set_timesteps(steps, device=start.device)
        noise = torch.randn(start.shape, generator=generator).to(start.device)
        latent = self.noised(start, noise, scheduler.timesteps[:1])
        for time in scheduler.timesteps:
            latent = scheduler.step(predict(latent, time), time, latent, generator=generator).prev_sample
        return latent

    def _scheduler(self, sampler: Sampler) -> Any:
        if sampler not in get_args(Sampler):
            raise ValueError(f"`sampler` {sampler!r}: give one of {', '.join(get_args(Sampler))}")
        kind = getattr(diffusers(), _CLASSES[sampler])
        exact = {name: value for name, value in _EXACT.items() if name in kind().config}
        return kind.from_config(self.config, timestep_spacing="trailing", **exact)
