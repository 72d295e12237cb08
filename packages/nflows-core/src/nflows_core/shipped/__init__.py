"""Small trained models that come with the package: run folders that need no download."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """What the models are called, for every command that takes a run."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/config.json"))


def find_run(text: str | Path) -> Path:
    """The folder that a person means: a folder of that path, or else the shipped model of that name."""
    return _FOLDER / text if not Path(text).exists() and text in names() else Path(text)
