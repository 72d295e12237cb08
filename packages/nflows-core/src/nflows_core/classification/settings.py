"""What a person chooses of a classifier of pictures, beside the settings of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

from nflows_core.classifiers import FROZEN, LEAST_SIDE, Classifier, build_classifier

Balance = Literal["none", "oversample", "weights"]
Augment = Literal["none", "turned", "turned+light"]

# A configuration may come from anywhere, and ask for all of the memory before its weights are found to be others.
_MOST_CLASSES = 1000
_MOST_SIZE = 1024


@dataclass(frozen=True)
class ClassifierSettings:
    """A classifier, and how it is trained.

    Arguments:
        classes: The names of the classes, in the order of its outputs.
        model: The network's name; see `build_classifier`.
        size: The side of the squares that pictures become, in pixels.
        pretrained: Whether the training begins with weights learned on ImageNet.
        dropout: The part of the features that is dropped in training.
        balance: What is done about unequal classes: nothing, an equal share of each epoch, or weights of the loss.
        augment: What is changed about pictures in training: nothing, turns and mirrors, or the light too.
        label_smoothing: The part of each label that is shared among all classes.

    Raises:
        ValueError: A setting is out of its range.
    """

    things: ClassVar[str] = "pictures"
    """The word for what is classified, in reports and errors."""

    classes: tuple[str, ...]
    model: str = "small"
    size: int = 64
    pretrained: bool = False
    dropout: float = 0.2
    balance: Balance = "none"
    augment: Augment = "none"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= _MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"`classes`: expected 2 to {_MOST_CLASSES} different names, got {len(self.classes)}")
        if not LEAST_SIDE <= self.size <= _MOST_SIZE:
            raise ValueError(f"`size`: expected {LEAST_SIDE} to {_MOST_SIZE} pixels, got {self.size}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"`label_smoothing`: expected a part in [0, 1), got {self.label_smoothing}")
        for name, choices in (("balance", get_args(Balance)), ("augment", get_args(Augment))):
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"`{name}`: expected {', '.join(choices)}, got {value!r}")
        if self.is_solved:
            self._refuse_training()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The settings that a configuration has, as ``dataclasses.asdict`` gave them.

        Raises:
            TypeError: One is of another type, or none of these.
            ValueError: One is out of its range.
        """
        return cls(**{name: cls.setting(name, value) for name, value in values.items()})

    @classmethod
    def setting(cls, name: str, value: Any) -> Any:
        """What a configuration says of a setting, of the type that it has.

        Raises:
            TypeError: It has no such setting, or of another type.
        """
        match name, value:
            case "classes", [*words] if all(isinstance(word, str) for word in words):
                return tuple(words)
            case "size", int() if type(value) is int:
                return value
            case "dropout" | "label_smoothing", int() | float() if type(value) is not bool:
                return float(value)
            case "model" | "balance" | "augment", str():
                return value
            case "pretrained", bool():
                return value
        raise TypeError(f"settings.{name} is {value!r}, which no classifier has")

    @property
    def is_solved(self) -> bool:
        """Whether the last layer is solved for, and nothing is trained step by step."""
        return self.model == FROZEN

    def _refuse_training(self) -> None:
        trained = {
            "pretrained": self.pretrained,
            "balance": self.balance == "oversample",
            "augment": self.augment != type(self).augment,
            "dropout": self.dropout != type(self).dropout,
            "label_smoothing": self.label_smoothing > 0,
        }
        for name, is_asked in trained.items():
            if is_asked:
                raise ValueError(
                    f"`{name}`: the frozen model always begins with trained weights, sees {self.things} in four turns, "
                    "and its last layer is solved for, with the same chance for each class if `balance` is weights; "
                    f"got {getattr(self, name)!r}"
                )

    def build(self, pretrained: bool = False) -> Classifier:
        """The network, untrained but for what is taken from elsewhere."""
        return build_classifier(self.model, len(self.classes), pretrained=pretrained, dropout=self.dropout)
