"""What stands for the inverse in an ONNX graph is the inverse."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import invconv  # noqa: E402
from invconv import CORNERS, onnx_ops  # noqa: E402
from invconv.nn import InverseConv2d  # noqa: E402


@settings(max_examples=40, deadline=None)
@given(
    corners=st.lists(st.sampled_from(CORNERS), min_size=1, max_size=3),
    n=st.integers(1, 5),
    kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 2**16),
)
def test_it_is_the_inverse_of_a_convolution(corners, n, kernel_size, size, seed):
    torch.manual_seed(seed)
    layer = InverseConv2d(n * len(corners), kernel_size, tuple(corners)).double()
    torch.nn.init.normal_(layer.parametrizations.weight.original, std=0.3)
    y = torch.randn(2, n * len(corners), *size, dtype=torch.float64)
    expected = invconv.inverse_conv2d(y, layer.weight, layer.corner)
    torch.testing.assert_close(onnx_ops.inverse_conv2d(y, layer.weight, layer.corner), expected)


@pytest.mark.parametrize("n", [1, 2, 7, 48])
def test_a_triangular_matrix_is_inverted(n):
    matrices = torch.randn(3, n, n).tril(-1) * 0.3 + (1 + torch.rand(3, n)).diag_embed()
    inverses = onnx_ops.lower_inverse(matrices.double())
    torch.testing.assert_close(inverses @ matrices.double(), torch.eye(n).double().expand(3, n, n))
    assert torch.equal(inverses, inverses.tril())
    torch.testing.assert_close(onnx_ops.lower_inverse(matrices).double(), inverses, rtol=1e-4, atol=1e-5)


def test_what_no_graph_can_say_is_refused(monkeypatch):
    assert not onnx_ops.is_exported()
    monkeypatch.setattr(onnx_ops, "is_exported", lambda: True)
    weight = torch.randn(2, 2, 3, 3)
    with pytest.raises(NotImplementedError, match=r"ONNX has no operator .*: export the modules of invconv\.nn"):
        invconv.inverse_conv2d(torch.zeros(1, 2, 4, 4), weight)
    layer, y = InverseConv2d(2), torch.randn(1, 2, 4, 4)
    torch.testing.assert_close(layer.inverse(layer(y)), y)
