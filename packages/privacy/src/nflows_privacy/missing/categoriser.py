r"""A categoriser: whether a scene lacks a sign, and which one its road asks for.

Three linear readers share the work. One looks at the holes from near and says of each how likely a sign stood there,
:math:`s_i`; the scene lacks one with the probability :math:`m = \sigma(a \log \sum_i e^{8 s_i} + b)`. One looks
at the road as a whole, never at where the holes are, and says for which class it speaks; one says the same of each hole
(see `holes`). Which class is missing if one is, :math:`q_k`, is weighed from both (see `weighing`):

.. math:: P(k) = m\, q_k, \qquad P(\text{nothing missing}) = 1 - m.

Where a detector has looked too, the score of the surest sign that stands there speaks against m (see `odds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from torch import Tensor, nn

from nflows_privacy.drives.places import CANNOT_SAY, NOTHING
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.holes import WHERE, HoleReader, where_of
from nflows_privacy.missing.looks import PLACE_BLOCKS, Looks, Pixels
from nflows_privacy.missing.odds import Odds
from nflows_privacy.missing.ridge import Linear
from nflows_privacy.missing.weighing import Weights

_SHARPNESS = 8.0
_DIGEST = 32  # the bytes of a SHA-256


@dataclass(frozen=True, eq=False)
class Said:
    """What a categoriser says of a scene.

    Arguments:
        classes: The probability q of each class if one is missing, :math:`(K,)`.
        missing: The probability m that one is.
        holes: How likely each hole held a sign, :math:`(n,)`, on no scale.
    """

    classes: NDArray[np.float64]
    missing: float
    holes: NDArray[np.float64]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Those of the classes and, last, of nothing missing, :math:`(K + 1,)`."""
        return np.append(self.missing * self.classes, 1 - self.missing)


@dataclass(frozen=True)
class Thresholds:
    """From where on a categoriser speaks.

    Arguments:
        missing: The probability that a sign is missing from which on one is named.
        certainty: The probability of the class, if one is missing, below which nobody can say which.
    """

    missing: float = 0.5
    certainty: float = 0.0

    def answer(self, said: Said, classes: Sequence[str]) -> str:
        """One of the classes, or "nothing missing", or "cannot say"."""
        if said.missing < self.missing:
            return NOTHING
        best = int(said.classes.argmax())
        return classes[best] if said.classes[best] >= self.certainty else CANNOT_SAY


