r"""Back-propagation that recomputes activations by the inverse, in memory that does not grow with depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from invconv.torch_internals import is_transformed
from nflows_core.bijections.base import Bijection, Composition

_LARGEST_ERROR = 1e-2
"""The largest error of a recovered input, relative to its largest value."""


@contextmanager
def recomputed_activations(flow: nn.Module) -> Iterator[None]:
    r"""Lets every `Composition` in a flow keep only its output for the backward pass.

    The backward pass goes from the latent :math:`z = x_K` to the data: :math:`x_{k-1} = f_k^{-1}(x_k)` gives back what
    the bijection :math:`f_k` saw, and its Jacobian takes the gradient from :math:`x_k` to :math:`x_{k-1}` and to the
    parameters (Gomez et al. 2017, algorithm 1). Memory grows with the number of chains, not with their lengths; a step
    costs one inverse and one forward pass more. The gradients are the ordinary ones up to the rounding of the inverse,
    which is usually below their own (``docs/reproduction.md``). Layers that amplify errors lose more digits, and the
    backward pass stops where the input of a chain does not come back.

    Only the forward pass has to run inside. A gradient that is differentiated again (``create_graph=True``),
    `torch.func` and forward mode need what was to be forgotten: they keep every activation, and their results are the
    same.

    Arguments:
        flow: The flow whose compositions are changed; afterwards they are as before.

    Raises:
        ValueError: A bijection has no exact inverse.
        FloatingPointError: In the backward pass, rounding has spoilt what was recomputed.
        RuntimeError: In the backward pass, the parameters are other ones than in the forward pass.

    Example:
        >>> from nflows_core.bijections import ActNorm, Conv1x1
        >>> flow = Composition([ActNorm((2, 4, 4)), Conv1x1((2, 4, 4))])
        >>> with recomputed_activations(flow):
        ...     z, logdet = flow(torch.rand(3, 2, 4, 4))
        >>> (z.square().sum() - logdet.sum()).backward()
    """
    check_exact(flow)
    chains = [module for module in flow.modules() if isinstance(module, Composition)]
    for chain in chains:
        chain._forward = partial(_forward, chain)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for chain in chains:
            del chain._forward


def check_exact(flow: nn.Module) -> None:
    """Raises a ValueError that names a bijection without an exact inverse."""
    for name, module in flow.named_modules():
        if isinstance(module, Bijection) and not module.is_exact:
            raise ValueError(
                f"reversible back-propagation recomputes activations, but the inverse of layer {name} "
                f"({type(module).__name__}) is approximate: train without it"
            )


def _forward(chain: Composition, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
    if not torch.is_grad_enabled() or is_transformed():
        return Composition._forward(chain, x, context)
    # As arguments, so that autograd gives each parameter its gradient: the hooks of data-parallel training wait there.
    return _Recomputed.apply(chain, x, context, *chain.parameters())  # type: ignore[no-any-return]


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, chain: Composition, x: Tensor, context: Tensor | None, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        z, logdet = Composition._forward(chain, x, context)
        ctx.chain = chain
        kind = x.device.type
        ctx.autocast = {"enabled": torch.is_autocast_enabled(kind), "dtype": torch.get_autocast_dtype(kind)}
        # The parameters too, which costs nothing: autograd then refuses those that changed in between.
        ctx.save_for_backward(x, z, context, *parameters)
        return z, logdet

    @staticmethod
    def backward(ctx: Any, z_gradient: Tensor, logdet_gradient: Tensor) -> tuple[Tensor | None, ...]:
        first, z, context, *parameters = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *_followed_gradients(ctx, (z_gradient, logdet_gradient))
        _check_parameters(parameters, ctx.chain.parameters())
        if context is not None:
            context = context.detach().requires_grad_(ctx.needs_input_grad[2])
        learned = [tensor for tensor in (context, *ctx.chain.parameters()) if tensor is not None]
        gradients = _Gradients([tensor for tensor in learned if tensor.requires_grad])
        for bijection in reversed(ctx.chain.bijections):
            with torch.autocast(z.device.type, **ctx.autocast):
                z = bijection.inverse(z, context).detach().requires_grad_()
                with torch.enable_grad():
                    outputs = bijection(z, context)
            z_gradient = gradients.pull_back(bijection, z, context, outputs, (z_gradient, logdet_gradient))
        _check_recovered(z, first)
        return None, z_gradient, *(gradients.of(tensor) for tensor in (context, *ctx.chain.parameters()))


def _followed_gradients(ctx: Any, gradients: tuple[Tensor, Tensor]) -> tuple[Tensor | None, ...]:
    """The gradients of data, context and parameters, to be differentiated again: by the chain as it is without us."""
    x, _, context, *parameters = ctx.saved_tensors
    places = _places(ctx.chain)
    contexts = () if context is None else (context,)

    def forward(parameters: list[Tensor], *images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(x.device.type, **ctx.autocast):
            named = {name: parameters[number] for name, number in places.items()}
            return functional_call(ctx.chain, named, images, tie_weights=False)  # type: ignore[no-any-return]

    of_parameters, of_x, *of_context = vjp(forward, parameters, x, *contexts)[1](gradients)
    return of_x, *(of_context or [None]), *of_parameters


def _places(chain: nn.Module) -> dict[str, int]:
    """The number, among `parameters()`, of what stands at each name; a module that stands twice is named once, since
    `functional_call` would leave the tensors of its call in the other place."""
    numbers = {id(parameter): number for number, parameter in enumerate(chain.parameters())}
    return {
        name: numbers[id(parameter)]
        for prefix, module in chain.named_modules()
        for name, parameter in module.named_parameters(prefix, recurse=False)
    }


def _check_parameters(used: Iterable[Tensor], own: Iterable[Tensor]) -> None:
    # `functional_call` puts others there for the forward pass alone.
    for tensor, other in zip(used, own, strict=True):
        if tensor is not other and not (tensor.requires_grad == other.requires_grad and torch.equal(tensor, other)):
            raise RuntimeError(
                "reversible back-propagation recomputes activations, but the parameters of the flow are others than in "
                "the forward pass: call it without recomputed_activations"
            )


def _check_recovered(x: Tensor, expected: Tensor) -> None:
    error = ((x - expected).abs().amax() / expected.abs().amax()).item() if len(x) else 0.0
    # What is not finite was so in the forward pass, and is looked for elsewhere.
    if _LARGEST_ERROR < error < math.inf:
        raise FloatingPointError(
            f"reversible back-propagation recovered the input of a chain with an error of {error:.1g} of its largest "
            "value, so that its gradients would be wrong: train without it, or in float64"
        )


class _Gradients:
    """Adds up the gradients of tensors that several bijections use."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self.sums: dict[int, Tensor] = {}

    def pull_back(
        self,
        bijection: Bijection,
        x: Tensor,
        context: Tensor | None,
        outputs: tuple[Tensor, Tensor],
        gradients: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Takes the gradients of a bijection's outputs to its input ``x``, which it returns, and to the tensors."""
        own = {id(tensor) for tensor in (context, *bijection.parameters())}
        inputs = [tensor for tensor in self.tensors if id(tensor) in own]
        # Without parameters to learn, the log-determinant may be a constant.
        known = 2 if outputs[1].requires_grad else 1
        x_gradient, *terms = torch.autograd.grad(outputs[:known], [x, *inputs], gradients[:known], allow_unused=True)
        for tensor, term in zip(inputs, terms, strict=True):
            if term is not None:
                self.sums[id(tensor)] = self.sums[id(tensor)] + term if id(tensor) in self.sums else term
        return x_gradient

    def of(self, tensor: Tensor | None) -> Tensor | None:
        """The gradient of one tensor, if it has any."""
        return self.sums.get(id(tensor))
