"""How a person wants a diffusion to make pictures. Nothing heavy is imported here: commands show the choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

Sampler = Literal["ddpm", "ddim", "dpm++"]
"""Ho et al. 2020 (StableSR's own, for 200 steps), Song et al. 2021, and Lu et al. 2022 (for few steps)."""

Colour = Literal["adain", "wavelet", "none"]
"""How colours are corrected: by the mean and deviation of each channel, by the low frequencies, or not at all."""

STEPS: Mapping[Sampler, int] = {"ddpm": 200, "ddim": 20, "dpm++": 20}
"""How many steps each sampler takes if nobody says."""


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
