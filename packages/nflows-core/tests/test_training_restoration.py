"""The restoration of degraded pictures: what it lowers, and what it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nflows_core.training import DivergedError, EngineConfig, Place, Restoration, Trainer
from nflows_core.training.tasks.restoration import Distance, charbonnier, psnr

CONFIG = EngineConfig(epochs=40, batch_size=4, learning_rate=0.05, ema_decay=0.5)


class Given:
    """Pairs of pictures that are given."""

    def __init__(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        return self.pairs[index]


class Gain(nn.Module):
    """A factor for all pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def dimmed(count: int = 8) -> Given:
    """Pictures beside themselves at half their brightness."""
    pictures = torch.rand(count, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    return Given([(0.5 * picture, picture) for picture in pictures])


@pytest.mark.parametrize("distance", [l1_loss, charbonnier])
def test_dimmed_pictures_become_bright_again(distance: Distance) -> None:
    trained = Trainer(Restoration(Gain(), dimmed(), CONFIG, distance=distance)).fit()
    assert trained.factor.item() == pytest.approx(2, abs=0.02)


def test_an_absurd_distance_ends_the_training() -> None:
    config = replace(CONFIG, learning_rate=1e4)
    with pytest.raises(DivergedError, match=r"diverged after 1 updates, .*: [\d,]+ distance; .* Lower learning_rate"):
        Trainer(Restoration(Gain(), dimmed(), config)).fit()


def test_psnr_is_that_of_the_mean_squared_error_of_each_picture() -> None:
    target = torch.full((2, 1, 4, 4), 0.5)
    restored = target + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    torch.testing.assert_close(psnr(restored, target), torch.tensor([20.0, 40.0]))


def test_psnr_leaves_the_border_out() -> None:
    target = torch.zeros(1, 1, 6, 6)
    restored = torch.ones(1, 1, 6, 6)
    restored[..., 2:4, 2:4] = 0.1
    torch.testing.assert_close(psnr(restored, target, border=2), torch.tensor([20.0]))


def test_a_border_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="`border`: 3 pixels on each side leave nothing of 6 x 9"):
        psnr(torch.zeros(1, 1, 6, 9), torch.zeros(1, 1, 6, 9), border=3)


def test_what_leaves_the_range_counts_as_its_end() -> None:
    assert psnr(torch.full((1, 1, 2, 2), 1.7), torch.ones(1, 1, 2, 2)).item() == pytest.approx(100)


def test_charbonnier_is_the_absolute_error_but_near_zero() -> None:
    zero = torch.zeros(1)
    torch.testing.assert_close(charbonnier(torch.full((1,), 0.5), zero), torch.tensor(0.5), atol=2e-6, rtol=0)
    torch.testing.assert_close(charbonnier(zero, zero), torch.tensor(1e-3))


def test_whole_pictures_of_any_sizes_are_tested_one_by_one() -> None:
    pictures = Given([(torch.rand(1, height, 5), torch.rand(1, height, 5)) for height in (4, 6, 7)])
    task = Restoration(Gain(), dimmed(), CONFIG, pictures)
    found = [task.measure(task.model, batch)["psnr"].item() for batch in _test_batches(task)]
    wanted = [-10 * (small - large).square().mean().log10().item() for small, large in pictures.pairs]
    assert found == pytest.approx(wanted)


def test_the_best_weights_are_kept_where_it_may_end_early() -> None:
    tests: list[int] = []
    task = Restoration(Gain(), dimmed(), CONFIG, dimmed(2), patience=1)
    trained = Trainer(task, progress=lambda metrics, total: tests.append(metrics.step)).fit()
    assert len(tests) < 2 * CONFIG.epochs
    assert trained.factor.item() == pytest.approx(2, abs=0.1)


def test_an_early_end_needs_pictures_to_decide_it_by() -> None:
    with pytest.raises(ValueError, match=r"`patience` needs `test_pairs`"):
        Restoration(Gain(), dimmed(), CONFIG, patience=3)


def _test_batches(task: Restoration[Gain]) -> list[tuple[Tensor, Tensor]]:
    return list(task.test_batches(Place(0, 1, torch.device("cpu"))))
