from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nflows_core.testing import tiny_diffusion
from nflows_sr.degradations import resize_bicubic
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.folder import StableDiffusion, load_stable_diffusion
from nflows_sr.diffusion.latents import decoded, encoded
from nflows_sr.diffusion.sampling import NoiseSchedule
from nflows_sr.diffusion.settings import Sampling
from nflows_sr.diffusion.stable_sr import StableSR
from nflows_sr.diffusion.wrapping import FeatureWrapping

FEW = Sampling(steps=2, fidelity=0, colour="none")
SIDE = 32
"""Of a tile, in pixels of the made picture."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StableSR:
    base = load_stable_diffusion(tiny_diffusion.write_stable_diffusion(tmp_path_factory.mktemp("base")))
    torch.manual_seed(0)
    conditioning, wrapping = Conditioning(base.unet, width=8), FeatureWrapping(base.widths)
    for transform in conditioning.transforms:
        nn.init.normal_(transform.shift.weight, std=0.1)
    return StableSR(base, conditioning.eval(), wrapping.eval())


def photo(height: int, width: int) -> Tensor:
    """Waves of three colours."""
    y, x = torch.meshgrid(torch.arange(height) / 9, torch.arange(width) / 7, indexing="ij")
    return torch.stack([(x + y).sin(), (x - y).cos(), (x * 0.5).sin()]) / 2.5 + 0.5


@pytest.mark.parametrize(("size", "scale"), [((5, 9), 2), ((17, 8), 4), ((33, 40), 1), ((1, 1), 3)])
def test_picture_of_any_size_has_the_size_asked_for(size: tuple[int, int], scale: int, model: StableSR) -> None:
    made = model.enlarge(photo(*size), scale, FEW)
    assert made.shape == (3, scale * size[0], scale * size[1])
    assert made.min() >= 0
    assert made.max() <= 1


def test_least_size_is_that_of_the_training(model: StableSR) -> None:
    assert model.least == SIDE


def test_seed_decides_the_bytes(model: StableSR) -> None:
    first, again, other = (model.enlarge(photo(9, 7), 2, FEW, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_fidelity_of_zero_is_the_plain_decoder(model: StableSR) -> None:
    latent, low = torch.randn(1, 4, 8, 8), torch.rand(1, 3, 32, 32)
    base, wrapping = model.base, model.wrapping
    assert wrapping is not None
    with torch.no_grad():
        assert torch.equal(wrapping(base.autoencoder, latent, low, 0.0), decoded(base.autoencoder, latent))
    picture = photo(11, 12)
    unwrapped = StableSR(base, model.conditioning)
    assert torch.equal(model.enlarge(picture, 2, FEW), unwrapped.enlarge(picture, 2, FEW))


def test_fidelity_scales_what_the_decoder_takes_back(model: StableSR) -> None:
    """The features of the one inner level change in proportion."""
    fused: dict[float, Tensor] = {}
    hook = (
        model.base.autoencoder.decoder.up_blocks[1]
        .resnets[-1]
        .register_forward_hook(lambda module, inputs, output: fused.__setitem__(fidelity, output))
    )
    latent, low = torch.randn(1, 4, 8, 8), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for fidelity in (0.0, 0.5, 1.0):
            assert model.wrapping is not None
            model.wrapping(model.base.autoencoder, latent, low, fidelity)
    hook.remove()
    torch.testing.assert_close(fused[1.0] - fused[0.0], 2 * (fused[0.5] - fused[0.0]))


def test_wrapping_of_tiles_is_that_of_the_picture_in_one(model: StableSR) -> None:
    """A picture of one tile, by hand."""
    picture, settings = photo(16, 16), replace(FEW, fidelity=0.75)
    made = model.enlarge(picture, 2, settings)
    with torch.no_grad():
        low = resize_bicubic(picture, (32, 32)).clamp(0, 1)[None]
        start = encoded(model.base.autoencoder, low)

        def predict(noisy: Tensor, time: Tensor) -> Tensor:
            return model.base.predict(noisy, time[None], model.conditioning(start, time[None]))

        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(start.shape, generator=generator)
        latent = model.base.schedule.sample(predict, start, noise, generator, "dpm++", 2)
        assert model.wrapping is not None
        expected = model.wrapping(model.base.autoencoder, latent, low, 0.75)[0].clamp(0, 1)
    torch.testing.assert_close(made, expected)


def test_fidelity_is_a_half_where_there_is_a_wrapping(model: StableSR) -> None:
    picture, unwrapped = photo(8, 8), StableSR(model.base, model.conditioning)
    for one, fidelity in ((model, 0.5), (unwrapped, 0.0)):
        made = one.enlarge(picture, 2, replace(FEW, fidelity=None))
        assert torch.equal(made, one.enlarge(picture, 2, replace(FEW, fidelity=fidelity)))


def test_fidelity_needs_a_wrapping(model: StableSR) -> None:
    with pytest.raises(ValueError, match=r"`fidelity` 0.5: this model has no feature wrapping; train one, or give 0"):
        StableSR(model.base, model.conditioning).enlarge(photo(8, 8), 2, replace(FEW, fidelity=0.5))


def test_colours_are_corrected_by_the_enlarged_picture(model: StableSR) -> None:
    picture = 0.3 + 0.2 * photo(16, 16)
    made = model.enlarge(picture, 2, replace(FEW, colour="adain"))
    torch.testing.assert_close(made.mean((1, 2)), picture.mean((1, 2)), atol=0.02, rtol=0)


class _Pointwise(nn.Module):
    """A diffusion whose every pixel depends on itself alone, so that tiles cannot matter."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(4, 4, 1)
        self.config = SimpleNamespace(sample_size=8, in_channels=4)
        blocks = [SimpleNamespace(resnets=[]) for _ in range(3)]
        self.down_blocks, self.mid_block, self.up_blocks = blocks, blocks[0], blocks

    def forward(self, noisy: Tensor, times: Tensor, encoder_hidden_states: Tensor) -> Any:
        return SimpleNamespace(sample=self.mix(noisy).tanh() * (1 + times / 1000))


