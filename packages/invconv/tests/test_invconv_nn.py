"""The modules: exactly invertible after anything that happens to their parameters."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import invconv  # noqa: E402
from invconv import CORNERS, logabsdet  # noqa: E402
from invconv.nn import InverseConv2d, InvertibleConv2d  # noqa: E402

CASES = [
    (module, corner, kernel_size)
    for module in (InverseConv2d, InvertibleConv2d)
    for corner in (*CORNERS, ("tl", "tr", "bl", "br"))
    for kernel_size in (1, 3, (2, 3))
]


@pytest.mark.parametrize(("module", "corner", "kernel_size"), CASES)
def test_exact_after_training_weight_decay_and_reload(module, corner, kernel_size):
    torch.manual_seed(0)
    layer = module(8, kernel_size, corner).double()
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.01, weight_decay=0.5)
    x = torch.randn(3, 8, 5, 6, dtype=torch.float64)
    for _ in range(5):
        optimizer.zero_grad()
        (layer(x) - x.roll(1, -1)).square().mean().backward()
        optimizer.step()
    reloaded = module(8, kernel_size, corner).double()
    reloaded.load_state_dict(layer.state_dict())
    torch.testing.assert_close(reloaded.inverse(layer(x)), x)
    torch.testing.assert_close(reloaded(layer.inverse(x)), x)


@pytest.mark.parametrize(("module", "corner", "kernel_size"), CASES)
def test_log_determinant_is_zero_whatever_the_parameters(module, corner, kernel_size):
    layer = module(4, kernel_size, corner).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=3)
    assert layer.logabsdet((5, 6)) == 0
    assert abs(logabsdet(layer.weight, (5, 6), layer.corner).item()) < 1e-9


@pytest.mark.parametrize("corner", [*CORNERS, ("tl", "tr", "bl", "br")])
def test_no_parameters_are_refused_as_singular(corner):
    layer = InvertibleConv2d(12, 1, corner).double()
    for std in (1e-3, 1.0, 30.0, 1e6):
        torch.manual_seed(0)
        with torch.no_grad():
            layer.parametrizations.weight.original.normal_(std=std)
        x = torch.randn(1, 12, 2, 2, dtype=torch.float64)
        error = (layer.inverse(layer(x)) - x).abs().max()
        largest = layer.amplification((2, 2)).exact * layer(x).abs().max()
        assert error <= 1e2 * torch.finfo(torch.float64).eps * largest


def test_one_undoes_the_other():
    forward, inverse = InvertibleConv2d(4, 3, "tr"), InverseConv2d(4, 3, "tr")
    inverse.load_state_dict(forward.state_dict())
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(inverse(forward(x)), x, rtol=1e-5, atol=1e-5)


def test_the_receptive_field_of_the_inverse_is_the_image_on_one_side():
    layer = InverseConv2d(1, 3, "tl").double()
    with torch.no_grad():
        layer.parametrizations.weight.original.fill_(0.3)
    jacobian = torch.autograd.functional.jacobian(layer, torch.zeros(1, 1, 5, 5, dtype=torch.float64))
    reached = jacobian[0, 0, 4, 4, 0, 0].abs() > 1e-9
    assert reached.all()
    assert not jacobian[0, 0, 0, 0, 0, 0].flatten()[1:].any()


def test_gradients_reach_the_free_taps_and_only_those():
    layer = InverseConv2d(3, 3)
    layer(torch.randn(2, 3, 4, 4)).square().sum().backward()
    gradient = layer.parametrizations.weight.original.grad
    anchor = gradient[:, :, -1, -1]
    assert torch.equal(anchor.triu(), torch.zeros(3, 3))
    assert (gradient != 0).sum() == 9 * 9 - 6


def test_repr_names_what_a_reader_wants():
    assert "4, kernel_size=(3, 3), groups=2, corner=tl,br" in repr(InverseConv2d(4, 3, ("tl", "br")))


def test_channels_that_cannot_be_divided():
    with pytest.raises(ValueError, match="channels: 6 cannot be divided into 4 channel groups"):
        InverseConv2d(6, 3, CORNERS)


def test_moves_with_its_device_and_dtype():
    layer = InverseConv2d(2).to(torch.float64)
    assert layer.weight.dtype == torch.float64
    assert layer(torch.zeros(1, 2, 3, 3, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("kernel_size", [(3, 2), [3, 2], torch.Size([3, 2])])
def test_kernel_sizes_may_be_lists(kernel_size):
    assert InvertibleConv2d(4, kernel_size, ["tl", "br"]).weight.shape == (4, 2, 3, 2)


@pytest.mark.parametrize("kernel_size", [0, -1, 2.5, None, "33", (3,), (3, 0), (3, 3, 3)])
def test_kernel_sizes_that_are_none_are_refused(kernel_size):
    with pytest.raises(ValueError, match="kernel_size: expected one whole number above 0, or two, got"):
        InverseConv2d(4, kernel_size)


@pytest.mark.parametrize(
    ("channels", "corner"), [(0, "tl"), (-4, "tl"), (2.0, "tl"), ("4", "tl"), (None, "tl"), (3, ("tl", "br"))]
)
def test_channels_that_cannot_be_divided_are_refused(channels, corner):
    with pytest.raises(ValueError, match=r"channels: .* cannot be divided into . channel groups"):
        InvertibleConv2d(channels, 3, corner)


@pytest.mark.parametrize("size", [(8.5, 8), (3,), 8, None])
def test_the_log_determinant_is_of_a_size(size):
    with pytest.raises(ValueError, match="size: expected height and width"):
        InvertibleConv2d(4).logabsdet(size)


def test_the_modules_need_no_import_of_their_own():
    """And torch is loaded for them, not for the package."""
    code = (
        "import sys, invconv; print('torch' in sys.modules, invconv.nn.InverseConv2d.__name__, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False", "InverseConv2d", "True"]
    with pytest.raises(AttributeError, match="module 'invconv' has no attribute 'knn'"):
        _ = invconv.knn
