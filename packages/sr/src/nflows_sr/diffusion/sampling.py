r"""From noise to a latent: the schedules of diffusers, for a network that is guided by a low-resolution latent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from nflows_sr.diffusion.colour import Colour
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


@dataclass(frozen=True)
class Sampling:
    """How a person wants pictures to be made; what is nothing is left to the model.

    Arguments:
        sampler: The sampler; by default that of few steps which suits the model.
        steps: How many steps it takes; by default as in `STEPS`.
        fidelity: How much of the picture's features the decoder takes back, in [0, 1].
        colour: How colours are corrected.

    Raises:
        ValueError: There is no such sampler or correction, or a number is out of range.
    """

    sampler: Sampler | None = None
    steps: int | None = None
    fidelity: float | None = None
    colour: Colour | None = None

    def __post_init__(self) -> None:
        for name, choices in (("sampler", get_args(Sampler)), ("colour", get_args(Colour))):
            if getattr(self, name) not in (None, *choices):
                raise ValueError(f"`{name}` {getattr(self, name)!r}: give one of {', '.join(choices)}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"`steps` {self.steps}: give 1 or more")
        if self.fidelity is not None and not 0 <= self.fidelity <= 1:
            raise ValueError(f"`fidelity` {self.fidelity}: give 0 to 1")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the settings that are not left to the model."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) is not None)


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
            ValueError: It cannot take so many steps.
        """
        if not 1 <= steps <= self.times:
            raise ValueError(f"`steps` {steps}: give 1 to {self.times}")
        scheduler = self._scheduler(sampler)
        scheduler.set_timesteps(steps, device=start.device)
        noise = torch.randn(start.shape, generator=generator).to(start.device)
        latent = self.noised(start, noise, scheduler.timesteps[:1])
        for time in scheduler.timesteps:
            latent = scheduler.step(predict(latent, time), time, latent, generator=generator).prev_sample
        return latent

    def _scheduler(self, sampler: Sampler) -> Any:
        kind = getattr(diffusers(), _CLASSES[sampler])
        exact = {name: value for name, value in _EXACT.items() if name in kind().config}
        return kind.from_config(self.config, timestep_spacing="trailing", **exact)
