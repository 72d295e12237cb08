"""What other packages add by entry points: found by its name, loaded, and checked to be what it should be."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TypeVar

T = TypeVar("T")


def load_added(added: EntryPoint, kind: type[T], argument: str) -> T:
    """The object of an entry point.

    Arguments:
        added: The entry point.
        kind: The class that the object should be of.
        argument: The argument by which a person named it, for errors.

    Raises:
        ValueError: It cannot be imported, or is something else.
    """
    try:
        found = added.load()
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"`{argument}` {added.name}: {added.value} cannot be imported: {error}; install its package again"
        ) from error
    if not isinstance(found, kind):
        raise ValueError(  # noqa: TRY004 - what a package registered is wrong, not what was passed
            f"`{argument}` {added.name}: {added.value} is a {type(found).__name__}, not a {kind.__name__}"
        )
    return found
