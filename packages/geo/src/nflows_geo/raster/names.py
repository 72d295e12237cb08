"""Names of files that GDAL cannot be told: it knows all names as UTF-8."""

from __future__ import annotations

import os
from pathlib import Path


class NameOfFileError(ValueError):
    """A file or folder has a name that cannot be told to GDAL; the message says what to do."""


def require_unicode(path: Path) -> None:
    """Refuses a name that is no UTF-8, or that Python does not take for it where the system's language is C.

    Raises:
        NameOfFileError: It is such a name.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        advice = "set PYTHONUTF8=1" if _is_utf8(path) else "rename it, or what it lies in"
        raise NameOfFileError(f"{path} has a name that GDAL cannot read as UTF-8; {advice}") from error


def _is_utf8(path: Path) -> bool:
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError:
        return False
    return True
