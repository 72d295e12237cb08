"""The flow: exact in both ways, of every size, and honest about its bits; its engine, its training, its guesses."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from nflows_core.cli import nflows
from nflows_core.runtime.images import read_picture
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig, Trainer
from nflows_sr.degradations import resize_bicubic
from nflows_sr.engines import EngineSettings, load_engine, resolve
from nflows_sr.engines.flow import FlowEngine
from nflows_sr.networks.flow import Encoded, UpscalingFlow, bits_per_pixel
from nflows_sr.networks.upscaler import coupling_upscaler
from nflows_sr.training.flow import Dequantized, FlowSettings, LargeGivenSmall
from nflows_sr.upscaling import enlarged, tiling_of

call = partial(call_command, nflows)
SIZES = {"scale": st.integers(2, 4), "height": st.integers(1, 5), "width": st.integers(1, 5)}


def stirred(scale: int = 2, dtype: torch.dtype = torch.float64, size: float = 0.1) -> UpscalingFlow:
    """A small flow away from where it starts."""
    torch.manual_seed(0)
    flow = UpscalingFlow(scale, channels=4, width=4, blocks=1, depth=2).to(dtype)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=size)
    return flow


def double(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64)


# The flow


@settings(max_examples=20, deadline=None)
@given(**SIZES)
def test_noise_and_pictures_of_any_size_are_one_to_one(scale: int, height: int, width: int) -> None:
    flow = stirred(scale)
    x, y = double(2, 1, height, width), double(2, 1, scale * height, scale * width)
    z = flow(x, y).z
    assert z.shape == (2, flow.noise_channels, height, width)
    torch.testing.assert_close(flow.inverse(x, z), y, rtol=0, atol=1e-9)
    torch.testing.assert_close(flow(x, flow.inverse(x, z)).z, z, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_the_log_determinant_is_that_of_the_jacobian_whatever_the_size(size: tuple[int, int]) -> None:
    flow, x = stirred(), double(1, 1, *size)
    y = double(1, 1, 2 * size[0], 2 * size[1])
    jacobian = torch.autograd.functional.jacobian(lambda y: flow(x, y).z, y).reshape(y.numel(), y.numel())
    torch.testing.assert_close(flow(x, y).logdet[0], torch.linalg.slogdet(jacobian).logabsdet)


def test_bits_of_a_gaussian_are_its_entropy() -> None:
    """Noise as wide as it is drawn, in grey levels: log2 of (sigma sqrt(2 pi e)), the differential entropy."""
    sigma = 8 / 255
    z = torch.randn(200, 4, 8, 8, dtype=torch.float64)
    logdet = torch.full((200,), -z[0].numel() * math.log(sigma), dtype=torch.float64)
    bits = bits_per_pixel(Encoded(z, logdet, z))
    assert bits.mean().item() == pytest.approx(math.log2(8 * math.sqrt(2 * math.pi * math.e)), abs=0.01)


def test_at_its_start_it_is_the_upscaler_whose_weights_it_takes() -> None:
    upscaler, flow = coupling_upscaler(2, 8, 8, 2), UpscalingFlow(2, 8, 8, 2, depth=1)
    torch.nn.init.normal_(upscaler.tail.weight, std=0.1)
    missing, unexpected = flow.load_state_dict(upscaler.state_dict(), strict=False)
    assert not unexpected
    assert all(name.startswith("flow.") for name in missing)
    x = torch.rand(1, 1, 7, 5)
    torch.testing.assert_close(flow.inverse(x), upscaler(x))


def test_what_is_expected_learns_from_its_errors_alone() -> None:
    flow, x, y = stirred(), double(1, 1, 3, 4), double(1, 1, 6, 8)
    encoded = flow(x, y)
    (gradient,) = torch.autograd.grad(bits_per_pixel(encoded).sum(), flow.tail.weight, allow_unused=True)
    assert gradient is None
    torch.testing.assert_close(encoded.expected, flow.inverse(x, flow(x, encoded.expected).z))
    (gradient,) = torch.autograd.grad((encoded.expected - y).abs().mean(), flow.tail.weight)
    assert gradient.abs().sum() > 0


def test_its_reach_is_that_of_its_gradient() -> None:
    flow = stirred()
    x, z = double(1, 1, 41, 41).requires_grad_(), torch.randn(1, 4, 41, 41, dtype=torch.float64, requires_grad=True)
    flow.inverse(x, z)[0, 0, 40:42, 40:42].sum().backward()
    for given_tensor in (x, z):
        touched = given_tensor.grad[0].abs().sum(0).nonzero() - 20  # type: ignore[index]
        assert touched.abs().max() <= flow.reach
    assert (x.grad[0, 0].nonzero() - 20).abs().max() >= flow.reach - 1  # type: ignore[index]


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"blocks": 0}, {"scale": 5}])
def test_sizes_that_are_none_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UpscalingFlow(**{"scale": 2, **wrong})


# What it is trained on


class Noisy:
    """Items: pictures of one grey each, whose noise grows with it from .01 to .06, made small and large."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        grey = 0.2 + 0.6 * index / self.count
        noise = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(index))
        large = grey + noise_of(grey) * noise
        return resize_bicubic(large, 1 / 2), large


