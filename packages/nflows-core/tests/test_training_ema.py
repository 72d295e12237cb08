"""The moving average of the weights against its closed form."""

from __future__ import annotations

import pytest
import torch

from nflows_core.bijections import ActNorm
from nflows_core.flow import Flow
from nflows_core.training import WeightAverage


def constant_flow(value: float) -> Flow:
    flow = Flow([ActNorm((2, 4, 4))])
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.fill_(value)
    return flow


def averages(decay: float, weights: list[float]) -> float:
    """The average after the flow's weights went through ``weights``."""
    average = WeightAverage(constant_flow(weights[0]), decay)
    for step, value in enumerate(weights[1:]):
        average.update(constant_flow(value), step)
    values = {value.item() for parameter in average.model.parameters() for value in parameter.flatten()}
    assert len(values) == 1
    return values.pop()


@pytest.mark.parametrize("decay", [0.0, 0.15, 0.9, 0.999])
def test_average_is_the_closed_form(decay: float) -> None:
    weights = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0]
    decays = [min(decay, (1 + step) / (10 + step)) for step in range(6)]
    expected, kept = 0.0, 1.0
    for weight, step_decay in zip(reversed(weights[1:]), reversed(decays), strict=True):
        expected += kept * (1 - step_decay) * weight
        kept *= step_decay
    expected += kept * weights[0]
    assert averages(decay, weights) == pytest.approx(expected, rel=1e-6)


def test_a_short_run_forgets_its_initial_weights() -> None:
    # With the decay 0.999 from the start, 99 % of the initial weight would be left after ten updates.
    assert averages(0.999, [1.0, *[0.0] * 10]) < 1e-4


def test_buffers_are_copied() -> None:
    flow = constant_flow(1.0)
    flow.register_buffer("count", torch.tensor(0))
    average = WeightAverage(flow, 0.999)
    flow.count += 7
    average.update(flow, 0)
    assert average.model.get_buffer("count").item() == 7


def test_the_average_is_apart_from_the_flow() -> None:
    flow = constant_flow(1.0)
    average = WeightAverage(flow, 0.5)
    with torch.no_grad():
        next(flow.parameters()).fill_(2.0)
    assert next(average.model.parameters()).unique().tolist() == [1.0]
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
