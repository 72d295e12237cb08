"""The recipes by their names.

A new one is a module with a `Recipe`, and a line here; in a package of its own, an entry point of the group
`ENTRY_POINTS`. Heavy libraries are imported where they are used, so that a training needs only its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from nflows_core.runtime.additions import load_added
from nflows_sr.training.autoencoder_recipes import AE_KL, AFFINE_AE, AFFINE_VQGAN, VQGAN
from nflows_sr.training.diffusion import GUIDANCE
from nflows_sr.training.flow import FLOW
from nflows_sr.training.recipe import Recipe
from nflows_sr.training.res_shift import RES_SHIFT
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
    "res-shift": RES_SHIFT,
    "flow": FLOW,
}
"""What `nflows sr train --model NAME` trains."""


ENTRY_POINTS = "nflows_sr.recipes"
"""The group of entry points by which other packages add recipes."""


def find_recipe(name: str) -> Recipe[Any]:
    """The recipe of a name.

    Raises:
        ValueError: There is none, or that of another package cannot be imported.
    """
    if name in RECIPES:
        return RECIPES[name]
    added = entry_points(group=ENTRY_POINTS)
    if name not in added.names:
        there = ", ".join([*RECIPES, *sorted(added.names)])
        raise ValueError(f"`model`: there is no recipe {name!r}; there are {there}")
    return load_added(added[name], Recipe, "model")
