"""Our bijections as transforms of PyTorch's distributions, which zuko's and Pyro's transforms are too."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Transform, constraints

from nflows_core.bijections import Bijection


class Adapter(Transform):
    """A bijection given its context; its dimensions before the image are as many as one likes."""

    domain = codomain = constraints.independent(constraints.real, 3)
    bijective = True

    def __init__(self, bijection: Bijection, context: Tensor | None = None, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.bijection = bijection
        self.context = context

    def with_cache(self, cache_size: int = 1) -> Adapter:
        return Adapter(self.bijection, self.context, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        z = self.bijection(*self._batch(x))[0]
        return z.reshape(*x.shape[:-3], *z.shape[1:])

    def _inverse(self, y: Tensor) -> Tensor:
        x = self.bijection.inverse(*self._batch(y))
        return x.reshape(*y.shape[:-3], *x.shape[1:])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.bijection(*self._batch(x))[1].reshape(x.shape[:-3])

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-3], *self.bijection.output_shape)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-3], *self.bijection.shape)

    def _batch(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        batch = images.reshape(-1, *images.shape[-3:])
        context = self.context
        return batch, None if context is None else context.repeat(len(batch) // len(context), *[1] * (context.ndim - 1))
