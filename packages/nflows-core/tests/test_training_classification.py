"""The classification task: its loss, macro-F1 by hand and by scikit-learn's definition, balance and augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nflows_core.classifiers import build_classifier
from nflows_core.training import (
    Classification,
    EngineConfig,
    Labelled,
    Place,
    Recoloured,
    Together,
    Trainer,
    Turned,
    balancing_weights,
)
from nflows_core.training.batches.labelled import LabelledBatches, evenly_drawn
from nflows_core.training.curve import read_curve
from nflows_core.training.measuring import Tally, summarized, tallied

CPU = Place(0, 1, torch.device("cpu"))
CONFIG = EngineConfig(epochs=6, batch_size=16, learning_rate=1e-2, ema_decay=0.9, clip_norm=5.0)


def stripes(n: int, seed: int, classes: int = 2) -> Labelled:
    """Pictures with a bright row, a bright column, or neither."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(60, (n, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.arange(n) % classes
    places = torch.randint(16, (n,), generator=generator)
    for one, label, place in zip(x, labels, places, strict=True):
        if label < 2:
            (one[:, place] if label else one[:, :, place]).fill_(250)
    return Labelled(x, labels)


class Given(nn.Module):
    """Says what its input is: the logits themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


def measured(logits: Tensor, labels: Tensor, **options: object) -> dict[str, float]:
    task = Classification(Given(), Labelled(logits, labels), CONFIG, Labelled(logits, labels), **options)  # type: ignore[arg-type]
    return summarized(task, [tallied(task, task.model, CPU, torch.no_grad)])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
@settings(max_examples=40, deadline=None)
def test_macro_f1_is_the_mean_over_the_classes_that_occur(pairs: list[tuple[int, int]]) -> None:
    true, found = torch.tensor(pairs).T
    logits = nn.functional.one_hot(found, 4).float()
    scores = []
    for label in sorted(set(true.tolist())):
        right = ((true == label) & (found == label)).sum()
        precision_and_recall = right / (found == label).sum().clamp(min=1), right / (true == label).sum()
        total = sum(precision_and_recall)
        scores.append(2 * precision_and_recall[0] * precision_and_recall[1] / total if total else torch.tensor(0.0))
    assert measured(logits, true)["macro_f1"] == pytest.approx(torch.stack(scores).mean().item(), abs=1e-6)


def test_processes_together_measure_what_one_does() -> None:
    logits, labels = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 2])
    task = Classification(Given(), Labelled(logits, labels), CONFIG, Labelled(logits, labels))
    shares = [tallied(task, task.model, Place(rank, 9, CPU.device), torch.no_grad) for rank in range(9)]
    assert shares[8] == Tally(0, {})
    assert summarized(task, shares) == pytest.approx(measured(logits, labels))


def test_the_weights_of_the_best_macro_f1_are_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    train, test = stripes(96, 0, 3), stripes(48, 1, 3)
    task = Classification(build_classifier("small", 3), train, CONFIG, test, augmentation=Turned(0, 0))
    network = Trainer(task, tmp_path).fit()
    curve = [value for _, value in read_curve(tmp_path / "metrics_test.csv", "macro_f1")]
    kept = summarized(task, [tallied(task, network, CPU, torch.no_grad)])["macro_f1"]
    assert kept == pytest.approx(max(curve), abs=1e-6)
    assert kept > 0.5 > curve[0]


def test_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path) -> None:
    def trained(folder: Path, *epochs: int) -> list[tuple[float, float]]:
        config = replace(CONFIG, schedule="constant", log_steps=1)
        for index, last in enumerate(epochs):
            torch.manual_seed(0)
            model = build_classifier("small", 2)
            options = {"augmentation": Together([Turned(), Recoloured()]), "balanced": True}
            task = Classification(model, stripes(64, 0), replace(config, epochs=last), stripes(32, 1), **options)  # type: ignore[arg-type]
            Trainer(task, folder).fit(resume=index > 0)
        return read_curve(folder / "metrics.csv", "cross_entropy")

    assert trained(tmp_path / "whole", 3) == trained(tmp_path / "parts", 1, 3)


def test_the_loss_is_the_weighted_smoothed_cross_entropy() -> None:
    logits, labels = torch.randn(8, 3), torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])
    weights = balancing_weights(labels, 3)
    task = Classification(
        Given(), Labelled(logits, labels), replace(CONFIG, batch_size=8), class_weights=weights, label_smoothing=0.3
    )
    (objective,) = task.objectives()
    target = 0.7 * nn.functional.one_hot(labels, 3) + 0.1
    expected = -(weights[labels] * (target * logits.log_softmax(1)).sum(1)).mean()
    torch.testing.assert_close(objective.loss(task.model, Labelled(logits, labels)), expected)
    assert weights[labels].sum() == pytest.approx(8)
    assert balancing_weights(torch.tensor([0, 2]), 3).tolist() == [1, 0, 1]


def test_a_trained_body_learns_slower_than_its_new_head() -> None:
    network = build_classifier("small", 2)
    task = Classification(network, stripes(16, 0), CONFIG, body_rate=0.1)
    groups = task.objectives()[0].optimizer.param_groups
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert rates[id(network.head.weight)] == CONFIG.learning_rate
    assert {rates[id(one)] for one in network.body.parameters()} == {0.1 * CONFIG.learning_rate}
    assert len(rates) == len(list(network.parameters()))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_balanced_epochs_see_each_class_and_each_item_of_a_class_equally_often(labels: list[int], seed: int) -> None:
    known = torch.tensor(labels)
    drawn = evenly_drawn(known, torch.Generator().manual_seed(seed))
    assert len(drawn) == len(known)
    of_classes = torch.bincount(known[drawn])[torch.bincount(known) > 0]
    assert of_classes.max() - of_classes.min() <= 1
    of_items = torch.bincount(drawn, minlength=len(known))
    for label in set(labels):
        assert of_items[known == label].max() - of_items[known == label].min() <= 1


def test_bytes_become_parts_of_one_and_floats_stay() -> None:
    for x in (torch.full((4, 1), 51, dtype=torch.uint8), torch.full((4, 1), 0.2)):
        batches = LabelledBatches(Labelled(x, torch.zeros(4, dtype=torch.int64)), replace(CONFIG, batch_size=4), CPU)
        assert next(batches.training(0)).x.tolist() == [[pytest.approx(0.2)]] * 4


def test_quarter_turns_and_mirrors_move_pixels_and_change_none() -> None:
    x = torch.rand(8, 3, 9, 9)
    u = torch.rand(8, 4)
    u[:, 0], u[:, 1] = torch.arange(8) % 2 / 2, torch.arange(8) // 2 / 4
    turned = Turned(0, 0)(x, u)
    ways = [x[i].rot90(turns, (1, 2)).flip(flips) for i in range(8) for turns in range(4) for flips in ([], [2])]
    for index, one in enumerate(turned):
        matches = [torch.allclose(one, way, atol=1e-5) for way in ways[8 * index : 8 * index + 8]]
        assert sum(matches) == 1


def test_light_in_the_middle_of_its_range_changes_nothing() -> None:
    x = torch.rand(4, 3, 5, 5)
    torch.testing.assert_close(Recoloured()(x, torch.full((4, 6), 0.5)), x)
    brighter = Recoloured(gain=0.5, tint=0, contrast=0, saturation=0)(0.5 * x, torch.ones(4, 6))
    torch.testing.assert_close(brighter, 0.5 * x * torch.tensor(0.5).exp())


def test_patience_needs_test_items() -> None:
    with pytest.raises(ValueError, match="`patience` needs `test`"):
        Classification(Given(), stripes(4, 0), CONFIG, patience=1)
