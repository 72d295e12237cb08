"""Known values of what stage 1 lowers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_sr.losses import (
    PatchDiscriminator,
    PerceptualDistance,
    adaptive_weight,
    build_perceptual,
    hinge_loss,
    untrained_lpips,
)
from nflows_sr.losses.perceptual import Vgg16


def test_discriminator_of_pix2pix_has_its_parameters_and_patches() -> None:
    discriminator = PatchDiscriminator()
    assert (
        sum(parameter.numel() for parameter in discriminator.parameters()) == 2_765_633
    )  # with normalization, no bias
    assert discriminator(torch.zeros(2, 3, 256, 256)).shape == (2, 1, 30, 30)


def test_an_output_of_the_discriminator_sees_seventy_pixels() -> None:
    discriminator = PatchDiscriminator(width=2).double().eval()
    x = torch.randn(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    discriminator(x)[0, 0, 7, 7].backward()
    assert x.grad is not None
    assert [len(side.unique()) for side in x.grad[0].sum(0).nonzero().unbind(1)] == [70, 70]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_picture_without_a_patch_is_refused(layers: int) -> None:
    discriminator = PatchDiscriminator(width=1, layers=layers)
    least = discriminator.least_side
    assert discriminator(torch.zeros(1, 3, least, least)).numel() == 1
    with pytest.raises(ValueError, match=f"needs pictures of {least} x {least} pixels or more, got {least - 1} x 99"):
        discriminator(torch.zeros(1, 3, least - 1, 99))


def test_hinge_loss_counts_logits_within_the_margin_alone() -> None:
    real, made = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, -0.5, 1.0])
    assert hinge_loss(real, made).item() == pytest.approx(0.5 * ((0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3))
    assert hinge_loss(torch.ones(3), -torch.ones(3)) == 0


def test_adaptive_weight_makes_both_gradients_equally_strong() -> None:
    layer = torch.tensor([3.0, 4.0], requires_grad=True)
    loss, adversarial = 6 * layer.sum(), -2 * layer.sum()
    weight = adaptive_weight(loss, adversarial, layer)
    assert weight.item() == pytest.approx(3, rel=1e-3)
    assert not weight.requires_grad


def test_adaptive_weight_of_a_vanished_gradient_is_bounded() -> None:
    layer = torch.ones(2, requires_grad=True)
    assert adaptive_weight(1e6 * layer.sum(), 0 * layer.sum(), layer) == 1e4


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
    x, y = torch.rand(2, 2, 3, 32, 40).mul(2).sub(1)
    torch.testing.assert_close(ours(x, y), reference(x, y).flatten())


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
