"""Bad input: each argument is named, with its value and what fits."""

from __future__ import annotations

import numpy as np
import pytest

import invconv
from random_problems import random_kernel

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
        (IMAGES.astype(np.int64), GOOD, "tl", TypeError, "expected float32 or float64, got int64"),
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
        core.inverse_conv2d(IMAGES, GOOD, IMAGES[:1].copy(), [0], 1)
    with pytest.raises(ValueError, match="channels"):
        core.inverse_conv2d(IMAGES, GOOD, IMAGES.copy(), [0, 0], 1)
