r"""Which made crops are kept: likely ones of their class that copy no crop of the training."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nflows_agri.generation.runs import LIKELIHOODS_FILE, load_flow, read_run
from nflows_agri.generation.training import log_likelihoods
from nflows_core.data.images import Images
from nflows_core.runs.kind import RunError
from nflows_core.runtime.report import read_csv
from nflows_core.training.processes import processes

_COARSE = 16
"""The side at which crops are compared: what differs in finer detail alone is a copy."""


def unlikely(images: Tensor, labels: Tensor, run: str | Path, share: float = 0.05) -> Tensor:
    r"""Whether each crop is less likely than all but a share of the real crops of its class, :math:`(N,)`.

    .. math:: \log p(x \mid y) < Q_q\bigl(\{\log p(x_i \mid y)\}_i\bigr)

    with the q-quantile over the real crops of the class y on which the flow was trained. Densities are exact, and of
    one flow: what made the crops may be anything. It tells what is odd: a crop that is merely smooth is likely, and one
    of another class may be.

    Arguments:
        images: The crops in bytes, :math:`(N, 3, S, S)`, of the side of the run.
        labels: Their classes, int64 :math:`(N,)`, numbered as those of the run.
        run: The folder of a flow that `train_flow` trained.
        share: The share q of real crops that would be unlikely too, in [0, 1).

    Raises:
        ValueError: ``share`` is out of its range, or the crops do not fit the flow.
        RunError: The run is of no flow, or has not finished.
    """
    if not 0 <= share < 1:
        raise ValueError(f"`share`: expected a part in [0, 1), got {share}")
    least = _least_likelihoods(Path(run), share)
    classes = read_run(Path(run)).classes
    flow = load_flow(run).to(processes().device)
    return log_likelihoods(flow, Images(images, labels=labels, classes=classes)) < least[labels]


def copies(images: Tensor, labels: Tensor, real: Images, share: float = 0.01) -> Tensor:
    r"""Whether each crop is as near to a real one of its class as only a share of the real ones are to each other.

    The distance is Euclidean, of pixels shrunk to 16 x 16, the least over the four mirrored forms. The bound is the
    quantile of the real crops' distances to their nearest others; a class of fewer than three has no such quantile, and
    the least distance is taken.

    Arguments:
        images: The crops in bytes, :math:`(N, 3, S, S)`.
        labels: Their classes, int64 :math:`(N,)`, numbered as those of the real ones.
        real: The real crops of the training, with two or more of each class.
        share: The share of real crops that would be copies of each other, in [0, 1).

    Raises:
        ValueError: ``share`` is out of its range.
    """
    if not 0 <= share < 1:
        raise ValueError(f"`share`: expected a part in [0, 1), got {share}")
    is_copy = torch.zeros(len(images), dtype=torch.bool)
    for number in torch.unique(labels).tolist():
        theirs, own = _coarse(real.pixels[real.labels == number]), labels == number
        among = _distances(theirs, theirs)
        among.fill_diagonal_(torch.inf)
        bound = torch.quantile(among.min(1).values, share)
        is_copy[own] = _distances(_coarse(images[own]), theirs).min(1).values < bound
    return is_copy


def _least_likelihoods(run: Path, share: float) -> Tensor:
    """The quantile of each class's real crops, :math:`(K,)`."""
    path = run / LIKELIHOODS_FILE
    if not path.is_file():
        raise RunError(f"{run} has no {LIKELIHOODS_FILE}, as its training has not finished; go on with it by --resume")
    rows = [(row["class"], float(row["log_likelihood"])) for row in read_csv(path)]
    scores = ([score for label, score in rows if label == name] for name in read_run(run).classes)
    return torch.stack([torch.quantile(torch.tensor(own, dtype=torch.float64), share) for own in scores])


def _coarse(pixels: Tensor) -> Tensor:
    return avg_pool2d(pixels.float(), max(1, pixels.shape[-1] // _COARSE))


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """The least distance of each x to each y, however x is mirrored, :math:`(N, M)`."""
    forms = [x, x.flip(2), x.flip(3), x.flip(2, 3)]
    return torch.stack([torch.cdist(form.flatten(1), y.flatten(1)) for form in forms]).amin(0)
