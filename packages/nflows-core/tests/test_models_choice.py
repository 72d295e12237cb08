"""A model and its arguments in one word."""

from __future__ import annotations

import pytest

from nflows_core.models import ModelChoice, ModelError


def test_values_are_numbers_or_words() -> None:
    arguments = ModelChoice.parse("finc:kernel-size=5,max-amplification=2.5,layer=x,corner=none").arguments
    assert arguments == {"kernel_size": 5, "max_amplification": 2.5, "layer": "x", "corner": None}


def test_a_name_alone_has_no_arguments() -> None:
    assert ModelChoice.parse("inverse-flow") == ModelChoice("inverse-flow", "inverse-flow", {})


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ModelError, match="no model is called 'glww'; there are cinc, "):
        ModelChoice.parse("glww:width=4")


@pytest.mark.parametrize("argument", ["quantization=32", "shape=1", "context-features=3", "context_features=3"])
def test_what_only_images_decide_is_refused(argument: str) -> None:
    name = argument.split("=")[0].replace("-", "_")
    with pytest.raises(ModelError, match=f"{name} is no argument to choose: a model has that of the images"):
        ModelChoice.parse(f"glow:width=4,{argument}")
