from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from nflows_core.testing import tiny_diffusion
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.folder import StableDiffusion, load_stable_diffusion
from nflows_sr.diffusion.taps import checkpoint
from nflows_sr.diffusion.wrapping import FeatureWrapping

LATENT, TIMES = (2, 4, 8, 12), torch.tensor([10, 900])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusion:
    return load_stable_diffusion(tiny_diffusion.write_stable_diffusion(tmp_path_factory.mktemp("base")))


@pytest.fixture
def conditioning(base: StableDiffusion) -> Conditioning:
    return Conditioning(base.unet, width=8)


def trained(conditioning: Conditioning, scale: float = 0.1) -> Conditioning:
    """One that changes something."""
    for transform in conditioning.transforms:
        torch.nn.init.normal_(transform.scale.weight, std=scale)
        torch.nn.init.normal_(transform.shift.weight, std=scale)
    return conditioning


def plain(base: StableDiffusion, noisy: Tensor) -> Any:
    return base.unet(noisy, TIMES, encoder_hidden_states=base.prompt.expand(2, -1, -1)).sample


def test_untrained_conditioning_changes_nothing(base: StableDiffusion, conditioning: Conditioning) -> None:
    noisy, low = torch.randn(LATENT), torch.randn(LATENT)
    assert torch.equal(base.predict(noisy, TIMES, conditioning(low, TIMES)), plain(base, noisy))


def test_features_are_scaled_and_shifted(base: StableDiffusion, conditioning: Conditioning) -> None:
    noisy = torch.randn(LATENT)
    modulation = [(torch.full_like(scale, 2), torch.full_like(shift, 3)) for scale, shift in conditioning(noisy, TIMES)]
    by_hand = copy.deepcopy(base.unet)
    for block in [*by_hand.down_blocks, by_hand.mid_block, *by_hand.up_blocks]:
        for resnet in block.resnets:  # (1 + 2) (W x + b) + 3
            resnet.conv2.weight.mul_(3)
            resnet.conv2.bias.mul_(3).add_(3)
    changed = StableDiffusion(by_hand, base.autoencoder, base.prompt, base.schedule)
    torch.testing.assert_close(base.predict(noisy, TIMES, modulation), plain(changed, noisy))


def test_levels_are_those_of_the_unet_for_any_size(base: StableDiffusion, conditioning: Conditioning) -> None:
    noisy, low = torch.randn(1, 4, 7, 13), torch.randn(1, 4, 7, 13)
    times = TIMES[:1]
    assert base.predict(noisy, times, trained(conditioning)(low, times)).shape == noisy.shape


def test_time_changes_the_features(conditioning: Conditioning) -> None:
    low = torch.randn(1, 4, 8, 8)
    early, late = (trained(conditioning).encoder(low, torch.tensor([time])) for time in (0, 999))
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(early, late, strict=True))


def test_only_the_conditioning_learns(base: StableDiffusion, conditioning: Conditioning) -> None:
    low = torch.randn(LATENT)
    base.predict(low, TIMES, trained(conditioning)(low, TIMES)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in conditioning.transforms.parameters())
    assert all(p.grad is None for p in base.unet.parameters())


def test_checkpointing_gives_the_same_gradients(base: StableDiffusion, conditioning: Conditioning) -> None:
    noisy, low = torch.randn(LATENT), torch.randn(LATENT)
    trained(conditioning)

    def gradients() -> list[Tensor]:
        conditioning.zero_grad()
        base.predict(noisy, TIMES, conditioning(low, TIMES)).square().sum().backward()
        return [p.grad for p in conditioning.parameters() if p.grad is not None]

    kept = gradients()
    base.unet.enable_gradient_checkpointing(checkpoint)
    base.unet.train()
    try:
        torch.testing.assert_close(gradients(), kept)
    finally:
        base.unet.eval().disable_gradient_checkpointing()


def test_threads_share_a_unet(base: StableDiffusion) -> None:
    noisy, low = torch.randn(LATENT), torch.randn(LATENT)
    several = [trained(Conditioning(base.unet, width=8), 0.1 * n) for n in range(4)]

    @torch.no_grad()
    def predict(conditioning: Conditioning) -> Tensor:
        return base.predict(noisy, TIMES, conditioning(low, TIMES))

    alone = [predict(conditioning) for conditioning in several]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert all(map(torch.equal, pool.map(predict, several), alone))


def test_a_copy_is_guided_by_itself(base: StableDiffusion, conditioning: Conditioning) -> None:
    noisy, low = torch.randn(LATENT), torch.randn(LATENT)
    before = base.predict(noisy, TIMES, trained(conditioning)(low, TIMES))
    trained(copy.deepcopy(conditioning), 1.0)
    assert torch.equal(base.predict(noisy, TIMES, conditioning(low, TIMES)), before)


def test_full_size_has_the_published_number_of_parameters() -> None:
    """StableSR trains 150.0 M (Wu et al. 2024, "One-step effective diffusion network", table 2), 44.39 M of them here.

    The published transforms normalize what they change, by 40,320 parameters more than equation 3 has.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.device("meta"):
        heads = {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}
        unet = UNet2DConditionModel(sample_size=64, **heads)
        levels = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4}
        down, up = ("DownEncoderBlock2D",) * 4, ("UpDecoderBlock2D",) * 4
        autoencoder = AutoencoderKL(down_block_types=down, up_block_types=up, **levels)
        guidance, wrapping = Conditioning(unet), FeatureWrapping(autoencoder.config.block_out_channels)
    counts = [sum(p.numel() for p in module.parameters()) for module in (guidance, wrapping)]
    assert counts == [105_473_920, 44_393_728]
    assert round(sum(counts) / 1e6) == 150
