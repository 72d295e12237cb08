r"""Names the layer at which a training step stopped being finite.

A good step pays nothing for it: the search repeats the bad step, with hooks on every bijection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import leaf_bijections


class DivergedError(FloatingPointError):
    """A training step gave NaN, infinity or an absurd loss; its update was not made.

    Arguments:
        where: What first was not finite, or how large the loss is, and the layer.
        step: Updates made before.
        learning_rate: Of the update that was not made.
        checkpoint: The last good checkpoint, if there is one.
    """

    def __init__(self, where: str, step: int, learning_rate: float, checkpoint: Path | None) -> None:
        saved = f"the last good checkpoint is {checkpoint}" if checkpoint else "no checkpoint was written yet"
        super().__init__(
            f"diverged after {step} updates, at learning rate {learning_rate:g}: {where}. The next update "
            f"was not made; {saved}. Lower learning_rate or clip_norm, or lengthen warmup_steps."
        )
        self.where = where
        self.step = step


class _NonFiniteOutput(Exception):  # noqa: N818 - it carries a hook's finding out of the forward pass
    pass


@dataclass
class _Trace:
    """The leaf bijections in the order of both passes, and those whose input got a bad gradient."""

    called: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    bad_inputs: set[str] = field(default_factory=set)


def locate_non_finite(flow: nn.Module, losses: Iterable[Tensor]) -> str | None:
    """Says what first was not finite in a step.

    Arguments:
        flow: Its gradients are overwritten.
        losses: One loss for each forward pass of the step; the pass runs when the loss is asked for.

    Returns:
        The dotted name and class of the first bijection whose output or log-determinant is not finite; or,
        where the forward passes are finite, of the first in the backward pass to give a bad gradient. Nothing if
        the step is finite.
    """
    flow.zero_grad()
    trace = _Trace()
    try:
        with _watched(flow, trace):
            for loss in losses:
                if not loss.isfinite().item():
                    return "the density of the latents (every layer's output is finite)"
                loss.backward()  # type: ignore[no-untyped-call]
    except _NonFiniteOutput as found:
        return str(found)
    return _first_gradient(flow, trace) or _overflow(flow)


@contextmanager
def _watched(flow: nn.Module, trace: _Trace) -> Iterator[None]:
    handles = [module.register_forward_hook(_watch(name, trace)) for name, module in leaf_bijections(flow)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watch(name: str, trace: _Trace) -> Callable[..., None]:
    def check_gradient(gradient: Tensor) -> None:
        trace.passed.append(name)
        if not gradient.isfinite().all():
            trace.bad_inputs.add(name)

    def check_outputs(module: nn.Module, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, Tensor]) -> None:
        trace.called.append(name)
        for part, value in zip(("output", "log-determinant"), outputs, strict=True):
            if not value.isfinite().all():
                raise _NonFiniteOutput(f"{part} of layer {name} ({type(module).__name__})")
        if inputs[0].requires_grad:
            inputs[0].register_hook(check_gradient)  # type: ignore[no-untyped-call]

    return check_outputs


def _first_gradient(flow: nn.Module, trace: _Trace) -> str | None:
    # The layers at the data get no gradient of their input: the backward pass, from latents to data, ends with them.
    for name in [*trace.passed, *reversed(trace.called)]:
        module = flow.get_submodule(name)
        bad = [
            parameter
            for parameter, value in module.named_parameters()
            if value.grad is not None and not value.grad.isfinite().all()
        ]
        if bad or name in trace.bad_inputs:
            return f"gradient of {[*bad, 'the input'][0]} in layer {name} ({type(module).__name__})"
    return None


def _overflow(flow: nn.Module) -> str | None:
    """Gradients may all be finite and their norm, by which clipping divides, too large for the type."""
    norms = _gradient_norms(flow)
    if not norms or torch.stack(list(norms.values())).norm().isfinite():
        return None
    return f"norm of the gradient, {largest_gradient(flow)}"


def largest_gradient(flow: nn.Module) -> str:
    """Says which layer has the most of a flow's gradient."""
    norms = _gradient_norms(flow)
    largest = max(norms, key=lambda name: norms[name].item())
    return f"the most of it in layer {largest} ({type(flow.get_submodule(largest)).__name__})"


def _gradient_norms(flow: nn.Module) -> dict[str, Tensor]:
    """The norm of each layer's gradient; layers without parameters have none."""
    return {
        name: torch.stack([p.grad.norm() for p in layer.parameters() if p.grad is not None]).norm()
        for name, layer in leaf_bijections(flow)
        if any(p.grad is not None for p in layer.parameters())
    }
