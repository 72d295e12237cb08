"""Small trained models that come with the package, each a run folder with a card."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def find(name: str, scale: int) -> Path:
    """The folder of the model of a name and a scale."""
    return FOLDER / f"{name}-x{scale}"
