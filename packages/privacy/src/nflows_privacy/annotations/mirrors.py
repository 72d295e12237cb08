"""What a traffic sign is in a mirror: another sign, itself, or none."""

from __future__ import annotations

_PAIRS = (
    ("bend left", "bend right", "danger"),
    ("go left", "go right", "mandatory"),
    ("go left or straight", "go right or straight", "mandatory"),
    ("keep left", "keep right", "mandatory"),
)
_SYMMETRIC = (
    "danger (danger)",
    "give way (other)",
    "go straight (mandatory)",
    "no entry (other)",
    "no traffic both ways (prohibitory)",
    "priority at next intersection (danger)",
    "priority road (other)",
    "snow (danger)",
    "traffic signal (danger)",
    "uneven road (danger)",
)
_MIRRORS = {name: name for name in _SYMMETRIC}
for _left, _right, _group in _PAIRS:
    _MIRRORS |= {f"{_left} ({_group})": f"{_right} ({_group})", f"{_right} ({_group})": f"{_left} ({_group})"}


def mirror_of(kind: str) -> str | None:
    """The class that a sign has in a mirror, by the names of the German Traffic Sign Detection Benchmark.

    Digits, letters and most pictograms have none: no sign shows a mirrored 50, and cars overtake on one side only.

    Example:
        >>> mirror_of("keep left (mandatory)"), mirror_of("stop (other)")
        ('keep right (mandatory)', None)
    """
    return _MIRRORS.get(kind)
