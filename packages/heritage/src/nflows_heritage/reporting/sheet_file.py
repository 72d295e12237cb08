"""By what a sheet is known that may be replaced by a newer one."""

from __future__ import annotations

import errno
from pathlib import Path

TITLE, CREATOR = "Restoration", "nflows-heritage"
_SIGNS = (f"<title>{TITLE}</title>".encode(), f"/Creator ({CREATOR})".encode())


def refuse_foreign_sheet(path: Path) -> None:
    """Refuses to replace a file that is no sheet of ours.

    Raises:
        FileExistsError: It is there, and somebody else's.
    """
    if path.exists() and not any(sign in path.read_bytes() for sign in _SIGNS):
        raise FileExistsError(errno.EEXIST, "is no sheet of ours; move it, or give another name", str(path))
