"""The recipes by their names.

A new one is a module with a `Recipe`, and a line here. Heavy libraries are imported where they are used, so that a
training needs only its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nflows_sr.training.autoencoder_recipes import AE_KL, AFFINE_AE, AFFINE_VQGAN, VQGAN
from nflows_sr.training.diffusion import GUIDANCE
from nflows_sr.training.flow import FLOW
from nflows_sr.training.recipe import Recipe
from nflows_sr.training.upscaler import COUPLING, RESIDUAL
from nflows_sr.training.wrapping import WRAPPING

RECIPES: Mapping[str, Recipe[Any]] = {
    "coupling": COUPLING,
    "residual": RESIDUAL,
    "affine-ae": AFFINE_AE,
    "ae-kl": AE_KL,
    "affine-vqgan": AFFINE_VQGAN,
    "vqgan": VQGAN,
    "stable-sr": GUIDANCE,
    "stable-sr-wrapping": WRAPPING,
    "flow": FLOW,
}
"""What `nflows sr train --model NAME` trains."""


def find_recipe(name: str) -> Recipe[Any]:
    """The recipe of a name.

    Raises:
        ValueError: There is none.
    """
    if name not in RECIPES:
        raise ValueError(f"`model`: there is no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
