r"""What the holes of a scene tell of the class that was erased, by where they lie and how large they are alone.

Whoever classifies an erased scene sees all its holes and not which of them hid a sign: decoys look the same. So what is
measured is the accuracy of observers that are given the holes of a scene as a set, without order, and nothing else, and
that were trained on other scenes, of which they know the class of each and which of the holes hid it. With a hole
:math:`h_i = (x, y, \log \sqrt{wh}, \log (w/h))` of each of n boxes and decoys of a scene, class c is as likely as

.. math:: \text{places:} \quad \pi_c \sum_i \frac{p_c(h_i)}{q(h_i)}, \qquad
    \text{scene:} \quad \pi_c \prod_i \frac{r_c(h_i)}{\sum_k \pi_k r_k(h_i)}, \qquad
    \text{number:} \quad \pi_c\, P(n \mid c)

where :math:`p_c` is the density of the holes that hid a c, q that of decoys, and :math:`r_c` that of all holes in
scenes of class c. The first is Bayes' rule where one hole is true and the others are drawn from q; without decoys it is
that of the one hole, or of several as if one counted. The second sees decoys that depend on the class. ``places`` takes
normal densities of one covariance for the classes, ``kernels`` the same rule with a normal kernel at each hole of the
training scenes, which would also know again what was copied from there. An audit counts the best of them, which errs
upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import wilson
from nflows_privacy.annotations.annotated import Annotations
from nflows_privacy.redaction.decoys import features_of
from nflows_privacy.redaction.erasing import ERASED, is_hole

Array = NDArray[np.float64]
Log = NDArray[np.float64]

BANDWIDTH = 0.5
"""Of the kernel of the holes of a class, of which there are few, in deviations."""
_BANDWIDTH_ALL = 0.3  # of all holes, of which there are many
_SHRUNK = 0.05


@dataclass(frozen=True, eq=False)
class SceneHoles:
    """The holes of a scene.

    Arguments:
        label: The class that was erased.
        features: The features of each hole, :math:`(n, 4)`, as `nflows_privacy.redaction.decoys.features_of`.
        is_erased: Whether each hid something, :math:`(n)`; observers know it of the scenes that they learn from.
        group: What other scenes share that show the same place, as the drive; they are never on both sides of a fold.
    """

    label: str
    features: Array
    is_erased: NDArray[np.bool_]
    group: str


@dataclass(frozen=True, eq=False)
class PlaceAccuracy:
    """How often observers name the class.

    Arguments:
        scenes: The number of scenes.
        majority: The share of the most frequent class.
        right: Whether each observer is right of each scene, by its name, :math:`(n)`.
    """

    scenes: int
    majority: float
    right: dict[str, NDArray[np.bool_]]

    @property
    def correct(self) -> dict[str, int]:
        """How often each observer is right, by its name."""
        return {name: int(right.sum()) for name, right in self.right.items()}

    @property
    def strongest(self) -> float:
        """The accuracy of the best observer."""
        return max(self.correct.values()) / self.scenes

    def interval(self, observer: str) -> tuple[float, float]:
        """The 95 % interval of an observer's accuracy."""
        return wilson(self.correct[observer], self.scenes)


def holes_of(
    annotations: Annotations, labels: dict[str, str], groups: dict[str, str] | None = None
) -> Iterator[SceneHoles]:
    """The holes of scenes in the table that ``nflows privacy redact --boxes`` leaves; those without any are left out.

    Arguments:
        annotations: The table.
        labels: The class of each scene by its picture's name in the table.
        groups: The group of each; by default each is its own.
    """
    for name, label in labels.items():
        found = annotations.find(name)
        regions = [] if found is None else [one for one in annotations.pictures[found].regions if is_hole(one)]
        if regions:
            erased = np.array([dict(one.attributes).get(ERASED) == "1" for one in regions])
            features = features_of(np.array([one.box for one in regions], dtype=np.float64))
            yield SceneHoles(label, features, erased, (groups or {}).get(name, name))


def place_accuracy(scenes: Sequence[SceneHoles], seed: int, folds: int = 5) -> PlaceAccuracy:
    """How often each observer names the class of a scene that it has not learned from.

    Arguments:
        scenes: The scenes, each with an erased box.
        seed: The seed of the folds.
        folds: How many there are; groups are spread over them at random, the classes of their scenes evenly.

    Raises:
        ValueError: There are fewer than two classes, or a scene without an erased box.
    """
    labels = np.array([scene.label for scene in scenes])
    classes = sorted(set(labels.tolist()))
    if len(classes) < 2 or not all(scene.is_erased.any() for scene in scenes):
        raise ValueError("`scenes`: expected two classes or more, and an erased box in each scene")
    right = {name: np.zeros(len(scenes), np.bool_) for name in ("places", "kernels", "scene", "number")}
    for test in folds_of(labels, [scene.group for scene in scenes], folds, seed):
        train = [scenes[index] for index in np.setdiff1d(np.arange(len(scenes)), test)]
        for name, observe in _observers(train, classes).items():
            right[name][test] = [classes[int(observe(scenes[i]).argmax())] == scenes[i].label for i in test]
    majority = max(np.unique(labels, return_counts=True)[1]) / len(labels)
    return PlaceAccuracy(len(scenes), float(majority), right)


