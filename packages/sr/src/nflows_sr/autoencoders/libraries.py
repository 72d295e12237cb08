"""The libraries of the extra ``diffusion``: imported where they are needed, since that takes seconds."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def diffusers(module: str = "diffusers") -> Any:
    """diffusers or one of its modules.

    Raises:
        ModuleNotFoundError: The extra is not installed.
    """
    return _imported(module)


def transformers() -> Any:
    """transformers; the error as of `diffusers`."""
    return _imported("transformers")


def _imported(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"models of diffusers' need {error.name}: pip install 'nflows-sr[diffusion]'", name=error.name
        ) from error
