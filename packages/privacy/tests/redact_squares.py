"""``nflows privacy`` for which squares are faces, as a program that tests kill."""

from __future__ import annotations

from nflows_core.cli import main
from nflows_privacy.detection import choice

choice._OWN = {"squares": "square_detector:SQUARES"}
choice._DEFAULTS = {"face": "squares"}

if __name__ == "__main__":
    main()
