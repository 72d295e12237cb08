"""What derivatives a bijection, a flow or another module must have: checks for float64 and few small images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vmap
from torch.testing import assert_close

Inputs = dict[str, Tensor]
"""Images ``x``, ``context`` if there is one, and parameters by their names."""

Function = Callable[[Inputs], Tensor]
"""All that a module returns for its inputs, one row an image."""

_STEP = 1e-6
_TOLERANCE = 1e-6


def check_second_derivatives(
    module: nn.Module, x: Tensor, context: Tensor | None = None, *, method: str = "forward"
) -> None:
    r"""Compares the derivatives of gradients that `torch.autograd.grad` made with finite differences of them.

    For a loss that is not linear in the results, its gradients :math:`g` by images, context and every parameter, and a
    direction :math:`u` of all of these together, :math:`\nabla (u^T g)` must be
    :math:`(g(\theta + \epsilon u) - g(\theta - \epsilon u)) / 2 \epsilon`, by each of them.

    Unlike `torch.autograd.gradgradcheck`, which differentiates by the gradient that comes in as well, it sees what a
    backward pass hides from autograd.

    Arguments:
        module: A bijection or a flow in float64, away from where it starts.
        x: Images, :math:`(B, C, H, W)`.
        context: The context of the images, vectors or maps, or nothing.
        method: The method of the module that is called with both, such as ``inverse`` or ``log_prob``.

    Raises:
        AssertionError: It names the input by which a derivative is wrong.
    """
    function, inputs = _function(module, method), _inputs(module, x, context)
    loss = _loss(function, inputs)
    direction = _random_like(inputs)
    gradients = _gradients(loss, inputs, create_graph=True)
    product = _along(gradients, direction)
    found = _gradients(lambda _: product, inputs)
    ahead, behind = (_gradients(loss, _moved(inputs, direction, step)) for step in (_STEP, -_STEP))
    expected = {name: (ahead[name] - behind[name]) / (2 * _STEP) for name in inputs}
    scale = max(1.0, *(tensor.abs().max().item() for tensor in [*expected.values(), *gradients.values()]))
    _assert_same(f"the second derivative of {method}", found, expected, _TOLERANCE * scale)


def check_transforms(module: nn.Module, x: Tensor, context: Tensor | None = None, *, method: str = "forward") -> None:
    """Compares what `torch.func` makes of a module with what autograd and loops do.

    Jacobians of both modes, derivatives along a direction (``jvp``) of results, of gradients and of such derivatives;
    ``vmap`` over images and over sets of parameters, and the gradients of each image by ``vmap(grad)``.

    Arguments:
        module: As for `check_second_derivatives`.
        x: At least two images, :math:`(B, C, H, W)`.
        context: The context of the images, vectors or maps, or nothing.
        method: The method of the module that is called with both.

    Raises:
        AssertionError: It names the transform.
    """
    function, inputs = _function(module, method), _inputs(module, x, context)
    before = function(inputs).detach()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")  # forward mode's own doing
        _check_jacobians(function, _image(inputs, 0))
        _check_directions(function, inputs)
    _check_sets_of_parameters(function, inputs)
    _check_images(function, inputs)
    with _named("after all transforms"):
        assert_close(function(inputs).detach(), before, rtol=0, atol=0)


def _check_jacobians(function: Function, inputs: Inputs) -> None:
    backward = jacrev(function)(inputs)
    weights = torch.randn_like(function(inputs))
    expected = _gradients(lambda inputs: (function(inputs) * weights).sum(), inputs)
    contracted = {name: torch.tensordot(weights, jacobian, dims=2) for name, jacobian in backward.items()}
    _assert_same("jacrev", contracted, expected)
    for name in _of_images(inputs):
        forward = jacfwd(lambda value, name=name: function(inputs | {name: value}))(inputs[name])
        _assert_same("jacfwd", {name: forward}, {name: backward[name]})


def _check_directions(function: Function, inputs: Inputs) -> None:
    direction = _random_like(inputs)
    found = jvp(function, (inputs,), (direction,))[1]
    weights = torch.randn_like(found)
    of_results = _gradients(lambda inputs: (function(inputs) * weights).sum(), inputs)
    _assert_same("jvp", {"all inputs": (found * weights).sum()}, {"all inputs": _along(of_results, direction)})
    loss = _loss(function, inputs)
    second = jvp(grad(loss), (inputs,), (direction,))[1]
    product = _along(_gradients(loss, inputs, create_graph=True), direction)
    expected = _gradients(lambda _: product, inputs)
    _assert_same("jvp of grad", second, expected)
    twice = jvp(lambda inputs: jvp(loss, (inputs,), (direction,))[1], (inputs,), (direction,))[1]
    _assert_same("jvp of jvp", {"all inputs": twice}, {"all inputs": _along(expected, direction)})


def _check_sets_of_parameters(function: Function, inputs: Inputs) -> None:
    images = _of_images(inputs)
    sets = [{name: value.detach() for name, value in inputs.items() if name not in images}]
    if not sets[0]:
        return
    sets.append({name: value + 0.01 * torch.randn_like(value) for name, value in sets[0].items()})
    stacked = {name: torch.stack([one[name] for one in sets]) for name in sets[0]}
    found = vmap(lambda parameters: function(images | parameters))(stacked)
    expected = torch.stack([function(images | one) for one in sets])
    _assert_same("vmap over parameters", {"results": found}, {"results": expected})


def _check_images(function: Function, inputs: Inputs) -> None:
    images = {name: value[:, None] for name, value in _of_images(inputs).items()}
    places = ({name: 0 if name in images else None for name in inputs},)
    found = vmap(function, places)(inputs | images)
    _assert_same("vmap over images", {"results": found[:, 0]}, {"results": function(inputs)})

    def loss(inputs: Inputs) -> Tensor:
        return function(inputs).square().sum()

    each = vmap(grad(loss), places)(inputs | images)
    for i in range(len(inputs["x"])):
        of_one = {name: gradient[i] for name, gradient in each.items()}
        _assert_same(f"vmap(grad) of image {i}", of_one, _gradients(loss, _image(inputs, i)))


class _Method(nn.Module):
    """A method as the forward pass of a module, which is what `functional_call` exchanges parameters for."""

    def __init__(self, module: nn.Module, method: str) -> None:
        super().__init__()
        self.module = module
        self.method = method

    def forward(self, *arguments: Tensor) -> Any:
        return getattr(self.module, self.method)(*arguments)


def _function(module: nn.Module, method: str) -> Function:
    wrapped = _Method(module, method)

    def function(inputs: Inputs) -> Tensor:
        arguments = tuple(_of_images(inputs).values())
        parameters = {f"module.{name}": value for name, value in inputs.items() if name not in ("x", "context")}
        results = functional_call(wrapped, parameters, arguments)
        return torch.cat([result.reshape(len(inputs["x"]), -1) for result in _tensors(results)], 1)

    return function


def _tensors(results: Any) -> Iterable[Tensor]:
    return [results] if isinstance(results, Tensor) else (tensor for part in results for tensor in _tensors(part))


def _inputs(module: nn.Module, x: Tensor, context: Tensor | None) -> Inputs:
    images = {"x": x} if context is None else {"x": x, "context": context}
    return {name: value.detach().requires_grad_() for name, value in (images | dict(module.named_parameters())).items()}


def _of_images(inputs: Inputs) -> Inputs:
    return {name: inputs[name] for name in ("x", "context") if name in inputs}


def _image(inputs: Inputs, i: int) -> Inputs:
    return inputs | {name: value[i : i + 1].detach().requires_grad_() for name, value in _of_images(inputs).items()}


def _loss(function: Function, inputs: Inputs) -> Callable[[Inputs], Tensor]:
    # Weights that differ from entry to entry: no derivative vanishes by symmetry.
    weights = torch.rand_like(function(inputs)).detach()
    return lambda inputs: (weights * function(inputs).square()).sum()


def _gradients(loss: Callable[[Inputs], Tensor], inputs: Inputs, *, create_graph: bool = False) -> Inputs:
    found = torch.autograd.grad(
        loss(inputs), list(inputs.values()), create_graph=create_graph, materialize_grads=True, allow_unused=True
    )
    return dict(zip(inputs, found, strict=True))


def _along(gradients: Inputs, direction: Inputs) -> Tensor:
    return torch.stack([(gradients[name] * direction[name]).sum() for name in gradients]).sum()


def _random_like(inputs: Inputs) -> Inputs:
    return {name: torch.randn_like(value) for name, value in inputs.items()}


def _moved(inputs: Inputs, direction: Inputs, step: float) -> Inputs:
    return {name: (value + step * direction[name]).detach().requires_grad_() for name, value in inputs.items()}


def _assert_same(what: str, found: Inputs, expected: Inputs, tolerance: float = 1e-9) -> None:
    for name, value in expected.items():
        error = tolerance * max(1.0, value.abs().max().item())
        with _named(f"{what}, by {name}"):
            assert_close(found[name], value, rtol=0, atol=error)


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from None
