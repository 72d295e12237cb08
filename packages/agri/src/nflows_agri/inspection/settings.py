"""What a person chooses of a classifier of crops, beside the settings of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

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
        size: The side of the squares that crops become, in pixels.
        pretrained: Whether the training begins with weights learned on ImageNet.
        dropout: The part of the features that is dropped in training.
        balance: What is done about unequal classes: nothing, an equal share of each epoch, or weights of the loss.
        augment: What is changed about crops in training: nothing, turns and mirrors, or the light too.
        label_smoothing: The part of each label that is shared among all classes.
        pure: The classes that are pure seed; the others are impure.
        unknown: Whether the run learns too what crops of its classes look like, so that others are put aside.

    Raises:
        ValueError: A setting is out of its range.
    """

    classes: tuple[str, ...]
    model: str = "small"
    size: int = 64
    pretrained: bool = False
    dropout: float = 0.2
    balance: Balance = "none"
    augment: Augment = "turned"
    label_smoothing: float = 0.0
    pure: tuple[str, ...] = ()
    unknown: bool = False

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
        check_pure(self.pure, self.classes)
        if self.is_solved:
            self._refuse_training()

    @property
    def is_solved(self) -> bool:
        """Whether the last layer is solved for, and nothing is trained step by step."""
        return self.model == FROZEN

    def _refuse_training(self) -> None:
        trained = {
            "pretrained": self.pretrained,
            "balance": self.balance == "oversample",
            "augment": self.augment != "turned",
            "dropout": self.dropout != type(self).dropout,
            "label_smoothing": self.label_smoothing > 0,
        }
        for name, is_asked in trained.items():
            if is_asked:
                raise ValueError(
                    f"`{name}`: the frozen model always begins with trained weights, sees crops in four turns, and its "
                    "last layer is solved for, with the same chance for each class if `balance` is weights; got "
                    f"{getattr(self, name)!r}"
                )

    def build(self, pretrained: bool = False) -> Classifier:
        """The network, untrained but for what is taken from elsewhere."""
        return build_classifier(self.model, len(self.classes), pretrained=pretrained, dropout=self.dropout)


def check_pure(pure: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """Refuses classes that are not there, and all classes at once: nothing would be impure.

    Raises:
        ValueError: They are.
    """
    if strange := [name for name in pure if name not in classes]:
        raise ValueError(f"`pure`: there is no class {strange[0]!r}; there are {', '.join(classes)}")
    if set(pure) == set(classes):
        raise ValueError("`pure`: all classes are pure, so that none is impure; leave one out")
