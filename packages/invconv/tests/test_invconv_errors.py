"""Bad input: each argument is named, with its value and what fits."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import invconv
from random_kernels import random_kernel

GOOD = random_kernel(np.random.default_rng(0), ("tl",), 4, (3, 3))
IMAGES = np.zeros((2, 4, 5, 5))


def changed(index, value):
    weight = GOOD.copy()
    weight[index] = value
    return weight


@pytest.mark.parametrize("function", [invconv.conv2d, invconv.inverse_conv2d])
@pytest.mark.parametrize(
    ("images", "weight", "corner", "error", "message"),
    [
        (IMAGES[0], GOOD, "tl", ValueError, r"expected images \[B, C, H, W\], got shape \(4, 5, 5\)"),
        (IMAGES, GOOD[0], "tl", ValueError, r"weight: expected a kernel .* got shape \(4, 3, 3\)"),
        (IMAGES[:, :3], GOOD, "tl", ValueError, r"has 3 channels, but the weight \(4, 4, 3, 3\) is for 4"),
        (IMAGES, GOOD[:, :3], "tl", ValueError, r"C/groups dividing C .* got \(4, 3, 3, 3\)"),
        (IMAGES, GOOD[..., :0], "tl", ValueError, r"kh, kw at least 1, got \(4, 4, 3, 0\)"),
        (IMAGES, GOOD, "top", ValueError, "corner: 'top' is none of tl, tr, bl, br"),
        (IMAGES, GOOD, ("tl", "br"), ValueError, "corner: got 2 for the 1 channel groups"),
        (IMAGES.astype(np.int64), GOOD, "tl", TypeError, "expected float32, float64 or .*float16, got int64"),
        (IMAGES, GOOD.astype(np.float32), "tl", TypeError, "float64, got float32"),
        (
            IMAGES,
            GOOD.tolist(),
            "tl",
            TypeError,
            "weight: expected a NumPy array or a torch tensor, got a list",
        ),
        (IMAGES.tolist(), GOOD, "tl", TypeError, "expected a NumPy array or a torch tensor, got a list"),
    ],
)
def test_arguments_that_do_not_fit(function, images, weight, corner, error, message):
    with pytest.raises(error, match=message):
        function(images, weight, corner)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (changed(np.s_[:, 1, -1, -1], 0), "weight: the anchor tap of channel group 0 is singular"),
        (changed(np.s_[1, :, -1, -1], GOOD[0, :, -1, -1]), "anchor tap of channel group 0 is singular"),
        (changed((3, 2, 0, 1), np.nan), r"weight: not finite at \[3, 2, 0, 1\]"),
        (changed((0, 0, 2, 2), np.inf), r"weight: not finite at \[0, 0, 2, 2\]"),
    ],
)
def test_kernels_without_an_inverse(weight, message):
    with pytest.raises(ValueError, match=message):
        invconv.inverse_conv2d(IMAGES, weight)


def test_the_singular_group_is_named():
    weight = np.concatenate([GOOD, changed(np.s_[:, :, -1, -1], 0)])
    with pytest.raises(ValueError, match="channel group 1 is singular"):
        invconv.inverse_conv2d(np.zeros((1, 8, 3, 3)), weight)


def test_unknown_method():
    with pytest.raises(ValueError, match="method: 'lu' is none of auto, wavefront, impulse, fixed_point, dense"):
        invconv.inverse_conv2d(IMAGES, GOOD, method="lu")


def test_method_for_tensors_only():
    with pytest.raises(ValueError, match="works on torch tensors"):
        invconv.inverse_conv2d(IMAGES, GOOD, method="dense")


def test_without_the_extension_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr("invconv.numpy_ops._core", None)
    with pytest.raises(RuntimeError, match="reinstall it with a C\\+\\+ compiler"):
        invconv.inverse_conv2d(IMAGES, GOOD)
    assert invconv.backends()["wavefront"].startswith("missing")


def test_backends_name_every_method_but_auto():
    assert set(invconv.backends()) == set(invconv.METHODS) - {"auto"}


def test_the_extension_refuses_what_would_read_outside():
    core = pytest.importorskip("invconv._core")
    with pytest.raises(ValueError, match="shape of y"):
        core.inverse_conv2d(IMAGES, GOOD, IMAGES[:1].copy(), [0], 1, False)
    with pytest.raises(ValueError, match="channels"):
        core.inverse_conv2d(IMAGES, GOOD, IMAGES.copy(), [0, 0], 1, False)
    with pytest.raises(ValueError, match="x: must have the shape of v"):
        core.weight_gradient(IMAGES, IMAGES[:1], GOOD.copy(), [0], 1)
    with pytest.raises(ValueError, match="of_y: must have the shape of x"):
        core.inverse_conv2d_gradients(IMAGES, GOOD, IMAGES, IMAGES[:1].copy(), GOOD.copy(), [0], 1, False)
    with pytest.raises(ValueError, match="of_weight: must have the shape of weight"):
        core.inverse_conv2d_gradients(IMAGES, GOOD, IMAGES, IMAGES.copy(), GOOD[..., :1].copy(), [0], 1, False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_anchor_with_equal_rows_is_singular_whatever_its_rounding(dtype):
    rng = np.random.default_rng(0)
    for _ in range(2000):
        anchor = rng.normal(size=(3, 3)).astype(dtype)
        anchor[0] = anchor[1]
        with pytest.raises(ValueError, match="singular"):
            invconv.inverse_conv2d(np.ones((1, 3, 1, 1), dtype), anchor[:, :, None, None])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_does_not_wait_for_threads_that_it_lacks():
    """Worker processes of Python's multiprocessing are forks; OpenMP's threads do not come along."""
    program = (
        "import os, numpy as np\n"
        "from invconv import numpy_ops\n"
        "w, y = np.full((4, 1, 1, 1), 0.5), np.arange(64 * 4 * 64.0).reshape(64, 4, 8, 8)\n"
        "def solve(): x = np.zeros_like(y); numpy_ops.solve(y, w, ('tl',) * 4, x, 2); return x\n"
        "parent = solve()\n"
        "if os.fork() == 0:\n"
        "    os.write(1, solve().tobytes())\n"
        "    os._exit(0)\n"
        "assert os.wait()[1] == 0\n"
        "os.write(1, parent.tobytes())\n"
    )
    pytest.importorskip("invconv._core")
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=60, capture_output=True)
    of_child, of_parent = np.frombuffer(done.stdout).reshape(2, 64, 4, 8, 8)
    np.testing.assert_array_equal(of_parent, 2 * np.arange(64 * 4 * 64.0).reshape(64, 4, 8, 8))
    np.testing.assert_array_equal(of_child, of_parent)


@pytest.mark.parametrize("size", [(8.5, 8), (8, 8, 8), (8,), 8, None, "88", (-1, 8)])
def test_sizes_are_two_whole_numbers(size):
    weight = np.eye(2)[:, :, None, None]
    with pytest.raises(ValueError, match="size: expected height and width, two whole numbers from 0 on, got"):
        invconv.logabsdet(weight, size)
    for function in (invconv.amplification, invconv.impulse_response):
        with pytest.raises(ValueError, match="size: expected height and width, two whole numbers above 0, got"):
            function(weight, size)


@pytest.mark.parametrize("size", [(3, 4), [3, 4], np.array([3, 4])])
def test_sizes_may_be_lists(size):
    assert invconv.logabsdet(2 * np.eye(2)[:, :, None, None], size) == pytest.approx(24 * np.log(2))
    assert invconv.logabsdet(2 * np.eye(2)[:, :, None, None], (0, 4)) == 0


@pytest.mark.parametrize("corner", [None, [], 3])
def test_no_corner_is_refused(corner):
    with pytest.raises(ValueError, match="corner: expected one of tl, tr, bl, br, or one for each channel group, got"):
        invconv.conv2d(np.zeros((1, 2, 3, 3)), np.eye(2)[:, :, None, None], corner)


def test_masked_values_are_refused() -> None:
    y, weight = np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1))
    for function in (invconv.conv2d, invconv.inverse_conv2d):
        with pytest.raises(ValueError, match=r"has masked values, on which others depend; give [xy]\.filled"):
            function(np.ma.masked_equal(y, 1), weight)
    assert (invconv.inverse_conv2d(np.ma.masked_equal(y, 5), weight) == y).all()
