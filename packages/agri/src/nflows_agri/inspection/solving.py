r"""Classifiers that are not trained step by step: their last layer is solved for, on features that stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import cross_entropy

from nflows_agri.crops.parts import Parts
from nflows_agri.inspection.settings import ClassifierSettings
from nflows_core.classifiers import Classifier, features_of
from nflows_core.data import Images
from nflows_core.training.processes import hold_folder, processes

# Of one, two, four and eight views, with and without principal components, shrunk by .03 to .3: the best macro-F1 in
# folds within the training side of wheat; eight views were .006 above four, at twice the time.
_COMPONENTS, _SHRINKAGE = 256, 0.1
_ABSENT = -1e4
"""The logit of a class of which there was no crop to learn from."""
_FOLDS = 4
_LOG_TEMPERATURES = -2.0, 5.0


class Solving:
    """What a `Trainer` is to other classifiers.

    Arguments:
        settings: The classifier's settings.
        images: The crops of "train", made ones after the real ones, and those of "val", if there are any.
        parts: The files of the real ones.
        folder: The folder that is held meanwhile.

    Raises:
        ModuleNotFoundError: The network's weights are not installed.
    """

    def __init__(self, settings: ClassifierSettings, images: Mapping[str, Images], parts: Parts, folder: Path) -> None:
        self.settings = settings
        self.images = images
        self.parts = parts
        self.folder = folder
        self.network = settings.build(pretrained=True)  # before there is a run that could only be removed

    def holding_folder(self) -> AbstractContextManager[None]:
        """Keeps trainings out of the folder."""
        return hold_folder(self.folder)

    def fit(self, resume: bool = False) -> Classifier:
        """Solves for the last layer, on the crops of "val" too: nothing is chosen by them.

        Arguments:
            resume: As of a `Trainer`; a minute's work is done again.
        """
        network = self.network.to(processes().device)
        files = {name: part for name, part in self.parts.named().items() if name in ("train", "val")}
        features = {name: features_of(network, self.images[name].pixels) for name in files}
        labels = {name: _labels(self.images[name]) for name in files}
        real = {name: slice(len(part)) for name, part in files.items()}
        classes = len(self.settings.classes), self.settings.balance == "weights"
        divisor = left_out_temperature(
            torch.cat([features[name][own] for name, own in real.items()]),
            torch.cat([labels[name][own] for name, own in real.items()]),
            np.concatenate([part.groups for part in files.values()]),
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
        features: The features of crops, :math:`(N, F)`.
        labels: The class of each, :math:`(N,)`.
        classes: The number K of classes.
        equal: Whether each class that is there has the same :math:`\pi`, and not its share.

    Returns:
        The weight :math:`(K, F)` and the bias :math:`(K,)`.

    Raises:
        ValueError: All crops are of one class.
    """
    x, y = features.double().numpy(), labels.numpy()
    scaler = StandardScaler().fit(x)
    components = PCA(min(_COMPONENTS, *x.shape), svd_solver="full").fit(scaler.transform(x))
    there = np.unique(y)
    if len(there) < 2:
        raise ValueError("`labels`: all crops are of one class; a classifier tells two or more apart")
    priors = np.full(len(there), 1 / len(there)) if equal else None
    discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=_SHRINKAGE, priors=priors)
    discriminant.fit(components.transform(scaler.transform(x)), y)
    inner, offsets = _of_each(discriminant)
    outer = inner @ components.components_
    weight, bias = np.zeros((classes, x.shape[1])), np.full(classes, _ABSENT)
    weight[there] = outer / scaler.scale_
    bias[there] = offsets - outer @ components.mean_ - weight[there] @ scaler.mean_
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


def left_out_temperature(
    features: Tensor, labels: Tensor, groups: NDArray[np.str_], classes: int, equal: bool = False
) -> float:
    """The `temperature` of crops whose photographs were left out, those of a few at a time.

    Arguments:
        features: The features of crops, :math:`(N, F)`.
        labels: The class of each, :math:`(N,)`.
        groups: Its photograph, :math:`(N,)`.
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


def temperature(logits: Tensor, labels: Tensor) -> float:
    """By what logits are divided so that probabilities are as sure as they may be (Guo et al. 2017).

    Arguments:
        logits: Those of crops that were not learned from, :math:`(N, K)`.
        labels: Their classes, :math:`(N,)`.

    Returns:
        The temperature of the least cross-entropy, above 0.
    """
    found = minimize_scalar(
        lambda log: float(cross_entropy(logits.double() / np.exp(log), labels)),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(found.x))


def _folds(groups: NDArray[np.str_]) -> Iterator[tuple[Tensor, Tensor]]:
    """Places that are learned from and that are not, of folds that divide no photograph, if there are several."""
    names, of_group = np.unique(groups, return_inverse=True)
    blocks = of_group if len(names) > 1 else np.arange(len(groups))
    folds = GroupKFold(min(_FOLDS, len(np.unique(blocks))), shuffle=True, random_state=0)
    for learned, tested in folds.split(blocks, groups=blocks):
        yield torch.from_numpy(learned), torch.from_numpy(tested)


def _of_each(discriminant: LinearDiscriminantAnalysis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The coefficients of each class; of two, sklearn gives their difference."""
    coefficients, offsets = discriminant.coef_, discriminant.intercept_
    if len(discriminant.classes_) > 2:
        return coefficients, offsets
    return np.concatenate([np.zeros_like(coefficients), coefficients]), np.array([0.0, offsets[0]])


def _labels(images: Images) -> Tensor:
    assert images.labels is not None  # `images_of` gives them
    return images.labels
