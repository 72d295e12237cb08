"""Traffic signs of the German Traffic Sign Detection Benchmark: the names of its classes, and their four groups.

S. Houben, J. Stallkamp, J. Salmen, M. Schlipsing, C. Igel, Detection of Traffic Signs in Real-World Images: The German
Traffic Sign Detection Benchmark, IJCNN 2013; the numbers are those of its ReadMe.
"""

from __future__ import annotations

import re

from nflows_privacy.regions import Region

GROUP = "group"
"""The attribute of a region, and the column of a table, that says to which group of classes it belongs."""
GROUPS = ("prohibitory", "mandatory", "danger", "other")

_PROHIBITORY, _MANDATORY, _DANGER, _OTHER = GROUPS
_MEMBERS = (
    ("speed limit 20", _PROHIBITORY),
    ("speed limit 30", _PROHIBITORY),
    ("speed limit 50", _PROHIBITORY),
    ("speed limit 60", _PROHIBITORY),
    ("speed limit 70", _PROHIBITORY),
    ("speed limit 80", _PROHIBITORY),
    ("restriction ends 80", _OTHER),
    ("speed limit 100", _PROHIBITORY),
    ("speed limit 120", _PROHIBITORY),
    ("no overtaking", _PROHIBITORY),
    ("no overtaking (trucks)", _PROHIBITORY),
    ("priority at next intersection", _DANGER),
    ("priority road", _OTHER),
    ("give way", _OTHER),
    ("stop", _OTHER),
    ("no traffic both ways", _PROHIBITORY),
    ("no trucks", _PROHIBITORY),
    ("no entry", _OTHER),
    ("danger", _DANGER),
    ("bend left", _DANGER),
    ("bend right", _DANGER),
    ("bend", _DANGER),
    ("uneven road", _DANGER),
    ("slippery road", _DANGER),
    ("road narrows", _DANGER),
    ("construction", _DANGER),
    ("traffic signal", _DANGER),
    ("pedestrian crossing", _DANGER),
    ("school crossing", _DANGER),
    ("cycles crossing", _DANGER),
    ("snow", _DANGER),
    ("animals", _DANGER),
    ("restriction ends", _OTHER),
    ("go right", _MANDATORY),
    ("go left", _MANDATORY),
    ("go straight", _MANDATORY),
    ("go right or straight", _MANDATORY),
    ("go left or straight", _MANDATORY),
    ("keep right", _MANDATORY),
    ("keep left", _MANDATORY),
    ("roundabout", _MANDATORY),
    ("restriction ends (overtaking)", _OTHER),
    ("restriction ends (overtaking (trucks))", _OTHER),
)
GTSDB_CLASSES = tuple(f"{name} ({group})" for name, group in _MEMBERS)
"""The names of classes 0 to 42, each with its group behind it, as the benchmark writes them."""
_NAMED = re.compile(rf"(.*) \(({'|'.join(GROUPS)})\)")


def group_of(region: Region) -> str | None:
    """The group of a region: what its table says, or what its class says in the benchmark's way; none if neither does.

    Example:
        >>> from nflows_privacy.regions import Box
        >>> group_of(Region(Box(0, 0, 9, 9), "keep right (mandatory)"))
        'mandatory'
    """
    if group := dict(region.attributes).get(GROUP):
        return group
    found = _NAMED.fullmatch(region.kind)
    return found[2] if found else None


def word_of(kind: str) -> str:
    """The name of a class as one word without its group, by which a command line can say it.

    Example:
        >>> word_of("no overtaking (trucks) (prohibitory)"), word_of("keep_right")
        ('no-overtaking-trucks', 'keep-right')
    """
    found = _NAMED.fullmatch(kind)
    return re.sub(r"[\W_]+", "-", (found[1] if found else kind).lower()).strip("-")
