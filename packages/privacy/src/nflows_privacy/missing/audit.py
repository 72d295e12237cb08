r"""What a categoriser knows, and from what: of the road, or of what erasing left behind.

Everything is measured on scenes that were left out, in the same folds of groups. Beside the categoriser stand

- observers that see where the holes are and how large, and nothing else (`evaluation.erased_places`);
- the reader of roads alone, which knows nothing of holes;
- the same reader of roads on the largest part of each scene beside which all erased signs lie, so that it never held
  one, and what that part's place alone tells;
- the same reader on the scenes with their signs still standing;
- whether three numbers of sharpness tell an erased sign from a decoy, and from the untouched place beside it.

Where the reader of roads is not above the observers of places by its interval, nothing is proven: the holes may tell as
much as the road.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.classification.coverage import Coverage, coverage_curve
from nflows_core.classifiers.calibration import temperature
from nflows_core.runtime.intervals import bootstrap, wilson
from nflows_privacy.evaluation.erased_places import Normals, place_accuracy
from nflows_privacy.evaluation.sharpness import auroc, told_apart
from nflows_privacy.missing.learning import FOUND
from nflows_privacy.missing.leaving_out import leave_out, leave_out_roads, logits_left_out, odds_left_out
from nflows_privacy.missing.material import FOLDS, Material, folds_of
from nflows_privacy.missing.scenes import Scene, scene_holes

SEEDS = (0, 1, 2)
NAMES = (
    "categoriser",
    "road alone",
    "places alone",
    "parts without the sign",
    "where the part lies",
    "signs standing",
    "majority",
)

Right = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Audit:
    """What was measured, of N scenes of which a sign of a known class was erased, by means of seeds.

    Arguments:
        classes: The names of the K classes.
        right: How often each of `NAMES` names the class, of each scene, in [0, 1], :math:`(N,)`.
        observers: The accuracy of each observer of places.
        confusion: How often scenes of each class, by rows, are said to be of each, by means of seeds, :math:`(K, K)`.
        curve: The curve of coverage against accuracy, of all seeds.
        alarms: What is said of scenes that lack nothing, at the threshold at which six of ten are found.
        told: The AUROC of erased signs against decoys, and against the untouched places beside them.
        groups: The group of each scene, :math:`(N,)`.
        scenes: The scenes.
        said: The number of the class that each seed named of each, :math:`(S, N)`.
    """

    classes: tuple[str, ...]
    right: Mapping[str, Right]
    observers: Mapping[str, float]
    confusion: Right
    curve: Sequence[Coverage]
    alarms: Sequence[Mapping[str, Any]]
    told: Mapping[str, float | None]
    groups: NDArray[np.intp]
    scenes: Sequence[Scene]
    said: NDArray[np.intp]

    def accuracy(self, name: str) -> float:
        return float(self.right[name].mean())

    def interval(self, name: str, less: str | None = None) -> tuple[float, float] | None:
        """The 95 % interval of an accuracy, or of how much it is above another's, by drawing groups again."""
        values = self.right[name] - (0 if less is None else self.right[less])
        numbers = np.unique(self.groups, return_inverse=True)[1]
        sums, counts = np.bincount(numbers, values), np.bincount(numbers)
        return bootstrap(lambda chosen: sums[chosen].sum() / counts[chosen].sum(), len(counts))

    @property
    def is_proven(self) -> bool:
        """Whether the road alone tells more than the holes do, by the interval of the difference."""
        found = self.interval("road alone", less="places alone")
        return found is not None and found[0] > 0

    def rows(self) -> list[dict[str, Any]]:
        """A row for each of `NAMES`."""
        return [
            {
                "who": name,
                "scenes": len(self.groups),
                "accuracy": self.accuracy(name),
                "interval_95": _listed(self.interval(name)),
                "categoriser_above": None if name == NAMES[0] else self.accuracy(NAMES[0]) - self.accuracy(name),
                "above_interval_95": None if name == NAMES[0] else _listed(self.interval(NAMES[0], less=name)),
            }
            for name in NAMES
            if name in self.right
        ]

    def mistaken(self) -> list[tuple[Scene, str, float]]:
        """The scenes that some seed names wrongly, as which class, and how often they are right, the worst first."""
        rows = []
        for scene, said, right in zip(self.scenes, self.said.T, self.right[NAMES[0]].tolist(), strict=True):
            wrong = [one for one in said.tolist() if self.classes[one] != scene.context]
            if wrong:
                rows.append((scene, self.classes[max(wrong, key=wrong.count)], right))
        return sorted(rows, key=lambda row: (row[2], row[0].name))

    def covered(self, share: float) -> Coverage:
        """The point of the curve nearest to a share of answers."""
        return min(self.curve, key=lambda point: abs(point.coverage - share))

    def answers(self, share: float) -> dict[str, Any]:
        """That point as a row, of N scenes: each seed asks all of them again, which makes no interval narrower."""
        point = self.covered(share)
        answered = max(1, round(point.coverage * len(self.groups)))
        accuracy = point.accuracy or 0.0
        return {
            "threshold": point.threshold,
            "scenes": len(self.groups),
            "answered": answered,
            "accuracy": accuracy,
            "interval_95": list(wilson(accuracy * answered, answered)),
        }


