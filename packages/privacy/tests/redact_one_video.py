"""Redacts one video, as a program that tests kill: SOURCE TARGET."""

from __future__ import annotations

import sys
from pathlib import Path

from made_up_videos import RedSquares, black
from nflows_privacy.video import Filling, redact_video

if __name__ == "__main__":
    redact_video(Path(sys.argv[1]), Path(sys.argv[2]), RedSquares(), Filling([black], RedSquares()))
