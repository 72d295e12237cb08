"""Boxes, the cells that answer for them, and the losses of what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nflows_privacy.training.cells import BACKGROUND, IGNORED, assign, cells, decode, encode, flat
from nflows_privacy.training.network import STRIDES, BoxNetwork, fused
from nflows_privacy.training.settings import NetworkSettings
from nflows_privacy.training.task import detection_loss, paired_iou, quality_focal_loss

SIDE = 128
SMALL = NetworkSettings(("a", "b"), widths=(4, 6, 8, 8), blocks=(0, 1, 0, 1), crop=SIDE)

coordinates = st.floats(0, SIDE - 2, width=32)
sides = st.floats(1, SIDE, width=32)


@st.composite
def boxes(draw: st.DrawFn) -> Tensor:
    corners = [(draw(coordinates), draw(coordinates)) for _ in range(draw(st.integers(1, 5)))]
    rows = [(x, y, min(x + draw(sides), SIDE), min(y + draw(sides), SIDE)) for x, y in corners]
    return torch.tensor(rows)


@given(boxes())
def test_every_cell_reads_back_what_it_writes(several: Tensor) -> None:
    places = cells(SIDE, SIDE)[::17]
    codes = encode(several[:, None], places[None])
    torch.testing.assert_close(
        decode(codes, places[None]), several[:, None].expand(-1, len(places), -1), atol=2e-2, rtol=0
    )


@given(boxes())
def test_the_smallest_box_is_always_answered_for_and_cells_lie_in_their_boxes(several: Tensor) -> None:
    places = cells(SIDE, SIDE)
    found, targets = assign(several, torch.arange(len(several)), places)
    areas = (several[:, 2:] - several[:, :2]).prod(1)
    assert (found == int(areas.argmin())).any() or (areas == areas.min()).sum() > 1
    assert ((found >= 0) | (found == BACKGROUND)).all()
    torch.testing.assert_close(targets[found >= 0], several[found[found >= 0]], atol=0, rtol=0)


def test_cells_are_one_level_after_the_other_as_the_network_gives_them() -> None:
    height, width = 96, 64
    maps = SMALL.build().eval()(torch.zeros(2, 3, height, width))
    assert [tuple(one.shape) for one in maps] == [(2, 6, height // stride, width // stride) for stride in STRIDES]
    places = cells(height, width)
    columns = [torch.full_like(one[:, :1], 0) + torch.arange(one.shape[-1]) for one in maps]
    strides = torch.tensor(STRIDES).repeat_interleave(torch.tensor([one.shape[-2] * one.shape[-1] for one in maps]))
    torch.testing.assert_close(flat(columns)[0, :, 0] * strides + strides / 2, places[:, 0], check_dtype=False)


def test_cells_in_what_does_not_count_are_ignored_unless_they_answer_for_a_box() -> None:
    crowd, box = torch.tensor([16.0, 16, 112, 112]), torch.tensor([40.0, 40, 72, 72])
    places = cells(SIDE, SIDE)
    found, _ = assign(torch.stack([crowd, box]), torch.tensor([IGNORED, 1]), places)
    inside = ((places[:, :2] > 16) & (places[:, :2] < 112)).all(1)
    assert set(found[inside].tolist()) == {IGNORED, 1}
    assert set(found[~inside].tolist()) == {BACKGROUND}


def test_a_box_between_two_levels_is_answered_for_on_both() -> None:
    places = cells(SIDE, SIDE)
    found, _ = assign(torch.tensor([[30.0, 30, 62, 62]]), torch.tensor([0]), places)
    assert set(places[found == 0, 2].tolist()) == {4, 8}


def test_scores_that_are_the_quality_lose_nothing_and_the_gradient_is_that_of_the_formula() -> None:
    quality = torch.rand(4, 3, dtype=torch.float64)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert float(quality_focal_loss(quality.logit(), quality)) == pytest.approx(0, abs=1e-20)
    assert torch.autograd.gradcheck(lambda values: quality_focal_loss(values, quality), logits)


@given(boxes())
def test_a_box_is_itself_and_half_of_it_is_half(several: Tensor) -> None:
    half = several.clone()
    half[:, 2] = (half[:, 0] + half[:, 2]) / 2
    torch.testing.assert_close(paired_iou(several, several), torch.ones(len(several)))
    torch.testing.assert_close(paired_iou(several, half), torch.full((len(several),), 0.5), atol=1e-3, rtol=0)


def test_the_loss_pulls_boxes_towards_their_targets_and_leaves_what_does_not_count() -> None:
    places = cells(64, 64)
    labels, boxes = assign(torch.tensor([[8.0, 8, 40, 40], [0, 44, 64, 64]]), torch.tensor([1, IGNORED]), places)
    predictions = torch.zeros(1, len(places), 6, requires_grad=True)
    optimizer = torch.optim.Adam([predictions], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = detection_loss(predictions, labels[None], boxes[None], 64, 64)
        loss.backward()
        optimizer.step()
    found = labels >= 0
    decoded = decode(predictions.detach()[0, found, 2:], places[found])
    torch.testing.assert_close(decoded, boxes[found], atol=1, rtol=0)
    scores = predictions.detach()[0, :, :2].sigmoid()
    assert scores[found, 1].min() > 0.9
    assert max(scores[found, 0].max(), scores[labels == BACKGROUND].max()) < 0.1
    assert (scores[labels == IGNORED] == 0.5).all()


def test_a_picture_without_boxes_has_a_loss() -> None:
    labels, boxes = assign(torch.empty(0, 4), torch.empty(0, dtype=torch.int64), cells(64, 64))
    predictions = torch.zeros(1, len(labels), 5, requires_grad=True)
    detection_loss(predictions, labels[None], boxes[None], 64, 64).backward()
    assert predictions.grad is not None
    assert (predictions.grad[..., 0] > 0).all()


def test_normalizations_become_part_of_the_convolutions_and_nothing_changes() -> None:
    network = SMALL.build()
    network(torch.rand(4, 3, SIDE, SIDE))  # so that its normalizations have seen something
    network.eval()
    pictures = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = flat(network(pictures))
        torch.testing.assert_close(flat(fused(network)(pictures)), expected, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ()}, "`classes`: expected 1"),
        ({"classes": ("a", "a")}, "different names"),
        ({"mirrors": ("a", "c")}, "`mirrors`: expected one of `classes`"),
        ({"widths": (4, 4)}, "`widths`: expected 4 numbers"),
        ({"widths": (4, 4, 4, 10**6)}, "to 512"),
        ({"blocks": (1, 1, 1, -1)}, "`blocks`"),
        ({"crop": 100}, "`crop`: expected a multiple of 32"),
    ],
)
def test_settings_that_no_network_has_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkSettings(**{"classes": ("a", "b"), **settings})  # type: ignore[arg-type]


def test_an_untrained_network_is_sure_of_nothing() -> None:
    network = BoxNetwork(1, SMALL.widths, SMALL.blocks).eval()
    assert float(flat(network(torch.rand(1, 3, 64, 64)))[..., 0].sigmoid().max().detach()) < 0.1


def test_dropout_moves_no_output_on_average_and_none_of_a_trained_network() -> None:
    torch.manual_seed(0)
    network = replace(SMALL, dropout=0.5).build().eval()
    without = SMALL.build().eval()
    without.load_state_dict(network.state_dict())
    pictures = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = without(pictures)
        for one, other in zip(network(pictures), expected, strict=True):
            assert torch.equal(one, other)
        network.dropout.train()
        drawn = [network(pictures) for _ in range(400)]
    for level, value in enumerate(expected):
        values = torch.stack([maps[level] for maps in drawn])
        error = values.std(0) / len(drawn) ** 0.5
        assert values.std() > 0
        assert ((values.mean(0) - value).abs() < 6 * error + 1e-5).all()


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_of_all_or_of_less_than_nothing_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match="`dropout`: expected 0 to below 1"):
        replace(SMALL, dropout=dropout)
