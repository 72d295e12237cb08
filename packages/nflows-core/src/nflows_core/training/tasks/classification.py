r"""The classification of pictures, or of whatever has a class, by any network that gives logits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from nflows_core.training.batches.labelled import Augmentation, Labelled, LabelledBatches, test_batches
from nflows_core.training.config import EngineConfig
from nflows_core.training.task import EarlyStopping, M, Objective, Place, Task


class Classification(Task[M, Labelled]):
    r"""Minimizes the cross-entropy of the classes by AdamW; the weights with the best macro-F1 of a test are kept.

    .. math:: -\operatorname{mean}_i w_{y_i} \sum_k \left((1 - \epsilon) [k = y_i] + \epsilon / K\right) \log p_{ik},
        \qquad F_1 = \operatorname{mean}_k \frac{2 n_{kk}}{n_{k \cdot} + n_{\cdot k}}

    :math:`n` is the confusion matrix of the test items, and the mean is over the classes that they have.

    Arguments:
        model: The network, from a batch of items to logits :math:`(B, K)`.
        train: What it is trained on.
        config: The settings.
        test: What the averaged weights are tested on, after each epoch, if anything.
        augmentation: What is changed about the training items at random.
        balanced: Whether the updates see items of all classes equally often; see `LabelledBatches`.
        class_weights: The weight :math:`w_k` of each class, :math:`(K,)`, such as `balancing_weights`; by default 1.
        label_smoothing: :math:`\epsilon`, in [0, 1).
        weight_decay: The decay of AdamW, of matrices and kernels alone.
        patience: Tests without a better macro-F1 after which the training ends; by default it goes to its end.
        body_rate: The part of the learning rate that all but the ``head`` of the model gets, for one that is trained
            already; the head of a `Classifier` is its last layer.

    Raises:
        ValueError: ``patience`` is given, and no test items.
    """

    def __init__(
        self,
        model: M,
        train: Labelled,
        config: EngineConfig,
        test: Labelled | None = None,
        *,
        augmentation: Augmentation | None = None,
        balanced: bool = False,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        weight_decay: float = 0.01,
        patience: int | None = None,
        body_rate: float = 1.0,
    ) -> None:
        if patience is not None and test is None:
            raise ValueError("`patience` needs `test`, by which an early end is decided")
        super().__init__(model, config)
        self.train, self.test = train, test
        self.augmentation, self.balanced = augmentation, balanced
        self.class_weights, self.label_smoothing = class_weights, label_smoothing
        self.weight_decay, self.body_rate = weight_decay, body_rate
        if test is not None:
            self.measures = ("macro_f1", "cross_entropy")
            self.early_stopping = EarlyStopping(patience or config.epochs + 1, higher_is_better=True)

    def objectives(self) -> Sequence[Objective[Labelled]]:
        """The cross-entropy."""
        adam = torch.optim.AdamW(self._groups(), lr=self.config.learning_rate, fused=True)
        return [Objective("cross_entropy", self.model, adam, self._loss)]

    def training_batches(self, place: Place) -> LabelledBatches:
        return LabelledBatches(self.train, self.config, place, self.augmentation, self.balanced)

    def test_batches(self, place: Place) -> Iterable[Labelled]:
        return () if self.test is None else test_batches(self.test, self.config, place)

    def measure(self, model: M, batch: Labelled) -> Mapping[str, Tensor]:
        logits = model(batch.x)
        classes = logits.shape[1]
        true, found = one_hot(batch.labels, classes), one_hot(logits.argmax(1), classes)
        loss = cross_entropy(logits.float(), batch.labels, reduction="none")
        return {"true": true, "found": found, "right": true * found, "cross_entropy": loss}

    def summarize(self, means: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The macro-F1, from how often each class is true, found and both."""
        is_there = means["true"] > 0
        scores = 2 * means["right"] / (means["true"] + means["found"])
        return {"macro_f1": scores[is_there].mean(), "cross_entropy": means["cross_entropy"]}

    def _loss(self, model: nn.Module, batch: Labelled) -> Tensor:
        logits = model(batch.x).float()
        losses = cross_entropy(logits, batch.labels, reduction="none", label_smoothing=self.label_smoothing)
        if self.class_weights is not None:
            losses = losses * self.class_weights.to(losses.device)[batch.labels]
        return losses.mean()

    def _groups(self) -> list[dict[str, object]]:
        """The parameters by their rate and decay, of which each group has one."""
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((name.startswith("head."), parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "lr": self.config.learning_rate * (1.0 if in_head else self.body_rate),
                "weight_decay": self.weight_decay if decays else 0.0,
            }
            for (in_head, decays), parameters in groups.items()
        ]


def balancing_weights(labels: Tensor, classes: int) -> Tensor:
    r"""The weight :math:`w_k = N / (K n_k)` of each class, :math:`(K,)`: all together weigh what the items do.

    Arguments:
        labels: The classes of N items.
        classes: The number K of classes; one without items weighs 0.
    """
    counts = torch.bincount(labels, minlength=classes)
    weights = len(labels) / ((counts > 0).sum() * counts)
    return weights.masked_fill(counts == 0, 0.0)
