"""What a person chooses of a classifier of crops, beside what every classifier of pictures has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from nflows_core.classification.settings import Augment, ClassifierSettings


@dataclass(frozen=True)
class CropClassifierSettings(ClassifierSettings):
    """A classifier of crops, and how it is trained.

    Arguments:
        augment: As of `ClassifierSettings`; a seed may lie in any direction.
        pure: The classes that are pure seed; the others are impure.
        unknown: Whether the run learns too what crops of its classes look like, so that others are put aside.

    Raises:
        ValueError: A setting is out of its range.
    """

    things: ClassVar[str] = "crops"

    augment: Augment = "turned"
    pure: tuple[str, ...] = ()
    unknown: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pure(self.pure, self.classes)

    @classmethod
    def setting(cls, name: str, value: Any) -> Any:
        match name, value:
            case "pure", [*words] if all(isinstance(word, str) for word in words):
                return tuple(words)
            case "unknown", bool():
                return value
        return super().setting(name, value)


def check_pure(pure: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """Refuses classes that are not there, and all classes at once: nothing would be impure.

    Raises:
        ValueError: They are.
    """
    if strange := [name for name in pure if name not in classes]:
        raise ValueError(f"`pure`: there is no class {strange[0]!r}; there are {', '.join(classes)}")
    if set(pure) == set(classes):
        raise ValueError("`pure`: all classes are pure, so that none is impure; leave one out")
