"""From a model's name and arguments to a flow."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from nflows_core.flow import Flow
from nflows_core.models.arguments import check_arguments
from nflows_core.models.baselines import BASELINES
from nflows_core.models.multi_scale import MultiScaleFlow
from nflows_core.models.presets import CInCFlow, FInCFlow, Glow, InverseFlow, PlanarStack

MODELS: dict[str, type[Flow]] = {
    "cinc": CInCFlow,
    "finc": FInCFlow,
    "glow": Glow,
    "inverse-flow": InverseFlow,
    "planar-stack": PlanarStack,
    **BASELINES,
}
"""The presets by the names that the command line knows."""


FROM_THE_IMAGES = ("shape", "quantization", "context_features")
"""Arguments of a preset that are those of the images it is trained on, and no choice."""


class ModelError(ValueError):
    """A model that is not known, or arguments that it does not take."""


def build(model: str, arguments: Mapping[str, Any]) -> Flow:
    """The untrained flow of a preset.

    Arguments:
        model: A name in `MODELS`.
        arguments: The preset's arguments by their names.

    Raises:
        ModelError: There is no such model, it has no such argument, or it takes no such value of one.

    Example:
        >>> build("glow", {"shape": (1, 8, 8), "depth": 2}).shape
        (1, 8, 8)
    """
    check_model(model, arguments)
    try:
        flow: Flow = find_preset(model)(**arguments)
    except (TypeError, ValueError) as error:
        raise ModelError(f"the model {model} cannot be built: {error}") from error
    return flow


def check_model(model: str, arguments: Mapping[str, Any]) -> None:
    """Raises a `ModelError` for what is wrong before anything is built: the name, the arguments, their sizes."""
    known = argument_names(model)
    if unknown := [name for name in arguments if name not in known]:
        raise ModelError(f"the model {model} takes no {unknown[0]}; it takes {', '.join(known)}")
    try:
        check_arguments(arguments)
    except ValueError as error:
        raise ModelError(f"the model {model} cannot be built: {error}") from error


def check_chosen(arguments: Iterable[str]) -> None:
    """Raises a `ModelError` for an argument of a model that only its images decide."""
    if decided := [name for name in arguments if name in FROM_THE_IMAGES]:
        raise ModelError(f"{decided[0]} is no argument to choose: a model has that of the images it is trained on")


def describe(flow: Flow) -> dict[str, Any] | None:
    """The ``model`` and the ``arguments`` by which `build` makes a flow like this one; nothing if it is no preset.

    Example:
        >>> describe(Glow((1, 8, 8), depth=2))["arguments"]["depth"]
        2
    """
    names = [name for name, preset in MODELS.items() if type(flow) is preset]
    if not names or flow.arguments is None:
        return None
    # Defaults too, for a later version may choose otherwise.
    return {"model": names[0], "arguments": defaults(names[0]) | flow.arguments}


def find_preset(model: str) -> type[Flow]:
    """The class of a model.

    Raises:
        ModelError: There is no such model.
    """
    if not isinstance(model, str) or model not in MODELS:
        raise ModelError(f"no model is called {str(model)[:60]!r}; there are {', '.join(sorted(MODELS))}")
    return MODELS[model]


def argument_names(model: str) -> list[str]:
    """What a preset can be given."""
    return [parameter.name for parameter in _parameters(model)]


def defaults(model: str) -> dict[str, Any]:
    """What a preset takes for the arguments that it is not given."""
    parameters = _parameters(model)
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


def _parameters(model: str) -> list[inspect.Parameter]:
    preset = find_preset(model)
    common = inspect.signature(preset).parameters.values()
    own = inspect.signature(preset.step).parameters.values() if issubclass(preset, MultiScaleFlow) else ()
    return [
        *(parameter for parameter in common if parameter.kind is not parameter.VAR_KEYWORD),
        *(parameter for parameter in own if parameter.default is not parameter.empty),
    ]
