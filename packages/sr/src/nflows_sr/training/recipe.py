"""What a training is, by plain words: what `nflows sr train` knows by a name, and what a run folder keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Generic, TypeVar, get_type_hints

from torch import nn

from nflows_core.training import EngineConfig, Task
from nflows_sr.data.pictures import Pictures

S = TypeVar("S")


@dataclass(frozen=True)
class TrainingData:
    """The pictures of a training.

    Arguments:
        train: Those that it is trained on.
        test: Those that are held out.
    """

    train: Pictures
    test: Pictures


@dataclass(frozen=True)
class Recipe(Generic[S]):
    """How something is trained: its settings, its model, its task.

    Arguments:
        summary: What comes of it, in a few words, for ``--help``.
        settings: A frozen dataclass whose fields are whole numbers, numbers and words: what a person may choose as
            ``NAME:FIELD=VALUE``, and all that the model is built by. It checks them itself, by a ``ValueError``.
        build: The untrained model of some settings.
        task: What is trained: a model of ``build``, its settings, the pictures, and the settings of the engine.
        engine: The settings of the engine that differ from its own defaults, such as ``batch_size``.
    """

    summary: str
    settings: type[S]
    build: Callable[[S], nn.Module]
    task: Callable[[Any, S, TrainingData, EngineConfig], Task[Any, Any]]
    engine: Mapping[str, Any]

    def configured(self, chosen: Mapping[str, Any]) -> S:
        """The settings with what was chosen, the others at their defaults.

        Raises:
            ValueError: There is no such setting, one that is needed is missing, or a value is of another type or out of
                range.
        """
        types = get_type_hints(self.settings)
        if unknown := [name for name in chosen if name not in types]:
            raise ValueError(f"there is no setting {unknown[0]!r}; there are {', '.join(types)}")
        if missing := [name for name in self._needed() if name not in chosen]:
            raise ValueError(f"`{missing[0]}` is missing")
        for name, value in chosen.items():
            if not _is(value, types[name]):
                raise ValueError(f"`{name}`: expected {_WORDS.get(types[name], types[name])}, got {value!r}")
        return self.settings(**chosen)

    def _needed(self) -> list[str]:
        own = fields(self.settings)  # type: ignore[arg-type]  # a dataclass, as its docstring says
        return [one.name for one in own if one.default is MISSING and one.default_factory is MISSING]


_WORDS = {int: "a whole number", float: "a number", str: "a word", int | None: "a whole number or none"}


def _is(value: Any, kind: Any) -> bool:
    """Whether a value may stand for a type, as a whole number may for a number, and true for neither."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)
