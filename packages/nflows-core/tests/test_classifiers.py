"""Classifiers by name: what they compute, what dropout draws, and what is refused."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from nflows_core.classifiers import (
    Classifier,
    EfficientNetLite0,
    FrozenBody,
    as_unit,
    build_classifier,
    features_of,
    probabilities_of,
    sampled_probabilities,
)
from nflows_core.classifiers.calibration import temperature

PIXELS = torch.randint(256, (5, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
NAMES = ["small", "efficientnet-lite0", "lcnet_050"]


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_are_the_last_layer_on_the_features(name: str) -> None:
    network = build_classifier(name, 4)
    features = features_of(network, PIXELS)
    expected = (features @ network.head.weight.T + network.head.bias).softmax(1)
    found = probabilities_of(network, PIXELS, batch_size=2)
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)
    assert network.training, "as it was before"


def test_pictures_in_bytes_and_in_floats_are_the_same() -> None:
    network = build_classifier("small", 2)
    assert torch.equal(features_of(network, PIXELS), features_of(network, as_unit(PIXELS)))


def test_a_classifier_normalizes_by_its_own_mean_and_deviation() -> None:
    body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Classifier(body, 3, 2, mean=(0.5, 0.0, 1.0), std=(0.5, 1.0, 0.25))
    given = torch.full((1, 3, 16, 16), 0.75)
    torch.testing.assert_close(network.features(given), torch.tensor([[0.5, 0.75, -1.0]]))
    assert {"mean", "std"} <= network.state_dict().keys()


def test_pretrained_features_are_those_of_the_published_network() -> None:
    """By timm's, padded as TensorFlow does, with the same tensors, which stand in the same order."""
    timm = pytest.importorskip("timm")
    ours = build_classifier("efficientnet-lite0", 2, pretrained=True)
    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    state = dict(zip(theirs.state_dict(), ours.body.state_dict().values(), strict=True))
    theirs.load_state_dict(state)
    with torch.no_grad():
        expected = theirs.eval()(2 * as_unit(PIXELS) - 1)
    torch.testing.assert_close(features_of(ours, PIXELS), expected, atol=1e-4, rtol=1e-3)


def test_a_frozen_network_is_the_same_function_without_normalizations() -> None:
    network = EfficientNetLite0.pretrained()
    frozen = network.frozen()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in frozen.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    x = 2 * as_unit(PIXELS) - 1
    with torch.no_grad():
        torch.testing.assert_close(frozen.maps(x), network.maps(x), atol=1e-4, rtol=1e-3)


def test_the_frozen_classifier_sees_a_picture_and_its_quarter_turns_alike() -> None:
    network = build_classifier("frozen", 2, pretrained=True)
    features = features_of(network, PIXELS)
    assert features.shape == (len(PIXELS), FrozenBody.width)
    torch.testing.assert_close(features_of(network, PIXELS.rot90(1, (2, 3))), features, atol=1e-4, rtol=1e-3)
    once = [FrozenBody.pretrained()(2 * as_unit(PIXELS.rot90(turn, (2, 3))) - 1) for turn in range(4)]
    torch.testing.assert_close(torch.stack(once).mean(0), features, atol=1e-4, rtol=1e-3)
    with pytest.raises(ValueError, match="frozen takes pictures in colour"):
        build_classifier("frozen", 2, 1)


def test_one_draw_drops_the_same_of_all_pictures_and_their_mean_is_the_network() -> None:
    torch.manual_seed(0)
    network = build_classifier("small", 3, dropout=0.5)
    features = features_of(network, PIXELS[:1]).expand(4, -1)
    drawn = sampled_probabilities(network, features, 8, seed=1)
    assert drawn.shape == (4, 8, 3)
    torch.testing.assert_close(drawn, drawn[:1].expand_as(drawn))
    assert not torch.allclose(drawn[:, 0], drawn[:, 1])
    torch.testing.assert_close(drawn.sum(2), torch.ones(4, 8))
    assert torch.equal(drawn, sampled_probabilities(network, features, 8, seed=1))
    logits = sampled_probabilities(network, features[:1], 4000, seed=2).log()
    centred = (logits - logits.mean(2, keepdim=True)).mean(1)[0]
    expected = probabilities_of(network, PIXELS[:1]).log()[0]
    torch.testing.assert_close(centred, expected - expected.mean(), atol=0.02, rtol=0)


def test_features_may_be_learned_from() -> None:
    network = build_classifier("small", 2)
    layer = nn.Linear(128, 1)
    layer(features_of(network, PIXELS)).sum().backward()
    assert layer.weight.grad is not None


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more apart, got 1"):
        build_classifier("small", 1)
    with pytest.raises(ValueError, match=r"a part in \[0, 1\), got 1"):
        build_classifier("small", 2, dropout=1)
    with pytest.raises(ValueError, match="the small network has no weights of others"):
        build_classifier("small", 2, pretrained=True)
    with pytest.raises(ValueError, match="in colour, of 3 channels, got 1"):
        build_classifier("efficientnet-lite0", 2, 1)
    with pytest.raises(ValueError, match=r"no classifier 'resnet18x'; there are small, .*-lite0, frozen, and of timm"):
        build_classifier("resnet18x", 2)
    network = build_classifier("small", 2, dropout=0)
    with pytest.raises(ValueError, match="without dropout all draws are the same"):
        sampled_probabilities(network, torch.zeros(1, 128), 2, 0)


def test_without_timm_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nflows-core\[models\]'"):
        build_classifier("resnet18", 2)


def test_no_other_temperature_is_better() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (500,), generator=generator)
    logits = 8 * (torch.eye(3)[labels] + torch.randn(500, 3, generator=generator))
    best = temperature(logits, labels)
    assert best > 3
    losses = [float(cross_entropy(logits / (best * factor), labels)) for factor in (0.9, 1, 1.1)]
    assert losses[1] == min(losses)