def audit(material: Material, seeds: Sequence[int] = SEEDS) -> Audit:
    """What is known of scenes that were left out, by means of seeds of the folds.

    Raises:
        ValueError: A class lies in too few groups for the folds.
    """
    known = _measured(material)
    scenes = [scene for scene, is_one in zip(material.scenes, known, strict=True) if is_one]
    holes = list(scene_holes(scenes))
    runs = [leave_out(material, seed) for seed in seeds]
    both = list(zip(runs, seeds, strict=True))
    logits = [logits_left_out(material, run, seed)[known] for run, seed in both]
    found = np.stack([one.argmax(1) for one in logits])
    by_road = np.stack([run.logits[known].argmax(1) for run in runs])
    labels = material.labels[known]
    observers = [place_accuracy(holes, seed, FOLDS).right for seed in seeds]
    return Audit(
        material.classes,
        {"categoriser": (found == labels).mean(0), "road alone": (by_road == labels).mean(0)}
        | _right(material, seeds, labels, observers),
        {name: float(np.mean([right[name].mean() for right in observers])) for name in observers[0]},
        _confusion(labels, found, len(material.classes)),
        _curve(labels, logits),
        _alarms(material, [odds_left_out(material, run.evidence, seed) for run, seed in both]),
        _told(material, seeds[0]),
        material.groups[known],
        scenes,
        found,
    )


def _measured(material: Material) -> NDArray[np.bool_]:
    """Whether it is known of each scene what was erased of it: of a road that never had its sign, nothing was."""
    is_erased = [any(scene.is_erased) for scene in material.scenes]
    return np.asarray((material.labels >= 0) & np.array(is_erased), np.bool_)


def _right(
    material: Material,
    seeds: Sequence[int],
    labels: NDArray[np.int64],
    observers: Sequence[Mapping[str, NDArray[np.bool_]]],
) -> dict[str, Right]:
    known = _measured(material)
    strongest = [max(right.values(), key=lambda one: float(one.mean())) for right in observers]
    right = {
        "places alone": np.stack(strongest).mean(0),
        "majority": (labels == np.bincount(labels).argmax()).astype(float),
    }
    parts = torch.stack([one.part for one in material.observed])
    right["parts without the sign"] = _mean_right(material, parts, material.labels, seeds)[known]
    right["where the part lies"] = np.mean([_by_part(material, seed)[known] for seed in seeds], axis=0)
    standing = _standing(material)
    if standing is not None:
        right["signs standing"] = _mean_right(material, material.roads, standing, seeds)[_partners(material)[known]]
    return right


def _mean_right(material: Material, roads: torch.Tensor, labels: NDArray[np.int64], seeds: Sequence[int]) -> Right:
    found = [leave_out_roads(material, roads, labels, seed).argmax(1) for seed in seeds]
    return np.asarray(np.mean([one == labels for one in found], axis=0))


