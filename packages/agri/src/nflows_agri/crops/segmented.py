"""What `segment` leaves beside the crops of trays, and is none of them."""

from __future__ import annotations

from pathlib import Path

_TABLE = "seeds.csv"
_BESIDE = ("labels.png", "overlay.jpg")
_REFUSED = "-refused.jpg"


def is_of_tray(path: Path) -> bool:
    """Whether a picture is the mask or the overlay of a tray, so that a folder of `segment` stands for its crops."""
    name = path.name
    return (name in _BESIDE or name.endswith(_REFUSED)) and (path.parent / _TABLE).is_file()
