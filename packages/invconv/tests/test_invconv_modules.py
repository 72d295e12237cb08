"""The modules are ordinary modules: they are pickled, copied, given memory later and replicated, to the same bits."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch")

from invconv.nn import InverseConv2d, InvertibleConv2d  # noqa: E402

MODULES = [(module, limit) for module in (InverseConv2d, InvertibleConv2d) for limit in (None, 4.0)]
pytestmark = pytest.mark.parametrize(("kind", "limit"), MODULES)


class Named(InverseConv2d):
    """A class with a constructor of its own."""

    def __init__(self, name):
        super().__init__(2)
        self.name = name


def trained(kind, limit):
    layer = kind(4, (2, 3), ("tl", "br"), limit)
    torch.nn.init.normal_(layer.parametrizations.weight.original)
    return layer.eval()


def same(layer, other):
    x = torch.randn(2, 4, 5, 6)
    return torch.equal(layer(x), other(x)) and torch.equal(layer.inverse(x), other.inverse(x))


def saved(layer):
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer)), saved])
def test_a_copy_is_the_same_and_its_own(kind, limit, copied):
    layer = trained(kind, limit)
    state = torch.get_rng_state()
    other = copied(copied(layer))
    assert torch.equal(torch.get_rng_state(), state)
    assert same(layer, other)
    assert (str(other), other.training, list(other.state_dict())) == (str(layer), False, list(layer.state_dict()))
    torch.nn.init.zeros_(other.parametrizations.weight.original)
    assert not same(layer, other)


def test_a_frozen_one_is_copied_too(kind, limit):
    layer = trained(kind, limit)
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    other = pickle.loads(pickle.dumps(layer))
    assert type(other) is kind
    assert same(layer, other)


def test_a_subclass_is_copied_whatever_its_arguments(kind, limit):
    other = pickle.loads(pickle.dumps(Named("a")))
    assert isinstance(other, Named)
    assert other.name == "a"


def test_another_parametrization_is_torchs_to_refuse(kind, limit):
    layer = trained(kind, limit)
    layer.register_buffer("other", torch.ones(2))
    torch.nn.utils.parametrize.register_parametrization(layer, "other", torch.nn.Identity())
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)


@pytest.mark.parametrize("within", [False, True])
def test_built_without_memory_and_filled_by_a_state_dict(kind, limit, within):
    layer = trained(kind, limit)
    with torch.device("meta"):
        other = kind(4, (2, 3), ("tl", "br"), limit)
        if within:
            other.to_empty(device="cpu")
    other.to_empty(device="cpu")
    for buffer in other.buffers():
        assert buffer.isfinite().all()
    other.load_state_dict(layer.state_dict())
    assert same(layer, other)


def test_no_tensor_hides_from_moves_and_replicas(kind, limit):
    layer = trained(kind, limit).double()
    assert {tensor.dtype for tensor in (*layer.parameters(), *layer.buffers())} == {torch.float64}
    for module in layer.modules():
        assert not [name for name, value in vars(module).items() if isinstance(value, torch.Tensor)]