class Categoriser(nn.Module):
    """The three readers and what they look with.

    Arguments:
        classes: The number of classes.
        looks: What is seen of scenes.
        holes: The number of holes that held signs, of those it learned from.
        scenes: The number of scenes that it learned from.
    """

    road_weight: Tensor
    road_bias: Tensor
    road_mean: Tensor
    place_weight: Tensor
    place_bias: Tensor
    named_weight: Tensor
    named_bias: Tensor
    hole_where: Tensor
    hole_labels: Tensor
    weighed: Tensor
    learned: Tensor

    def __init__(self, classes: int, looks: Looks, holes: int = 0, scenes: int = 0) -> None:
        super().__init__()
        self.looks = looks
        self.register_buffer("road_weight", torch.zeros(looks.width, classes))
        self.register_buffer("road_bias", torch.zeros(classes))
        self.register_buffer("road_mean", torch.zeros(looks.width))
        self.register_buffer("place_weight", torch.zeros(sum(PLACE_BLOCKS), 1))
        self.register_buffer("place_bias", torch.zeros(1))
        self.register_buffer("named_weight", torch.zeros(sum(PLACE_BLOCKS), classes))
        self.register_buffer("named_bias", torch.zeros(classes))
        self.register_buffer("hole_where", torch.zeros(holes, WHERE, dtype=torch.float64))
        self.register_buffer("hole_labels", torch.zeros(holes, dtype=torch.int64))
        self.register_buffer("learned", torch.zeros(scenes, _DIGEST, dtype=torch.uint8))
        self.register_buffer("weighed", torch.tensor([1.0, 0.0, 0.0, *Weights()], dtype=torch.float64))

    def forward(self, pixels: Pixels, holes: Sequence[Rectangle], surest: float = 0.0) -> Said:
        """What it says of a picture :math:`(H, W, 3)` with these holes, at least one, and the score of a sign in it."""
        where = where_of(holes, (pixels.shape[1], pixels.shape[0]))
        return self.judged(self.looks.road(pixels), self.looks.places(pixels, holes), where, surest)

    def judged(self, road: Tensor, places: Tensor, where: NDArray[np.float64], surest: float = 0.0) -> Said:
        """What it says of the features of a road and of its places, and of where these lie.

        Arguments:
            road: The features of the road, :math:`(D,)`.
            places: Those of the places, :math:`(n, F)`.
            where: Where they lie, as `where_of` says, :math:`(n, 4)`.
            surest: The score of the surest sign that a detector found in the scene.
        """
        seen_road = Linear(self.road_weight, self.road_bias)(road[None]).double().numpy()
        held = Linear(self.place_weight, self.place_bias)(places)[:, 0].double().numpy()
        holes = self._hole_reader()(held, where, places)
        logits = self.weights(seen_road, holes, np.zeros(len(held), np.intp))
        missing = expit(self.odds(np.array(evidence(held)), np.array(surest)))
        return Said(softmax(logits[0]), float(missing), held)

    @property
    def odds(self) -> Odds:
        """How it weighs what speaks for a missing sign."""
        return Odds(*self.weighed[: len(Odds._fields)].tolist())

    @property
    def weights(self) -> Weights:
        """How it weighs the road and the holes."""
        return Weights(*self.weighed[len(Odds._fields) :].tolist())

    def learn(self, road: Linear, place: Linear, holes: HoleReader, mean: Tensor) -> None:
        """Takes over the readers of roads, of places and of holes, and the mean of the roads."""
        for name, linear in (("road", road), ("place", place), ("named", holes.named)):
            getattr(self, f"{name}_weight").copy_(linear.weight)
            getattr(self, f"{name}_bias").copy_(linear.bias)
        self.hole_where.copy_(torch.from_numpy(holes.where))
        self.hole_labels.copy_(torch.from_numpy(holes.labels))
        self.road_mean.copy_(mean)

    def weigh(self, odds: Odds, weights: Weights) -> None:
        """Takes over how it weighs."""
        self.weighed.copy_(torch.tensor([*odds, *weights], dtype=torch.float64))

    def remember(self, digests: Sequence[str]) -> None:
        """Keeps the SHA-256 of the pictures that it learned from: being right of those says little of others."""
        found = [list(bytes.fromhex(digest)) for digest in digests]
        self.learned.copy_(torch.tensor(found, dtype=torch.uint8).reshape(-1, _DIGEST))

    def has_learned(self, digest: str) -> bool:
        """Whether it learned from a picture of this SHA-256."""
        return bool((self.learned == torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8)).all(1).any())

    def _hole_reader(self) -> HoleReader:
        named = Linear(self.named_weight, self.named_bias)
        return HoleReader(self.hole_where.numpy(), self.hole_labels.numpy(), named)

    def reasons(self, pixels: Pixels, number: int) -> NDArray[np.float64]:
        """How much each place speaks for a class, against all classes and places of the mean road, :math:`(h, w)`."""
        weight = self.road_weight[:, number] - self.road_weight.mean(1)
        return self.looks.shares(pixels, weight, self.road_mean).double().numpy()


def evidence(held: NDArray[np.float64]) -> float:
    """What the holes of a scene say together: the larger, the more likely one of them held a sign."""
    if not len(held):
        raise ValueError("`holes`: a scene without holes tells nothing of signs; erase it with decoys")
    return float(np.logaddexp.reduce(_SHARPNESS * held))
