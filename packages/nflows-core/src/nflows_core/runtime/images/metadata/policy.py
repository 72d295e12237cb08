"""The policies, and the kinds of value that those which strip let through."""

from __future__ import annotations

import re
from enum import Enum
from typing import Literal, get_args

Policy = Literal["keep", "strip-gps", "strip-private", "strip"]
"""What of the metadata goes from one file into the next.

``keep`` is everything that is still true of the picture. The others are lists of what goes through, and nothing else
does: ``strip-gps`` what is known to tell no place, ``strip-private`` of it what is known to tell neither who nor which
device, ``strip`` no more than the pixels need to look right: the colour profile's numbers, and the resolution.
"""

POLICIES: tuple[Policy, ...] = get_args(Policy)
"""Their names, each letting less through than the one before."""

MAX_NAME = 1000
"""Characters of a name that goes through a policy; what is longer is no name."""


class Kind(Enum):
    """What a value is, wherever it stands; a value of another kind does not go through."""

    NUMBER = re.compile(r"[+-]?\d{1,12}([./]\d{1,12})?")
    # Without a time zone: some of them are one country.
    DATE = re.compile(r"\d{4}([-:]\d\d([-:]\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?)?)?")
    BOOLEAN = re.compile(r"(?i:true|false)")
    VERSION = re.compile(r"\d{4}|\d(\.\d){1,3}")
    MEDIA_TYPE = re.compile(r"image/[a-z0-9.+-]{1,40}")
    # A maker's name for a product, or the name of who made the picture: free, but short and of one line.
    NAME = re.compile(rf"[^\x00-\x1f\x7f]{{1,{MAX_NAME}}}")

    def accepts(self, text: str) -> bool:
        return self.value.fullmatch(text) is not None


ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


def check_policy(policy: str) -> None:
    """
    Raises:
        ValueError: There is no such policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy: expected {', '.join(POLICIES[:-1])} or {POLICIES[-1]}, got {policy!r}")