def folds_of(labels: NDArray[np.str_], groups: Sequence[str], folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The indices of the scenes of each fold: whole groups, dealt out in a random order, class after class."""
    generator = np.random.default_rng(seed)
    first: dict[str, str] = {}
    for group, label in zip(groups, labels.tolist(), strict=True):
        first.setdefault(group, label)
    order = generator.permutation(sorted(first)).tolist()
    dealt = {group: place % folds for place, group in enumerate(sorted(order, key=lambda group: first[group]))}
    places = np.array([dealt[group] for group in groups])
    return [found for fold in range(folds) if len(found := np.flatnonzero(places == fold))]


Observer = Callable[[SceneHoles], Log]


def _observers(train: Sequence[SceneHoles], classes: Sequence[str]) -> dict[str, Observer]:
    """What each makes of a scene: the logarithm of how likely each class is, but for a constant."""
    numbers = {label: number for number, label in enumerate(classes)}
    labels = np.array([numbers[scene.label] for scene in train])
    prior = np.log(np.bincount(labels, minlength=len(classes)) + 1e-9) - np.log(len(labels))
    true = np.concatenate([scene.features[scene.is_erased] for scene in train])
    true_labels = np.repeat(labels, [int(scene.is_erased.sum()) for scene in train])
    every = np.concatenate([scene.features for scene in train])
    every_labels = np.repeat(labels, [len(scene.features) for scene in train])
    decoys = np.concatenate([scene.features[~scene.is_erased] for scene in train])
    normal = Normals(true, true_labels, len(classes))
    of_scene = Normals(every, every_labels, len(classes))
    kernels = [kernel_density(true[true_labels == number], BANDWIDTH, true) for number in range(len(classes))]
    drawn = kernel_density(decoys, _BANDWIDTH_ALL, every)
    sizes = np.array([len(scene.features) for scene in train])

    def places(scene: SceneHoles) -> Log:
        return _sum_of(prior + normal(scene.features) - drawn(scene.features)[:, None])

    def by_kernels(scene: SceneHoles) -> Log:
        found = np.stack([kernel(scene.features) for kernel in kernels], axis=1)
        return _sum_of(prior + found - drawn(scene.features)[:, None])

    def as_a_whole(scene: SceneHoles) -> Log:
        found = of_scene(scene.features)
        found = found - np.logaddexp.reduce(found + prior, axis=1)[:, None]
        return np.asarray(prior + found.sum(axis=0), dtype=np.float64)

    def by_number(scene: SceneHoles) -> Log:
        same = np.bincount(labels[sizes == len(scene.features)], minlength=len(classes))
        found: Log = np.log(same + 1e-3 * np.exp(prior))
        return found

    return {"places": places, "kernels": by_kernels, "scene": as_a_whole, "number": by_number}


class Normals:
    """The logarithms of the normal densities of classes that share a covariance, but for a constant.

    Arguments:
        features: The points to learn from, :math:`(n, d)`.
        labels: The number of the class of each.
        count: The number of the classes.
    """

    def __init__(self, features: Array, labels: NDArray[np.int64], count: int) -> None:
        mean = features.mean(axis=0)
        self._means = np.stack(
            [features[labels == one].mean(axis=0) if (labels == one).any() else mean for one in range(count)]
        )
        rest = features - self._means[labels]
        covariance = rest.T @ rest / max(1, len(rest) - count)
        diagonal = np.diag(np.diag(covariance) + 1e-12)
        self._precision = np.linalg.inv((1 - _SHRUNK) * covariance + _SHRUNK * diagonal)

    def __call__(self, features: Array) -> Log:
        rest = features[:, None] - self._means[None]
        found: Log = -0.5 * np.einsum("nci,ij,ncj->nc", rest, self._precision, rest)
        return found


def kernel_density(points: Array, bandwidth: float, scale: Array) -> Callable[[Array], Log]:
    """The logarithm of a density with a normal kernel at each point; of no points it is even.

    Arguments:
        points: The points, :math:`(n, d)`.
        bandwidth: The deviation of the kernel in those of ``scale``.
        scale: The points whose deviations count.
    """
    if not len(points):
        return lambda features: np.zeros(len(features))
    deviations = bandwidth * scale.std(axis=0) + 1e-12

    def density(features: Array) -> Log:
        rest = (features[:, None] - points[None]) / deviations
        found: Log = np.logaddexp.reduce(-0.5 * (rest**2).sum(axis=2), axis=1) - np.log(len(points))
        return found

    return density


def _sum_of(logs: Log) -> Log:
    found: Log = np.logaddexp.reduce(logs, axis=0)
    return found
