"""How far `encode` undoes `decode`: as far as an image in float32 can say, and no density is lost beyond it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nflows_core.bijections import Logit
from nflows_core.flow import Flow
from nflows_core.models import MODELS, argument_names, build
from nflows_core.runs import load_run
from nflows_core.shipped import find_run


@pytest.fixture(scope="module")
def flow() -> Flow:
    return load_run(find_run("mnist-inverse-flow"))


def largest_logit(flow: Flow, x: Tensor) -> Tensor:
    (logit,) = (module for module in flow.modules() if isinstance(module, Logit))
    return logit(x)[0].abs().flatten(1).amax(1)


@torch.no_grad()
def error_of_latents(flow: Flow, temperature: float) -> tuple[Tensor, Tensor]:
    """The largest error of any latent of each sample, and the sample."""
    latents = flow.draw_latents(50, temperature, flow.generator(0))
    x = flow.decode(latents)
    errors = [(again - z).abs().flatten(1) for z, again in zip(latents, flow.encode(x), strict=True)]
    return torch.cat(errors, dim=1).amax(1), x


@pytest.mark.parametrize("temperature", [0.3, 0.7, 1.0])
def test_latents_come_back_up_to_the_rounding_of_the_whitest_pixel(flow: Flow, temperature: float) -> None:
    errors, x = error_of_latents(flow, temperature)
    logits = largest_logit(flow, x)
    assert (logits < 15).all()
    assert (errors < 2e-7 * logits.exp()).all()
    assert (errors[logits < 9] < 2e-3).all()


@torch.no_grad()
def test_beyond_it_the_latents_are_lost_and_the_images_and_densities_are_not(flow: Flow) -> None:
    errors, x = error_of_latents(flow, 1.5)
    assert (largest_logit(flow, x)[errors > 1] > 15).all()
    assert (errors > 1).any(), "or else nothing is shown"
    torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-3)
    assert flow.log_prob(x).isfinite().all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_every_sample_of_a_preset_has_a_density(model: str, dtype: torch.dtype) -> None:
    small = {name: 2 for name in ("levels", "depth", "width") if name in argument_names(model)}
    flow = build(model, {"shape": (1, 8, 8), **small}).to(dtype)
    flow.initialize(torch.rand(100, 1, 8, 8, dtype=dtype))
    low, high = flow.domain
    for temperature in (0.0, 1.0, 30.0, 1e3):
        samples = flow.sample(20, temperature)
        assert low - 1e-6 <= samples.min() <= samples.max() <= high + 1e-6
        assert math.isfinite(flow.log_prob(samples).abs().max())
