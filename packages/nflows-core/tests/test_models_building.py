"""From names and arguments to flows: what a preset can be given, and what is said of what it cannot."""

from __future__ import annotations

import inspect

import pytest
import torch

from nflows_core.models import MODELS, Glow, ModelError, MultiScaleFlow, argument_names, build, defaults

COMMON = {"levels": 2, "depth": 4, "width": 96, "context_features": 0, "context_width": 0, "quantization": 256}
COMMON["level_log_scale"] = 32.0
BOUNDED = {"kernel_size": 3, "max_amplification": 10.0, "level_amplification": 1e16}
OWN = {
    "cinc": {**BOUNDED, "coupling": "affine"},
    "finc": BOUNDED,
    "glow": {"coupling": "affine"},
    "inverse-flow": BOUNDED,
    "emerging": {"kernel_size": 3},
    "exponential": {"kernel_size": 3},
    "macow": {"kernel_size": 3},
    "periodic": {"kernel_size": 3},
    "self-normalizing": {"kernel_size": 3},
    "woodbury": {},
}


@pytest.mark.parametrize("model", OWN)
def test_a_preset_has_the_common_arguments_and_those_of_its_step(model: str) -> None:
    assert defaults(model) == COMMON | OWN[model]
    assert set(argument_names(model)) == {"shape", *COMMON, *OWN[model]}


def test_the_planar_stack_has_arguments_of_its_own() -> None:
    expected = {"levels": 2, "depth": 9, "kernel_size": 3, "layer": "inverse-conv", "quantization": 256}
    assert defaults("planar-stack") == expected
    assert {*OWN, "planar-stack"} == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_defaults_change_nothing(model: str) -> None:
    """A run keeps them: its flow must be the one that was built without them."""
    flows = []
    for arguments in ({}, defaults(model)):
        torch.manual_seed(0)
        flows.append(build(model, {"shape": (2, 8, 8), **arguments}))
    expected = flows[0].state_dict()
    assert flows[1].state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in flows[1].state_dict().items())


@pytest.mark.parametrize("model", OWN)
def test_every_argument_is_documented_where_help_shows_it(model: str) -> None:
    preset = MODELS[model]
    documentation = f"{preset.__init__.__doc__}{''.join(base.__doc__ or '' for base in own_classes(preset))}"
    for name in argument_names(model):
        assert f" {name}: " in documentation


def own_classes(preset: type) -> list[type]:
    return [base for base in inspect.getmro(preset) if issubclass(base, MultiScaleFlow) and base is not MultiScaleFlow]


def test_an_unknown_model_is_named() -> None:
    for ask in (lambda: build("resnet", {}), lambda: argument_names("resnet"), lambda: defaults("resnet")):
        with pytest.raises(ModelError, match="no model is called 'resnet'; there are cinc, emerging, "):
            ask()


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(ModelError, match="the model glow takes no kernel_size; it takes shape, levels, depth, width, "):
        build("glow", {"shape": (1, 8, 8), "kernel_size": 3})
    with pytest.raises(TypeError, match="unexpected keyword argument 'kernel_size'"):
        Glow((1, 8, 8), kernel_size=3)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "missing 1 required positional argument: 'shape'"),
        ({"shape": (1, 6, 8)}, "height and width must be even"),
        ({"shape": (1, 8, 8), "depth": 0}, "depth must be an integer from 1 to 1,000, got 0"),
        ({"shape": (1, 8, 8), "width": "wide"}, "width must be an integer from 1 to 8,192, got 'wide'"),
    ],
)
def test_a_value_that_it_does_not_take_is_told(arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelError, match=f"the model glow cannot be built: .*{reason}"):
        build("glow", arguments)
