"""Adversaries: known values of what they lower, augmentation that both see alike, and classes that are seen alike."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nflows_core.data import DataError, Images
from nflows_core.testing import one_thread
from nflows_core.training import (
    AdversarialPair,
    AdversarialSettings,
    AdversarialTask,
    BalancedOrder,
    EngineConfig,
    Place,
    Trainer,
    diff_augment,
    gather_statistics,
    hinge_loss,
    lecam_penalty,
    orthogonal_penalty,
    r1_penalty,
)
from nflows_core.training.diff_augment import DRAWS
from training_tasks import Judge, Painter, labelled_images

ALL = ("colour", "mirror", "translation", "cutout")
HERE = Place(0, 1, torch.device("cpu"))


def test_hinge_loss_counts_logits_within_the_margin_alone() -> None:
    real, made = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, -0.5, 1.0])
    assert hinge_loss(real, made).item() == pytest.approx(0.5 * ((0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3))
    assert hinge_loss(torch.ones(3), -torch.ones(3)) == 0


def test_r1_of_a_quadratic_discriminator_is_its_known_gradient() -> None:
    a = torch.randn(4, 4, dtype=torch.float64)
    symmetric = (a + a.T).requires_grad_()
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty(0.5 * ((x @ symmetric) * x).sum(1), x)
    torch.testing.assert_close(penalty, 0.5 * (x @ symmetric).square().sum(1).mean())
    (gradient,) = torch.autograd.grad(penalty, symmetric)
    inner = (x.T @ x / len(x)).detach()
    # d/dA of 1/2 mean |A x|^2 is A S, and half of A's place holds A^T: the gradient of the symmetric part.
    expected = 0.5 * (symmetric @ inner + inner @ symmetric)
    torch.testing.assert_close(0.5 * (gradient + gradient.T), expected.detach())


def test_lecam_penalty_is_the_distance_from_the_averages_of_the_other_kind() -> None:
    real, made = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])
    value = lecam_penalty(real, made, real_mean=torch.tensor(2.0), made_mean=torch.tensor(-1.0))
    assert value == (4 + 16) / 2 + (9 + 4) / 2


def test_orthogonal_filters_of_any_length_cost_nothing() -> None:
    rows = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0][:4] * torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    assert orthogonal_penalty([rows.reshape(4, 2, 3)]).item() == pytest.approx(0, abs=1e-20)
    assert orthogonal_penalty([torch.ones(2, 3), torch.ones(2, 1)]) == 2 * 3**2 + 2 * 1**2


@settings(deadline=None, max_examples=50)
@given(st.sets(st.sampled_from(ALL)), st.integers(1, 3), st.integers(8, 11), st.integers(8, 11))
def test_the_gradient_of_augmented_pictures_is_the_numerical_one(
    policies: set[str], n: int, height: int, width: int
) -> None:
    generator = torch.Generator().manual_seed(n + height + 100 * width)
    x, direction, weight = (torch.rand(n, 3, height, width, generator=generator).double() for _ in range(3))
    draws = torch.rand(n, DRAWS, generator=generator, dtype=torch.float64)
    out = diff_augment(x.requires_grad_(), draws, policies)
    assert out.shape == x.shape
    (gradient,) = torch.autograd.grad((weight * out).sum(), x)
    # Each transformation is affine in the picture.
    change = diff_augment(x + direction, draws, policies) - out
    torch.testing.assert_close((gradient * direction).sum(), (weight * change).sum())
    assert gradient.abs().sum() > 0


def test_pictures_of_the_same_draws_go_through_the_same_transformation() -> None:
    real, draws = torch.rand(8, 3, 16, 16), torch.rand(8, DRAWS)
    assert torch.equal(*(diff_augment(real, draws, ALL) for _ in range(2)))
    marks = torch.eye(16).expand(8, 3, 16, 16)
    places = ("mirror", "translation", "cutout")
    both = diff_augment(torch.cat([marks, marks]), draws.repeat(2, 1), places)
    assert torch.equal(both[:8], both[8:])
    assert len(torch.unique(both[:8].flatten(1), dim=0)) > 1  # each picture has its own


def test_what_is_shifted_or_cut_is_the_picture_elsewhere_and_zero() -> None:
    x, draws = torch.rand(64, 1, 16, 16) + 1, torch.rand(64, DRAWS)
    shifted, cut = (diff_augment(x, draws, [policy]) for policy in ("translation", "cutout"))
    for before, after in zip(x[:, 0], shifted[:, 0], strict=True):
        shifts = [(y, z) for y in range(-2, 3) for z in range(-2, 3)]
        assert any(torch.equal(after, _moved(before, *shift)) for shift in shifts)
    hidden = cut == 0
    assert torch.equal(cut[~hidden], x[~hidden])
    assert hidden.flatten(1).sum(1).max() == 8 * 8  # half of each side
    assert hidden.flatten(1).sum(1).min() > 0


def _moved(x: Tensor, rows: int, columns: int) -> Tensor:
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    return padded[2 + rows : 18 + rows, 2 + columns : 18 + columns]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
def test_every_batch_has_all_classes_alike_and_every_round_each_item_once(
    counts: list[int], share: int, accumulated: int, processes: int
) -> None:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    config = EngineConfig(epochs=1, batch_size=share * len(counts), accumulation_steps=accumulated, seed=3)
    places = [Place(process, processes, torch.device("cpu")) for process in range(processes)]
    names = tuple("abcd"[: len(counts)])
    orders = [BalancedOrder(labels, names, config, place) for place in places]
    rounds = 3 * max(counts)
    batches = [batch for step in range(rounds) for order in orders for batch in order.training(step)]
    for batch in batches:
        assert labels[batch].bincount(minlength=len(counts)).tolist() == [share] * len(counts)
    drawn = torch.cat(batches)
    for number, count in enumerate(counts):
        own = drawn[labels[drawn] == number]
        for turn in range(len(own) // count):
            assert (
                sorted(own[turn * count : (turn + 1) * count].tolist()) == (labels == number).nonzero()[:, 0].tolist()
            )


def test_a_batch_that_the_classes_cannot_share_is_refused_with_one_that_they_can() -> None:
    labels = torch.arange(5)
    with pytest.raises(ValueError, match="`batch_size`: 16 cannot have as many items of each of 5 classes; give 20"):
        BalancedOrder(labels, tuple("abcde"), EngineConfig(epochs=1, batch_size=16), HERE)
    with pytest.raises(ValueError, match="the class c has no items"):
        BalancedOrder(torch.tensor([0, 1, 1]), tuple("abc"), EngineConfig(epochs=1, batch_size=3), HERE)


def task(images: Images, **settings: object) -> AdversarialTask:
    torch.manual_seed(0)
    config = EngineConfig(epochs=2, batch_size=8, learning_rate=1e-3, ema_decay=0.9, log_steps=1)
    return AdversarialTask(
        AdversarialPair(Painter(), Judge()),
        images,
        config,
        AdversarialSettings(**settings),  # type: ignore[arg-type]
    )


def test_a_class_of_one_picture_is_refused_by_its_name() -> None:
    images = labelled_images()
    only = torch.tensor([*range(7), 16])
    labels = torch.tensor([0] * 7 + [1])
    with pytest.raises(DataError, match="the class bright has 1 picture to learn from, and needs 2 or more"):
        task(Images(images.pixels[only], labels=labels, classes=images.classes))
    with pytest.raises(DataError, match="have no labels"):
        task(Images(images.pixels))


@pytest.mark.parametrize("bad", [{"lecam": -1.0}, {"r1": float("nan")}, {"augmentation": ("sepia",)}])
def test_bad_settings_are_named(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}`"):
        AdversarialSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"r1": 1.0}, {"orthogonal": 1e-2}, {"lecam": 0.3}])
def test_every_penalty_changes_what_is_learned(settings: dict[str, float]) -> None:
    plain = {"r1": 0.0, "orthogonal": 0.0, "lecam": 0.0}
    with one_thread():
        one, other = (
            Trainer(task(labelled_images(), **chosen)).fit().state_dict() for chosen in (plain, plain | settings)
        )
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_diversity_is_beside_real_pictures_of_the_whole_class_and_zero_of_one_picture() -> None:
    images = labelled_images()
    same = images.pixels[:1].expand(40, -1, -1, -1)  # the first of a class are often of one photograph
    pixels, labels = torch.cat([same, images.pixels]), torch.tensor([0] * 40 + [0] * 16 + [1] * 8)
    varied = task(Images(pixels, labels=labels, classes=images.classes))
    (batch,) = varied.test_batches(HERE)
    assert batch.labels.bincount().tolist() == [32, 8]
    with torch.no_grad():
        before = varied.measure(varied.model, batch)["diversity"]
        assert before.isfinite().all()
        assert (before > 0).all()
        varied.model.generator.last.weight.zero_()
        assert varied.measure(varied.model, batch)["diversity"].abs().max() < 1e-6


def test_gathered_statistics_are_those_of_the_batches_that_the_weights_make() -> None:
    painter = Painter().eval()
    gather_statistics(painter, 2, 8, seed=0)
    assert not painter.training
    latents = torch.randn(16 * 8, 4, generator=torch.Generator().manual_seed(0))
    hidden = painter.hidden(latents, torch.arange(8).repeat(16) % 2)
    means = torch.stack([part.mean(0) for part in torch.split(hidden, 8)]).mean(0)
    torch.testing.assert_close(painter.norm.running_mean, means)
    variances = torch.stack([part.var(0) for part in torch.split(hidden, 8)]).mean(0)
    torch.testing.assert_close(painter.norm.running_var, variances)
