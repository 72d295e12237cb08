r"""Classifiers that are not trained step by step: their last layer is solved for, on features that stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.classification.settings import ClassifierSettings
from nflows_core.classifiers import Classifier, features_of
from nflows_core.classifiers.calibration import temperature
from nflows_core.data import Images
from nflows_core.training.processes import hold_folder, processes

# Of one, two, four and eight views, with and without principal components, shrunk by .03 to .3: the best macro-F1 in
# folds within the training side of wheat; eight views were .006 above four, at twice the time.
_COMPONENTS, _SHRINKAGE = 256, 0.1
_ABSENT = -1e4
"""The logit of a class of which there was no picture to learn from."""
_FOLDS = 4

Floats = NDArray[np.float64]


class Solving:
    """What a `Trainer` is to other classifiers.

    Arguments:
        settings: The classifier's settings.
        images: The pictures of "train", and those of "val", if there are any.
        groups: The groups of the pictures of each part; pictures after these, such as made ones, have none, and no
            temperature is decided by them.
        folder: The folder that is held meanwhile.

    Raises:
        ModuleNotFoundError: The network's weights are not installed.
    """

    def __init__(
        self,
        settings: ClassifierSettings,
        images: Mapping[str, Images],
        groups: Mapping[str, NDArray[np.str_]],
        folder: Path,
    ) -> None:
        self.settings = settings
        self.images = images
        self.groups = groups
        self.folder = folder
        self.network = settings.build(pretrained=True)  # before there is a run that could only be removed

    def holding_folder(self) -> AbstractContextManager[None]:
        """Keeps trainings out of the folder."""
        return hold_folder(self.folder)

    def fit(self, resume: bool = False) -> Classifier:
        """Solves for the last layer, on the pictures of "val" too: nothing is chosen by them.

        Arguments:
            resume: As of a `Trainer`; a minute's work is done again.
        """
        network = self.network.to(processes().device)
        groups = {name: part for name, part in self.groups.items() if name in ("train", "val")}
        features = {name: features_of(network, self.images[name].pixels) for name in groups}
        labels = {name: _labels(self.images[name]) for name in groups}
        real = {name: slice(len(part)) for name, part in groups.items()}
        classes = len(self.settings.classes), self.settings.balance == "weights"
        divisor = left_out_temperature(
            torch.cat([features[name][own] for name, own in real.items()]),
            torch.cat([labels[name][own] for name, own in real.items()]),
            np.concatenate([*groups.values()]),
            *classes,
        )
        weight, bias = solve(torch.cat([*features.values()]), torch.cat([*labels.values()]), *classes)
        network = network.cpu().eval()
        with torch.no_grad():
            network.head.weight.copy_(weight / divisor)
            network.head.bias.copy_(bias / divisor)
        return network


def solve(features: Tensor, labels: Tensor, classes: int, equal: bool = False) -> tuple[Tensor, Tensor]:
    r"""The linear discriminants (Fisher 1936, Rao 1948) of features, as a linear layer.

    .. math:: w_c = \Sigma^{-1} \mu_c, \qquad b_c = -\tfrac12 \mu_c^\top \Sigma^{-1} \mu_c + \log \pi_c

    on the principal components of standardized features, with the covariance :math:`\Sigma` around the class means
    :math:`\mu`, shrunk towards a multiple of the identity.

    Arguments:
        features: The features of pictures, :math:`(N, F)`.
        labels: The class of each, :math:`(N,)`.
        classes: The number K of classes.
        equal: Whether each class that is there has the same :math:`\pi`, and not its share.

    Returns:
        The weight :math:`(K, F)` and the bias :math:`(K,)`.

    Raises:
        ValueError: All pictures are of one class.
    """
    x, y = features.double().numpy(), labels.numpy()
    there = np.unique(y)
    if len(there) < 2:
        raise ValueError("`labels`: all are of one class; a classifier tells two or more apart")
    mean, scale = _standard(x)
    components = np.linalg.svd((x - mean) / scale, full_matrices=False)[2][:_COMPONENTS]
    inner, offsets = _discriminants((x - mean) / scale @ components.T, y, equal)
    weight, bias = np.zeros((classes, x.shape[1])), np.full(classes, _ABSENT)
    weight[there] = inner @ components / scale
    bias[there] = offsets - weight[there] @ mean
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


def left_out_temperature(
    features: Tensor, labels: Tensor, groups: NDArray[np.str_], classes: int, equal: bool = False
) -> float:
    """The `temperature` of pictures whose groups were left out, those of a few at a time.

    Arguments:
        features: The features of pictures, :math:`(N, F)`.
        labels: The class of each, :math:`(N,)`.
        groups: Its group, :math:`(N,)`.
        classes: The number of classes.
        equal: As of `solve`.

    Returns:
        The temperature; 1 where nothing can be left out.
    """
    left_out = []
    for learned, tested in _folds(groups):
        known = tested[torch.isin(labels[tested], labels[learned])]
        if len(known) and len(torch.unique(labels[learned])) > 1:
            weight, bias = solve(features[learned], labels[learned], classes, equal)
            left_out.append((features[known] @ weight.T + bias, labels[known]))
    if not left_out:
        return 1.0
    logits, true = (torch.cat(parts) for parts in zip(*left_out, strict=True))
    return temperature(logits, true)


def _standard(x: Floats) -> tuple[Floats, Floats]:
    """The mean and the standard deviation of each feature; 1 where it is constant but for rounding."""
    mean, variance = x.mean(0), x.var(0)
    rounding = len(x) * np.finfo(np.float64).eps
    is_constant = variance <= rounding * variance + (rounding * mean) ** 2
    return mean, np.where(is_constant, 1.0, np.sqrt(variance))


def _discriminants(z: Floats, y: NDArray[np.int64], equal: bool) -> tuple[Floats, Floats]:
    """The weights and offsets of the classes that are there."""
    own = [z[y == label] for label in np.unique(y)]
    priors = np.full(len(own), 1 / len(own)) if equal else np.array([len(of_class) / len(z) for of_class in own])
    means = np.stack([of_class.mean(0) for of_class in own])
    within, size = np.zeros((z.shape[1], z.shape[1])), z.shape[1]
    for prior, mean, of_class in zip(priors, means, own, strict=True):
        within += prior / len(of_class) * (of_class - mean).T @ (of_class - mean)
    shrunk = (1 - _SHRINKAGE) * within + _SHRINKAGE * np.trace(within) / size * np.eye(size)
    weight = np.linalg.lstsq(shrunk, means.T)[0].T
    return weight, np.log(priors) - (means * weight).sum(1) / 2


def _folds(groups: NDArray[np.str_]) -> Iterator[tuple[Tensor, Tensor]]:
    """Places that are learned from and that are not, of folds that divide no group, if there are several."""
    names, of_group = np.unique(groups, return_inverse=True)
    blocks = of_group if len(names) > 1 else np.arange(len(groups))
    # As scikit-learn's GroupKFold shuffles them: a run that is resumed gets the temperature that it had.
    order = np.random.RandomState(0).permutation(blocks.max() + 1)
    for tested in np.array_split(order, min(_FOLDS, len(order))):
        is_tested = torch.from_numpy(np.isin(blocks, tested))
        yield (~is_tested).nonzero()[:, 0], is_tested.nonzero()[:, 0]


def _labels(images: Images) -> Tensor:
    assert images.labels is not None  # `images_of` gives them
    return images.labels
