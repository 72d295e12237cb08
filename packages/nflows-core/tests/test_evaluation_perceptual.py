"""Perceptual distances, against values that are known without them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nflows_core.evaluation import PerceptualDistance, build_perceptual, untrained_lpips
from nflows_core.evaluation.perceptual import Vgg16
from nflows_core.runtime.errors import CommandError, ExitCode


def flat(mean: float) -> Tensor:
    return torch.full((1, 3, 32, 32), mean)


class Identity(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [x, 10 * x]


def test_perceptual_distance_compares_directions_of_features() -> None:
    distance = PerceptualDistance(Identity(), [torch.tensor([1.0, 0, 0]), torch.tensor([0, 2.0, 0])])
    x, y = flat(1.0), flat(1.0)
    x[:, 1:], y[:, [0, 2]] = 0, 0
    assert distance(x, y).item() == pytest.approx(1 + 2)
    assert distance(x, 5 * x).item() == pytest.approx(0, abs=1e-6)


def test_the_map_is_enlarged_to_the_pixels_and_its_mean_is_the_distance() -> None:
    class Halved(nn.Module):
        def forward(self, x: Tensor) -> list[Tensor]:
            return [x, nn.functional.avg_pool2d(x, 2)]

    distance = PerceptualDistance(Halved(), [torch.tensor([1.0, 0, 0]), torch.tensor([0, 2.0, 0])])
    x = torch.ones(1, 3, 32, 48) * torch.tensor([1.0, 0, 0]).reshape(3, 1, 1)
    y = x.clone()
    y[..., 24:] = torch.tensor([0, 1.0, 0]).reshape(3, 1, 1)
    found = distance.map(x, y)
    assert found.shape == (1, 32, 48)
    # One step from 0 to 1 at the pixels, and one from 0 to 2 between the middles of two halved ones.
    assert found[0, 7, 22:26].tolist() == pytest.approx([0, 2 * 0.25, 1 + 2 * 0.75, 3])
    assert found.mean().item() == pytest.approx(distance(x, y).item()) == pytest.approx(1.5)


def test_a_pixel_of_the_map_sees_as_far_as_it_is_said_and_no_farther() -> None:
    network, place, side = Vgg16(), 8 * Vgg16.stride + 8, 16 * Vgg16.stride
    for index, layer in enumerate(network.features):  # the same kernels and strides, by which every pixel counts
        if isinstance(layer, nn.Conv2d):
            network.features[index] = nn.Conv2d(3 if index == 0 else 2, 2, 3, padding=1)
        elif isinstance(layer, nn.MaxPool2d):
            network.features[index] = nn.AvgPool2d(2)
        else:
            network.features[index] = nn.Identity()
    distance = PerceptualDistance(network, [torch.zeros(2)] * 4 + [torch.ones(2)]).double()
    x = torch.rand(1, 3, side, side, dtype=torch.float64).requires_grad_()
    distance.map(x, torch.rand_like(x))[0, place, side - 1 - place].backward()
    assert x.grad is not None
    rows, columns = x.grad.abs().sum((0, 1)).nonzero().unbind(1)
    assert (rows.max() - place, side - 1 - place - columns.min()) == (Vgg16.reach, Vgg16.reach)
    assert rows.min() > 0
    assert columns.max() < side - 1


def test_lpips_has_the_parameters_that_the_thesis_counts() -> None:
    with torch.device("meta"):
        lpips = untrained_lpips()
    assert sum(parameter.numel() for parameter in lpips.parameters()) == 14_716_160
    assert not any(parameter.requires_grad for parameter in lpips.parameters())


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights in torchvision's format, random ones."""
    path, generator = tmp_path_factory.mktemp("vgg") / "vgg16.pth", torch.Generator().manual_seed(0)
    with torch.device("meta"):
        state = Vgg16().state_dict()
    torch.save({name: 0.05 * torch.randn(one.shape, generator=generator) for name, one in state.items()}, path)
    return path


def test_lpips_is_that_of_torchmetrics(vgg_file: Path) -> None:
    from torchmetrics.functional.image.lpips import _LPIPS

    reference = _LPIPS(net="vgg", pretrained=False, pnet_rand=True)
    features = [layer for part in range(1, 6) for layer in getattr(reference.net, f"slice{part}")]
    nn.Sequential(*features).load_state_dict(
        {name.removeprefix("features."): one for name, one in torch.load(vgg_file).items()}
    )
    ours = build_perceptual("vgg", vgg_file)
    for linear, head in zip(reference.lins, ours.heads, strict=True):
        linear.model[1].weight.data = head.data
    x, y = torch.rand(2, 2, 3, 37, 40).mul(2).sub(1)
    torch.testing.assert_close(ours(x, y), reference(x, y).flatten())
    reference.spatial = True
    torch.testing.assert_close(ours.map(x, y), reference(x, y)[:, 0])


def test_other_weights_are_no_vgg(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w\.pth does not hold the weights of torchvision's VGG16"):
        build_perceptual("vgg", tmp_path / "w.pth")


def test_missing_vgg_says_what_to_put_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path))
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    with pytest.raises(CommandError, match=r"Put vgg16-397923af\.pth \(553,433,881 bytes") as caught:
        build_perceptual("vgg")
    assert caught.value.exit_code == ExitCode.WEIGHTS


def test_an_unknown_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="expected vgg or efficientnet-lite0, got 'alex'"):
        build_perceptual("alex")  # type: ignore[arg-type]


def test_efficientnet_finds_blurred_pictures_more_different_the_more_they_are_blurred() -> None:
    distance = build_perceptual("efficientnet-lite0")
    x = torch.rand(2, 3, 64, 64).mul(2).sub(1)
    blurred = [nn.functional.avg_pool2d(x, size, 1, size // 2) for size in (3, 7)]
    distances = [distance(x, y).mean().item() for y in (x, *blurred)]
    assert distances[0] == 0
    assert distances == sorted(distances)


def test_efficientnet_is_normalized_as_it_was_trained() -> None:
    """What goes into a normalization has the statistics that it was trained with, up to those of other pictures."""
    distance = build_perceptual("efficientnet-lite0")
    ramp = torch.linspace(-1, 1, 96)
    x = torch.stack([ramp.expand(96, 96), ramp.expand(96, 96).T, ramp.expand(96, 96).flip(1)])[None]
    correlations = []

    def compare(layer: nn.BatchNorm2d, given: tuple[Tensor, ...], _: Tensor) -> None:
        assert layer.running_mean is not None
        correlations.append(torch.corrcoef(torch.stack([given[0].mean((0, 2, 3)), layer.running_mean]))[0, 1].item())

    for layer in distance.network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(compare)
    distance(x, x)
    assert sorted(correlations)[len(correlations) // 2] > 0.8


def test_a_judge_neither_learns_nor_leaves_evaluation() -> None:
    distance = build_perceptual("efficientnet-lite0")
    assert not distance.train().training
    assert not any(module.training for module in distance.modules())
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    distance(x, torch.rand(1, 3, 32, 32)).sum().backward()
    assert x.grad is not None
    assert x.grad.any()


def test_pictures_too_small_to_judge_are_refused() -> None:
    distance = build_perceptual("efficientnet-lite0")
    with pytest.raises(ValueError, match="need pictures of 16 x 16 pixels or more, got 8 x 32"):
        distance(torch.zeros(1, 3, 8, 32), torch.zeros(1, 3, 8, 32))
