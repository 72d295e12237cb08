"""Settings of a training run, and the learning rate they decide."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest

from nflows_core.training import TrainingConfig, learning_rate


def test_survives_json() -> None:
    config = TrainingConfig(epochs=3, learning_rate=2e-4, schedule="exponential", conditional=True)
    assert TrainingConfig.from_dict(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"batch_size": -1}, ValueError, "batch_size must be at least 1, got -1"),
        ({"accumulation_steps": 0}, ValueError, "accumulation_steps must be at least 1"),
        ({"warmup_steps": -1}, ValueError, "warmup_steps must be at least 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 10**20}, ValueError, "seed must be from 0 to 2"),
        ({"batch_size": 2.5}, TypeError, r"batch_size must be an integer, got 2\.5"),
        ({"epochs": True}, TypeError, "epochs must be an integer, got True"),
        ({"tensorboard": 1}, TypeError, "tensorboard must be true or false, got 1"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be positive and finite"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be positive and finite"),
        ({"learning_rate": "1e-3"}, TypeError, "learning_rate must be a number, got '1e-3'"),
        ({"clip_norm": math.inf}, ValueError, "clip_norm must be positive and finite"),
        ({"ema_decay": 1.0}, ValueError, r"ema_decay must be in \[0, 1\), got 1\.0"),
        ({"final_fraction": 0.0}, ValueError, r"final_fraction must be in \(0, 1\]"),
        ({"schedule": "linear"}, ValueError, "schedule must be one of cosine, exponential, constant"),
        ({"mixed_precision": "fp16"}, ValueError, "mixed_precision must be one of no, bf16, got 'fp16'"),
        ({"epoch": 3}, ValueError, "unknown training settings epoch; known are epochs, batch_size"),
    ],
)
def test_bad_settings_are_named(setting: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TrainingConfig.from_dict({"epochs": 1, **setting})


def test_warm_up_is_linear_and_ends_at_the_learning_rate() -> None:
    config = TrainingConfig(epochs=1, learning_rate=0.8, warmup_steps=4)
    rates = [learning_rate(step, 100, config) for step in range(4)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8], rel=1e-15)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        # After a warm-up of 10, updates 10, 60 and 110 are the start, the middle and the end of the decay.
        ("cosine", [1.0, 0.505, 0.01]),
        ("exponential", [1.0, 0.1, 0.01]),
        ("constant", [1.0, 1.0, 1.0]),
    ],
)
def test_decay_has_the_known_values(schedule: str, values: list[float]) -> None:
    config = TrainingConfig.from_dict({"epochs": 1, "learning_rate": 0.1, "schedule": schedule, "warmup_steps": 10})
    rates = [learning_rate(step, 110, config) for step in (10, 60, 110)]
    assert rates == pytest.approx([0.1 * value for value in values], rel=1e-12)


def test_a_run_shorter_than_its_warm_up_only_warms_up() -> None:
    config = TrainingConfig(epochs=1, learning_rate=1e-3, warmup_steps=10)
    rates = [learning_rate(step, 5, config) for step in range(6)]
    assert rates == pytest.approx([1e-4 * (step + 1) for step in range(6)])
