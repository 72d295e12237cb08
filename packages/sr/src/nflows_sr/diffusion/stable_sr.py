r"""StableSR: a picture enlarged by a diffusion that its low-resolution latent guides.

Wang, Yue, Zhou, Chan and Loy (2024), "Exploiting Diffusion Prior for Real-World Image Super-Resolution",
arXiv 2305.07015.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_core.runtime.model_folders import quiet_libraries
from nflows_core.runtime.tiles import Tiling
from nflows_sr.degradations import resize_bicubic
from nflows_sr.diffusion.colour import corrected
from nflows_sr.diffusion.conditioning import Conditioning
from nflows_sr.diffusion.folder import StableDiffusion
from nflows_sr.diffusion.latents import decoded, encoded, factor
from nflows_sr.diffusion.settings import STEPS, Sampler, Sampling
from nflows_sr.diffusion.wrapping import FeatureWrapping

_FIDELITY = 0.5  # StableSR's own
_OVERLAP = Fraction(1, 4)  # of a tile, which memory may halve once


@dataclass(frozen=True)
class StableSR:
    r"""A guided diffusion, tile by tile: pictures of any size, in memory that does not grow but for the picture's own.

    Encoder, U-Net and decoder each run over overlapping tiles, whose results are blended with Gaussian weights. For the
    U-Net this is aggregation sampling (section 3.3; Bar-Tal et al. 2023, "MultiDiffusion", equation 5): predictions are
    blended in every step, so that all tiles work on one picture,

    .. math:: \hat\varepsilon(z_t) = \sum_n w_n \odot \varepsilon(z_t[n], t, z_{LR}[n]) \;/\; \sum_n w_n.

    A stage for which memory runs out goes on with tiles of half the side, see `nflows_core.runtime.tiles.Tiling`.

    Arguments:
        base: The diffusion.
        conditioning: What guides it.
        wrapping: What lets the decoder take back features of the picture, if it was trained.
        dtype: In which type the networks compute where it is safe.
    """

    base: StableDiffusion
    conditioning: Conditioning
    wrapping: FeatureWrapping | None = None
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        for network in (self.conditioning, self.wrapping):
            if network is not None:
                network.eval().requires_grad_(False)

    def to(self, device: torch.device, dtype: torch.dtype = torch.float32) -> StableSR:
        """The same on another device, and in another type; the networks are moved, not copied.

        The weights of the U-Net, most of all, are kept in that type; all others are cast as they are used.
        """
        base, wrapping = self.base.to(device), self.wrapping
        with quiet_libraries():
            base.unet.to(dtype)
        return StableSR(base, self.conditioning.to(device), None if wrapping is None else wrapping.to(device), dtype)

    @property
    def networks(self) -> nn.ModuleList:
        """All that has weights."""
        parts = (self.base.unet, self.base.autoencoder, self.conditioning, self.wrapping)
        return nn.ModuleList(part for part in parts if part is not None)

    @property
    def least(self) -> int:
        """The side of the pictures that the diffusion was trained on: that of a tile, and the least of a picture."""
        return int(self.base.unet.config.sample_size) * factor(self.base.autoencoder)

    def predict(self, start: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """What the U-Net predicts of noisy latents at a time, a scalar, guided by low-resolution ones."""
        times = time.to(noisy.device).expand(len(noisy))
        return self.base.predict(noisy, times, self.conditioning(start, times))

    @torch.no_grad()
    def enlarge(self, picture: Tensor, scale: int, sampling: Sampling, seed: int = 0) -> Tensor:
        r"""The picture, enlarged.

        Arguments:
            picture: RGB in [0, 1], :math:`(3, h, w)`, on the CPU.
            scale: How many times the sides grow.
            sampling: How it is made; what it leaves open is wavelets, and a fidelity of a half if there is a wrapping.
            seed: The seed of the noise.

        Returns:
            :math:`(3, sh, sw)` in [0, 1], on the CPU.

        Raises:
            ValueError: See `check`.
            FloatingPointError: A network made values that are not finite.
            MemoryError: Memory runs out for the smallest tiles.
        """
        self.check(sampling)
        default = 0.0 if self.wrapping is None else _FIDELITY
        fidelity = default if sampling.fidelity is None else sampling.fidelity
        size = picture.shape[1] * scale, picture.shape[2] * scale
        low = resize_bicubic(picture, self._working_size(size)).clamp_(0, 1)
        padded = self._padded(low)
        latent = self._sampled(self._encoding.whole(self._encoded, padded), sampling, seed)
        made = self._picture(latent, padded, fidelity)[:, : low.shape[1], : low.shape[2]]
        made = corrected(made, low, sampling.colour or "wavelet")
        return (made if made.shape[1:] == size else resize_bicubic(made, size)).clamp_(0, 1)

    def check(self, sampling: Sampling) -> None:
        """Raises a ValueError if the model cannot make pictures so."""
        if sampling.fidelity and self.wrapping is None:
            raise ValueError(
                f"`fidelity` {sampling.fidelity}: this model has no feature wrapping; train one, or give 0"
            )
        self.base.schedule.check_steps(self._sampler(sampling)[1])

    def _sampler(self, sampling: Sampling) -> tuple[Sampler, int]:
        sampler = sampling.sampler or self.base.schedule.few_steps
        return sampler, STEPS[sampler] if sampling.steps is None else sampling.steps

    def _working_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size at which the diffusion works: what is asked for, or larger."""
        enlarged = max(1.0, self.least / min(size))
        return max(self.least, round(size[0] * enlarged)), max(self.least, round(size[1] * enlarged))

    def _padded(self, low: Tensor) -> Tensor:
        """With sides that each level of the U-Net can halve, the last row and column repeated."""
        unit = factor(self.base.autoencoder) * 2 ** (len(self.base.unet.down_blocks) - 1)
        missing = [-length % unit for length in low.shape[1:]]
        return F.pad(low[None], (0, missing[1], 0, missing[0]), "replicate")[0]

    def _sampled(self, start: Tensor, sampling: Sampling, seed: int) -> Tensor:
        def predict(latent: Tensor, time: Tensor) -> Tensor:
            return self._aggregation.whole(partial(self._predicted, time), torch.cat([latent[0], start]))[None]

        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(start[None].shape, generator=generator)
        return self.base.schedule.sample(predict, start[None], noise, generator, *self._sampler(sampling))[0]

    def _picture(self, latent: Tensor, low: Tensor, fidelity: float) -> Tensor:
        if not fidelity:
            return self._decoding.whole(self._decoded, latent)
        # The decoder of a tile needs the same tile of the picture: its pixels go as channels of the latent's.
        pixels = F.pixel_unshuffle(low, factor(self.base.autoencoder))
        return self._decoding.whole(partial(self._wrapped, fidelity), torch.cat([latent, pixels]))

    # What is done with a tile, on the device of the networks.

    def _encoded(self, pixels: Tensor) -> Tensor:
        with self._precision:
            return encoded(self.base.autoencoder, pixels[None].to(self._device))[0]

    def _predicted(self, time: Tensor, tile: Tensor) -> Tensor:
        noisy, start = tile[None].to(self._device).chunk(2, 1)
        with self._precision:
            return self.predict(start, noisy, time)[0]

    def _decoded(self, latent: Tensor) -> Tensor:
        with self._precision:
            return decoded(self.base.autoencoder, latent[None].to(self._device))[0]

    def _wrapped(self, fidelity: float, tile: Tensor) -> Tensor:
        assert self.wrapping is not None
        channels = int(self.base.autoencoder.config.latent_channels)
        latent, pixels = tile[None].to(self._device).tensor_split([channels], 1)
        low = F.pixel_shuffle(pixels, factor(self.base.autoencoder))
        with self._precision:
            made: Tensor = self.wrapping(self.base.autoencoder, latent, low, fidelity)
        return made[0]

    @property
    def _device(self) -> torch.device:
        return self.base.prompt.device

    @property
    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, self.dtype, enabled=self.dtype != torch.float32)

    # A smaller tile that memory asked for stays for all pictures that follow.

    @cached_property
    def _encoding(self) -> Tiling:
        return Tiling(self.least, int(self.least * _OVERLAP), Fraction(1, factor(self.base.autoencoder)))

    @cached_property
    def _aggregation(self) -> Tiling:
        side = self.least // factor(self.base.autoencoder)
        return Tiling(side, int(side * _OVERLAP))

    @cached_property
    def _decoding(self) -> Tiling:
        side = self.least // factor(self.base.autoencoder)
        return Tiling(side, int(side * _OVERLAP), factor(self.base.autoencoder))
