"""The convolution in full precision on a GPU, whose operator of cuDNN has a stand-in on the CPU."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import invconv  # noqa: E402
from invconv import torch_internals, torch_methods  # noqa: E402
from random_kernels import random_kernel  # noqa: E402

CORNERS = ("tl", "br")


@pytest.fixture
def calls(monkeypatch):
    """The arguments of cuDNN's convolution behind the tensors, which has a CPU kernel here and rounds nothing."""
    calls = []

    def convolve(x, weight, padding, stride, dilation, groups, benchmark, deterministic, allow_tf32):
        calls.append({"benchmark": benchmark, "deterministic": deterministic, "allow_tf32": allow_tf32})
        return F.conv2d(x, weight, None, stride, padding, dilation, groups)

    library = torch.library.Library("aten", "IMPL")  # its registrations go when it does
    library.impl("cudnn_convolution", convolve, "CPU")
    monkeypatch.setattr(torch_methods, "_may_be_rounded", lambda x: True)
    yield calls
    del library


@pytest.fixture
def layer(rng):
    weight = torch.from_numpy(random_kernel(rng, CORNERS, 3, (3, 2))).float()
    return torch.from_numpy(rng.normal(size=(2, 6, 5, 7))).float(), weight


def exact(x, weight):
    y = invconv.conv2d(x.double().numpy(), weight.double().numpy(), CORNERS)
    return torch.from_numpy(y).float()


def test_tf32_is_refused_by_an_argument(calls, layer):
    torch.testing.assert_close(invconv.conv2d(*layer, CORNERS), exact(*layer))
    assert calls == [{"benchmark": False, "deterministic": False, "allow_tf32": False}] * len(CORNERS)


def test_it_chooses_its_algorithm_as_the_settings_say(calls, layer, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    invconv.conv2d(*layer, CORNERS)
    assert calls[0] == {"benchmark": True, "deterministic": True, "allow_tf32": False}


def test_gradients_of_both_orders(calls, layer):
    x, weight = layer[0][:1, :, :3, :2].double().requires_grad_(), layer[1].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, weight: invconv.conv2d(x, weight, CORNERS), (x, weight), fast_mode=True)
    assert torch.autograd.gradgradcheck(
        lambda x, weight: invconv.conv2d(x, weight, CORNERS), (x, weight), fast_mode=True
    )
    assert calls


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
def test_transforms_go_by_float64(calls, layer):
    """cuDNN's operator has no rule for them, and no setting rounds float64."""
    x, weight = layer
    mapped = torch.func.vmap(lambda x: invconv.conv2d(x, weight, CORNERS))(x[None])
    _, change = torch.func.jvp(lambda x: invconv.conv2d(x, weight, CORNERS), (x,), (x,))
    for computed in (mapped[0], change):
        torch.testing.assert_close(computed, exact(x, weight), rtol=0, atol=0)
    assert calls == []


def test_a_torch_without_the_operator_goes_by_float64(calls, layer, monkeypatch):
    monkeypatch.setattr(torch_internals, "cudnn_convolution", None)
    torch.testing.assert_close(invconv.conv2d(*layer, CORNERS), exact(*layer), rtol=0, atol=0)
    assert calls == []


def test_the_cpu_never_asks_cudnn(layer, monkeypatch):
    def convolution(*arguments):
        raise AssertionError("a CPU has no cuDNN")

    monkeypatch.setattr(torch_internals, "cudnn_convolution", convolution)
    torch.testing.assert_close(invconv.conv2d(*layer, CORNERS), exact(*layer))
