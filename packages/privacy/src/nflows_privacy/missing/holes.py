r"""Which class the holes of a scene speak for: one of them held its sign, or none did.

.. math:: v_k = \log \frac{1 + \sum_i o_i\, r_{ik}}{1 + \sum_i o_i}, \qquad
    r_{ik} = \frac{p(x_i \mid k)}{p(x_i)} \cdot \frac{p(k \mid f_i)}{p(k)}

with the odds o that hole i held a sign, the place x where it lies and what is seen around it, f. What is left of a sign
that was painted away, such as its pole, gives the odds away. Where no hole looks as if it had held one, as on a road
that never had its sign, v is about 0, and the reader of roads speaks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from nflows_privacy.evaluation.erased_places import BANDWIDTH, kernel_density
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.ridge import Linear
from nflows_privacy.redaction.decoys import features_of

Numbers = NDArray[np.float64]

WHERE = 4
"""The numbers that say where a hole lies."""


def where_of(holes: Sequence[Rectangle], size: tuple[int, int]) -> Numbers:
    """Where holes lie in a picture of this width and height, as `features_of` says, in shares of it, :math:`(n, 4)`."""
    width, height = size
    boxes = [(hole.left / width, hole.top / height, hole.right / width, hole.bottom / height) for hole in holes]
    return features_of(np.array(boxes, np.float64).reshape(-1, WHERE))


@dataclass(frozen=True, eq=False)
class SaidOfHoles:
    """What is said of holes.

    Arguments:
        held: How likely each held a sign, on no scale, :math:`(M,)`.
        lies: How likely it lies there if its sign is of each class, :math:`\\log p(x|k) / (p(x)\\,p(k))`,
            :math:`(M, K)`.
        named: How much what is seen around it speaks for each class, on no scale, :math:`(M, K)`.
    """

    held: Numbers
    lies: Numbers
    named: Numbers

    def speak(self, slope: float, offset: float, divisor: float, of_scene: NDArray[np.intp], scenes: int) -> Numbers:
        """For which class they speak together in each scene, :math:`v`, :math:`(N, K)`.

        Arguments:
            slope: What the logarithm of the odds rises by with ``held``.
            offset: Where it begins.
            divisor: The temperature of ``named``.
            of_scene: The scene of each hole, :math:`(M,)`.
            scenes: How many scenes there are, N.
        """
        odds = slope * self.held + offset
        together, any_of_them = np.zeros((scenes, self.lies.shape[1])), np.zeros(scenes)
        np.logaddexp.at(together, of_scene, odds[:, None] + self.lies + log_softmax(self.named / divisor, axis=1))
        np.logaddexp.at(any_of_them, of_scene, odds)
        return together - any_of_them[:, None]


@dataclass(frozen=True, eq=False)
class HoleReader:
    """Says of holes for which class they speak.

    Arguments:
        where: Where holes that held signs lie, :math:`(n, 4)`.
        labels: The class that the road of each asks for, :math:`(n,)`.
        named: What makes of what is seen around a hole for which class it speaks.
    """

    where: Numbers
    labels: NDArray[np.int64]
    named: Linear

    def __call__(self, held: Numbers, where: Numbers, seen: Tensor) -> SaidOfHoles:
        """What is said of holes that lie there, and around which that is seen, :math:`(m, 4)` and :math:`(m, F)`."""
        classes = self.named.bias.shape[0]
        shares = np.log((np.bincount(self.labels, minlength=classes) + 1) / (len(self.labels) + classes))
        densities = np.stack([self._density(label)(where) for label in range(classes)], axis=1)
        lies = densities - np.logaddexp.reduce(densities + shares, axis=1)[:, None] - shares
        return SaidOfHoles(held, lies, self.named(seen).double().numpy())

    def _density(self, label: int) -> Callable[[Numbers], Numbers]:
        own = self.where[self.labels == label]
        return kernel_density(own if len(own) else self.where, BANDWIDTH, self.where)


def nothing_known(classes: int, width: int) -> HoleReader:
    """A reader that has seen no hole of a sign, and for which all holes speak for all classes alike."""
    none = np.zeros((0, WHERE)), np.zeros(0, np.int64)
    return HoleReader(*none, Linear(torch.zeros(width, classes), torch.zeros(classes)))