def noise_of(grey: float) -> float:
    return 0.01 + 0.05 * (grey - 0.2) / 0.6


def test_whole_levels_get_noise_as_wide_as_one_and_the_same_for_a_seed() -> None:
    items = Dequantized(Noisy(64))
    small, large = items.read(3, 7)
    levels = 255 * Noisy(64).read(3, 7)[1]
    noise = 255 * large - levels.round()
    assert -0.5 - 1e-4 <= noise.min() < -0.4
    assert 0.4 < noise.max() <= 0.5 + 1e-4
    assert abs(noise.mean()) < 0.1
    assert torch.equal(items.read(3, 7)[1], large)
    assert not torch.equal(items.read(3, 8)[1], large)
    assert torch.equal(small, Noisy(64).read(3, 7)[0])


@pytest.fixture(scope="module")
def learned() -> UpscalingFlow:
    torch.manual_seed(0)
    flow = UpscalingFlow(2, channels=8, width=8, blocks=1, depth=1)
    config = EngineConfig(epochs=12, batch_size=8, learning_rate=1e-2, warmup_steps=10, ema_decay=0.9)
    return Trainer(LargeGivenSmall(flow, Noisy(64), config, Noisy(4))).fit()


def test_it_learns_to_need_fewer_bits(learned: UpscalingFlow) -> None:
    items = [Dequantized(Noisy(64)).read(index, index) for index in range(64)]
    small, large = (torch.stack(part) for part in zip(*items, strict=True))
    bits = bits_per_pixel(learned(small, large)).mean().item()
    assert bits < 5.4  # noise of one width for all greys needs 5.5


def test_it_is_as_uncertain_as_the_pictures_are(learned: UpscalingFlow) -> None:
    greys = torch.linspace(0.25, 0.75, 9)
    x = greys.repeat_interleave(40)[:, None, None, None].expand(-1, 1, 8, 8)
    samples = learned.inverse(x, torch.randn(360, 4, 8, 8, generator=torch.Generator().manual_seed(0)))
    spread = samples.detach().unflatten(0, (9, 40)).std(1).mean((1, 2, 3))
    expected = torch.tensor([noise_of(grey.item()) for grey in greys])
    assert torch.corrcoef(torch.stack([spread, expected]))[0, 1] > 0.9
    assert (spread / expected).log().abs().max() < 0.7


# The engine


def engine(temperature: float = 1.0, scale: int = 2) -> FlowEngine:
    flow = stirred(scale, torch.float32, 0.03)
    with torch.no_grad():
        flow.flow.bijections[0].log_scale.fill_(3.0)  # type: ignore[union-attr, index]  # noise of some .05
    return FlowEngine(flow, EngineSettings("flow", device="cpu", temperature=temperature))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_is_drawn_is_the_small_picture_when_it_is_made_small(
    channels: int, temperature: float, scale: int
) -> None:
    enlarge = engine(temperature, scale)
    pixels = resize_bicubic(torch.rand(channels, 12 * scale, 10 * scale), 1 / scale)
    drawn = enlarge(torch.cat([pixels, torch.randn(enlarge.noise, 12, 10)]))
    assert drawn.shape == (channels, 12 * scale, 10 * scale)
    error = (resize_bicubic(drawn, (12, 10)) - pixels).square().mean()
    assert -10 * error.log10() > 45


def test_the_spread_of_colours_is_that_of_the_luma() -> None:
    enlarge, pixels = engine(), 0.4 + 0.2 * torch.rand(3, 9, 9)
    one, other = (enlarge(torch.cat([pixels, torch.randn(4, 9, 9)])) for _ in range(2))
    difference = one - other
    inner = ((one > 0.2) & (one < 0.8) & (other > 0.2) & (other < 0.8)).all(0)
    assert inner.any()
    torch.testing.assert_close(difference[0][inner], difference[1][inner], rtol=0, atol=1e-5)
    torch.testing.assert_close(difference[0][inner], difference[2][inner], rtol=0, atol=1e-5)
    assert difference.abs().max() > 1e-3


def test_temperature_0_takes_no_noise_and_is_what_ever_less_noise_comes_to() -> None:
    pixels, z = torch.rand(1, 9, 9), torch.randn(4, 9, 9)
    still = engine(0.0)
    assert still.noise == 0
    torch.testing.assert_close(engine(1e-6)(torch.cat([pixels, z])), still(pixels), rtol=0, atol=1e-4)


