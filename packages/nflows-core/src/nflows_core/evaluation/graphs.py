"""Sampling without the cost of launching kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from nflows_core.flow import Flow

_WARM_UPS = 3


class GraphedSampler:
    """Samples a flow by replaying one CUDA graph.

    A batch of a hundred small images is decoded by hundreds of kernels of a few microseconds each; launching them one
    by one takes longer than running them. The graph is recorded once for a number of images. It reads the parameters
    where they are: updated in place, they are the ones that count; moved to another device or type, they are not.

    Arguments:
        flow: The flow to sample, on a CUDA device.
        n: The number of images of every call.
        context: An example of the context of :math:`n` images, or nothing if the flow takes none.

    Raises:
        ValueError: The flow is not on a CUDA device.
    """

    def __init__(self, flow: Flow, n: int, context: Tensor | None = None) -> None:
        device = flow.device
        if device.type != "cuda":
            raise ValueError(
                f"a graph can be recorded on a CUDA device only, and the flow is on {device}: use its sample"
            )
        self.flow = flow
        self.n = n
        self._latents = flow.draw_latents(n)
        self._context = None if context is None else context.clone()
        self._graph = torch.cuda.CUDAGraph()
        self._images = self._record(device)

    @torch.no_grad()
    def __call__(
        self, temperature: float = 1.0, context: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """What `Flow.sample` gives for ``n`` images and the same generator."""
        if (context is None) != (self._context is None):
            raise ValueError("a context is needed in every call, or in none, as when the graph was recorded")
        for latent, drawn in zip(self._latents, self.flow.draw_latents(self.n, temperature, generator), strict=True):
            latent.copy_(drawn)
        if self._context is not None and context is not None:
            self._context.copy_(context)
        self._graph.replay()
        return self._images.clone()

    @torch.no_grad()
    def _record(self, device: torch.device) -> Tensor:
        # Libraries choose their algorithms and allocate in the first calls, which a graph must not record.
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self.flow.decode(self._latents, self._context)
        torch.cuda.current_stream(device).wait_stream(stream)
        with torch.cuda.graph(self._graph, stream=stream):
            return self.flow.decode(self._latents, self._context)
