"""What the public code of the thesis gets wrong, each as a test that its formula fails.

The mistaken formula stands beside the right one, so that the test shows that it can tell them apart.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import invconv  # noqa: E402
from invconv import CORNERS  # noqa: E402
from random_kernels import dense_matrix, random_kernel  # noqa: E402


def kernel(rng, channels=3, corner="tl"):
    return torch.from_numpy(random_kernel(rng, (corner,), channels, (3, 3), unit=True, scale=1.0))


def test_inverse_uses_the_taps_across_channels(rng):
    weight, x = kernel(rng), torch.from_numpy(rng.normal(size=(2, 3, 6, 6)))
    y = invconv.conv2d(x, weight)
    own_channel = weight * torch.eye(3, dtype=torch.float64)[:, :, None, None]
    assert (invconv.inverse_conv2d(y, own_channel) - x).abs().max() > 0.1
    torch.testing.assert_close(invconv.inverse_conv2d(y, weight), x)


def test_gradient_of_the_input_is_the_transposed_inverse(rng):
    weight = kernel(rng)
    y = torch.from_numpy(rng.normal(size=(1, 3, 4, 5))).requires_grad_()
    g = torch.from_numpy(rng.normal(size=(1, 3, 4, 5)))
    invconv.inverse_conv2d(y, weight).backward(g)
    matrix = torch.from_numpy(dense_matrix(weight.numpy(), (4, 5), ("tl",)))
    not_transposed = torch.linalg.solve(matrix, g.flatten()).reshape(g.shape)
    assert (y.grad - not_transposed).abs().max() > 0.1
    torch.testing.assert_close(y.grad, torch.linalg.solve(matrix.T, g.flatten()).reshape(g.shape))


def test_gradient_of_the_weight_is_summed_over_the_batch(rng):
    weight = kernel(rng).requires_grad_()
    y = torch.from_numpy(rng.normal(size=(3, 3, 5, 5)))

    def gradient(images):
        (grad,) = torch.autograd.grad(invconv.inverse_conv2d(images, weight).square().sum(), weight)
        return grad

    of_each = [gradient(image[None]) for image in y]
    assert (gradient(y) - of_each[0]).abs().max() > 0.1
    torch.testing.assert_close(gradient(y), sum(of_each))


@pytest.mark.parametrize("corner", CORNERS)
def test_a_second_call_gives_what_the_first_gave(rng, corner):
    weight, y = kernel(rng, corner=corner), torch.from_numpy(rng.normal(size=(2, 3, 5, 5)))
    flipped = invconv.inverse_conv2d(y, weight.flip(2, 3), CORNERS[3 - CORNERS.index(corner)])
    first = invconv.inverse_conv2d(y, weight, corner)
    assert (flipped - first).abs().max() > 0.1
    assert torch.equal(invconv.inverse_conv2d(y, weight, corner), first)


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("size", [(9, 4), (4, 9)])
def test_tall_and_wide_images(rng, corner, size):
    weight, x = kernel(rng, corner=corner), torch.from_numpy(rng.normal(size=(2, 3, *size)))
    torch.testing.assert_close(invconv.inverse_conv2d(invconv.conv2d(x, weight, corner), weight, corner), x)


def test_threads_do_not_race(rng):
    weight, y = kernel(rng, channels=8), torch.from_numpy(rng.normal(size=(64, 8, 12, 7)))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = invconv.inverse_conv2d(y, weight)
        torch.set_num_threads(4)
        for _ in range(20):
            together = invconv.inverse_conv2d(y, weight)
            torch.testing.assert_close(together, alone, rtol=0, atol=1e-13)
    finally:
        torch.set_num_threads(threads)


def test_more_images_than_a_block_of_gpu_threads(rng):
    weight, x = kernel(rng), torch.from_numpy(rng.normal(size=(1100, 3, 3, 3)))
    torch.testing.assert_close(invconv.inverse_conv2d(invconv.conv2d(x, weight), weight), x)


def test_no_tap_is_left_out():
    """A kernel of ones on one image, by hand: the inverse of the two-dimensional cumulative sum."""
    weight = np.zeros((1, 1, 2, 2))
    weight[0, 0] = [[1, -1], [-1, 1]]
    y = np.zeros((1, 1, 4, 4))
    y[0, 0, 0, 0] = 1
    np.testing.assert_array_equal(invconv.inverse_conv2d(y, weight, "tl"), np.ones((1, 1, 4, 4)))
