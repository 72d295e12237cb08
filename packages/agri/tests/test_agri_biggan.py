"""BigGAN's layers do what their formulas say, and its networks have the sizes that they say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from nflows_agri.generation.biggan import SIDES, ConditionalBatchNorm2d, Discriminator, Generator, SelfAttention
from nflows_agri.generation.biggan.layers import convolution


def normalized_weights(network: nn.Module) -> list[torch.Tensor]:
    return [layer.weight for layer in network.modules() if parametrize.is_parametrized(layer, "weight")]  # type: ignore[misc]


def test_every_weight_has_the_largest_singular_value_one_wherever_training_took_it() -> None:
    generator, discriminator = Generator(32, 3, 1, 8, 4), Discriminator(32, 3, 1)
    for network in (generator, discriminator):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        for _ in range(100):  # each pass of a training makes one power iteration
            normalized_weights(network)
        for weight in normalized_weights(network.eval()):
            largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
            assert largest.item() == pytest.approx(1, abs=1e-2)
    counted = [len(normalized_weights(network)) for network in (generator, discriminator)]
    assert counted == [1 + 3 * 7 + 4 + 1, 4 * 2 + 1 + 4 + 2]  # all but batch norms and the shared embedding


def test_conditional_batch_norm_of_equal_gains_is_the_plain_one() -> None:
    layer, plain = ConditionalBatchNorm2d(4, 3), nn.BatchNorm2d(4)
    x, condition = torch.randn(6, 4, 5, 5), torch.randn(1, 3).expand(6, 3)
    with torch.no_grad():
        plain.weight.copy_(1 + layer.gain(condition)[0])
        plain.bias.copy_(layer.bias(condition)[0])
        torch.testing.assert_close(layer.eval()(x, condition), plain.eval()(x))
        torch.testing.assert_close(layer.train().norm(x), F.batch_norm(x, None, None, training=True))


def test_each_picture_has_the_gain_of_its_own_condition() -> None:
    layer = ConditionalBatchNorm2d(4, 3).eval()
    x, conditions = torch.randn(2, 4, 5, 5), torch.randn(2, 3)
    together = layer(x, conditions)
    for index in range(2):
        torch.testing.assert_close(layer(x[index : index + 1], conditions[index : index + 1])[0], together[index])


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 9), st.integers(1, 3), st.integers(1, 3))
def test_attention_is_the_sum_over_all_places_weighted_by_softmax(channels: int, rows: int, columns: int) -> None:
    layer = SelfAttention(channels).eval()
    x = torch.randn(1, channels, 2 * rows, 2 * columns)
    torch.testing.assert_close(layer(x), x)  # its weight is 0 at first
    with torch.no_grad():
        layer.weight.fill_(0.7)
        query = layer.query(x)[0].flatten(1)
        key, value = (F.max_pool2d(part(x), 2)[0].flatten(1) for part in (layer.key, layer.value))
        seen = torch.stack([(value * F.softmax(key.T @ one, 0)).sum(1) for one in query.T], 1)
        expected = x + 0.7 * layer.output(seen.reshape(1, -1, rows * 2, columns * 2))
        torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("side", SIDES)
def test_both_networks_take_and_give_pictures_of_every_side(side: int) -> None:
    generator, discriminator = Generator(side, 2, 1, 9, 3), Discriminator(side, 2, 1)
    labels = torch.tensor([0, 1])
    pictures = generator(torch.randn(2, 9), labels)
    assert pictures.shape == (2, 3, side, side)
    assert pictures.abs().max() <= 1
    assert discriminator(pictures, labels).shape == (2,)


def test_every_part_of_the_latent_and_the_class_changes_the_picture() -> None:
    generator = Generator(32, 2, 1, 8, 4).eval()
    latent = torch.randn(1, 8, requires_grad=True)
    embedding = generator.embedding(torch.tensor([1])).detach().requires_grad_()
    for gradient in torch.autograd.grad(generator.decode(latent, embedding).square().sum(), (latent, embedding)):
        assert gradient.abs().min() > 0


def test_weights_begin_orthogonal() -> None:
    weight = convolution(2, 6, 3).weight.detach().flatten(1)
    torch.testing.assert_close(weight @ weight.T, torch.eye(6), atol=1e-4, rtol=1e-4)


def test_the_logit_is_the_projection_of_the_class() -> None:
    discriminator = Discriminator(32, 2, 1).eval()
    x = torch.randn(1, 3, 32, 32).repeat(2, 1, 1, 1)
    first, second = discriminator(x, torch.tensor([0, 1]))
    features = F.relu(discriminator.blocks(x[:1])).sum((2, 3))[0]
    embedded = discriminator.embedding(torch.tensor([0, 1]))
    torch.testing.assert_close(first - second, (embedded[0] - embedded[1]) @ features)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((48, 2), "`side`: expected one of 32, 64, 128, 256, got 48"), ((32, 2, 0), "width"), ((32, 2, 1, 3), "latent")],
)
def test_impossible_sizes_are_named(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Generator(*arguments)
