"""OpenCV without its notes on the terminal."""

from __future__ import annotations

import cv2

_NOTHING = 0


def silence() -> None:
    """Lets OpenCV log nothing in this process: what goes wrong it raises too."""
    place = getattr(cv2.utils, "logging", cv2)  # OpenCV 4 has the function at its top
    place.setLogLevel(_NOTHING)
