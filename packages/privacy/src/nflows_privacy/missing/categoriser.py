r"""A categoriser: whether a scene lacks a sign, and which one its road asks for.

Two linear readers share the work. One looks at the holes from near and says of each how likely a sign stood there,
:math:`s_i`; the scene lacks one with the probability :math:`m = \sigma(a \log \sum_i e^{8 s_i} + b)`. The other looks
at the road as a whole, never at where the holes are, and says which class it asks for if it asks for one, :math:`q_k`:

.. math:: P(k) = m\, q_k, \qquad P(\text{nothing missing}) = 1 - m.

Where a detector has looked too, the score of the surest sign that stands there speaks against m (see `odds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nflows_privacy.drives.places import CANNOT_SAY, NOTHING
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.looks import PLACE_BLOCKS, Looks, Pixels
from nflows_privacy.missing.odds import Odds
from nflows_privacy.missing.ridge import Linear

_SHARPNESS = 8.0


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
    """Both readers and what they look with.

    Arguments:
        classes: The number of classes.
        looks: What is seen of scenes.
    """

    road_weight: Tensor
    road_bias: Tensor
    road_mean: Tensor
    place_weight: Tensor
    place_bias: Tensor
    calibration: Tensor

    def __init__(self, classes: int, looks: Looks) -> None:
        super().__init__()
        self.looks = looks
        self.register_buffer("road_weight", torch.zeros(looks.width, classes))
        self.register_buffer("road_bias", torch.zeros(classes))
        self.register_buffer("road_mean", torch.zeros(looks.width))
        self.register_buffer("place_weight", torch.zeros(sum(PLACE_BLOCKS), 1))
        self.register_buffer("place_bias", torch.zeros(1))
        self.register_buffer("calibration", torch.tensor([1.0, 1.0, 0.0, 0.0]))  # temperature and `Odds`

    def forward(self, pixels: Pixels, holes: Sequence[Rectangle], surest: float = 0.0) -> Said:
        """What it says of a picture :math:`(H, W, 3)` with these holes, at least one, and the score of a sign in it."""
        return self.judged(self.looks.road(pixels), self.looks.places(pixels, holes), surest)

    def judged(self, road: Tensor, places: Tensor, surest: float = 0.0) -> Said:
        """What it says of the features of a road :math:`(D,)` and of its places :math:`(n, F)`, and of that score."""
        temperature, *weights = self.calibration.double().tolist()
        logits = Linear(self.road_weight, self.road_bias)(road[None])[0].double() / temperature
        held = Linear(self.place_weight, self.place_bias)(places)[:, 0].double()
        odds = Odds(*weights)(np.array(evidence(held.numpy())), np.array(surest))
        return Said(logits.softmax(0).numpy(), float(torch.sigmoid(torch.tensor(odds))), held.numpy())

    def reasons(self, pixels: Pixels, number: int) -> NDArray[np.float64]:
        """How much each place speaks for a class, against all classes and places of the mean road, :math:`(h, w)`."""
        weight = self.road_weight[:, number] - self.road_weight.mean(1)
        return self.looks.shares(pixels, weight, self.road_mean).double().numpy()


def evidence(held: NDArray[np.float64]) -> float:
    """What the holes of a scene say together: the larger, the more likely one of them held a sign."""
    if not len(held):
        raise ValueError("`holes`: a scene without holes tells nothing of signs; erase it with decoys")
    return float(np.logaddexp.reduce(_SHARPNESS * held))
