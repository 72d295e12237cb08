"""The batches of a run: the same images with the same noise, whoever draws them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.training import Place, TrainingConfig, items_for_test
from nflows_core.training.batches.images import TrainingImages

CONFIG = TrainingConfig(epochs=1, batch_size=12, seed=3, conditional=True)
LABELS = torch.arange(40) % 3
PIXELS = torch.arange(40, dtype=torch.uint8).reshape(40, 1, 1, 1).expand(40, 1, 2, 3).clone()
IMAGES = Images(PIXELS, labels=LABELS, classes=("a", "b", "c"))


def batches(process: int = 0, processes: int = 1, batch_size: int = 12, accumulation_steps: int = 1) -> TrainingImages:
    config = replace(CONFIG, batch_size=batch_size, accumulation_steps=accumulation_steps)
    return TrainingImages(IMAGES, config, Place(process, processes, torch.device("cpu")), torch.float32)


def update(step: int, processes: int, **shares: int) -> tuple[Tensor, Tensor]:
    """The images and contexts of all processes in one update, in order."""
    parts = [batch for rank in range(processes) for batch in batches(rank, processes, **shares).training(step)]
    contexts = [batch.context for batch in parts if batch.context is not None]
    return torch.cat([batch.x for batch in parts]), torch.cat(contexts)


@pytest.mark.parametrize(
    ("processes", "batch_size", "accumulation_steps"), [(2, 6, 1), (1, 6, 2), (2, 3, 2), (4, 3, 1), (12, 1, 1)]
)
@pytest.mark.parametrize("step", [0, 2, 3, 7])
def test_an_update_is_the_same_however_it_is_shared(
    step: int, processes: int, batch_size: int, accumulation_steps: int
) -> None:
    shared = update(step, processes, batch_size=batch_size, accumulation_steps=accumulation_steps)
    for actual, expected in zip(shared, update(step, 1), strict=True):
        assert torch.equal(actual, expected)


def test_images_keep_their_labels() -> None:
    x, context = update(1, 2, batch_size=6)
    indices = (x[:, 0, 0, 0] * 256).long()
    assert torch.equal(context.argmax(1), LABELS[indices])


def test_initialization_and_test_noise_do_not_depend_on_the_processes() -> None:
    two = [batches(rank, 2, batch_size=6) for rank in range(2)]
    for rank in range(2):
        assert torch.equal(two[rank].initial().x, batches().initial().x)
    whole = torch.cat([batch.x for batch in batches().test()])
    for rank in range(2):
        assert torch.equal(torch.cat([batch.x for batch in two[rank].test()]), whole[rank::2])


class _Numbers:
    """Items that are their own index."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, seed: int) -> int:
        return index


@pytest.mark.parametrize("items", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_processes_without_a_share_of_the_test_items_test_none(items: int, batch_size: int) -> None:
    config = replace(CONFIG, batch_size=batch_size)
    places = (Place(rank, 4, torch.device("cpu")) for rank in range(4))
    shares = [list(items_for_test(_Numbers(items), config, place)) for place in places]
    assert [len(share) > 0 for share in shares] == [rank < items for rank in range(4)]
    assert sorted(int(one) for share in shares for batch in share for one in batch) == list(range(items))


def test_noise_is_new_in_every_epoch_and_for_every_image() -> None:
    noise = {}
    for epoch in range(2):
        steps = range(3 * epoch, 3 * epoch + 3)
        x = torch.cat([batch.x for step in steps for batch in batches().training(step)])
        noise[epoch] = {int(value): value % 1 for value in (x[:, 0, 0, 0] * 256).double()}
    both = noise[0].keys() & noise[1].keys()
    assert len(both) > 25
    assert all(noise[0][image] != noise[1][image] for image in both)
    assert len(set(map(float, noise[0].values()))) == 36


def test_initialization_is_bounded_and_not_of_the_first_update() -> None:
    many = Images(torch.zeros(2000, 1, 2, 3, dtype=torch.uint8))
    config = TrainingConfig(epochs=1, batch_size=900)
    place = Place(0, 1, torch.device("cpu"))
    assert len(TrainingImages(many, config, place, torch.float32).initial().x) == 256
    first = set((update(0, 1)[0][:, 0, 0, 0] * 256).long().tolist())
    initial = set((batches().initial().x[:, 0, 0, 0] * 256).long().tolist())
    assert len(initial) == 12
    assert not first & initial
