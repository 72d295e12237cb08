"""Multi-scale image flows that train without NaNs, invert exactly and sample in milliseconds.

What most programs need is here; the rest is in the package's rooms. A flow is a bijection between an image and noise:

    >>> import torch, nflows_core
    >>> images = nflows_core.read_images("digits", "train")
    >>> flow = nflows_core.InverseFlow(images.shape, levels=2, depth=2, width=16, quantization=images.quantization)
    >>> flow.sample(2).shape
    torch.Size([2, 1, 8, 8])

Every preset is a `Flow`: `Glow`, `CInCFlow`, `FInCFlow`, `InverseFlow`, `PlanarStack`; `MODELS` has them by name.

    >>> all(issubclass(nflows_core.MODELS[name], nflows_core.Flow) for name in ("glow", "cinc", "finc"))
    True
    >>> for preset in (nflows_core.Glow, nflows_core.CInCFlow, nflows_core.FInCFlow, nflows_core.PlanarStack):
    ...     print(preset((1, 8, 8), levels=1, depth=1).sample(1).isfinite().all().item())
    True
    True
    True
    True

`Images` holds integers in memory; `read_images` fills it from folders, archives and arrays:

    >>> random = nflows_core.Images(torch.randint(0, 256, (10, 3, 8, 8), dtype=torch.uint8))
    >>> len(random), random.shape
    (10, (3, 8, 8))

A flow's values lie in [0, 1): `dequantize` takes integers there by noise, `quantize` back:

    >>> x = nflows_core.dequantize(images.pixels, images.quantization)
    >>> bool((nflows_core.quantize(x, images.quantization) == images.pixels).all())
    True

`Trainer` trains what a task describes, `FlowLikelihood` that a flow's bits per dimension fall:

    >>> config = nflows_core.TrainingConfig(epochs=1, batch_size=50, ema_decay=0.9)
    >>> before = nflows_core.bits_per_dim(flow, images[:200]).mean
    >>> averaged = nflows_core.Trainer(nflows_core.FlowLikelihood(flow, images, config)).fit()
    >>> nflows_core.bits_per_dim(averaged, images[:200]).mean < before
    True

`load_run` gives the flow of a run folder back; `find_run` also knows the models that come with the package:

    >>> trained = nflows_core.load_run(nflows_core.find_run("mnist-inverse-flow"))
    >>> black = nflows_core.Images(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    >>> nflows_core.reconstruction_error(trained, black) < 1e-4
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nflows_core.data import Images, read_images
    from nflows_core.distributions import dequantize, quantize
    from nflows_core.evaluation import bits_per_dim, reconstruction_error
    from nflows_core.flow import Flow
    from nflows_core.models import MODELS, CInCFlow, FInCFlow, Glow, InverseFlow, PlanarStack
    from nflows_core.runs import load_run
    from nflows_core.shipped import find_run
    from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig

__version__ = "0.1.0"

__all__ = [
    "MODELS",
    "CInCFlow",
    "FInCFlow",
    "Flow",
    "FlowLikelihood",
    "Glow",
    "Images",
    "InverseFlow",
    "PlanarStack",
    "Trainer",
    "TrainingConfig",
    "bits_per_dim",
    "dequantize",
    "find_run",
    "load_run",
    "quantize",
    "read_images",
    "reconstruction_error",
]

_HOMES = {
    "data": ("Images", "read_images"),
    "distributions": ("dequantize", "quantize"),
    "evaluation": ("bits_per_dim", "reconstruction_error"),
    "flow": ("Flow",),
    "models": ("MODELS", "CInCFlow", "FInCFlow", "Glow", "InverseFlow", "PlanarStack"),
    "runs": ("load_run",),
    "shipped": ("find_run",),
    "training": ("FlowLikelihood", "Trainer", "TrainingConfig"),
}


_ROOMS = ("bijections", "latents", *_HOMES)


def __getattr__(name: str) -> object:
    """Imports what is asked for at its first use: most of it needs torch, for which ``nflows --help`` must not wait."""
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
