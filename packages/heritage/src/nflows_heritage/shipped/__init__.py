"""Small trained models that come with the package."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
