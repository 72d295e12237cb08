"""What a traffic sign is in a mirror: another sign, itself, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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


def mirrors_among(names: Collection[str], pairs: Iterable[str] = ()) -> dict[str, str]:
    """The classes that classes have in a mirror, none of which is another one than these.

    Arguments:
        names: The classes.
        pairs: What a person says of some: ``left=right``, or ``ball`` of what looks in a mirror like itself.

    Raises:
        ValueError: A person names another class.

    Example:
        >>> mirrors_among(["keep left (mandatory)", "no entry (other)", "ball"], ["ball"])
        {'no entry (other)': 'no entry (other)', 'ball': 'ball'}
    """
    known = {name: mirror for name in names if (mirror := mirror_of(name)) in names}
    for pair in pairs:
        first, _, second = pair.partition("=")
        known |= {first: second or first, second or first: first}
    if unknown := [name for name in known if name not in names]:
        raise ValueError(f"`mirrors`: there is no class {unknown[0]!r}; there are {', '.join(names)}")
    return {name: mirror for name, mirror in known.items() if mirror is not None}
