"""torch's private names: in one file, and each may be gone without a result that changes."""

from __future__ import annotations

import ast
import importlib
import re
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.func import grad, hessian, jvp, vmap  # noqa: E402

import invconv  # noqa: E402
from invconv import impulse_ops, splines, torch_internals  # noqa: E402
from random_kernels import dense_matrix, random_kernel  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # forward mode's own doing
NAMES = torch_internals.NAMES
METHODS = ("wavefront", "impulse", "fixed_point", "auto")
CORNERS = ("tl", "br")
INTERNALS = Path(torch_internals.__file__)


def look_up_without(monkeypatch, names):
    """invconv as it comes to be in a torch without these names, which torch itself keeps."""
    with monkeypatch.context() as patch:
        for name in names:
            owner, _, last = name.rpartition(".")
            if owner == "Tensor":
                patch.setattr(torch, "Tensor", object)  # a class that cannot lose an attribute
            else:
                patch.delattr(attrgetter(owner)(torch) if owner else torch, last)
        importlib.reload(torch_internals)


@pytest.fixture(params=[*((name,) for name in NAMES), NAMES], ids=[*NAMES, "all"])
def without(request, monkeypatch):
    look_up_without(monkeypatch, request.param)
    yield request.param
    importlib.reload(torch_internals)


@pytest.fixture
def kernels(rng):
    return torch.from_numpy(np.stack([random_kernel(rng, CORNERS, 2, (3, 2)) for _ in range(3)]))


@pytest.fixture
def images(rng):
    return torch.from_numpy(rng.normal(size=(3, 2, 4, 4, 3)))


def substituted(y, weight):
    """The inverse by its dense matrix, which needs nothing of the package."""
    matrix = dense_matrix(weight.numpy(), y.shape[2:], CORNERS)
    return torch.from_numpy(np.linalg.solve(matrix, y.flatten(1).numpy().T).T.reshape(y.shape))


def inverse(method):
    return lambda y, weight: invconv.inverse_conv2d(y, weight, CORNERS, method)


def test_this_version_of_torch_has_every_name():
    """Else the way round the dispatcher is closed, and small layers take longer, without a word."""
    missing = [name for name in NAMES if torch_internals._look_up(name) is None]
    assert not missing
    assert torch_internals.is_plain(torch.zeros(2))
    assert not torch_internals.is_transformed()


@pytest.mark.parametrize("method", METHODS)
def test_values_and_gradients_of_both_orders(without, kernels, images, method):
    y, weight = images[0], kernels[0]
    for _ in range(3):  # a frozen kernel is treated otherwise from its second use on
        torch.testing.assert_close(inverse(method)(y, weight), substituted(y, weight))
    inputs = y[:1, :, :2].clone().requires_grad_(), weight.clone().requires_grad_()
    assert torch.autograd.gradcheck(inverse(method), inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(inverse(method), inputs, fast_mode=True)


@pytest.mark.parametrize("method", METHODS)
def test_vmap_is_a_loop(without, kernels, images, method):
    expected = torch.stack([substituted(y, weight) for y, weight in zip(images, kernels, strict=True)])
    torch.testing.assert_close(vmap(inverse(method))(images, kernels), expected)

    def loss(weight):
        return inverse(method)(images[0], weight).pow(3).sum()

    for weight, of_each in zip(kernels, vmap(grad(loss))(kernels), strict=True):
        leaf = weight.clone().requires_grad_()
        loss(leaf).backward()
        torch.testing.assert_close(of_each, leaf.grad)


@pytest.mark.parametrize("method", METHODS)
def test_forward_mode_is_a_difference_quotient(without, kernels, images, method):
    solve, point, tangents = inverse(method), (images[0], kernels[0]), (images[1], kernels[1])
    step = 1e-6
    ahead, behind = (substituted(*(p + s * t for p, t in zip(point, tangents, strict=True))) for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    torch.testing.assert_close(jvp(solve, point, tangents)[1], expected, rtol=1e-5, atol=1e-5)
    with torch.autograd.forward_ad.dual_level():
        dual = solve(*(torch.autograd.forward_ad.make_dual(p, t) for p, t in zip(point, tangents, strict=True)))
        tangent = torch.autograd.forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(tangent, expected, rtol=1e-5, atol=1e-5)


def test_forward_mode_in_forward_mode(without, kernels, images):
    weight, tangent = kernels[:2]

    def loss(weight):
        return inverse("auto")(images[0], weight).pow(3).sum()

    def slope(weight):
        return jvp(loss, (weight,), (tangent,))[1]

    expected = (hessian(loss)(weight).flatten(4).flatten(0, 3) @ tangent.flatten()) @ tangent.flatten()
    torch.testing.assert_close(jvp(slope, (weight,), (tangent,))[1], expected)


def test_hessian(without, kernels, images):
    def loss(weight):
        return inverse("auto")(images[0, :1], weight).pow(3).sum()

    torch.testing.assert_close(hessian(loss)(kernels[0]), torch.autograd.functional.hessian(loss, kernels[0]))


def test_inference_mode_and_autocast(without, kernels, images):
    y, weight = images[0], kernels[0]
    with torch.inference_mode():
        torch.testing.assert_close(inverse("auto")(y.clone(), weight), substituted(y, weight))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = inverse("auto")(y.float(), weight.float())
    torch.testing.assert_close(x, substituted(y, weight).float(), rtol=1e-4, atol=1e-4)


def test_a_changed_kernel_is_noticed(without, kernels, images):
    y, weight = images[0], kernels[0]
    for _ in range(3):
        weight.mul_(0.9)
        torch.testing.assert_close(inverse("impulse")(y, weight), substituted(y, weight))


def test_what_torch_does_not_tell_is_taken_for_the_worst(monkeypatch, kernels):
    try:
        look_up_without(monkeypatch, NAMES)
        assert not torch_internals.is_plain(kernels)
        assert torch_internals.is_transformed()
        assert not impulse_ops.can_be_kept(kernels[0])
        assert not splines.is_compiled_for(kernels)
    finally:
        importlib.reload(torch_internals)
    assert torch_internals.is_plain(kernels)


def imports(tree):
    """Pairs of a name in this module and the dotted name of what it was imported from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.asname or name.name.partition(".")[0], name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((name.asname or name.name, f"{node.module}.{name.name}") for name in node.names)


def private_uses(source):
    """Dotted names with a private part that begin with something of torch's, and ``_version`` of anything."""
    tree = ast.parse(source)
    of_torch = {name: path for name, path in imports(tree) if path.partition(".")[0] == "torch"}
    used = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    split = [(of_torch.get(name.partition(".")[0]), name.partition(".")[2]) for name in used]
    paths = [*of_torch.values(), *(f"{path}.{rest}" for path, rest in split if path)]
    private = [path for path in paths if re.search(r"(^|\.)_(?!_)", path)]
    return private + [name for name in used if name.endswith("._version")]


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch._C._dispatch_keys(t)",
        "import torch as t\nt._C",
        "from torch import _C",
        "from torch.autograd import forward_ad as f\nf._current_level",
        "import torch.utils._python_dispatch",
        "weight._version",
    ],
)
def test_private_uses_are_seen(source):
    assert private_uses(source)


def test_no_other_file_uses_private_names():
    files = [path for path in INTERNALS.parent.rglob("*.py") if path != INTERNALS]
    assert len(files) > 15
    assert {path.name: uses for path in files if (uses := private_uses(path.read_text()))} == {}
    assert private_uses(INTERNALS.read_text())