class _Blocks(nn.Module):
    """An autoencoder whose every latent pixel is a block of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 4, 4), nn.ConvTranspose2d(4, 3, 4, 4)
        self.config = SimpleNamespace(block_out_channels=(1, 1, 1), scaling_factor=0.5, latent_channels=4)
        self.encoder, self.decoder = SimpleNamespace(down_blocks=[]), SimpleNamespace(up_blocks=[])

    def encode(self, pixels: Tensor) -> Any:
        latent = self.down(pixels)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latent))

    def decode(self, latent: Tensor) -> Any:
        return SimpleNamespace(sample=self.up(latent))


class _NoGuide(nn.Module):
    def forward(self, low: Tensor, times: Tensor) -> list[Any]:
        return []


def test_tiles_of_a_diffusion_of_pixels_are_the_picture_in_one() -> None:
    unet, schedule = _Pointwise(), NoiseSchedule(tiny_diffusion.SCHEDULE)
    base = StableDiffusion(unet, _Blocks(), torch.zeros(1, 1, 1), schedule)
    larger = copy.deepcopy(base)
    larger.unet.config.sample_size = 80
    tiled, whole = (StableSR(one, _NoGuide()) for one in (base, larger))  # type: ignore[arg-type]
    picture = photo(160, 160)
    torch.testing.assert_close(tiled.enlarge(picture, 2, FEW), whole.enlarge(picture, 2, FEW), atol=1e-5, rtol=0)


def test_weights_of_tiles_are_positive_and_symmetric(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two tiles that predict 0 and 1 the blend is the share of the second one."""
    base = StableDiffusion(_Pointwise(), _Blocks(), torch.zeros(1, 1, 1), NoiseSchedule(tiny_diffusion.SCHEDULE))
    predicted = iter([0.0, 1.0])
    blended: list[Tensor] = []

    def sample(self: NoiseSchedule, predict: Callable[..., Tensor], start: Tensor, *others: Any) -> Tensor:
        blended.append(predict(start, torch.tensor(0)))
        return start

    monkeypatch.setattr(NoiseSchedule, "sample", sample)
    monkeypatch.setattr(base.unet, "forward", lambda x, *_, **__: SimpleNamespace(sample=0 * x + next(predicted)))
    StableSR(base, _NoGuide()).enlarge(photo(32, 48), 1, FEW)  # type: ignore[arg-type]
    share = blended[0][0, 0, 0]
    overlap = share[4:8]
    assert torch.equal(share[:4], torch.zeros(4))
    assert torch.equal(share[8:], torch.ones(4))
    assert ((overlap > 0) & (overlap < 1)).all()
    torch.testing.assert_close(overlap + overlap.flip(0), torch.ones(4))


@pytest.mark.parametrize("fidelity", [0.0, 1.0])
def test_no_seam_shows_where_tiles_meet(fidelity: float, model: StableSR) -> None:
    """The largest mean step between two rows or columns is not where a tile begins or ends."""
    made = model.enlarge(photo(30, 44), 2, replace(FEW, fidelity=fidelity))
    for axis in (1, 2):
        steps = made.diff(dim=axis).abs().mean([other for other in range(3) if other != axis])
        starts = range(0, made.shape[axis] - SIDE, SIDE - SIDE // 4)
        edges = torch.tensor(sorted({edge - 1 for start in starts for edge in (start, start + SIDE) if edge > 0}))
        inner = torch.ones(len(steps), dtype=torch.bool)
        inner[edges] = False
        assert steps[edges].max() <= steps[inner].max()


def refusing(function: Callable[..., Any], most: int) -> Callable[..., Any]:
    """The function, for which memory runs out above a side."""

    def refuse(x: Tensor, *arguments: Any, **named: Any) -> Any:
        if max(x.shape[-2:]) > most:
            raise torch.OutOfMemoryError("out of memory")
        return function(x, *arguments, **named)

    return refuse


@pytest.mark.parametrize(("stage", "most"), [("encode", SIDE // 2), ("unet", 4), ("decode", 4)])
@pytest.mark.filterwarnings("default::RuntimeWarning")
def test_memory_that_runs_out_halves_the_tiles(
    stage: str, most: int, model: StableSR, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = (model.base.unet, "forward") if stage == "unet" else (model.base.autoencoder, stage)
    monkeypatch.setattr(owner, name, refusing(getattr(owner, name), most))
    with pytest.warns(RuntimeWarning, match=r"out of memory with tiles of (8|32): going on with (4|16)"):
        made = StableSR(model.base, model.conditioning).enlarge(photo(20, 24), 2, FEW)
    assert made.shape == (3, 40, 48)
    assert made.isfinite().all()


def test_memory_that_is_never_enough_is_told(model: StableSR, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.base.autoencoder, "decode", refusing(model.base.autoencoder.decode, 0))
    with pytest.warns(RuntimeWarning, match="going on"), pytest.raises(MemoryError, match="free memory"):
        StableSR(model.base, model.conditioning).enlarge(photo(20, 24), 2, FEW)
