"""Classifiers whose last layer is solved for: linear discriminants, and their temperature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from nflows_core.classification import ClassifierSettings
from nflows_core.classification.solving import Solving, left_out_temperature, solve
from nflows_core.classifiers import features_of
from nflows_core.data import Images


def clouds(classes: int, count: int = 60, width: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal clouds around a mean of each class, with features of very different scales."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    means = torch.randn(classes, width, generator=generator)
    scales = 10.0 ** torch.linspace(-2, 2, width)
    return (means[labels] + torch.randn(count, width, generator=generator)) * scales + 5, labels


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("equal", [False, True])
def test_the_solved_layer_is_the_linear_discriminant(classes: int, equal: bool) -> None:
    features, labels = clouds(classes)
    labels[:10] = 0
    weight, bias = solve(features, labels, classes, equal)
    x = StandardScaler().fit_transform(features.double().numpy())
    priors = np.full(classes, 1 / classes) if equal else None
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=priors).fit(x, labels.numpy())
    ours = (features.double() @ weight.double().T + bias).softmax(1)
    np.testing.assert_allclose(ours.numpy(), theirs.predict_proba(x), atol=1e-4)


def test_features_in_other_units_say_the_same_and_a_constant_one_breaks_nothing() -> None:
    features, labels = clouds(3)
    units = torch.linspace(0.1, 9, features.shape[1])
    weight, bias = solve(features, labels, 3)
    other_weight, other_bias = solve(features * units, labels, 3)
    expected = (features @ weight.T + bias).softmax(1)
    torch.testing.assert_close((features * units @ other_weight.T + other_bias).softmax(1), expected, atol=1e-3, rtol=0)
    constant = torch.full((len(features), 1), 7.0)
    assert all(part.isfinite().all() for part in solve(torch.cat([features, constant], 1), labels, 3))


def test_a_class_without_a_picture_is_never_said_and_one_class_alone_is_refused() -> None:
    features, labels = clouds(3)
    weight, bias = solve(features, 2 * labels, 6)
    assert set((features @ weight.T + bias).argmax(1).tolist()) == {0, 2, 4}
    with pytest.raises(ValueError, match="all are of one class"):
        solve(features, torch.zeros_like(labels), 2)


def test_the_temperature_is_of_pictures_whose_group_was_left_out() -> None:
    features, labels = clouds(3, 240)
    groups = np.array([f"tray{number // 12}" for number in range(240)])
    shifts = torch.randn(20, features.shape[1], generator=torch.Generator().manual_seed(1)) * features.std(0)
    by_tray = features + 3 * shifts[torch.arange(240) // 12]  # each tray is its own world
    alone = np.array([f"crop{number}" for number in range(240)])
    assert left_out_temperature(by_tray, labels, groups, 3) > 1.5 * left_out_temperature(by_tray, labels, alone, 3)
    renamed = np.array([f"a{name}" for name in groups])
    assert left_out_temperature(by_tray, labels, groups, 3) == left_out_temperature(by_tray, labels, renamed, 3)


def test_where_all_that_is_left_is_one_class_nothing_tells_a_temperature() -> None:
    features, labels = clouds(2)
    groups = np.where(labels.numpy() == 0, "one", "other")
    assert left_out_temperature(features, labels, groups, 2) == 1


def test_pictures_without_a_group_are_learned_from_and_decide_no_temperature(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(30) % 2
    pixels = torch.randint(0, 200, (30, 3, 32, 32), generator=generator) + 12 * labels[:, None, None, None]
    images = Images(pixels.to(torch.uint8), labels=labels, classes=("a", "b"))
    groups = np.array([f"drive{number // 4}" for number in range(20)])
    settings = ClassifierSettings(("a", "b"), "frozen", size=32)
    network = Solving(settings, {"train": images}, {"train": groups}, tmp_path).fit()
    features = features_of(network, images.pixels)
    weight, bias = solve(features, labels, 2)
    divisor = left_out_temperature(features[:20], labels[:20], groups, 2)
    torch.testing.assert_close(network.head.weight.detach(), weight / divisor, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(network.head.bias.detach(), bias / divisor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "setting",
    [
        {"pretrained": True},
        {"balance": "oversample"},
        {"augment": "turned"},
        {"dropout": 0.9},
        {"label_smoothing": 0.1},
    ],
)
def test_what_only_a_training_has_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(setting))}`: the frozen model"):
        ClassifierSettings(("a", "b"), "frozen", **setting)  # type: ignore[arg-type]