def _by_part(material: Material, seed: int) -> NDArray[np.bool_]:
    """Whether the place of the part alone tells the class of each scene."""
    around = torch.stack([one.around for one in material.observed]).double().numpy()
    right = np.zeros(len(material.scenes), np.bool_)
    for learned, tested in folds_of(material, seed):
        known = learned & _measured(material)
        normals = Normals(around[known], material.labels[known], len(material.classes))
        prior = np.log(np.bincount(material.labels[known], minlength=len(material.classes)) + 1e-9)
        right[tested] = (normals(around[tested]) + prior).argmax(1) == material.labels[tested]
    return right


def _partners(material: Material) -> NDArray[np.intp]:
    """The scene with its signs of each one without, of the same original; itself where there is none."""
    of_source = {scene.source: number for number, scene in enumerate(material.scenes) if not scene.is_missing}
    return np.array([of_source.get(scene.source, number) for number, scene in enumerate(material.scenes)])


def _standing(material: Material) -> NDArray[np.int64] | None:
    """The class that each scene with its signs asks for; nothing if not all scenes without are there with them."""
    partners, known = _partners(material), np.flatnonzero(_measured(material))
    if (partners[known] == known).any():
        return None
    labels = np.full(len(material.scenes), -1)
    labels[partners[known]] = material.labels[known]
    return labels


def _confusion(labels: NDArray[np.int64], found: NDArray[np.intp], count: int) -> Right:
    counts = np.zeros((count, count))
    for one in found:
        np.add.at(counts, (labels, one), 1 / len(found))
    return counts


def _curve(labels: NDArray[np.int64], logits: Sequence[Right]) -> list[Coverage]:
    known, every = torch.from_numpy(np.tile(labels, len(logits))), torch.from_numpy(np.concatenate(logits))
    sure = (every / temperature(every, known)).softmax(1)
    return coverage_curve(sure.amax(1).numpy(), sure.argmax(1).numpy() == known.numpy())


def _alarms(material: Material, runs: Sequence[Right]) -> list[dict[str, Any]]:
    """Of what lacks nothing, how much is said to lack something, by the log odds of each seed."""
    known = _measured(material)
    kinds = {
        "with signs standing": ~material.is_missing & material.has_signs,
        "without signs": ~material.is_missing & ~material.has_signs,
    }
    rows = []
    for name, of_kind in {**kinds, "both": ~material.is_missing}.items():
        if not of_kind.any():
            continue
        at = [np.quantile(odds[known], 1 - FOUND) for odds in runs]
        alarms = float(np.mean([(odds[of_kind] >= one).sum() for odds, one in zip(runs, at, strict=True)]))
        rows.append(
            {
                "scenes": name,
                "n": int(of_kind.sum()),
                "alarms": alarms,
                "rate": alarms / int(of_kind.sum()),
                "interval_95": _listed(wilson(alarms, int(of_kind.sum()))),
                "found_of_missing": float(np.mean([odds[known] >= one for odds, one in zip(runs, at, strict=True)])),
                "auroc": float(np.mean([auroc(odds[known], odds[of_kind]) for odds in runs])),
            }
        )
    return rows


def _told(material: Material, seed: int) -> dict[str, float | None]:
    """How well sharpness tells what was erased from decoys of the same scenes, and from what lies beside."""
    found: dict[str, list[tuple[str, NDArray[np.float64]]]] = {"erased": [], "decoys": [], "beside": []}
    for scene, observed in zip(material.scenes, material.observed, strict=True):
        if scene.is_missing:
            sharp, erased = observed.sharp.numpy(), np.array(scene.is_erased)
            for name, rows in (
                ("erased", sharp[erased]),
                ("decoys", sharp[~erased]),
                ("beside", observed.beside.numpy()),
            ):
                found[name] += [(scene.group, row) for row in rows]
    return {f"erased against {name}": _apart(found["erased"], found[name], seed) for name in ("decoys", "beside")}


def _apart(
    first: Sequence[tuple[str, NDArray[np.float64]]], second: Sequence[tuple[str, NDArray[np.float64]]], seed: int
) -> float | None:
    if not first or not second:
        return None
    groups = [group for side in (first, second) for group, _ in side]
    one, other = (np.stack([row for _, row in side]) for side in (first, second))
    return told_apart(one, other, groups, seed)


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
