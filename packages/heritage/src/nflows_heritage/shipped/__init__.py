"""Small trained models that come with the package, each a folder with a card."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
