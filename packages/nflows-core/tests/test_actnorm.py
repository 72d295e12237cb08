"""ActNorm: its data-dependent initialisation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nflows_core.bijections import ActNorm


@pytest.fixture
def batch() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(16, 3, 4, 5) * torch.tensor([0.01, 1.0, 300.0]).view(3, 1, 1) + torch.tensor(7.0)


def test_known_values() -> None:
    layer = ActNorm((2, 1, 3))
    with torch.no_grad():
        layer.loc.copy_(torch.tensor([1.0, -2.0]).view(2, 1, 1))
        layer.log_scale.copy_(torch.tensor([2.0, 0.5]).log().view(2, 1, 1))
    z, logdet = layer(torch.full((1, 2, 1, 3), 4.0))
    torch.testing.assert_close(z[0, :, 0], torch.tensor([[10.0] * 3, [1.0] * 3]))
    torch.testing.assert_close(logdet, torch.zeros(1))


def test_starts_as_the_identity(batch: Tensor) -> None:
    z, logdet = ActNorm((3, 4, 5))(batch)
    torch.testing.assert_close(z, batch, rtol=0, atol=0)
    torch.testing.assert_close(logdet, torch.zeros(16), rtol=0, atol=0)


def test_initialize_normalizes_each_channel(batch: Tensor) -> None:
    z = ActNorm((3, 4, 5)).initialize(batch)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(z.std((0, 2, 3), correction=0), torch.ones(3), rtol=1e-4, atol=0)


def test_initialize_only_once(batch: Tensor) -> None:
    layer = ActNorm((3, 4, 5))
    layer.initialize(batch)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    z = layer.initialize(batch * 2 + 1)
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close(z, layer(batch * 2 + 1)[0], rtol=0, atol=0)


def test_checkpoint_keeps_the_initialisation(batch: Tensor) -> None:
    trained, resumed = ActNorm((3, 4, 5)), ActNorm((3, 4, 5))
    trained.initialize(batch)
    resumed.load_state_dict(trained.state_dict())
    resumed.initialize(batch * 9)
    torch.testing.assert_close(resumed.state_dict(), trained.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
def test_constant_channel_is_only_centered(batch: Tensor, value: float) -> None:
    batch[:, 1] = value
    layer = ActNorm((3, 4, 5))
    z = layer.initialize(batch)
    assert layer.log_scale[1] == 0
    assert z[:, 1].abs().max() <= 1e-5 * max(1.0, abs(value))
    assert layer.inverse(z).isfinite().all()


def test_single_entry_is_only_centered() -> None:
    layer = ActNorm((2, 1, 1))
    assert (layer.initialize(torch.tensor([3.0, -4.0]).view(1, 2, 1, 1)) == 0).all()
    assert (layer.log_scale == 0).all()


@pytest.mark.parametrize("fault", [float("nan"), float("inf"), None])
def test_initialize_refuses_what_has_no_statistics(batch: Tensor, fault: float | None) -> None:
    layer = ActNorm((3, 4, 5))
    if fault is not None:
        batch[2, 1, 0, 0] = fault
    with pytest.raises(ValueError, match="batch that is not empty and has only finite values"):
        layer.initialize(batch if fault is not None else batch[:0])
    assert not layer.initialized
