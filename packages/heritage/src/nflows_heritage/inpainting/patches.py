r"""Holes filled with what stands in similar places: patches around them, mixed to continue what is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nflows_heritage.inpainting.biharmonic import Mask, Samples

Floats = NDArray[np.float32]

RADIUS = 3
"""A patch has 7 x 7 pixels."""
_NEIGHBOURS = 32
_RIDGE = 3e-4
_SIGMA = 0.8 * RADIUS
"""How far from its middle a patch counts, as a standard deviation in pixels."""
_DOUBT = 1e-3
"""The squared error below which a patch is as good as any."""
_GUESSED = 0.003
"""How much a pixel counts that is not known, but guessed."""
_TILE, _REACH = 32, 24
"""Places are compared with those at most so many pixels from their tile."""


def patch_fill(samples: Samples, mask: Mask) -> Samples:
    r"""The picture whose masked pixels continue their surroundings as similar places go on.

    Around each masked pixel, the patch T of 7 x 7 pixels is compared with all whole patches :math:`N` near it, at the
    pixels that are known, and but for a constant colour. Of the 32 nearest, the mixture

    .. math:: \hat T = \bar T + \sum_k a_k (N_k - \bar N_k), \quad
        \min_a \lVert T - \hat T \rVert_w^2 + \lambda \lVert a \rVert^2, \quad \sum_k a_k = 1

    says what the patch is (Roweis and Saul 2000, "Nonlinear dimensionality reduction by locally linear embedding",
    for the weights; Wexler et al. 2007, "Space-time completion of video", for the votes): a masked pixel is the mean of
    what the patches over it say, each counted by how well it fits what is known. Nothing is random.

    Arguments:
        samples: The picture, with a guess where it is masked; the guess counts where a patch knows little else.
        mask: What is filled. Where no whole patch is near, the guess stays.
    """
    votes, weights = np.zeros_like(samples), np.zeros(mask.shape, np.float32)
    for places, candidates in _tiles(mask):
        _vote(samples, mask, places, candidates, votes, weights)
    result = samples.copy()
    voted = mask & (weights > 0)
    result[voted] = votes[voted] / weights[voted, None]
    return result


def _tiles(mask: Mask) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """For each tile the places that are filled, and the middles of the whole patches around them; both (N, 2)."""
    size = 2 * RADIUS + 1
    whole = np.zeros_like(mask)
    if min(mask.shape) >= size:
        inner = (slice(RADIUS, -RADIUS), slice(RADIUS, -RADIUS))
        whole[inner] = ~sliding_window_view(mask, (size, size)).any((2, 3))
    for top in range(0, mask.shape[0], _TILE):
        for left in range(0, mask.shape[1], _TILE):
            places = np.argwhere(mask[top : top + _TILE, left : left + _TILE]) + np.array([top, left])
            start = np.maximum([top - _REACH, left - _REACH], 0)
            near = whole[start[0] : top + _TILE + _REACH, start[1] : left + _TILE + _REACH]
            if len(places) and near.any():
                yield places, np.argwhere(near) + start


def _vote(
    samples: Samples,
    mask: Mask,
    places: NDArray[np.intp],
    candidates: NDArray[np.intp],
    votes: Samples,
    weights: Floats,
) -> None:
    """Adds what the patches of some places say of the pixels under them."""
    size, channels = 2 * RADIUS + 1, samples.shape[2]
    targets = _patches(samples, places)
    shares = _shares(mask, places)
    nearest = _patches(samples, candidates)
    nearest = nearest[_nearest(targets, nearest, shares)]
    own, theirs = np.einsum("bp,bpc->bc", shares, targets), np.einsum("bp,bkpc->bkc", shares, nearest)
    nearest, targets = nearest - theirs[:, :, None], targets - own[:, None]
    mixed = np.einsum("bk,bkpc->bpc", _mixture(targets, nearest, shares), nearest)
    errors = (shares[..., None] * (mixed - targets) ** 2).sum((1, 2))
    trust = _bell().ravel() / (errors + _DOUBT)[:, None]
    said = (mixed + own[:, None]) * trust[..., None]
    _add(votes, places, said.reshape(-1, size, size, channels))
    _add(weights[..., None], places, trust.reshape(-1, size, size, 1))


def _patches(samples: Samples, places: NDArray[np.intp]) -> Floats:
    """Those around places, :math:`(B, P, C)`; what lies outside is zero."""
    size = 2 * RADIUS + 1
    padded = np.pad(samples, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
    patches = sliding_window_view(padded, (size, size), axis=(0, 1))[places[:, 0], places[:, 1]]
    return np.ascontiguousarray(patches.reshape(*patches.shape[:2], -1).transpose(0, 2, 1))


def _shares(mask: Mask, places: NDArray[np.intp]) -> Floats:
    """How much each pixel of the patches counts, :math:`(B, P)`, one together."""
    counts = np.where(mask, np.float32(_GUESSED), np.float32(1))[..., None]
    shares = _patches(counts, places)[..., 0] * _bell().ravel()
    shares /= shares.sum(1, keepdims=True)
    return shares


def _bell() -> Floats:
    offsets = np.arange(-RADIUS, RADIUS + 1, dtype=np.float32)
    bell = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    return np.outer(bell, bell)


def _nearest(targets: Floats, candidates: Floats, shares: Floats) -> NDArray[np.intp]:
    r"""The numbers of the nearest candidates of each target, :math:`(B, K)`.

    Of the variance of the difference, :math:`\sum w (T - N)^2 - (\sum w (T - N))^2`, what depends on the candidate.
    """
    distances = np.zeros((len(targets), len(candidates)), np.float32)
    for target, candidate in zip(np.moveaxis(targets, 2, 0), np.moveaxis(candidates, 2, 0), strict=True):
        candidate = np.ascontiguousarray(candidate.T)
        mean = (shares * target).sum(1, keepdims=True)
        distances += shares @ candidate**2 - 2 * (shares * (target - mean)) @ candidate - (shares @ candidate) ** 2
    count = min(_NEIGHBOURS, len(candidates))
    return np.argpartition(distances, count - 1, axis=1)[:, :count]


def _mixture(targets: Floats, nearest: Floats, shares: Floats) -> Floats:
    """The weights of the nearest patches that give the target, :math:`(B, K)`, one together."""
    differences = (nearest - targets[:, None]) * np.sqrt(shares)[:, None, :, None]
    flat = differences.reshape(*differences.shape[:2], -1)
    gram = flat @ flat.transpose(0, 2, 1) + np.float32(_RIDGE) * np.eye(flat.shape[1], dtype=np.float32)
    weights: Floats = np.linalg.solve(gram, np.ones((*gram.shape[:2], 1), np.float32))[..., 0]
    weights /= weights.sum(1, keepdims=True)
    return weights


def _add(picture: Floats, places: NDArray[np.intp], patches: Floats) -> None:
    """Adds patches :math:`(B, S, S, C)` around places to a picture; what lies outside is left out."""
    height, width = picture.shape[:2]
    for down in range(2 * RADIUS + 1):
        for right in range(2 * RADIUS + 1):
            y, x = places[:, 0] + down - RADIUS, places[:, 1] + right - RADIUS
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            picture[y[inside], x[inside]] += patches[inside, down, right]  # places differ, and so do these
