r"""Which crops are put aside: a share of known crops that is less likely, and a rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit
from torch import Tensor

from nflows_agri.unknown.density import TRAINING, FeatureDensity, feature_flow
from nflows_agri.unknown.features import check_crops, frozen_features
from nflows_core.runtime.tensors import (
    CheckpointError,
    load_tensors,
    read_tensors,
    under_prefix,
    with_prefix,
    write_tensors,
)
from nflows_core.training import EngineConfig

UNKNOWN_FILE = "unknown.safetensors"
"""The file in a classifier's run folder."""
FALSE_ALARMS = 0.05
"""The part of crops of known classes that is put aside, unless another is asked for."""
_HELD_OUT = 0.25
_KIND = "unknown crops"


class Unknown:
    r"""Tells crops that are of none of the classes that were trained.

    The score of a crop is the part of held-out crops of known classes that is not more likely than it,

    .. math:: s(x) = \frac{1 + |\{i : \log p(x_i) \le \log p(x)\}|}{n + 1},

    a conformal p-value (Bates et al. 2023, "Testing for outliers with conformal p-values", equation 2): of crops from
    the same photographs as those, a part of at most :math:`\alpha` has a score up to :math:`\alpha`, whatever the flow
    learned. Photographs of another light or camera raise that part.

    Arguments:
        density: The density of the features of known crops.
        known: The log-densities of the n crops that were held out, in nats, in ascending order.
        side: The side of the squares that it takes, in pixels.
        false_alarms: :math:`\alpha`, in (0, 1).

    Raises:
        ValueError: ``false_alarms`` is out of range, or so rare that no crop could be put aside by so few held out.
    """

    def __init__(self, density: FeatureDensity, known: Tensor, side: int, false_alarms: float = FALSE_ALARMS) -> None:
        if not 0 < false_alarms < 1:
            raise ValueError(f"`false_alarms`: expected a part in (0, 1), got {false_alarms}")
        if (len(known) + 1) * false_alarms < 1:
            raise ValueError(
                f"`false_alarms`: {len(known)} held-out crops cannot tell a rate of {false_alarms}; "
                f"ask for {math.ceil(1000 / (len(known) + 1)) / 1000} or more, or give more crops"
            )
        self.density = density
        self.known = known
        self.side = side
        self.false_alarms = false_alarms

    def scores(self, images: Tensor) -> Tensor:
        """The scores of crops, low for unknown ones, in (0, 1], :math:`(B,)`.

        Arguments:
            images: The crops in squares of the side ``side``, RGB in bytes, :math:`(B, 3, S, S)`.

        Raises:
            ModuleNotFoundError: The package with the weights of the frozen network is not installed.
            ValueError: They are no such crops.
        """
        check_crops(images)
        if images.shape[2] != self.side:
            raise ValueError(f"`images`: read them in squares of {self.side} pixels, these have {images.shape[2]}")
        return self.scores_of_features(frozen_features(images))

    def scores_of_features(self, features: Tensor) -> Tensor:
        """The scores of crops by their features, :math:`(B, D)`; see `frozen_features`."""
        less = torch.searchsorted(self.known, self.density.log_prob(features), right=True)
        return (1 + less) / (len(self.known) + 1)

    def is_unknown(self, scores: Tensor) -> Tensor:
        """Whether crops with these scores are put aside, at the rate of false alarms that was asked for."""
        return scores <= self.false_alarms

    def save(self, run: str | Path) -> None:
        """Writes it into a run folder, whole or not at all."""
        density = self.density
        tensors = {"means": density.means, "shares": density.shares, "matrix": density.matrix, "known": self.known}
        tensors |= with_prefix("flow", density.flow.state_dict())
        write_tensors(
            Path(run) / UNKNOWN_FILE,
            tensors,
            _KIND,
            side=self.side,
            false_alarms=self.false_alarms,
            rest=density.rest,
        )


def fit(
    images: Tensor, labels: Tensor, groups: Sequence[str], *, false_alarms: float = FALSE_ALARMS, seed: int = 0
) -> Unknown:
    """Learns what crops of known classes look like, all of one training part.

    Arguments:
        images: The crops in squares, RGB in bytes, :math:`(N, 3, S, S)`; `SIDE` is what they were chosen for.
        labels: The number of the class of each, :math:`(N,)`.
        groups: The photograph of each. A quarter of the photographs is held out, as a whole: crops of one photograph
            are more alike than those of the next will be.
        false_alarms: The part of crops of known classes that may be put aside.
        seed: Decides which photographs are held out, the first weights and the batches.

    Raises:
        ModuleNotFoundError: The package with the weights of the frozen network is not installed.
        ValueError: There are too few crops, or all are of one photograph.
    """
    return fit_features(frozen_features(images), labels, groups, images.shape[2], false_alarms=false_alarms, seed=seed)


def fit_features(
    features: Tensor,
    labels: Tensor,
    groups: Sequence[str],
    side: int,
    *,
    false_alarms: float = FALSE_ALARMS,
    seed: int = 0,
    training: EngineConfig = TRAINING,
) -> Unknown:
    """As `fit`, of features that are at hand, :math:`(N, D)`, of crops in squares of this side."""
    if labels.shape != features.shape[:1]:
        raise ValueError(f"`labels`: expected the class of each of {len(features)} crops, got {tuple(labels.shape)}")
    if len(groups) != len(features):
        raise ValueError(f"`groups`: expected the photograph of each of {len(features)} crops, got {len(groups)}")
    if len(set(groups)) < 2:
        raise ValueError("`groups`: all crops are of one photograph; to know what is usual, give crops of two or more")
    split = GroupShuffleSplit(1, test_size=_HELD_OUT, random_state=seed)
    train, held_out = next(split.split(np.empty(len(features)), groups=np.asarray(groups)))
    learned = torch.from_numpy(train)
    density = FeatureDensity.fit(features[learned], labels[learned], seed, training)
    known = density.log_prob(features[torch.from_numpy(held_out)]).sort().values
    return Unknown(density, known, side, false_alarms)


def load(run: str | Path) -> Unknown | None:
    """What `Unknown.save` wrote into a run folder; nothing if the run has none.

    Raises:
        CheckpointError: The file is cut short, or something else.
    """
    path = Path(run) / UNKNOWN_FILE
    if not path.exists():
        return None
    tensors, header = read_tensors(path, _KIND)
    match header, tensors:
        case (
            {"side": int(side), "false_alarms": float(false_alarms), "rest": float(rest)},
            {"means": Tensor() as means, "shares": Tensor() as shares, "matrix": Tensor() as matrix, "known": Tensor()},
        ) if _fit_together(means, shares, matrix, tensors["known"]):
            flow = feature_flow(matrix.shape[1])
            load_tensors(flow, under_prefix("flow", tensors), path)
            return Unknown(FeatureDensity(means, shares, matrix, rest, flow), tensors["known"], side, false_alarms)
    raise CheckpointError(f"{path} does not say what is known; take an intact copy, or train again")


def _fit_together(means: Tensor, shares: Tensor, matrix: Tensor, known: Tensor) -> bool:
    ranks = (means.ndim, shares.ndim, matrix.ndim, known.ndim) == (2, 1, 2, 1)
    return ranks and means.shape == (len(shares), len(matrix)) and matrix.shape[1] > 1
