"""Small trained detectors that come with the package, each a run folder with a card."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
