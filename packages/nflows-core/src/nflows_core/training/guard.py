r"""Names the layer at which a training step stopped being finite.

A good step pays nothing for it: the search repeats the bad step, with hooks on every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection


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
    """The layers in the order of both passes, and those whose input got a bad gradient."""

    called: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    bad_inputs: set[str] = field(default_factory=set)


def layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a model with their dotted names: bijections that contain no other, and other modules without parts.

    A coupling is one layer: what is wrong in its network shows in what it gives.
    """
    if not any(True for _ in model.children()):
        yield "", model
    for name, part in model.named_children():
        inner = [inside for inside in part.modules() if inside is not part]
        if not inner or (isinstance(part, Bijection) and not any(isinstance(inside, Bijection) for inside in inner)):
            yield name, part
        else:
            yield from ((f"{name}.{below}", layer) for below, layer in layers(part))


def locate_non_finite(model: nn.Module, losses: Iterable[Tensor]) -> str | None:
    """Says what first was not finite in a step.

    Arguments:
        model: The model in training; its gradients are overwritten.
        losses: One loss for each forward pass of the step; the pass runs when the loss is asked for.

    Returns:
        The dotted name and class of the first layer whose output or log-determinant is not finite; or, where the
        forward passes are finite, of the first in the backward pass to give a bad gradient. Nothing if the step is
        finite.
    """
    model.zero_grad()
    trace = _Trace()
    try:
        with _watched(model, trace):
            for loss in losses:
                if not loss.isfinite().item():
                    return "the loss alone (every layer's output is finite)"
                loss.backward()  # type: ignore[no-untyped-call]
    except _NonFiniteOutput as output:
        return str(output)
    return _first_gradient(model, trace) or _overflow(model)


@contextmanager
def _watched(model: nn.Module, trace: _Trace) -> Iterator[None]:
    handles = [module.register_forward_hook(_watch(name, trace)) for name, module in layers(model)]
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

    def check_outputs(module: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> None:
        trace.called.append(name)
        if len(trace.called) == 1 and inputs and isinstance(inputs[0], Tensor) and not inputs[0].isfinite().all():
            raise _NonFiniteOutput(f"the data, the input of layer {name} ({type(module).__name__})")
        for part, value in _parts(module, outputs):
            if not value.isfinite().all():
                raise _NonFiniteOutput(f"{part} of layer {name} ({type(module).__name__})")
        if inputs and isinstance(inputs[0], Tensor) and inputs[0].requires_grad:
            inputs[0].register_hook(check_gradient)  # type: ignore[no-untyped-call]

    return check_outputs


def _parts(module: nn.Module, outputs: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors that a layer gave, each with what it is."""
    if isinstance(module, Bijection):
        yield from zip(("output", "log-determinant"), outputs, strict=True)
    else:
        several = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        yield from (("output", output) for output in several if isinstance(output, Tensor))


def _first_gradient(model: nn.Module, trace: _Trace) -> str | None:
    # The layers at the data get no gradient of their input: the backward pass, from the loss to the data, ends there.
    for name in [*trace.passed, *reversed(trace.called)]:
        module = model.get_submodule(name)
        bad = [
            parameter
            for parameter, value in module.named_parameters()
            if value.grad is not None and not value.grad.isfinite().all()
        ]
        if bad or name in trace.bad_inputs:
            return f"gradient of {[*bad, 'the input'][0]} in layer {name} ({type(module).__name__})"
    return None


def _overflow(model: nn.Module) -> str | None:
    """Gradients may all be finite and their norm, by which clipping divides, too large for the type."""
    norms = _gradient_norms(model)
    if not norms or torch.stack(list(norms.values())).norm().isfinite():
        return None
    return f"norm of the gradient, {largest_gradient(model)}"


def largest_gradient(model: nn.Module) -> str:
    """Says which layer has the most of a model's gradient."""
    norms = _gradient_norms(model)
    if not norms:
        return "and no layer has any of it"
    largest = max(norms, key=lambda name: norms[name].item())
    return f"the most of it in layer {largest} ({type(model.get_submodule(largest)).__name__})"


def _gradient_norms(model: nn.Module) -> dict[str, Tensor]:
    """The norm of each layer's gradient; layers without parameters have none."""
    return {
        name: torch.stack([p.grad.norm() for p in layer.parameters() if p.grad is not None]).norm()
        for name, layer in layers(model)
        if any(p.grad is not None for p in layer.parameters())
    }
