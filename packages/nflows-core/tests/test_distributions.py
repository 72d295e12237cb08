"""Dequantization and the base distribution."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from nflows_core.distributions.dequantization import dequantize, quantize
from nflows_core.distributions.normal import standard_normal_log_prob

LAST_BELOW_ONE = {torch.float16: 1 - 2**-11, torch.float32: 1 - 2**-24, torch.float64: 1 - 2**-53}
QUANTIZATIONS = {torch.float16: (2, 3, 100, 255)} | dict.fromkeys((torch.float32, torch.float64), (3, 100, 256, 65536))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
def test_quantize_undoes_dequantize(dtype: torch.dtype) -> None:
    pixels = torch.arange(256).repeat(1000, 1).to(dtype)
    x = dequantize(pixels, generator=torch.Generator().manual_seed(0))
    assert x.dtype == (dtype if dtype.is_floating_point else torch.float32)
    assert x.min() >= 0
    assert x.max() < 1
    assert torch.equal(quantize(x), pixels.to(torch.uint8))


@pytest.mark.parametrize(("dtype", "quantization"), [(d, n) for d, sizes in QUANTIZATIONS.items() for n in sizes])
@pytest.mark.parametrize("end", [dict.fromkeys(LAST_BELOW_ONE, 0.0), LAST_BELOW_ONE], ids=["zero", "one"])
def test_noise_at_the_ends_stays_on_its_pixel(
    dtype: torch.dtype, quantization: int, end: dict[torch.dtype, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    value = end[dtype]
    monkeypatch.setattr(torch, "rand", lambda shape, **options: torch.full(shape, value, dtype=dtype))
    pixels = torch.arange(quantization)
    assert torch.equal(quantize(dequantize(pixels.to(dtype), quantization), quantization).long(), pixels)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_too_coarse_a_dtype_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=f"{dtype} is too coarse for noise on 256 values"):
        dequantize(torch.zeros(3, dtype=dtype), 256)


def test_noise_is_uniform() -> None:
    x = dequantize(torch.full((100_000,), 7, dtype=torch.uint8), generator=torch.Generator().manual_seed(0))
    noise = (256 * x.double() - 7).sort().values
    uniform = (torch.arange(100_000) + 0.5) / 100_000
    # Kolmogorov-Smirnov: beyond 1.95 / sqrt(n) with probability 0.001.
    assert (noise - uniform).abs().max() < 1.95 / math.sqrt(100_000)


def test_same_seed_same_noise() -> None:
    pixels = torch.zeros(100, dtype=torch.uint8)
    one, same, other = (dequantize(pixels, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_what_makes_no_pixels_is_refused() -> None:
    for integers in (torch.zeros(3, dtype=torch.uint8), torch.zeros(3).numpy()):
        with pytest.raises(TypeError, match=r"expected a tensor of floats in \[0, 1\], got (torch.uint8|ndarray)"):
            quantize(integers)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a value is not a number, and hence no pixel"):
        quantize(torch.tensor([0.5, math.nan]))


def test_quantize_clamps_samples_outside_the_image() -> None:
    x = torch.tensor([-0.3, 0.0, 0.5, 0.999, 1.0, 1.7])
    assert quantize(x).tolist() == [0, 0, 128, 255, 255, 255]
    assert quantize(x, 1024).dtype == torch.int32
    assert quantize(x, 1024).tolist() == [0, 0, 512, 1022, 1023, 1023]


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)])
def test_standard_normal_agrees_with_torch(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    z = torch.randn(4, *shape, dtype=torch.float64)
    expected = MultivariateNormal(torch.zeros(6, dtype=torch.float64), torch.eye(6, dtype=torch.float64))
    torch.testing.assert_close(standard_normal_log_prob(z), expected.log_prob(z.flatten(1)))


def test_standard_normal_integrates_to_one() -> None:
    axis = torch.linspace(-8, 8, 401, dtype=torch.float64)
    grid: Tensor = torch.cartesian_prod(axis, axis)
    mass = standard_normal_log_prob(grid).exp().sum() * (axis[1] - axis[0]).square()
    assert mass.item() == pytest.approx(1, abs=1e-9)
