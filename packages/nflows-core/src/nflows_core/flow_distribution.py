r"""A flow as one of torch's distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from nflows_core.bijections.base import Shape
from nflows_core.distributions.normal import standard_normal_log_prob
from nflows_core.flow_inputs import Range, check_context, context_tensor, with_rounding

_IMAGE = 3
_VECTOR, _MAP = 1, 3


class Invertible(Protocol):
    """What a `FlowDistribution` asks of a flow."""

    domain: Range
    context_features: int

    @property
    def shape(self) -> Shape: ...
    @property
    def dtype(self) -> torch.dtype: ...
    def __call__(self, x: Tensor, context: Tensor | None) -> tuple[list[Tensor], Tensor]: ...
    def draw_latents(self, n: int) -> list[Tensor]: ...
    def decode(self, latents: Sequence[Tensor], context: Tensor | None) -> Tensor: ...


class FlowDistribution(Distribution):
    r"""The distribution of a flow's images, :math:`x = f^{-1}(z; c)` with :math:`z \sim N(0, I)`.

    An event is an image, :math:`(C, H, W)`, and every image has a context of its own: the batch of the distribution is
    that of the contexts. `rsample` is differentiable by the parameters of the flow and by the context, and `sample` is
    the same without gradients; as everywhere in ``torch.distributions``, torch's global generator draws.

    `log_prob` is the continuous density, in nats, of values about :math:`[0, 1]`: its support is the flow's ``domain``,
    which is a little wider where the flow begins with a `Logit`, so that black and white have a finite density. Of
    integers, it has to be asked at ``(pixels + u) / n``, by `nflows_core.dequantize`; it is no probability of
    them, for which there is `Flow.bits_per_dim`. Outside the support it is an error, and NaN with
    ``validate_args=False``. Mean, variance, mode, entropy and cdf have no closed form, and raise NotImplementedError.

    Arguments:
        flow: The flow; it is shared, and not copied, so that what trains it trains the distribution.
        context: The context, ``batch_shape + (D,)`` for vectors or ``batch_shape + (D, H', W')`` for maps, or nothing.
        batch_ndims: The number of dimensions of the batch shape. If not given, none for a context of one or three
            dimensions, and one for two or four, as `Flow.log_prob` takes them.
        validate_args: Whether values are checked against the support; torch's default if not given.

    Raises:
        ValueError: The context does not fit the flow, or is missing. `log_prob` raises it for what are no images of
            the flow, or do not broadcast with the batch shape.
    """

    has_rsample = True

    def __init__(
        self,
        flow: Invertible,
        context: Tensor | None = None,
        *,
        batch_ndims: int | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.flow = flow
        self.context = context
        features = flow.context_features
        if context is None and features:
            raise ValueError(f"this flow is conditioned on contexts of {features} entries: give its distribution one")
        if context is None:
            batch_shape = Size()
        else:
            batch_shape = _batch_shape(context_tensor(context, features, flow.dtype), batch_ndims, features)
        check_context(_flat(context, len(batch_shape)), features, batch_shape.numel(), flow.dtype)
        super().__init__(batch_shape, Size(flow.shape), validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """That a context has no NaN."""
        if self.context is None or not self.context.numel():  # of no context torch's constraints cannot say anything
            return {}
        return {"context": _independent(constraints.real, self.context.ndim - len(self.batch_shape))}

    @property
    def support(self) -> Constraint:
        """Images with values in the flow's domain, up to rounding."""
        low, high = with_rounding(self.flow.domain, self.flow.dtype)
        each = constraints.real if math.isinf(low) else constraints.interval(low, high)  # type: ignore[no-untyped-call]
        return _independent(each, _IMAGE)

    def expand(self, batch_shape: Sequence[int], _instance: Distribution | None = None) -> FlowDistribution:
        """The same distribution with a larger batch shape; nothing is copied."""
        new: FlowDistribution = self._get_checked_instance(FlowDistribution, _instance)  # type: ignore[no-untyped-call]
        new.flow = self.flow
        new.context = _expanded(self.context, Size(batch_shape), len(self.batch_shape))
        Distribution.__init__(new, Size(batch_shape), self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Images, ``sample_shape + batch_shape + (C, H, W)``, with gradients."""
        shape = self._extended_shape(Size(sample_shape))
        batch = shape[:-_IMAGE]
        images = self.flow.decode(self.flow.draw_latents(batch.numel()), self._contexts(batch))
        return images.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density in nats of images that broadcast with the batch shape, of the shape of both together."""
        if self._validate_args and value.numel():
            self._validate_sample(value)
        batch = torch.broadcast_shapes(value.shape[:-_IMAGE], self.batch_shape)  # type: ignore[no-untyped-call]
        event = value.shape[-_IMAGE:]  # checked by the flow: one of another shape must not be expanded to it
        images = value.expand(*batch, *event).reshape(batch.numel(), *event)
        # Not the flow's own log_prob, which refuses values without a latent whatever `validate_args` says.
        latents, logdet = self.flow(images, self._contexts(batch))
        return sum(map(standard_normal_log_prob, latents), start=logdet).reshape(batch)

    def __repr__(self) -> str:
        shapes = f"event_shape={tuple(self.event_shape)}, batch_shape={tuple(self.batch_shape)}"
        return f"{type(self).__name__}({type(self.flow).__name__}, {shapes})"

    def _contexts(self, batch: Size) -> Tensor | None:
        """The context of every image of a batch, as a flow takes it."""
        return _flat(_expanded(self.context, batch, len(self.batch_shape)), len(batch))


def _independent(each: Constraint, ndims: int) -> Constraint:
    constraint: Constraint = constraints.independent(each, ndims)  # type: ignore[no-untyped-call]
    return constraint


def _batch_shape(context: Tensor, batch_ndims: int | None, features: int) -> Size:
    shape = context.shape
    inferred = {_VECTOR: 0, _VECTOR + 1: 1, _MAP: 0, _MAP + 1: 1}.get(len(shape))
    ndims = inferred if batch_ndims is None else batch_ndims
    fitting = [n for n in (len(shape) - _VECTOR, len(shape) - _MAP) if n >= 0 and shape[n] == features]
    if ndims in fitting:
        return shape[:ndims]
    hint = "".join(f"; batch_ndims={n} says that its batch is {tuple(shape[:n])}" for n in fitting)
    taken = "" if ndims is None else f" with a batch of {ndims} dimensions"
    raise ValueError(
        f"context: expected a shape of batch_shape + ({features},) or batch_shape + ({features}, H, W), got "
        f"{tuple(shape)}{taken}{hint}"
    )


def _expanded(context: Tensor | None, batch: Size, ndims: int) -> Tensor | None:
    return None if context is None else context.expand(*batch, *context.shape[ndims:])


def _flat(context: Tensor | None, ndims: int) -> Tensor | None:
    """The same with one dimension for the batch in the place of ``ndims``."""
    return None if context is None else context.reshape(context.shape[:ndims].numel(), *context.shape[ndims:])