class Grey:
    """A picture file of noise."""

    def __init__(self, height: int, width: int) -> None:
        from nflows_core.runtime.images import Picture

        self.pixels = np.random.default_rng(0).integers(0, 256, (height, width, 1), np.uint8)
        self.about = Picture(self.pixels)
        self.shape = self.pixels.shape

    def rows(self, top: int, bottom: int) -> Any:
        return self.pixels[top:bottom]


def test_tiles_of_a_drawn_picture_have_no_seam() -> None:
    source, enlarge = Grey(110, 120), engine(1.0)
    least = tiling_of(enlarge, 1000).overlap + 1
    whole, tiled = (
        torch.cat(list(enlarged(source, enlarge, tiling_of(enlarge, side), 5)), 1) for side in (1000, least + 20)
    )
    assert (whole - tiled).abs().max() < 1 / 255
    other = torch.cat(list(enlarged(source, enlarge, tiling_of(enlarge, 1000), 6)), 1)
    assert (whole - other).abs().mean() > 1e-3


# The commands


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flow")
    generator = np.random.default_rng(0)
    for part, count in (("pictures", 12), ("test", 2)):
        (folder / part).mkdir()
        for number in range(count):
            pixels = generator.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).resize((80, 80)).save(folder / part / f"{number}.png")
    tiny = "flow:channels=4,width=4,blocks=1,depth=1,crop=8"
    options = ["--epochs", 1, "--batch-size", 8, "--test", folder / "test"]
    assert call("sr", "train", folder / "pictures", "-o", folder / "run", "--model", tiny, *options) == 0
    Image.fromarray(generator.integers(0, 256, (30, 40, 3), np.uint8)).save(folder / "small.png")
    return folder


def test_a_run_tells_bits_and_decibels(run: Path) -> None:
    report = json.loads((run / "run" / "report.json").read_text())
    assert 0 < report["test_bits_per_pixel"] < 20
    assert 10 < report["test_psnr"] < 60


def test_a_run_enlarges_and_every_seed_draws_another(run: Path, tmp_path: Path) -> None:
    pictures = []
    for name, options in {"still": [], "one": ["--temperature", 1], "two": ["--temperature", 1, "--seed", 1]}.items():
        target = tmp_path / f"{name}.png"
        assert call("sr", "upscale", run / "small.png", "-o", target, "--model", run / "run", *options) == 0
        with Image.open(target) as picture:
            pictures.append(np.asarray(picture).astype(int))
    assert {picture.shape for picture in pictures} == {(60, 80, 3)}
    assert (pictures[1] != pictures[2]).mean() > 0.1


def test_every_sample_is_a_file_and_so_is_their_spread(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["sr", "upscale", run / "small.png", "--model", run / "run", "--json"]
    assert call(*command, "-o", tmp_path / "out", "--samples", 3) == 0
    report = json.loads(capfd.readouterr().out)
    names = ["small.png", "small-2.png", "small-3.png", "small-spread.png"]
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == set(names)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert [name in page for name in names] == 4 * [True]
    assert page.count("data:image/png;base64,") == 4 + 3
    *guesses, spread = (read_picture(tmp_path / "out" / name).pixels.astype(float) for name in names)
    assert call(*command, "-o", tmp_path / "one.png", "--temperature", 1) == 0
    assert np.array_equal(guesses[0], read_picture(tmp_path / "one.png").pixels)
    row = report["tables"]["Pictures"][0]
    deviation = np.stack(guesses).std(0, ddof=1).mean(2)
    assert spread.shape == (60, 80, 3)
    expected = (deviation / row["spread_white"])[:, :, None].clip(max=255)
    assert np.abs(spread - expected).max() <= 4  # guesses were rounded
    assert row["spread"] == pytest.approx(deviation.mean() / 255, abs=0.002)
    capfd.readouterr()
    assert call(*command, "-o", tmp_path / "out.png", "--samples", 3) == 2
    assert "out.png: there are several files of each input; give a folder" in capfd.readouterr().err


def test_what_draws_nothing_takes_no_temperature(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = ["sr", "upscale", run / "small.png", "-o", tmp_path / "x"]
    for options, message in [
        (["--model", "bicubic", "--temperature", "1"], "--temperature: bicubic is no flow; leave it out"),
        (["--model", "bicubic", "--samples", "3"], "--samples: all are the same; give a diffusion"),
        (
            ["--model", run / "run", "--samples", "3", "--temperature", "0"],
            "--samples: all are the same; give a diffusion",
        ),
    ]:
        capfd.readouterr()
        assert call(*picture, *options) == 2
        assert message in capfd.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_scale_that_no_flow_is_shipped_for_says_how_to_train_one() -> None:
    from nflows_core.runtime.errors import CommandError

    with pytest.raises(CommandError, match=r"no flow of scale 4 comes with the package; train one by nflows sr train"):
        load_engine(resolve(EngineSettings("flow", 4)))


def test_steps_that_would_take_all_of_the_memory_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`channels` x `width` x `depth` is 20,480,000; it may be 10,000,000 at most"):
        FlowSettings(channels=100, width=50, depth=4096)
